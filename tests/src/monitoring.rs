//! Dashboards and alerts: the files in `deploy/` are what the hub writes, and every query of them is answered by a
//! real Prometheus beside a demo.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::prometheus::Prometheus;
use crate::support::{Running, free_port, run_hub, until};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Lets the hub write files into a folder; returns their paths in it.
fn export(what: &str, folder: &Path) -> Vec<PathBuf> {
    let output = run_hub(&[what, "export", &folder.display().to_string()], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines().map(|line| Path::new(line).strip_prefix(folder).expect("below the folder").to_owned()).collect()
}

/// Runs a tool; what it said goes into the failure.
fn tool(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).current_dir(deploy()).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}; ./setup.sh test installs it"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn the_files_in_deploy_are_what_the_hub_writes() {
    for (what, place) in [("dashboards", "grafana"), ("alerts", ".")] {
        let folder = tempfile::tempdir().expect("a folder");
        for path in export(what, folder.path()) {
            let written = std::fs::read_to_string(folder.path().join(&path)).expect("just written");
            let kept = std::fs::read_to_string(deploy().join(place).join(&path)).unwrap_or_default();
            assert!(written == kept, "{}: run `hub {what} export deploy/{place}` again", path.display());
        }
    }
}

#[test]
fn alerts_fire_when_they_should_and_reach_whom_they_should() {
    tool("promtool", &["check", "rules", "prometheus/hub-alerts.yml"]);
    tool("promtool", &["test", "rules", "prometheus/hub-alerts.test.yml"]);
    let config = "--config.file=alertmanager/alertmanager.yml";
    tool("amtool", &["check-config", "alertmanager/alertmanager.yml"]);
    let cases: [(&str, &[&str]); 3] = [
        ("hub-duty", &["alertname=HubLag", "severity=page"]),
        ("hub-tickets", &["alertname=HubDeadLetters", "severity=ticket"]),
        ("hub-partners", &["alertname=HubBreakerOpen", "severity=ticket", "target=partner:courier"]),
    ];
    for (receiver, labels) in cases {
        let arguments = [&["config", "routes", "test", config, "--verify.receivers", receiver][..], labels].concat();
        tool("amtool", &arguments);
    }
}

/// The queries of all dashboards, each with the variables of its own.
fn queries(prometheus: &Prometheus, missing: &mut BTreeSet<String>) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = export("dashboards", folder.path());
    let boards = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut queries = Vec::new();
    for path in boards {
        let text = std::fs::read_to_string(folder.path().join(path)).expect("just written");
        let board: Value = serde_json::from_str(&text).expect("JSON");
        let mut chosen = vec![("$__rate_interval".to_owned(), vec!["10s".to_owned()])];
        for variable in board["templating"]["list"].as_array().expect("a list") {
            let (name, query) = (variable["name"].as_str().expect("text"), variable["query"].as_str().expect("text"));
            let values = match (variable["type"].as_str(), query.strip_prefix("label_values(")) {
                (Some("custom"), _) => query.split(',').map(str::to_owned).collect(),
                (Some("query"), Some(rest)) => {
                    let (selector, label) = rest.trim_end_matches(')').rsplit_once(',').expect("a selector, a label");
                    let values = prometheus.values(selector, label.trim());
                    if values.is_empty() {
                        missing.insert(format!("{}: no values of {name}: {query}", path.display()));
                    }
                    vec![values.join("|")]
                }
                _ => continue,
            };
            chosen.push((format!("${name}"), values));
        }
        for panel in board["panels"].as_array().expect("a list") {
            for target in panel["targets"].as_array().expect("a list") {
                let mut expressions = vec![target["expr"].as_str().expect("text").to_owned()];
                for (variable, values) in &chosen {
                    let with = |expression: &String| {
                        values.iter().map(|value| expression.replace(variable, value)).collect::<BTreeSet<_>>()
                    };
                    expressions = expressions.iter().flat_map(with).collect();
                }
                let place = format!("{} {}", board["uid"], panel["title"]);
                queries.extend(expressions.into_iter().map(|expression| (place.clone(), expression)));
            }
        }
    }
    assert!(queries.len() > 60, "{}", queries.len());
    queries
}

/// The selectors in an expression, such as `hub_lag_records{topic="hub.order"}`.
fn selectors(expression: &str) -> Vec<&str> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == ':';
    let begins = |(at, _): &(usize, &str)| !expression[..*at].ends_with(is_name);
    let found = ["hub_", "up{"].into_iter().flat_map(|start| expression.match_indices(start)).filter(begins);
    found
        .map(|(at, _)| {
            let rest = &expression[at..];
            let name = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
            let labels = rest[name..].starts_with('{').then(|| rest.find('}').expect("a closing brace") + 1);
            &rest[..labels.unwrap_or(name)]
        })
        .collect()
}

#[test]
fn every_query_of_dashboards_and_alerts_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, listen) = (folder.path().join("demo").display().to_string(), format!("127.0.0.1:{}", free_port()));
    let arguments = ["demo", "--rate", "200", "--seed", "3", "--data", &data, "--listen", &listen];
    let mut demo = Running::start(&arguments);
    let slos = run_hub(&["sla", "rules"], b"");
    let slo_rules = folder.path().join("hub-slo-rules.yml");
    std::fs::write(&slo_rules, slos.stdout).expect("a writable folder");
    let rules = deploy().join("prometheus/hub-alerts.yml");
    let rules = [rules.display().to_string(), slo_rules.display().to_string()];
    let prometheus = Prometheus::start(folder.path(), &listen, &[&rules[0], &rules[1]]);

    // What has no data yet is asked for again, until the demo has had time for everything.
    let mut missing = BTreeSet::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    until("the demo is scraped", Duration::from_secs(60), || {
        assert!(demo.goes_on(), "the demo has ended by itself");
        (prometheus.count("hub_records_taken_total > 100") > 0).then_some(())
    });
    loop {
        missing.clear();
        for (place, expression) in queries(&prometheus, &mut missing) {
            if prometheus.count(&expression) == 0 {
                missing.insert(format!("{place}: {expression}"));
            }
        }
        if missing.is_empty() || std::time::Instant::now() >= deadline {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(missing.is_empty(), "without an answer:\n{}", missing.into_iter().collect::<Vec<_>>().join("\n"));

    // An alert is rightly silent, but not because it asks for what is not there.
    let page = reqwest::blocking::get(format!("http://{listen}/metrics"))
        .and_then(reqwest::blocking::Response::text)
        .expect("a page");
    let text = std::fs::read_to_string(&rules[0]).expect("the rules");
    let asked: BTreeSet<&str> = text.lines().filter(|line| !line.contains(": ")).flat_map(selectors).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for selector in asked {
        assert!(prometheus.count(selector) > 0, "an alert asks for {selector}, of which there is none");
    }
    assert_eq!(prometheus.faulty_rules(), Vec::<String>::new());
    check_metrics(&page);
}

/// Prometheus's own opinion of a page of metrics.
fn check_metrics(page: &str) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("promtool is there: ./setup.sh test installs it");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), page.as_bytes()).expect("promtool reads");
    let output = child.wait_with_output().expect("promtool ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{complaints}");
}
