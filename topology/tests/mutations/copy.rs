//! A copy of the sources that may be broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::list::Mutation;

/// How a run of the seeds ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every seed passed.
    Passed,
    /// A seed failed.
    Caught,
    /// There was nothing to run.
    NotBuilt,
}

/// A workspace of the two crates that the simulation needs.
pub struct Copied {
    root: PathBuf,
}

/// The sources of the runtime.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

impl Copied {
    /// Copies the sources as they are, to a folder of this number.
    pub fn new(number: usize) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations").join(number.to_string());
        for name in ["schemas", "topology"] {
            drop(fs::remove_dir_all(root.join(name)));
            copy_folder(&here.join(name), &root.join(name));
        }
        let manifest = fs::read_to_string(here.join("Cargo.toml")).expect("the manifest is there");
        let members = manifest.lines().find(|line| line.starts_with("members = ")).expect("the manifest has members");
        let manifest = manifest.replace(members, r#"members = ["schemas", "topology"]"#);
        fs::write(root.join("Cargo.toml"), manifest).expect("a writable folder");
        fs::copy(here.join("Cargo.lock"), root.join("Cargo.lock")).expect("a writable folder");
        Self { root }
    }

    /// Runs the seeds, and the cases of commits that seeds meet seldom, on the sources as they are copied.
    pub fn run(&self) -> (Ended, String) {
        let build = self.cargo(&["--no-run"]);
        if !build.status.success() {
            return (Ended::NotBuilt, text(&build.stderr));
        }
        let run = self.cargo(&["--", "every_seed", "commits::"]);
        let said = text(&run.stdout) + &text(&run.stderr);
        (if run.status.success() { Ended::Passed } else { Ended::Caught }, said)
    }

    /// Runs the seeds with one fault, and mends it again.
    pub fn run_with(&self, mutation: &Mutation) -> (Ended, String) {
        let file = self.root.join("topology/src").join(mutation.file);
        let whole = fs::read_to_string(&file).expect("the file was copied");
        assert_eq!(whole.matches(mutation.from).count(), 1, "{:?} fits once", mutation.name);
        fs::write(&file, whole.replace(mutation.from, mutation.to)).expect("a writable folder");
        let ended = self.run();
        fs::write(&file, whole).expect("a writable folder");
        ended
    }

    fn cargo(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO"))
            .args(["test", "--quiet", "--offline", "-p", "topology", "--test", "runtime"])
            // Each fault is built anew, and most are caught by one of the first seeds.
            .args(["--config", "profile.dev.package.topology.opt-level=0"])
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("SEEDS", "1000")
            .env_remove("SEED")
            .output()
            .expect("cargo runs")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a readable folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a writable folder");
        }
    }
}
