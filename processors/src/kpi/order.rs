//! What an order adds.

use super::catalog::Kpi;
use super::pause::Working;
use super::story::Story;
use super::tally::Value;
use super::told::Item;

/// What an order adds, as far as it has come.
pub(super) fn derive(order: &Story, items: &mut Vec<Item>) {
    let mut working = Working::from(order.created());
    let (mut trouble, mut amended, mut end) = (false, false, None);
    for happened in order.moves() {
        match happened.what() {
            "held" | "error_message" | "dispatch_failed" => trouble = true,
            "assessingCancellation" | "pendingCancellation" | "cancel_requested" => amended = true,
            state @ ("completed" | "partial" | "failed" | "cancelled" | "rejected") => {
                // Terminal states are sticky.
                end.get_or_insert((happened.0, state));
            }
            _ => {}
        }
        if end.is_none() && happened.is_transition() {
            working.enter(happened.0, happened.what() == "pending");
        }
    }
    let Some((at, state)) = end else { return };
    let mut add = |kpi, value| items.push(Item { kpi, ordinal: 0, at, value });
    if state == "rejected" {
        return;
    }
    if !order.labels.partners.is_empty() {
        add(Kpi::PartnerDisputes, Value::Part(0, 1));
        add(Kpi::PartnerDataQuality, Value::hit(!order.doubted));
    }
    let completed = state == "completed";
    add(Kpi::OrderFallout, Value::hit(trouble || state == "failed"));
    if state != "cancelled" {
        // For as long as the measurement may be taken back a ticket about the order does so.
        let asked_about = order.created()..=at.saturating_add(Kpi::OrderRightFirstTime.definition().horizon_ms);
        let has_ticket = order.tickets.iter().any(|(_, created)| asked_about.contains(created));
        add(Kpi::OrderRightFirstTime, Value::hit(completed && !trouble && !amended && !has_ticket));
    }
    if completed || state == "partial" {
        add(Kpi::OrderCycle, working.measured(at, order));
    }
    if let Some(due) = order.due_at.filter(|_| completed) {
        add(Kpi::OrderOnTime, Value::hit(at <= due));
    }
}
