//! Trouble tickets (TMF621 v4 and v5).

use super::{
    CanonicalEvent, ReadError,
    event_type::Verb,
    fields,
    fields::Reading,
    order::{circle, customer_from_envelope, keep_beside},
    party,
};
use crate::{Ticket, TicketChange, TicketEvent, TicketState, json::Value};

pub(super) fn read(mut reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut ticket = Ticket { id: fields::id_of(entity)?, ..Ticket::default() };
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "status" => ticket.state = fields::named(field)?,
            "state" => ticket.state = ticket.state.or(fields::named(field)?),
            "ticketType" => ticket.ticket_type = fields::text(field)?,
            "severity" => ticket.severity = fields::text(field)?,
            "priority" => ticket.priority = fields::text(field)?,
            "creationDate" => ticket.creation_date = fields::instant(field)?,
            "requestedResolutionDate" => ticket.requested_resolution_date = fields::instant(field)?,
            "expectedResolutionDate" => ticket.expected_resolution_date = fields::instant(field)?,
            "resolutionDate" => ticket.resolution_date = fields::instant(field)?,
            "statusChangeDate" => ticket.status_change_date = fields::instant(field)?,
            "statusChangeReason" => ticket.status_change_reason = fields::text(field)?,
            "relatedParty" => {
                ticket.customer_id = party::customer_id(field)?;
                ticket.partner_id = party::partner_id(field)?;
                fields::keep(&mut ticket.extra, field);
            }
            "relatedEntity" => {
                ticket.order_id = party::entity_id(field, "ProductOrder")?;
                fields::keep(&mut ticket.extra, field);
            }
            "troubleTicketCharacteristic" | "characteristic" | "place" => {
                ticket.circle = ticket.circle.take().or(circle(field)?);
                fields::keep(&mut ticket.extra, field);
            }
            _ => fields::keep(&mut ticket.extra, field),
        }
    }
    keep_beside(&reading, &mut ticket.extra);
    customer_from_envelope(&mut reading, &mut ticket.customer_id)?;
    if is_suspect(&reading, &ticket) {
        reading.flag("sla_suspect");
    }
    let change = match reading.head.kind.verb {
        Verb::Create => TicketChange::Created,
        Verb::StateChange => TicketChange::StatusChanged,
        Verb::Resolved => TicketChange::Resolved,
        Verb::Delete => TicketChange::Deleted,
        Verb::InformationRequired => TicketChange::InformationRequired,
        _ => TicketChange::AttributeChanged,
    };
    Ok(CanonicalEvent::Ticket(TicketEvent { envelope: reading.head.envelope, change, ticket }))
}

/// Times of which no clock can be made: a ticket that is over as it is created, or a promise that
/// is older than the ticket (trap T9).
fn is_suspect(reading: &Reading<'_>, ticket: &Ticket) -> bool {
    use TicketState::*;
    let over = matches!(ticket.state, Some(Resolved | Closed | Cancelled | Rejected));
    let promised = [ticket.expected_resolution_date, ticket.requested_resolution_date, ticket.resolution_date];
    let backwards = promised.iter().flatten().any(|&date| ticket.creation_date.is_some_and(|created| date < created));
    (reading.head.kind.verb == Verb::Create && over) || backwards
}
