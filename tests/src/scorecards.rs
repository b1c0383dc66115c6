//! Scorecards of partners: against what the partner itself got, and as reports on the disk.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Hub, generated, post_lines, run_hub, until};
use crate::targets::outside;

const SECRET: &str = "whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz";

#[test]
fn a_partner_is_scored_by_what_it_got_and_reported_on_when_the_day_is_over() {
    let (url, requests) = outside();
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    let configuration = format!(
        r#"
[scorecards]
period = "day"
min_events = 1
grace = "0s"
publish = "100ms"

[kpi]
acknowledge_within = "10m"

# The orders that the generated day leaves open are not found late while this runs.
[sla]
grace = "10m"

[[partners]]
id = "partner-courier"
url = "{url}/hook"
secrets = ["{SECRET}"]
"#
    );
    std::fs::write(&file, configuration).expect("a writable folder");
    let hub = Hub::start(data.path(), Some(&file));
    let token = data.path().join("token").display().to_string();
    let ask = |arguments: &[&str]| {
        run_hub(&[&["sla", "partner"], arguments, &["--url", &hub.url, "--token-file", &token]].concat(), b"")
    };
    let nobody = ask(&["partner-courier"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nothing was measured of partner \"partner-courier\""));
    assert!(post_lines(&hub, &generated(3_000, 5)), "the events are taken in");
    hub.settle(Duration::from_secs(60));

    // Every delivery the courier took is on a card, once.
    let taken = |requests: &[crate::targets::Request]| {
        let ids =
            requests.iter().filter_map(|request| request.headers.lines().find(|line| line.starts_with("webhook-id: ")));
        ids.map(str::to_owned).collect::<BTreeSet<_>>().len() as i64
    };
    let mut got = Vec::new();
    let cards: Value = until("every delivery on a card", Duration::from_secs(60), || {
        got.extend(requests.try_iter());
        let told = ask(&["partner-courier", "-o", "json"]);
        let told: Value = serde_json::from_slice(&told.stdout).ok()?;
        let part = |card: &Value, name: &str| {
            let parts = card["parts"].as_array().expect("parts");
            parts.iter().find(|part| part["name"] == name).expect("a part")["good"].as_i64().expect("a number")
        };
        let cards = told["partners"].as_array().expect("cards");
        let sum = |name: &str| cards.iter().map(|card| part(card, name)).sum::<i64>();
        let all = taken(&got);
        (all > 20 && sum("availability") == all && sum("acknowledgement") == all).then_some(told)
    });
    let newest = &cards["partners"][0];
    assert_eq!((&newest["score"], &newest["our_faults"]), (&1.0.into(), &0.into()), "{newest}");
    assert!(newest["final"] == false && newest["response_p95_ms"].as_i64() > Some(0), "{newest}");
    let text = String::from_utf8(ask(&["partner-courier"]).stdout).expect("text");
    assert!(text.contains("(provisional): score 100.00 %") && text.contains("availability"), "{text}");
    assert!(String::from_utf8_lossy(&ask(&[]).stdout).contains("partner-courier"));

    // The generated day is long over: its card is final, and its report lies there as the command prints it.
    let day = "2026-01-05";
    let of_day = |form: &str| ask(&["partner-courier", "--period", day, "--report", form]).stdout;
    let folder = data.path().join("reports").join(day);
    until("the report", Duration::from_secs(60), || {
        let read = |name: &str| std::fs::read(folder.join(name)).ok();
        let (json, html) = (read("partner-courier.json")?, read("partner-courier.html")?);
        (json == of_day("json") && html == of_day("html")).then_some(())
    });
    let report: Value = serde_json::from_slice(&of_day("json")).expect("JSON");
    assert!(report["final"] == true && report["parts"][4]["count"].as_i64() > Some(0), "{report}");
    let score = hub.metric("hub_partner_score", &["partner=\"partner-courier\"", "part=\"availability\""]);
    assert_eq!(score, Some(1.0));
    assert_eq!(hub.stop(), Some(0));
}
