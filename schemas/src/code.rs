//! Stable codes for what can be wrong with an event, a transition or a delivery.
//!
//! The same code stands in HTTP problems, dead letters, logs and `hub explain`. A number is never
//! given a second meaning.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal, $status:literal, $title:literal, $help:literal;)+) => {
        /// A stable error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number that people search for: `HUB-2003`.
            pub const fn number(self) -> &'static str {
                match self { $(Self::$variant => concat!("HUB-", $number),)+ }
            }

            /// The name in records and metrics: `bad_timestamp`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence on what is wrong.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The status of an HTTP answer that refuses the event with this code.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// One sentence on what to do.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

codes! {
    /// The bytes are not JSON.
    InvalidJson = "2001", "invalid_json", 400,
        "The event is not valid JSON.",
        "Send one JSON object per event; for a batch, one object per line.";
    /// JSON, but not an object.
    NotAnObject = "2002", "not_an_object", 400,
        "The event, or an entity in it, is not a JSON object.",
        "Send a TM Forum event object with eventId, eventType, eventTime and event.";
    /// A timestamp that no calendar has.
    BadTimestamp = "2003", "bad_timestamp", 422,
        "A timestamp is not a valid RFC 3339 date and time.",
        "Send date and time such as 2026-01-31T09:30:00Z, or leave the field out.";
    /// A timestamp without an offset.
    NaiveTimestamp = "2004", "naive_timestamp", 422,
        "A timestamp has no offset from UTC, so its instant is unknown.",
        "Add Z or an offset such as +05:30 to the timestamp.";
    /// A field that must be there is not.
    MissingField = "2005", "missing_field", 422,
        "A required field is missing.",
        "Send the field that is named.";
    /// A field has another JSON type than it must have.
    WrongType = "2006", "wrong_type", 422,
        "A field has the wrong JSON type.",
        "Send the field that is named with the type its TM Forum schema gives.";
    /// The event type is none that the hub takes.
    UnknownEventType = "2007", "unknown_event_type", 422,
        "The event type is not one that the hub takes.",
        "Check eventType; letter case and the v4 and v5 names do not matter.";
    /// A state, status or action that its machine does not have.
    UnknownState = "2008", "unknown_state", 422,
        "A state, status or action is not one that its TM Forum schema names.",
        "Send a state of the entity's TM Forum enumeration.";
    /// Larger than the hub takes.
    Oversize = "2009", "oversize", 413,
        "The event is larger than the configured limit.",
        "Send a smaller event, or raise the limit in the configuration.";
    /// Card data, which must never be stored.
    CardData = "2010", "card_data", 422,
        "The event carries card data, which is refused before anything is stored.",
        "Send a token, the brand and the last four digits instead of the card's number or code.";
    /// The payload names no entity of the event's type.
    MissingEntity = "2011", "missing_entity", 422,
        "The event's payload does not hold the entity that its type is about.",
        "Put the entity under event, such as event.productOrder.";
    /// Not UTF-8.
    BadEncoding = "2012", "bad_encoding", 400,
        "The event is not valid UTF-8.",
        "Send UTF-8 without a byte order mark.";
    /// An id that is there but empty.
    EmptyId = "2013", "empty_id", 422,
        "An id is empty.",
        "Send the id that is named with at least one character.";
    /// Nested deeper than the hub reads.
    TooDeep = "2014", "too_deep", 422,
        "The event is nested too deeply.",
        "Send an event with at most 64 levels.";
    /// A frame's schema id is not in the table.
    UnknownSchemaId = "2015", "unknown_schema_id", 422,
        "The record names a schema id that the hub does not know for it.",
        "Register the schema, or check which topic the record was sent to.";
    /// A frame that does not follow its schema.
    BadAvro = "2016", "bad_avro", 400,
        "The record's bytes do not follow the Avro schema they name.",
        "Write the record with the schema whose id its frame names.";
    /// A number that its field cannot hold.
    BadNumber = "2017", "bad_number", 422,
        "A number is out of the range of its field.",
        "Send an amount with at most six decimals that fits 64 bits of millionths.";

    /// A transition that the state machine does not have.
    IllegalTransition = "3001", "illegal_transition", 409,
        "The state machine has no transition from the entity's state to the one sent.",
        "Check the order of events at the source; redrive once the missing one has arrived.";
    /// One event id with two payloads.
    EventIdReused = "3002", "event_id_reused", 409,
        "The same source, event type and event id came with another payload.",
        "Give every event an id of its own; decide which of the two payloads is right and redrive it.";
    /// The entity this one belongs to never came.
    ParentMissing = "3003", "parent_missing", 409,
        "The entity that the event belongs to has not arrived in time.",
        "Send the parent entity's create event, then redrive.";
    /// An offering that the catalog does not have.
    UnknownOffering = "3004", "unknown_offering", 409,
        "The order names a product offering that the catalog does not have.",
        "Publish the offering, then redrive.";
    /// Too many events wait for one entity.
    BufferOverflow = "3005", "buffer_overflow", 503,
        "Too many events of one entity wait for an earlier one.",
        "Find the missing event at the source, or raise the buffer's limit, then redrive.";
    /// The hub contradicts itself.
    InvariantBroken = "3006", "invariant_broken", 500,
        "Something that must always hold does not.",
        "Stop and report this with the debug bundle; the data behind it is kept.";
    /// Refunds exceed what was captured.
    RefundExceedsCapture = "3007", "refund_exceeds_capture", 409,
        "The refunds of a payment exceed the amount that was captured.",
        "Check the refund at the paying system.";
    /// A processor would send a record that no topic takes.
    OutputTooLarge = "3090", "output_too_large", 413,
        "What the event leads to is a record larger than the limit of one record.",
        "Send the event in smaller parts, or make the route's payload smaller, then redrive.";

    /// Retries have ended without success.
    DeliveryAttemptsExhausted = "4001", "delivery_attempts_exhausted", 502,
        "The delivery failed at every attempt that the policy allows.",
        "Mend the target, then redrive.";
    /// The target said no, and will say no again.
    DeliveryRefused = "4002", "delivery_refused", 502,
        "The target refused the delivery in a way that trying again cannot help.",
        "Look at the target's answer and the route's fields, then redrive.";
    /// No answer in time.
    DeliveryTimeout = "4003", "delivery_timeout", 504,
        "The target did not answer in time; it may have taken the delivery.",
        "Check the target; redriving is safe where it honours the idempotency key.";
    /// The target is not configured, or its address is no address.
    DeliveryBadTarget = "4004", "delivery_bad_target", 502,
        "The delivery's target is not configured or cannot be addressed.",
        "Correct the target in the configuration, then redrive.";
    /// The time for one delivery is used up.
    DeliveryTimeExhausted = "4005", "delivery_time_exhausted", 504,
        "The delivery did not succeed within the time that the policy allows.",
        "Mend the target, then redrive.";
    /// The target says that it cannot serve now.
    DeliveryUnavailable = "4006", "delivery_unavailable", 503,
        "The target answered that it cannot take deliveries now.",
        "Wait, or check the target; the delivery is tried again until its policy ends.";
    /// No connection to the target.
    DeliveryUnreachable = "4007", "delivery_unreachable", 502,
        "No connection to the target could be made.",
        "Check the target's address, its certificate and the network between.";
    /// The connection broke before the answer was complete.
    DeliveryBroken = "4008", "delivery_broken", 502,
        "The connection broke before the target's answer was complete; it may have taken the delivery.",
        "Check the target; redriving is safe where it honours the idempotency key.";

    /// A processor's state cannot be written.
    StateUnwritable = "9001", "state_unwritable", 500,
        "A value of the hub's own state cannot be encoded.",
        "Stop and report this with the debug bundle; nothing of the event is committed.";
    /// A processor's state cannot be read.
    StateCorrupt = "9002", "state_corrupt", 500,
        "A value of the hub's own state cannot be decoded.",
        "Start the version of the hub that wrote the state, or report this with the debug bundle.";
}

impl Code {
    /// The code with this number (`HUB-2003`) or name (`bad_timestamp`), in any letter case.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number().eq_ignore_ascii_case(text) || code.name().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn numbers_and_names_are_unique_and_ascend() {
        let numbers: BTreeSet<_> = Code::ALL.iter().map(|code| code.number()).collect();
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    }

    #[test]
    fn every_code_has_prose_and_an_error_status() {
        for code in Code::ALL {
            assert!(code.title().ends_with('.') && code.help().ends_with('.'), "{code}");
            assert!((400..600).contains(&code.http_status()), "{code}");
        }
    }

    #[test]
    fn is_found_by_number_and_name() {
        assert_eq!(Code::find("hub-2003"), Some(Code::BadTimestamp));
        assert_eq!(Code::find("bad_timestamp"), Some(Code::BadTimestamp));
        assert_eq!(Code::find("HUB-9999"), None);
    }
}
