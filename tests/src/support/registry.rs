//! A real schema registry for a scenario: Apicurio, from Maven Central, behind its Confluent API.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use super::{free_port, jars_folder, until};

const ARTIFACT: &str = "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all";
const PATIENCE: Duration = Duration::from_secs(90);

/// A running registry; what it holds is gone when it ends.
pub struct Registry {
    child: Child,
    /// The address of its API.
    pub url: String,
    _folder: TempDir,
}

/// The unpacked registry, fetched once, beside the build.
fn unpacked() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = jars_folder().join("registry");
        // Written last: a fetch that was cut short is made again.
        let complete = folder.join("complete");
        if std::fs::read_to_string(&complete).is_ok_and(|fetched| fetched == ARTIFACT) {
            return folder;
        }
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder beside the build");
        let copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy";
        let fetched = Command::new("mvn")
            .args(["--quiet", "--batch-mode", copy, &format!("-Dartifact={ARTIFACT}")])
            .arg(format!("-DoutputDirectory={}", folder.display()))
            .status();
        assert!(fetched.expect("Maven is there: sh setup.sh test").success(), "Maven fetches {ARTIFACT}");
        let archive = folder.join("apicurio-registry-app-2.6.13.Final-all.tar.gz");
        let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder).status();
        assert!(unpacked.expect("tar is there").success(), "{} is unpacked", archive.display());
        std::fs::remove_file(&archive).expect("the archive is ours");
        std::fs::write(&complete, ARTIFACT).expect("a writable folder");
        folder
    })
}

impl Registry {
    /// Starts an empty registry and waits until it answers.
    pub fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let files = std::fs::read_dir(unpacked()).expect("the unpacked registry").flatten();
        let runner = files.map(|file| file.path()).find(|path| path.to_string_lossy().ends_with("-runner.jar"));
        let log = std::fs::File::create(folder.path().join("registry.log")).expect("a writable folder");
        let child = Command::new("java")
            .args(["-Xmx256m", "-Dquarkus.http.host=127.0.0.1"])
            .arg(format!("-Dquarkus.http.port={port}"))
            .arg("-jar")
            .arg(runner.expect("a jar that runs"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("java is there: sh setup.sh test");
        let registry = Self { child, url: format!("http://127.0.0.1:{port}/apis/ccompat/v7"), _folder: folder };
        until("the registry answers", PATIENCE, || registry.get("/subjects"));
        registry
    }

    /// What it answers, if it answers well.
    pub fn get(&self, path: &str) -> Option<serde_json::Value> {
        let answer = reqwest::blocking::get(format!("{}{path}", self.url)).ok()?;
        answer.status().is_success().then(|| answer.json().ok()).flatten()
    }

    /// Adds a schema to a subject; its id.
    pub fn register(&self, subject: &str, schema: &str) -> u32 {
        let answer = reqwest::blocking::Client::new()
            .post(format!("{}/subjects/{subject}/versions", self.url))
            .json(&serde_json::json!({ "schema": schema }))
            .send()
            .expect("the registry answers");
        let told: serde_json::Value = answer.json().expect("an answer in JSON");
        u32::try_from(told["id"].as_u64().unwrap_or_else(|| panic!("no id: {told}"))).expect("an id")
    }

    /// Freezes it, so that it does not answer, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
