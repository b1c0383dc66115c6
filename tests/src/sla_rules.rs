//! The rules that `hub sla rules` writes, checked and run by Prometheus's own tool on series that must
//! fire and series that must not.

use std::path::Path;
use std::process::Command;

use crate::support::run_hub;

/// Runs promtool; what it said goes into the failure.
fn promtool(folder: &Path, arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("promtool is there: ./setup.sh test installs it");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}\n{said}{complained}");
}

/// A test of partner-availability: per partner, calls and good calls by the minute; what fires after a
/// quarter of an hour more than six.
fn case(name: &str, series: &[(&str, &str, &str)], fires: &[(&str, &str)]) -> String {
    let mut text = format!("  - name: {name}\n    interval: 1m\n    input_series:\n");
    for (partner, calls, good) in series {
        for (what, values) in [("events", calls), ("hits", good)] {
            let metric = format!("hub_kpi_partner_availability_{what}_total");
            text.push_str(&format!(
                "      - series: '{metric}{{by=\"partner\",value=\"{partner}\"}}'\n        values: '{values}'\n"
            ));
        }
    }
    text.push_str("    promql_expr_test:\n      - eval_time: 375m\n");
    text.push_str(
        "        expr: count by (slo, value, severity) (ALERTS{alertstate=\"firing\",alertname=\"HubSloBurn\"})\n",
    );
    text.push_str(if fires.is_empty() { "        exp_samples: []\n" } else { "        exp_samples:\n" });
    for (partner, severity) in fires {
        text.push_str(&format!(
            "          - labels: '{{slo=\"partner-availability\", value=\"{partner}\", severity=\"{severity}\"}}'\n            value: {}\n",
            if *severity == "page" { 2 } else { 1 }
        ));
    }
    text
}

#[test]
fn prometheus_takes_the_rules_and_fires_them_when_it_should() {
    let folder = tempfile::tempdir().expect("a folder");
    let slos = folder.path().join("slos.toml");
    let slo = |alerts: &str| {
        format!(
            "[[slos]]\nname = \"partner-availability\"\nkpi = \"partner_availability\"\nby = \"partner\"\nobjective = \"99.5%\"\n{alerts}"
        )
    };
    let rules = |text: &str| {
        std::fs::write(&slos, text).expect("a writable folder");
        let output = run_hub(&["sla", "rules", "--config", &slos.display().to_string()], b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(folder.path().join("rules.yml"), output.stdout).expect("a writable folder");
        promtool(folder.path(), &["check", "rules", "rules.yml"]);
    };
    // The defaults, all of them.
    rules("");
    // Two pages and a ticket; the two longer ones would want a day of made-up series.
    rules(&slo(
        "alerts = [{ severity = \"page\", long = \"1h\", short = \"5m\", budget = \"2%\" }, { severity = \"page\", long = \"6h\", short = \"30m\", budget = \"5%\" }]",
    ));

    let steady = ("steady", "0+100x400", "0+100x400");
    let cases = [
        // A tenth is bad: 20 times what may be.
        case("down", &[("down", "0+100x400", "0+90x400"), steady], &[("down", "page")]),
        // Four in a thousand is within the objective.
        case("within", &[("within", "0+1000x400", "0+996x400")], &[]),
        // All is bad, but it is one call in twenty minutes: 18 in six hours.
        case("rare", &[("rare", "0+0.05x400", "0+0x400")], &[]),
        // Everything was bad until 35 minutes ago: the long windows still burn, the short ones do not.
        case("recovered", &[("recovered", "0+100x340 34100+100x60", "0+0x340 0+100x60")], &[]),
        // Neither has any call.
        case("silent", &[("silent", "0+0x400", "0+0x400")], &[]),
    ];
    let test = format!("rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n{}", cases.concat());
    std::fs::write(folder.path().join("test.yml"), test).expect("a writable folder");
    promtool(folder.path(), &["test", "rules", "test.yml"]);
}
