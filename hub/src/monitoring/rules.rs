//! Alerts as a Prometheus rule file.

use std::fmt::Write as _;

use super::{ALERTS, Alert};

/// The rule file of the alerts on the hub itself; links begin with these.
pub(super) fn render(runbooks: &str, dashboards: &str) -> String {
    let mut text = String::from("# Written by `hub alerts export`.\ngroups:\n  - name: hub\n    rules:\n");
    for alert in &ALERTS {
        write_alert(&mut text, alert, runbooks, dashboards);
    }
    text
}

fn write_alert(text: &mut String, alert: &Alert, runbooks: &str, dashboards: &str) {
    let _ = writeln!(text, "      - alert: {}\n        expr: |", alert.name);
    for line in alert.expr.lines() {
        let _ = writeln!(text, "          {line}");
    }
    let _ =
        writeln!(text, "        for: {}\n        labels:\n          severity: {}", alert.hold, alert.severity.name());
    text.push_str("        annotations:\n");
    let annotations = [
        ("summary", alert.summary.to_owned()),
        ("description", alert.description.to_owned()),
        ("runbook_url", format!("{runbooks}{}.md", alert.name)),
        ("dashboard_url", format!("{dashboards}{}", alert.board)),
    ];
    for (name, value) in annotations {
        // YAML takes JSON's strings.
        let _ = writeln!(text, "          {name}: {}", serde_json::Value::from(value));
    }
}
