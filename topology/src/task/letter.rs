//! Dead letters: a record that could not be used, with its origin and the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use schemas::{DeadLetter, Timestamp};

use super::TaskCore;
use super::core::record_size;
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

/// How much of a fault's own words is kept in a letter that is too large with them.
const WORDS_LIMIT: usize = 256;

/// The letter for a record that a task gives up. It never exceeds the largest record that the log
/// takes, else the record would come back for ever: it leaves out what it must.
pub(crate) fn dead_letter(
    core: &TaskCore,
    fault: &Fault,
    record: &Record,
    quarantine: bool,
    now: Timestamp,
) -> OutgoingRecord {
    let settings = &core.letters;
    let headers: BTreeMap<String, String> = record
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), std::str::from_utf8(value).ok()?.to_owned())))
        .collect();
    let mut letter = DeadLetter {
        part: core.plan.name.to_string(),
        origin_topic: record.topic.to_string(),
        origin_partition: record.partition as i32,
        origin_offset: record.offset.0,
        code: fault.code.into(),
        reason: fault.reason.into(),
        field: fault.field.clone(),
        detail: fault.detail.clone(),
        attempts: 1,
        at: now,
        payload_bytes: record.value.as_ref().map_or(0, Bytes::len) as i64,
        payload: settings.payload.as_ref().and_then(|guard| guard(record)),
        headers,
    };
    let mut key = record.key.clone();
    let mut value = schemas::encode(&letter);
    let shed: [fn(&mut DeadLetter, &mut Option<Bytes>); 4] = [
        |letter, _| letter.payload = None,
        |letter, _| letter.headers.clear(),
        |_, key| *key = None,
        |letter, _| {
            let words = letter.field.iter_mut().chain([&mut letter.detail]);
            words.for_each(|text| text.truncate(text.floor_char_boundary(WORDS_LIMIT)));
        },
    ];
    for step in shed {
        if record_size(key.as_deref(), Some(&value)) <= core.max_record_bytes {
            break;
        }
        step(&mut letter, &mut key);
        value = schemas::encode(&letter);
    }
    OutgoingRecord {
        topic: if quarantine { settings.quarantine.clone() } else { settings.dead_letters.clone() },
        partition: None,
        key,
        value: Some(value.into()),
        timestamp: now,
        headers: Vec::new(),
    }
}
