//! A process that writes is killed at a moment of nobody's choosing.
//!
//! The child is this test binary again, told by a variable to write instead of to test.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use topology::{Log, TopicSpec};

use super::{open_with, read_all, record, values};
use crate::embedded::Settings;

const DIRECTORY: &str = "EMBEDDED_LOG_KILL_DIRECTORY";

fn settings() -> Settings {
    Settings { segment_bytes: 3000, commit_file_bytes: 2000, ..Settings::default() }
}

/// Writes until it is killed; tells the number of each transaction once it is acknowledged.
fn write_for_ever(directory: &Path) {
    let (log, _) = open_with(directory, settings());
    log.ensure_topics(&[TopicSpec::delete("t", 3, None)]).unwrap();
    let mut producer = log.producer("p").unwrap();
    let first = read_all(&*log, "t", 0).len();
    let mut out = std::io::stdout();
    for number in first.. {
        for partition in 0..3 {
            producer.send(record("t", partition, "k", &number.to_string())).unwrap();
        }
        producer.commit("g", &[]).unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_and_nothing_is_torn() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return write_for_ever(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    for round in 0..6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "embedded::tests::kill::what_was_acknowledged_survives_kill_and_nothing_is_torn",
            ])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = None;
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            let Some(number) = line.split("acknowledged ").nth(1) else { continue };
            acknowledged = Some(number.parse::<usize>().unwrap());
            seen += 1;
            // Somewhere within the next transactions; what it still tells is read below.
            if seen == 3 + round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let acknowledged = acknowledged.expect("it got as far as a transaction");
        let (log, _) = open_with(directory.path(), settings());
        let all: Vec<_> = (0..3).map(|partition| values(&read_all(&*log, "t", partition))).collect();
        assert!(all[0].len() > acknowledged, "{} transactions, {acknowledged} acknowledged", all[0].len());
        assert!(all.iter().all(|one| *one == all[0]), "a transaction is torn");
        assert!(all[0].iter().enumerate().all(|(number, value)| *value == number.to_string()));
    }
}
