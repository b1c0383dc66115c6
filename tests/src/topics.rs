//! Topics as a plan: shown, refused, applied, on the embedded log and on a real broker.

use std::path::Path;

use crate::support::{Broker, run_hub};

/// Runs `hub topics` with this configuration; what it printed, what it said, and its exit code.
fn topics(arguments: &[&str], configuration: &Path) -> (String, String, Option<i32>) {
    let file = configuration.display().to_string();
    let output = run_hub(&[&["topics"], arguments, &["--config", &file]].concat(), b"");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// The life of a log's topics: nothing there, refused to start, applied, kept otherwise, another count refused.
fn plan_and_apply(log: &str, folder: &Path) {
    let write = |name: &str, partitions: u32, retention: &str| {
        let path = folder.join(name);
        let data = folder.join("data");
        let text = format!(
            "[data]\ndir = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[workers]\ncount = 1\n[log]\npartitions = \
             {partitions}\nretention = \"{retention}\"\ncreate_topics = false\n{log}\n",
            data.display()
        );
        std::fs::write(&path, text).expect("a writable folder");
        path
    };
    let configuration = write("hub.toml", 2, "7d");
    let (plan, _, code) = topics(&["plan", "--exit-code"], &configuration);
    assert!(plan.contains("+ hub.order ") && plan.contains("2 partitions, kept 7d"), "{plan}");
    assert_eq!(code, Some(4), "{plan}");

    let file = configuration.display().to_string();
    let run = run_hub(&["run", "--config", &file], b"");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("error[HUB-1022]") && said.contains("+ hub.order "), "the plan is shown:\n{said}");

    let (_, said, code) = topics(&["apply"], &configuration);
    assert!(code == Some(2) && said.contains("--yes"), "nobody was asked: {said}");
    let (done, said, code) = topics(&["apply", "--yes", "--output", "json"], &configuration);
    assert_eq!(code, Some(0), "{said}");
    let done: serde_json::Value = serde_json::from_str(&done).expect("one JSON object");
    assert!(
        done["steps"].as_array().is_some_and(|steps| steps.iter().all(|step| step["action"] == "create")),
        "{done}"
    );
    let (plan, _, code) = topics(&["plan", "--exit-code"], &configuration);
    assert_eq!(code, Some(0), "{plan}");

    let longer = write("longer.toml", 2, "9d");
    let (plan, _, code) = topics(&["plan"], &longer);
    assert!(code == Some(0) && plan.contains("kept 7d -> kept 9d") && plan.contains(" 0 to create"), "{plan}");
    assert_eq!(topics(&["apply", "--yes"], &longer).2, Some(0));
    assert_eq!(topics(&["plan", "--exit-code"], &longer).2, Some(0), "the change holds");

    let wider = write("wider.toml", 3, "9d");
    let (plan, _, code) = topics(&["plan"], &wider);
    assert!(
        code == Some(1) && plan.contains("! hub.order ") && plan.contains("has 2 partitions, 3 are wanted"),
        "{plan}"
    );
    let (_, _, code) = topics(&["apply", "--yes"], &wider);
    assert_eq!(code, Some(1), "what is refused is not done");
}

#[test]
fn of_the_embedded_log() {
    let folder = tempfile::tempdir().expect("a folder");
    plan_and_apply("", folder.path());
}

#[test]
fn of_a_real_broker() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let log = format!("kind = \"kafka\"\n[log.kafka]\nbrokers = [\"{}\"]\nprefix = \"t.\"", broker.address());
    plan_and_apply(&log, folder.path());
}
