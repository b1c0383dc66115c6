//! What a trouble ticket adds.

use super::catalog::Kpi;
use super::pause::Working;
use super::story::Story;
use super::tally::Value;
use super::told::Item;

/// What a ticket adds, as far as it has come.
pub(super) fn derive(ticket: &Story, items: &mut Vec<Item>) {
    let mut working = Working::from(ticket.created());
    let (mut first_work, mut first_resolved, mut resolution) = (None, None, None);
    let (mut reopened, mut waited, mut ended) = (0_u8, false, false);
    for happened in ticket.moves().iter().filter(|happened| happened.is_transition() || happened.what() == "deleted") {
        let at = happened.0;
        match happened.what() {
            "inProgress" => {
                first_work.get_or_insert(at);
                if resolution.take().is_some() {
                    reopened = reopened.saturating_add(1);
                    items.push(Item { kpi: Kpi::TicketReopen, ordinal: reopened, at, value: Value::Part(1, 0) });
                }
            }
            "pending" => waited |= first_resolved.is_none(),
            "resolved" | "closed" if resolution.is_none() => {
                resolution = Some((at, working.measured(at, ticket)));
                first_resolved.get_or_insert(at);
            }
            _ => {}
        }
        ended |= matches!(happened.what(), "closed" | "cancelled" | "rejected" | "deleted");
        working.enter(at, happened.what() == "pending");
    }
    let mut add = |kpi, at, value| items.push(Item { kpi, ordinal: 0, at, value });
    if !ticket.labels.partners.is_empty() {
        add(Kpi::PartnerDisputes, ticket.created(), Value::Part(1, 0));
    }
    if let Some(at) = first_work {
        add(Kpi::TicketAcknowledge, at, Working::from(ticket.created()).measured(at, ticket));
    }
    if let Some((at, value)) = resolution {
        add(Kpi::TicketResolution, at, value);
    }
    if let Some(at) = first_resolved {
        add(Kpi::TicketFirstContact, at, Value::hit(reopened == 0 && !waited));
        add(Kpi::TicketReopen, at, Value::Part(0, 1));
    }
    if !ended && resolution.is_none() && !ticket.moves().is_empty() {
        let since = ticket.created();
        add(Kpi::TicketBacklog, since, Value::Since(since));
    }
}
