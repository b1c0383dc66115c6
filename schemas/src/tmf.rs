//! Readers for TM Forum events, v4 and v5, to one canonical form.
//!
//! A reader is tolerant where senders are known to differ (letter case, spelling, renamed fields,
//! partial payloads) and notes in [`Envelope::flags`] what it tolerated. It refuses what it would
//! have to guess, with a stable [`Code`] and the field's path, and never repeats a value. Fields it
//! does not know are kept as their JSON text in `extra`.

mod account;
mod currency;
mod envelope;
mod event_type;
mod fields;
mod flow;
mod hash;
mod order;
mod party;
mod reference;
mod states;
mod ticket;
mod time;

use thiserror::Error;

use crate::{
    AccountEvent, CatalogEvent, CustomerEvent, Envelope, Family, FlowEvent, OrderEvent, PartnerEvent, TicketEvent,
    Timestamp, code::Code, codec, guard, json,
};
use event_type::Resource;
use fields::Reading;

/// A canonical event of one of the families.
#[derive(Clone, Debug, PartialEq)]
pub enum CanonicalEvent {
    /// For `hub.order`.
    Order(OrderEvent),
    /// For `hub.flow`.
    Flow(FlowEvent),
    /// For `hub.ticket`.
    Ticket(TicketEvent),
    /// For `hub.account`.
    Account(AccountEvent),
    /// For `hub.customer`.
    Customer(CustomerEvent),
    /// For `hub.catalog`.
    Catalog(CatalogEvent),
    /// For `hub.partner`.
    Partner(PartnerEvent),
}

/// Does the same with whichever event it is.
macro_rules! each {
    ($self:expr, $event:ident => $value:expr) => {
        match $self {
            CanonicalEvent::Order($event) => $value,
            CanonicalEvent::Flow($event) => $value,
            CanonicalEvent::Ticket($event) => $value,
            CanonicalEvent::Account($event) => $value,
            CanonicalEvent::Customer($event) => $value,
            CanonicalEvent::Catalog($event) => $value,
            CanonicalEvent::Partner($event) => $value,
        }
    };
}

impl CanonicalEvent {
    /// The family, which names the canonical topic.
    pub const fn family(&self) -> Family {
        match self {
            Self::Order(_) => Family::Order,
            Self::Flow(_) => Family::Flow,
            Self::Ticket(_) => Family::Ticket,
            Self::Account(_) => Family::Account,
            Self::Customer(_) => Family::Customer,
            Self::Catalog(_) => Family::Catalog,
            Self::Partner(_) => Family::Partner,
        }
    }

    /// The topic key: the id of the entity that the family is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Order(event) => &event.order.id,
            Self::Flow(event) => &event.order_id,
            Self::Ticket(event) => &event.ticket.id,
            Self::Account(event) => &event.account_id,
            Self::Customer(event) => &event.customer.id,
            Self::Catalog(event) => &event.offering.id,
            Self::Partner(event) => &event.partner.id,
        }
    }

    /// The common envelope.
    pub const fn envelope(&self) -> &Envelope {
        each!(self, event => &event.envelope)
    }

    /// The event as a frame for its topic.
    pub fn encode(&self) -> Vec<u8> {
        each!(self, event => codec::encode(event))
    }

    /// Appends the event's frame to `frame`, which a caller may keep and reuse.
    pub fn encode_into(&self, frame: &mut Vec<u8>) {
        each!(self, event => codec::encode_into(event, frame));
    }
}

/// Why an event was refused. It speaks of fields, never of their values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {detail}")]
pub struct ReadError {
    /// The stable code.
    pub code: Code,
    /// A JSON pointer to the field at fault, where there is one.
    pub field: Option<String>,
    /// One sentence that names the field.
    pub detail: String,
}

impl ReadError {
    fn new(code: Code, field: Option<String>) -> Self {
        let title = code.title();
        let detail = match &field {
            Some(field) => format!("{} ({field})", title.trim_end_matches('.')),
            None => title.to_owned(),
        };
        Self { code, field, detail }
    }

    /// For a whole event: its own code, no field.
    fn whole(code: Code) -> Self {
        Self::new(code, None)
    }
}

/// Reads one event. `hint` is the event type that a listener's path implies, such as
/// `productOrderCreateEvent`; `now` becomes the time of ingestion.
///
/// The guard against card data runs before anything else looks at the event.
///
/// # Errors
///
/// A [`ReadError`] with a code of the `HUB-2…` range. On [`Code::CardData`] the bytes must not be
/// stored anywhere.
///
/// ```
/// use schemas::{Timestamp, tmf};
/// let event = br#"{"eventId": "1", "eventType": "ProductOrderStateChangeEvent",
///     "eventTime": "2026-01-31T09:30:00Z",
///     "event": {"productOrder": {"id": "o-1", "state": "inProgress"}}}"#;
/// let event = tmf::read(event, None, Timestamp(0)).expect("a valid event");
/// assert_eq!(event.key(), "o-1");
/// ```
pub fn read(bytes: &[u8], hint: Option<&str>, now: Timestamp) -> Result<CanonicalEvent, ReadError> {
    let unparsed = |code| match guard::scan_unparsed(bytes) {
        Ok(()) => ReadError::whole(code),
        Err(_) => ReadError::whole(Code::CardData),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| unparsed(Code::BadEncoding))?;
    let tape = json::Tape::parse(text).map_err(|fault| match fault {
        json::Fault::Invalid { .. } => unparsed(Code::InvalidJson),
        json::Fault::TooDeep => unparsed(Code::TooDeep),
    })?;
    guard::scan_tape(&tape).map_err(|hit| ReadError::new(Code::CardData, Some(hit.path)))?;
    let root = tape.root();
    if !root.is_object() {
        return Err(ReadError::whole(Code::NotAnObject));
    }
    let head = envelope::read(root, hint, now)?;
    let reading = Reading::new(head);
    let (kind, entity) = (reading.head.kind, reading.head.entity);
    match kind.resource {
        Resource::ProductOrder => order::read(reading, entity),
        Resource::CancelProductOrder => order::read_cancel(reading, entity),
        Resource::TroubleTicket => ticket::read(reading, entity),
        Resource::Payment | Resource::Refund => account::read_payment(reading, entity),
        Resource::CustomerBill => account::read_bill(reading, entity),
        Resource::BillingAccount => account::read_billing_account(reading, entity),
        Resource::Customer => reference::read_customer(reading, entity),
        Resource::ProductOffering => reference::read_offering(reading, entity),
        Resource::Organization | Resource::PartyRole => reference::read_partner(reading, entity),
        Resource::ProcessFlow | Resource::TaskFlow => flow::read(reading, entity),
    }
}

#[cfg(test)]
mod tests;
