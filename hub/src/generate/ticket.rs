//! Trouble tickets: plans through the TMF621 machine and their events as JSON.

use schemas::TicketState;

use super::dice::Dice;
use super::emit::{Scene, Stamp, party, push_id};
use super::envelope::{Places, System};
use super::fault::Fault;
use super::flow::{Flow, Planned, Step};
use super::world::{COURIER, Customer, VAS};

/// An event of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TicketStep {
    Create,
    Status(TicketState),
    /// `TroubleTicketResolvedEvent`, which repeats a status change.
    Resolved,
    Attribute,
    Information,
}

const SYSTEM: System = System { id: "jcms-care", name: "Customer care" };
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const TYPES: [&str; 3] = ["incident", "complaint", "request"];
const SEVERITIES: [(&str, &str); 3] = [("Critical", "High"), ("Major", "Medium"), ("Minor", "Low")];

/// A plan for one ticket.
pub(super) fn plan(dice: &mut Dice) -> Vec<Planned> {
    use TicketState::*;
    let mut steps = Vec::with_capacity(10);
    let course = dice.below(100);
    let mut after = |dice: &mut Dice, seconds: u64, step: TicketStep| {
        let seconds = dice.between(seconds / 2, seconds + seconds / 2);
        steps.push((seconds as u32, Step::Ticket(step)));
    };
    after(dice, 0, TicketStep::Create);
    match course {
        0..3 => after(dice, 10 * MINUTE, TicketStep::Status(Rejected)),
        3..6 => after(dice, 20 * MINUTE, TicketStep::Status(Cancelled)),
        _ => {
            after(dice, 10 * MINUTE, TicketStep::Status(InProgress));
            if course < 10 {
                after(dice, 30 * MINUTE, TicketStep::Attribute);
            }
            if (10..35).contains(&course) {
                after(dice, 30 * MINUTE, TicketStep::Status(Pending));
                after(dice, MINUTE, TicketStep::Information);
                if course < 13 {
                    after(dice, 4 * HOUR, TicketStep::Status(Cancelled));
                    return steps;
                }
                after(dice, 2 * HOUR, TicketStep::Status(InProgress));
            }
            if (30..42).contains(&course) {
                after(dice, 30 * MINUTE, TicketStep::Status(Held));
                after(dice, HOUR, TicketStep::Status(InProgress));
            }
            after(dice, HOUR, TicketStep::Status(Resolved));
            if course >= 90 {
                after(dice, MINUTE, TicketStep::Resolved);
            }
            if (42..47).contains(&course) {
                after(dice, 40 * MINUTE, TicketStep::Status(InProgress));
                after(dice, HOUR, TicketStep::Status(Resolved));
            }
            after(dice, HOUR, TicketStep::Status(Closed));
        }
    }
    steps
}

const fn status_name(state: TicketState) -> &'static str {
    match state {
        TicketState::Acknowledged => "acknowledged",
        TicketState::InProgress => "inProgress",
        TicketState::Held => "held",
        TicketState::Pending => "pending",
        TicketState::Resolved => "resolved",
        TicketState::Closed => "closed",
        TicketState::Cancelled => "cancelled",
        TicketState::Rejected => "rejected",
    }
}

const fn reason(state: TicketState) -> &'static str {
    match state {
        TicketState::Pending => "Need more information from the customer",
        TicketState::Held => "Waiting for a spare part",
        TicketState::Resolved => "Fault cleared",
        TicketState::Cancelled => "Withdrawn by the customer",
        TicketState::Rejected => "Not a fault",
        _ => "Work goes on",
    }
}

pub(super) fn render(scene: &mut Scene, flow: &Flow, step: TicketStep, stamp: Stamp) -> Places {
    let event_type = match step {
        TicketStep::Create => "TroubleTicketCreateEvent",
        TicketStep::Status(_) => "TroubleTicketStatusChangeEvent",
        TicketStep::Resolved => "TroubleTicketResolvedEvent",
        TicketStep::Attribute => "TroubleTicketAttributeValueChangeEvent",
        TicketStep::Information => "TroubleTicketInformationRequiredEvent",
    };
    let head = stamp.head(scene, flow, event_type, "troubleTicket", "Assurance", SYSTEM);
    scene.event(&head, stamp.spelling, |scene| match step {
        TicketStep::Create => create(scene, flow, stamp),
        TicketStep::Status(state) => status(scene, flow, state, stamp),
        TicketStep::Resolved => status(scene, flow, TicketState::Resolved, stamp),
        TicketStep::Attribute => {
            identity(scene, flow);
            let expected = stamp.occurred_at + scene.scaled(5 * 3_600);
            scene.text.raw(",\"expectedResolutionDate\":\"").time(expected);
            scene.text.raw("\",\"lastUpdate\":\"").time(stamp.occurred_at).raw("\"");
        }
        TicketStep::Information => {
            identity(scene, flow);
            let text = scene.text.raw(",\"note\":[{\"id\":\"1\",\"author\":\"Care\",\"date\":\"");
            text.time(stamp.occurred_at).raw("\",\"text\":\"Which lamp is red\"}]");
        }
    })
}

fn identity(scene: &mut Scene, flow: &Flow) {
    scene.text.raw("\"id\":\"");
    push_id(scene, "TT", flow.number);
    scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/troubleTicket/");
    scene.text.raw(if flow.v5 { "v5" } else { "v4" }).raw("/troubleTicket/");
    push_id(scene, "TT", flow.number);
    scene.text.raw("\",\"@type\":\"TroubleTicket\"");
}

fn status(scene: &mut Scene, flow: &Flow, state: TicketState, stamp: Stamp) {
    if stamp.spelling.has(Fault::Partial) {
        scene.text.raw("\"id\":\"");
        push_id(scene, "TT", flow.number);
        scene.text.raw("\",\"status\":\"").raw(status_name(state)).raw("\"");
        return;
    }
    identity(scene, flow);
    let text = scene.text.raw(",\"status\":\"").raw(status_name(state));
    text.raw(stamp.spelling.enum_end());
    text.raw(",\"statusChangeDate\":\"").time(stamp.occurred_at);
    text.raw("\",\"statusChangeReason\":\"").raw(reason(state));
    text.raw("\",\"lastUpdate\":\"").time(stamp.occurred_at);
    if state == TicketState::Resolved {
        text.raw("\",\"resolutionDate\":\"").time(stamp.occurred_at);
    }
    text.raw("\",\"statusChangeHistory\":[{\"status\":\"").raw(status_name(state));
    text.raw("\",\"statusChangeDate\":\"").time(stamp.occurred_at);
    text.raw("\",\"@type\":\"StatusChange\"}]");
}

fn create(scene: &mut Scene, flow: &Flow, stamp: Stamp) {
    let bits = flow.bits;
    let (severity, priority) = SEVERITIES[(bits % 3) as usize];
    let customer = Customer::new(scene.seed, flow.customer);
    let run = u64::from(scene.run);
    identity(scene, flow);
    let requested = flow.created + scene.scaled(8 * 3_600);
    let expected = flow.created + scene.scaled(4 * 3_600);
    let text = scene.text.raw(",\"name\":\"Service trouble\",\"description\":\"No signal\"");
    text.raw(",\"ticketType\":\"").raw(TYPES[(bits >> 8 & 0xff) as usize % 3]);
    text.raw("\",\"severity\":\"").raw(severity).raw("\",\"priority\":\"").raw(priority);
    text.raw("\",\"creationDate\":\"").time(flow.created);
    text.raw("\",\"requestedResolutionDate\":\"").time(requested);
    text.raw("\",\"expectedResolutionDate\":\"").time(expected);
    text.raw("\",\"status\":\"acknowledged").raw(stamp.spelling.enum_end());
    text.raw(",\"statusChangeDate\":\"").time(stamp.occurred_at);
    text.raw("\",\"troubleTicketCharacteristic\":[{\"name\":\"circle\",\"valueType\":\"string\",");
    text.raw("\"value\":\"").raw(customer.circle()).raw("\"}],\"relatedParty\":[");
    party(text, flow.v5, "Customer", |text| {
        text.raw("CUS-").number(run).raw("-").padded(flow.customer, 7);
    });
    if (bits >> 16).is_multiple_of(4) {
        text.raw(",");
        let partner = if bits >> 18 & 1 == 0 { COURIER } else { VAS };
        party(text, flow.v5, "Partner", |text| _ = text.raw(partner));
    }
    text.raw("]");
    if let Some(order) = flow.about_order {
        if flow.v5 {
            scene.text.raw(",\"relatedEntity\":[{\"role\":\"subject\",\"entity\":{\"id\":\"");
            push_id(scene, "ORD", order);
            scene.text.raw("\",\"@type\":\"EntityRef\",\"@referredType\":\"ProductOrder\"}}]");
        } else {
            scene.text.raw(",\"relatedEntity\":[{\"role\":\"subject\",\"id\":\"");
            push_id(scene, "ORD", order);
            scene.text.raw("\",\"@referredType\":\"ProductOrder\"}]");
        }
    }
}
