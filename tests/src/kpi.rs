//! KPIs on the real hub: from events over HTTP to `/metrics`, and over a restart.

use std::time::Duration;

use serde_json::json;

use crate::support::{Hub, event, now, order_created, order_state, until};

const QUICK: &str = r#"
[entity]
parked_wait = "50ms"

[kpi]
publish = "100ms"
"#;

/// A ticket as its source tells of it.
fn ticket(id: &str, kind: &str, status: &str) -> serde_json::Value {
    let mut ticket = json!({ "id": id, "status": status, "ticketType": "incident" });
    if kind == "TroubleTicketCreateEvent" {
        ticket["creationDate"] = now().into();
    }
    event(kind, "troubleTicket", ticket)
}

#[test]
fn what_orders_and_tickets_come_to_is_on_the_metrics_page_and_survives_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("hub.toml");
    std::fs::write(&file, QUICK).expect("a writable folder");
    let hub = Hub::start(data.path(), Some(&file));
    assert_eq!(hub.metric("hub_kpi_order_fallout_events_total", &["by=\"all\""]), Some(0.0), "told before anything is");

    for (id, states) in [("good", &["inProgress", "completed"][..]), ("bad", &["inProgress", "failed"][..])] {
        hub.send(&order_created(id));
        for state in states {
            hub.send(&order_state(id, state));
        }
    }
    hub.send(&ticket("open", "TroubleTicketCreateEvent", "acknowledged"));
    let patience = Duration::from_secs(30);
    let all = ["by=\"all\"", "value=\"all\""];
    let told = |hub: &Hub| {
        until("both orders are told", patience, || {
            let events = hub.metric("hub_kpi_order_fallout_events_total", &all)?;
            let open = hub.metric("hub_kpi_ticket_backlog_open", &all)?;
            (events == 2.0 && open == 1.0).then_some(())
        });
        let window = ["by=\"all\"", "window=\"1d\""];
        let figures =
            ["order_fallout_hits", "order_fallout_events", "order_right_first_time_hits", "order_cycle_events"];
        figures.map(|name| hub.metric(&format!("hub_kpi_{name}"), &window))
    };
    let figures = told(&hub);
    assert_eq!(figures, [Some(1.0), Some(2.0), Some(1.0), Some(1.0)]);
    assert!(hub.metric("hub_kpi_ticket_backlog_oldest_seconds", &all).is_some_and(|age| age >= 0.0));
    assert_eq!(hub.imbalance(), 0.0);
    hub.kill();

    let hub = Hub::start(data.path(), Some(&file));
    assert_eq!(told(&hub), figures);
    hub.send(&ticket("open", "TroubleTicketStatusChangeEvent", "cancelled"));
    until("the backlog is empty", patience, || {
        (hub.metric("hub_kpi_ticket_backlog_open", &all) == Some(0.0)).then_some(())
    });
}
