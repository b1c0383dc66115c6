//! Events of a generated day, and how they are posted.

use super::{Hub, run_hub};

/// Generated events without refused ones, as lines.
pub fn generated(events: usize, seed: u64) -> Vec<String> {
    let output =
        run_hub(&["generate", "--events", &events.to_string(), "--seed", &seed.to_string(), "--benchmark", "-"], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("JSON is text").lines().map(str::to_owned).collect()
}

/// Posts events in one batch; whether the hub took them in.
pub fn post_lines(hub: &Hub, lines: &[String]) -> bool {
    hub.post("/v1/events", "application/x-ndjson", lines.join("\n")).is_ok_and(|answer| answer.status().as_u16() == 202)
}
