//! The envelope around each event, and where in the text its parts stand.

use super::fault::Fault;
use super::text::Text;

/// Width of an event id, fixed so that a copy can be given another in place.
pub(super) const EVENT_ID_CHARS: usize = 18;

/// How one event is spelt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelling {
    /// Event types begin with a small letter, as component manifests write them (trap T7).
    pub(super) lower_camel: bool,
    /// A tolerated fault to write into the event.
    pub(super) fault: Option<Fault>,
}

impl Spelling {
    pub(super) fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What follows an enum's value: nothing, or a space that does not belong there.
    pub(super) fn enum_end(self) -> &'static str {
        if self.has(Fault::TrailingSpace) { " \"" } else { "\"" }
    }

    /// The currency of an amount.
    pub(super) fn currency(self) -> &'static str {
        if self.has(Fault::UnknownCurrency) { "EUT" } else { "INR" }
    }
}

/// What the head of an event says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) event_id: u64,
    pub(super) run: u32,
    pub(super) event_type: &'a str,
    /// The resource in the payload, in its lower camel spelling.
    pub(super) resource: &'a str,
    pub(super) domain: &'a str,
    pub(super) event_time: i64,
    pub(super) occurred_at: i64,
    /// Number of the flow that the event belongs to.
    pub(super) correlation: u64,
    pub(super) system: System,
}

/// A system that reports events.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
}

/// Where the parts that faults change stand in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    pub(super) event_id: usize,
    pub(super) event_time: usize,
    pub(super) occurred_at: usize,
    pub(super) event_type: (usize, usize),
    /// Just after the opening brace of the resource.
    pub(super) payload: usize,
}

/// Begins a line: everything up to and with the opening brace of the resource.
pub(super) fn open(text: &mut Text, head: &Head<'_>, spelling: Spelling) -> Places {
    let mut places = Places::default();
    text.begin();
    places.event_id = text.raw("{\"eventId\":\"").line.len();
    // A letter between the numbers: sixteen digits in a row could be taken for a card.
    text.raw("e").padded(u64::from(head.run), 5).raw("n").padded(head.event_id, 11);
    debug_assert_eq!(text.line.len() - places.event_id, EVENT_ID_CHARS);
    places.event_time = text.raw("\",\"eventTime\":\"").line.len();
    text.time(head.event_time).raw("\",\"eventType\":\"");
    let from = text.line.len();
    push_event_type(text, head.event_type, spelling.lower_camel);
    places.event_type = (from, text.line.len());
    let name = if spelling.has(Fault::MisspeltTime) { "timeOcurred" } else { "timeOccurred" };
    places.occurred_at = text.raw("\",\"").raw(name).raw("\":\"").line.len();
    text.time(head.occurred_at);
    text.raw("\",\"correlationId\":\"c-").number(head.correlation);
    text.raw("\",\"domain\":\"").raw(head.domain);
    text.raw("\",\"title\":\"").raw(head.event_type);
    text.raw("\",\"description\":\"").raw(head.event_type).raw(" of a generated day");
    text.raw("\",\"priority\":\"1\",\"event\":{\"").raw(head.resource);
    places.payload = text.raw("\":{").line.len();
    places
}

fn push_event_type(text: &mut Text, event_type: &str, lower_camel: bool) {
    if lower_camel {
        let (first, rest) = event_type.split_at(1);
        text.line.push(first.as_bytes()[0].to_ascii_lowercase() as char);
        text.raw(rest);
    } else {
        text.raw(event_type);
    }
}

/// Ends a line after the resource's last member.
pub(super) fn close(text: &mut Text, head: &Head<'_>, spelling: Spelling) {
    text.raw("}},\"reportingSystem\":");
    push_system(text, head.system);
    text.raw(",\"source\":");
    push_system(text, head.system);
    text.raw(",\"@baseType\":\"Event\",\"@type\":\"");
    if spelling.has(Fault::TypeMismatch) {
        text.raw("Cancel");
    }
    text.raw(head.event_type).raw("\"}");
}

fn push_system(text: &mut Text, system: System) {
    text.raw("{\"id\":\"").raw(system.id).raw("\",\"name\":\"").raw(system.name);
    text.raw("\",\"@type\":\"ReportingResource\",\"@referredType\":\"LogicalResource\"}");
}
