//! The common head of an event: identity, type, times, source (traps T1, T2, T3, T7).

use super::{ReadError, event_type::EventType, fields, hash};
use crate::{Envelope, Timestamp, code::Code, json::Value};

/// What every reader starts from.
pub(super) struct Head<'t> {
    pub(super) envelope: Envelope,
    pub(super) kind: EventType,
    /// The payload's entity.
    pub(super) entity: Value<'t>,
    /// The whole `event` object.
    pub(super) payload: Value<'t>,
    /// The envelope's own related parties, where it has any.
    pub(super) parties: Option<Value<'t>>,
}

/// Fields as they are met, before any is judged.
#[derive(Default)]
struct Seen<'t> {
    event_type: Option<Value<'t>>,
    schema_type: Option<Value<'t>>,
    event_time: Option<Value<'t>>,
    occurred: Option<Value<'t>>,
    occurred_misspelt: Option<Value<'t>>,
    reporting_system: Option<Value<'t>>,
    source: Option<Value<'t>>,
    payload: Option<Value<'t>>,
    parties: Option<Value<'t>>,
}

pub(super) fn read<'t>(root: Value<'t>, hint: Option<&str>, now: Timestamp) -> Result<Head<'t>, ReadError> {
    let mut envelope = Envelope { ingested_at: now, ..Envelope::default() };
    let seen = see(root, &mut envelope)?;
    let kind = kind(root, &seen, hint, &mut envelope)?;
    envelope.event_type = kind.canonical();
    envelope.event_id = fields::required_id(root, "eventId")?;
    let event_time = instant(seen.event_time)?;
    if event_time.is_none() {
        envelope.flags.push("no_event_time".to_owned());
    }
    envelope.event_time = event_time.unwrap_or(now);
    let occurred = match instant(seen.occurred)? {
        Some(time) => Some(time),
        None => instant(seen.occurred_misspelt)?,
    };
    envelope.occurred_at = occurred.unwrap_or(envelope.event_time);
    envelope.source = match seen.reporting_system.map(fields::reference_id).transpose()?.flatten() {
        Some(id) => id,
        None => seen.source.map(fields::reference_id).transpose()?.flatten().unwrap_or_default(),
    };
    let payload = seen.payload.ok_or_else(|| fields::missing(Code::MissingField, root, "event"))?;
    if !payload.is_object() {
        return Err(fields::fault(Code::NotAnObject, payload));
    }
    envelope.payload_hash = hash::stable_hash(payload.raw().as_bytes());
    let name = kind.resource.lower_camel();
    let entity = payload
        .get(name)
        .or_else(|| payload.get_ignoring_case(name))
        .ok_or_else(|| fields::missing(Code::MissingEntity, payload, name))?;
    if !entity.is_object() {
        return Err(fields::fault(Code::NotAnObject, entity));
    }
    Ok(Head { envelope, kind, entity, payload, parties: seen.parties })
}

/// Sorts the fields, keeping those the reader does not know.
fn see<'t>(root: Value<'t>, envelope: &mut Envelope) -> Result<Seen<'t>, ReadError> {
    let mut seen = Seen::default();
    for field in root.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "eventId" => {}
            "eventType" => seen.event_type = Some(field),
            "eventTime" => seen.event_time = Some(field),
            "timeOccurred" => seen.occurred = Some(field),
            "timeOcurred" => seen.occurred_misspelt = Some(field),
            "correlationId" => envelope.correlation_id = fields::text(field)?,
            "@type" => seen.schema_type = Some(field),
            "event" => seen.payload = Some(field),
            "reportingSystem" => {
                seen.reporting_system = Some(field);
                fields::keep_rest(&mut envelope.extra, field, &["id"]);
            }
            "source" => {
                seen.source = Some(field);
                fields::keep_rest(&mut envelope.extra, field, &["id"]);
            }
            "relatedParty" => {
                seen.parties = Some(field);
                fields::keep(&mut envelope.extra, field);
            }
            _ => fields::keep(&mut envelope.extra, field),
        }
    }
    Ok(seen)
}

/// The event's type: what it says of itself, else what the listener's path says. Never `@type`.
fn kind(root: Value<'_>, seen: &Seen<'_>, hint: Option<&str>, envelope: &mut Envelope) -> Result<EventType, ReadError> {
    let hinted = hint.and_then(EventType::parse);
    let said = match seen.event_type {
        Some(field) => fields::text(field)?.map(|text| (field, text)),
        None => None,
    };
    let Some((field, said)) = said else {
        return match (hint, hinted) {
            (_, Some(kind)) => Ok(kind),
            (Some(_), None) => Err(ReadError::whole(Code::UnknownEventType)),
            (None, None) => Err(fields::missing(Code::MissingField, root, "eventType")),
        };
    };
    let kind = EventType::parse(&said).ok_or_else(|| fields::fault(Code::UnknownEventType, field))?;
    if hint.is_some() && hinted != Some(kind) {
        envelope.flags.push("listener_mismatch".to_owned());
    }
    if let Some(schema_type) = seen.schema_type.and_then(Value::as_str) {
        let same = schema_type.trim().eq_ignore_ascii_case(&said)
            || schema_type.trim().eq_ignore_ascii_case("Event")
            || EventType::parse(&schema_type) == Some(kind);
        if !same {
            envelope.flags.push("type_mismatch".to_owned());
        }
    }
    Ok(kind)
}

fn instant(field: Option<Value<'_>>) -> Result<Option<Timestamp>, ReadError> {
    field.map_or(Ok(None), fields::instant)
}
