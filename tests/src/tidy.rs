//! The shape of the code, as tests: directions of knowledge, fenced imports, a `//!` in each file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::run_hub;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_path_buf()
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no code");
    found
}

const CRATES: [&str; 7] = ["schemas", "topology", "processors", "connectors", "hub", "tests", "bench"];

/// Which crates of the workspace a crate names in `[dependencies]`.
fn dependencies(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let table = manifest["dependencies"].as_table().unwrap();
    table.keys().filter(|key| CRATES.contains(&key.as_str())).cloned().collect()
}

#[test]
fn crates_know_only_what_lies_below_them() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(dependencies("schemas"), set(&[]));
    assert_eq!(dependencies("topology"), set(&["schemas"]));
    assert_eq!(dependencies("processors"), set(&["schemas", "topology"]));
    assert_eq!(dependencies("connectors"), set(&["schemas", "topology"]));
    assert_eq!(dependencies("bench"), set(&["schemas", "topology", "processors", "connectors"]));
    assert_eq!(dependencies("hub"), set(&["schemas", "topology", "processors", "connectors"]));
}

#[test]
fn every_file_says_what_it_is() {
    for folder in CRATES {
        for path in rust_files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//!"), "{} does not begin with a `//!` line", path.display());
        }
    }
}

/// The pure crates take time, randomness and I/O as values.
#[test]
fn pure_crates_touch_no_clock_socket_file_or_thread() {
    let banned = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "std::net",
        "std::fs",
        "std::thread",
        "std::env",
        "tokio::",
        "thread_rng",
        "rand::rng()",
        "println!",
    ];
    for folder in ["schemas/src", "topology/src", "processors/src"] {
        for path in rust_files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests may read files; what ships may not.
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in shipped.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in banned {
                    assert!(!code.contains(word), "{}:{}: {word} in a pure crate", path.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let words = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("#[ig", "nore"),
    ];
    for folder in CRATES {
        for path in rust_files(folder) {
            // No tests that are left out: the scenarios start the one as a process of its own, and
            // `make test` runs the other.
            let run = ["started as a process by the scenarios", "takes minutes: make mutations"];
            let text = run.iter().fold(std::fs::read_to_string(&path).unwrap(), |text, reason| {
                text.replace(&format!(concat!("#[ig", "nore = {:?}]"), reason), "")
            });
            for word in words {
                assert!(!text.contains(word), "{} contains {word}", path.display());
            }
        }
    }
}

#[test]
fn files_hold_one_idea() {
    for folder in CRATES {
        for path in rust_files(folder) {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 600, "{} has {lines} lines: look for the second idea", path.display());
        }
    }
}

#[test]
fn unsafe_code_stays_behind_its_fence() {
    for folder in CRATES {
        for path in rust_files(folder) {
            // A C library each, behind a plain trait.
            let fenced = ["connectors/src/kafka", "connectors/src/state/environment.rs"];
            if fenced.iter().any(|place| path.starts_with(root().join(place))) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let word = concat!("uns", "afe {");
            assert!(!text.contains(word), "{} holds unsafe code", path.display());
            assert!(!text.contains(concat!("allow(uns", "afe_code")), "{} lifts the fence", path.display());
        }
    }
}

/// The stable codes in the string literals of a source text that ships.
fn codes_in(text: &str) -> BTreeSet<String> {
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for line in shipped.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, prefix) in code.match_indices("HUB-") {
            let digits: String = code[at + prefix.len()..].chars().take_while(char::is_ascii_digit).collect();
            if digits.len() == 4 {
                found.insert(format!("{prefix}{digits}"));
            }
        }
    }
    found
}

#[test]
fn every_code_in_the_sources_has_a_page() {
    let text = "Fault::new(\"HUB-1234\") // HUB-5678\n#[cfg(test)]\nHUB-9012";
    assert_eq!(codes_in(text), BTreeSet::from(["HUB-1234".to_owned()]));
    let mut codes = BTreeSet::new();
    for folder in CRATES.iter().filter(|name| **name != "tests") {
        // What only tests compile may make codes up.
        for path in rust_files(&format!("{folder}/src")).iter().filter(|path| !path.ends_with("tests.rs")) {
            codes.extend(codes_in(&std::fs::read_to_string(path).unwrap()));
        }
    }
    codes.extend(schemas::Code::ALL.iter().map(|code| code.number().to_owned()));
    assert!(codes.contains("HUB-9002"), "the sources were searched in vain: {codes:?}");
    let unknown: Vec<_> = codes.iter().filter(|code| !run_hub(&["explain", code], b"").status.success()).collect();
    assert!(unknown.is_empty(), "`hub explain` has no page for {unknown:?}");
}
