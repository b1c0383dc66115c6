//! Dead letters: a record that could not be used, with its origin and the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use schemas::{DeadLetter, Timestamp};

use crate::{Fault, OutgoingRecord, Record, TopicName};

/// Makes the text of a record that a dead letter may show; `None` shows nothing.
pub type PayloadGuard = Arc<dyn Fn(&Record) -> Option<String> + Send + Sync>;

/// Where given-up records go and what of them may be shown.
#[derive(Clone)]
pub struct LetterSettings {
    /// The topic of records that cannot be used.
    pub dead_letters: TopicName,
    /// The topic of records whose order or identity is in doubt.
    pub quarantine: TopicName,
    /// What may be shown of the payload: nothing unless set.
    pub payload: Option<PayloadGuard>,
}

impl Default for LetterSettings {
    fn default() -> Self {
        Self { dead_letters: "hub.dead_letter".into(), quarantine: "hub.quarantine".into(), payload: None }
    }
}

impl fmt::Debug for LetterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterSettings")
            .field("dead_letters", &self.dead_letters)
            .field("quarantine", &self.quarantine)
            .field("payload", &self.payload.is_some())
            .finish()
    }
}

/// The letter for a record that `part` gives up.
pub(crate) fn dead_letter(
    settings: &LetterSettings,
    part: &str,
    fault: &Fault,
    record: &Record,
    quarantine: bool,
    now: Timestamp,
) -> OutgoingRecord {
    let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers: BTreeMap<String, String> = record
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), std::str::from_utf8(value).ok()?.to_owned())))
        .collect();
    let letter = DeadLetter {
        part: part.into(),
        origin_topic: record.topic.to_string(),
        origin_partition: record.partition as i32,
        origin_offset: record.offset.0,
        code: fault.code.into(),
        reason: fault.reason.into(),
        field: fault.field.clone(),
        detail: fault.detail.clone(),
        attempts: 1,
        at: now,
        payload_bytes: size(&record.value) as i64,
        payload: settings.payload.as_ref().and_then(|guard| guard(record)),
        headers,
    };
    OutgoingRecord {
        topic: if quarantine { settings.quarantine.clone() } else { settings.dead_letters.clone() },
        partition: None,
        key: record.key.clone(),
        value: Some(schemas::encode(&letter).into()),
        timestamp: now,
        headers: Vec::new(),
    }
}
