//! What a user may get wrong on the command line: each ends with its exit code and says what to do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Hub, free_port, hub_command, order_created, run_hub, until};

/// Runs a command that must end with `code` and say each of `expected` on stderr.
fn refused(arguments: &[&str], code: i32, expected: &[&str]) {
    refused_with(arguments, b"", code, expected);
}

fn refused_with(arguments: &[&str], input: &[u8], code: i32, expected: &[&str]) {
    let output = run_hub(arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "hub {}: {said}", arguments.join(" "));
    for text in expected {
        assert!(said.contains(text), "hub {}: {text:?} is not in:\n{said}", arguments.join(" "));
    }
    assert!(!said.contains("panicked"), "hub {}: {said}", arguments.join(" "));
}

/// A server that answers every request with this status and body; its address.
fn always(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = vec![0; 65_536];
            let read = stream.read(&mut head).expect("a request");
            let length = body.len();
            let said = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            if read > 0 {
                stream.write_all(said.as_bytes()).expect("a reader");
            }
        }
    });
    url
}

#[test]
fn usage_faults_end_with_2_and_name_what_is_meant() {
    refused(&["run", "--dta", "x"], 2, &["--dta", "--data"]);
    refused(&["toplogy"], 2, &["toplogy", "topology"]);
    refused(&["check"], 2, &["<FILE>"]);
    refused(&["demo", "--for", "5"], 2, &["--for", "unit"]);
    refused(&["generate", "--events", "many"], 2, &["many", "--events"]);
    refused(&["topology", "--output", "yaml"], 2, &["yaml", "mermaid"]);
    refused(&["run", "--listen", "8080"], 2, &["--listen", "8080"]);
    refused(&["sla", "shw", "order:7"], 2, &["shw", "show"]);
    refused(&["sla", "show", "7"], 1, &["kind:id", "order:PO-1"]);
    refused(&["ingest"], 2, &["<FILE|->"]);
    refused(&["schemas", "check", "--registry", "registry:8081"], 2, &["--registry", "https://HOST:PORT"]);
}

#[test]
fn what_an_address_carries_is_not_printed() {
    let url = "http://someone:a-password@127.0.0.1:1";
    for arguments in [["schemas", "check", "--registry", url], ["schemas", "register", "--registry", url]] {
        let output = run_hub(&arguments, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("a user or a password") && !said.contains("a-password"), "{said}");
    }
}

#[test]
fn a_variable_that_nothing_reads_is_named_once_and_its_value_is_not() {
    let data = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut command = hub_command();
    command.arg("run").arg("--data").arg(data.path()).args(["--listen", &address]).env("HUB_LGO", "what-it-is-set-to");
    let output = command.output().expect("the hub starts, and ends for the port that is taken");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("HUB_LGO").count(), 1, "{said}");
    assert!(said.contains("nearest: \"HUB_LOG\"") && !said.contains("what-it-is-set-to"), "{said}");
}

#[test]
fn a_configuration_that_cannot_be_used_ends_with_78() {
    let data = tempfile::tempdir().expect("a folder");
    let missing = data.path().join("missing.toml").display().to_string();
    refused(&["run", "--config", &missing], 78, &["HUB-1001", &missing, "Check the path"]);
    refused(&["check", &missing], 1, &["HUB-1001", &missing]);
    let broken = data.path().join("broken.toml").display().to_string();
    std::fs::write(&broken, "[log]\npartitions = \n").expect("a writable folder");
    refused(&["run", "--config", &broken], 78, &["HUB-1002", &format!("{broken}:2:"), "partitions ="]);
    refused(&["topology", "--config", &broken], 78, &["HUB-1002"]);
    refused(&["run", "--listen", "0.0.0.0:8080", "--data", &missing], 78, &["HUB-1013", "0.0.0.0:8080", "http.listen"]);
    std::fs::write(&broken, "[billing]\nkind = \"postgres\"\nurl = \"${NO_SUCH_VARIABLE_HERE}\"\n")
        .expect("a writable folder");
    refused(&["run", "--config", &broken], 78, &["HUB-1011", "NO_SUCH_VARIABLE_HERE", &format!("{broken}:3:7")]);
}

#[test]
fn what_cannot_be_started_is_said_in_one_sentence() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().join("data").display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address").to_string();
    let owner = format!("process {}", std::process::id());
    let expected = ["HUB-1020", &listen, "in use", &owner, "--listen 127.0.0.1:0"];
    refused(&["run", "--data", &folder, "--listen", &listen], 1, &expected);
    refused(&["demo", "--for", "1s", "--data", &folder, "--listen", &listen], 1, &[&listen, "in use"]);
    let file = data.path().join("a-file").display().to_string();
    std::fs::write(&file, "not a folder").expect("a writable folder");
    refused(&["run", "--data", &file, "--listen", "127.0.0.1:0"], 1, &["HUB-1021", &file]);
    let nowhere = format!("{file}/events.jsonl");
    refused(&["generate", "--events", "10", &nowhere], 1, &[&nowhere]);
}

#[test]
fn a_process_runs_the_parts_that_are_named() {
    refused(&["run", "--only", "entity.ordr"], 78, &["HUB-1008", "nearest: \"entity.order\"", "sink.billing"]);
    refused(&["topology", "--only", "sink.floworx"], 78, &["HUB-1008", "[floworx]"]);
    let graph = run_hub(&["topology", "--only", "ingest,sla"], b"");
    let text = String::from_utf8_lossy(&graph.stdout);
    assert!(text.contains("sub-topology sla") && !text.contains("sub-topology entity.order"), "{text}");

    // What a door alone takes in waits, and the lag says so; without a door nothing is taken in.
    let data = tempfile::tempdir().expect("a folder");
    let hub = Hub::only(data.path(), None, "ingest", "");
    hub.send(&order_created("parts"));
    until("the lag", Duration::from_secs(20), || {
        (hub.metric("hub_lag_records", &["topic=\"hub.order\""])? == 1.0).then_some(())
    });
    assert_eq!(hub.stop(), Some(0));
    let hub = Hub::only(data.path(), None, "entity.order,entity.customer", "");
    until("it is used", Duration::from_secs(20), || {
        (hub.metric("hub_lag_records", &["topic=\"hub.order\""])? == 0.0).then_some(())
    });
    let answer = hub.post("/v1/events", "application/json", order_created("more").to_string()).expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.text().expect("a body").contains("HUB-5020"));
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn codes_are_explained_and_unknown_ones_lead_to_the_nearest() {
    refused(&["explain", "bad_timestmp"], 1, &["bad_timestmp", "nearest", "bad_timestamp"]);
    refused(&["explain", "HUB-20033"], 1, &["HUB-20033", "nearest", "HUB-200"]);
    for wanted in ["HUB-2003", "hub-2003", "bad_timestamp"] {
        let page = run_hub(&["explain", wanted], b"");
        let text = String::from_utf8_lossy(&page.stdout);
        assert!(page.status.success() && text.contains("HUB-2003") && text.contains("RFC 3339"), "{text}");
    }
    // Every code that other scenarios saw has its page.
    for code in ["HUB-1003", "HUB-1021", "HUB-1047", "HUB-1110", "HUB-2010", "HUB-3003", "HUB-4001", "HUB-5003"] {
        assert!(run_hub(&["explain", code], b"").status.success(), "{code}");
    }
}

#[test]
fn ingest_tells_apart_no_hub_no_token_and_bad_lines() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("events.jsonl").display().to_string();
    let event = order_created("cli").to_string();
    std::fs::write(&file, &event).expect("a writable folder");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    refused(&["ingest", "--url", &nobody, "--token", "some-token-of-16", &file], 69, &[&nobody]);
    refused(&["ingest", "--url", &nobody, &file], 77, &["HUB_TOKEN", "--token-file"]);

    refused(&["ingest", "--url", "localhost:8080", &file], 2, &["localhost:8080", "http://"]);
    refused(&["ingest", "--url", &nobody, "--token-file", "/dev/null", &file], 77, &["empty", "HUB_TOKEN"]);
    refused(&["ingest", "--url", &nobody, "--token", "two\nlines", &file], 77, &["characters"]);
    // Something that is no hub, and a hub that has no room however often it is asked.
    let elsewhere = always("404 Not Found", "nope");
    refused(&["ingest", "--url", &elsewhere, "--token", "some-token-of-16", &file], 1, &["no hub", "--url"]);
    let busy =
        always("503 Service Unavailable\r\nretry-after: 0", r#"{"code":"HUB-5010","detail":"Full.","help":"Wait."}"#);
    let expected = ["error[HUB-5010]: Full.", "help: Wait.", "note: hub explain HUB-5010", "shows in the process list"];
    refused(&["ingest", "--url", &busy, "--token", "some-token-of-16", &file], 75, &expected);

    let hub = Hub::start(data.path(), None);
    let url = hub.url.as_str();
    // A second process on the same directory is told whose it is.
    let folder = data.path().display().to_string();
    let pid = hub.pid().to_string();
    refused(&["run", "--data", &folder, "--listen", "127.0.0.1:0"], 1, &["HUB-1021", "in use", &pid]);
    refused(&["ingest", "--url", url, "--token", "some-token-of-16", &file], 77, &["HUB-5001"]);
    let token = data.path().join("token").display().to_string();
    let missing = data.path().join("missing.jsonl").display().to_string();
    refused(&["ingest", "--url", url, "--token-file", &token, &missing], 1, &[&missing]);
    refused(&["ingest", "--url", url, "--token-file", &missing, &file], 1, &[&missing]);
    let lines = format!("{event}\nnot json\n");
    refused_with(&["ingest", "--url", url, "--token-file", &token, "-"], lines.as_bytes(), 3, &["line 2", "HUB-2001"]);
    let good = run_hub(&["ingest", "--url", url, "--token-file", &token, "--output", "json", &file], b"");
    let summary: serde_json::Value = serde_json::from_slice(&good.stdout).expect("JSON");
    assert_eq!((good.status.code(), &summary["accepted"], &summary["refused"]), (Some(0), &1.into(), &0.into()));
    assert_eq!(hub.stop(), Some(0));
}

#[test]
fn a_full_disk_and_a_closed_pipe_are_told_apart() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let written = hub_command().args(["generate", "--events", "100", "-"]).stdout(full).stderr(Stdio::piped()).output();
    let written = written.expect("the hub ends");
    assert_eq!(written.status.code(), Some(1), "{}", String::from_utf8_lossy(&written.stderr));
    let mut reading = hub_command()
        .args(["generate", "--events", "100000", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the hub starts");
    let mut first = [0; 1];
    reading.stdout.take().expect("piped").read_exact(&mut first).expect("a byte");
    let ended = reading.wait_with_output().expect("the hub ends");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn what_the_hub_keeps_is_for_its_user_only() {
    let above = tempfile::tempdir().expect("a folder");
    let data = above.path().join("data");
    let listen = format!("127.0.0.1:{}", free_port());
    let arguments = ["demo", "--for", "1s", "--data", &data.display().to_string(), "--listen", &listen];
    // The demo talks to this machine only: no proxy has a part in it.
    let ran = hub_command().args(arguments).env("http_proxy", "http://127.0.0.1:1").args(["--output", "json"]).output();
    let ran = ran.expect("the hub ends");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert!(summary["events_sent"].as_u64() > Some(0), "{summary}");
    assert_eq!(data.metadata().expect("a folder").permissions().mode() & 0o777, 0o700);
}
