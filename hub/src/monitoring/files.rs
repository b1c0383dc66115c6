//! The files that `hub dashboards export` and `hub alerts export` write, by their place in a folder.

use super::{BOARDS, rules};

/// Dashboards, and how Grafana finds them and Prometheus.
pub fn dashboard_files() -> Vec<(String, String)> {
    let boards = BOARDS.iter().map(|board| {
        let text = serde_json::to_string_pretty(&board.to_json()).expect("a dashboard is text, numbers and lists");
        (format!("dashboards/{}.json", board.uid), text + "\n")
    });
    let provisioning = [
        ("provisioning/dashboards/hub.yml", include_str!("files/grafana-dashboards.yml")),
        ("provisioning/datasources/hub.yml", include_str!("files/grafana-datasources.yml")),
    ];
    boards.chain(provisioning.map(|(path, text)| (path.to_owned(), text.to_owned()))).collect()
}

/// Alerts on the hub itself, and examples of what Prometheus and Alertmanager need besides. Links to runbooks and
/// dashboards begin with these.
pub fn alert_files(runbooks: &str, dashboards: &str) -> Vec<(String, String)> {
    [
        ("prometheus/hub-alerts.yml", rules::render(runbooks, dashboards)),
        ("prometheus/prometheus.yml", include_str!("files/prometheus.yml").to_owned()),
        ("alertmanager/alertmanager.yml", include_str!("files/alertmanager.yml").to_owned()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::monitoring::ALERTS;

    #[test]
    fn dashboards_are_what_grafana_takes_and_people_understand() {
        let uids: BTreeSet<_> = BOARDS.iter().map(|board| board.uid).collect();
        assert_eq!(uids.len(), BOARDS.len(), "each has a name of its own");
        for board in &BOARDS {
            let json = board.to_json();
            let panels = json["panels"].as_array().unwrap();
            let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
            assert_eq!(ids.len(), panels.len(), "{}", board.uid);
            let number = |panel: &Value, name: &str| panel["gridPos"][name].as_u64().unwrap();
            for (index, panel) in panels.iter().enumerate() {
                let (x, y, w, h) = (number(panel, "x"), number(panel, "y"), number(panel, "w"), number(panel, "h"));
                assert!(x + w <= 24, "{}: {}", board.uid, panel["title"]);
                for other in &panels[index + 1..] {
                    let apart = x + w <= number(other, "x")
                        || number(other, "x") + number(other, "w") <= x
                        || y + h <= number(other, "y")
                        || number(other, "y") + number(other, "h") <= y;
                    assert!(apart, "{}: {} lies over {}", board.uid, other["title"], panel["title"]);
                }
            }
            for panel in board.panels {
                let place = format!("{}: {}", board.uid, panel.title);
                assert!(!panel.title.is_empty() && panel.help.ends_with('.') && !panel.queries.is_empty(), "{place}");
                assert!(uids.contains(panel.link) && panel.link != board.uid, "{place}: the link leads elsewhere");
                for query in panel.queries {
                    assert!(!query.expr.contains("rate(") || query.expr.contains("[$__rate_interval]"), "{place}");
                }
            }
            let asked: String = board.panels.iter().flat_map(|panel| panel.queries).map(|query| query.expr).collect();
            for variable in board.variables {
                assert!(
                    asked.contains(&format!("${}", variable.name)),
                    "{}: {} changes nothing",
                    board.uid,
                    variable.name
                );
            }
        }
    }

    #[test]
    fn every_alert_has_a_page_of_four_sections_and_a_dashboard() {
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbooks/");
        for alert in &ALERTS {
            assert!(BOARDS.iter().any(|board| board.uid == alert.board), "{}", alert.name);
            let page = std::fs::read_to_string(format!("{pages}{}.md", alert.name));
            let page = page.unwrap_or_else(|error| panic!("the page of {}: {error}", alert.name));
            assert!(page.starts_with(&format!("# {}\n", alert.name)), "{}", alert.name);
            for section in ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"] {
                assert!(page.contains(section), "{} lacks {section}", alert.name);
            }
        }
    }
}
