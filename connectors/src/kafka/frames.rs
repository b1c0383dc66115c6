//! Schema ids at the edge: the registry's in what is on topics, the table's in memory.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use topology::{LogError, Record, TopicName};

use crate::registry::SchemaIds;

/// Translates what one reader takes in. Records of one topic and of one schema come in runs.
#[derive(Default)]
pub(super) struct Incoming {
    framed: HashMap<TopicName, bool>,
    last: Option<(u32, u32)>,
}

impl Incoming {
    /// Gives a record the id that its schema has in memory. Without a registry, on topics without frames, and
    /// where the value is no frame, it stays as it is.
    ///
    /// # Errors
    /// [`LogError::Retriable`] while the registry cannot be asked: the record is to be translated again later.
    pub(super) fn translate(&mut self, ids: Option<&Arc<SchemaIds>>, record: &mut Record) -> Result<(), LogError> {
        let (Some(ids), Some(value)) = (ids, &record.value) else { return Ok(()) };
        let framed = match self.framed.get(&record.topic) {
            Some(framed) => *framed,
            None => {
                let framed = ids.of_topic(&record.topic).is_some();
                self.framed.insert(record.topic.clone(), framed);
                framed
            }
        };
        let Some(id) = framed.then(|| schemas::schema_id(value).ok()).flatten() else { return Ok(()) };
        let own = match self.last {
            Some((last, own)) if last == id => own,
            _ => {
                let own = ids.incoming(id)?;
                // What nobody knows may be known later.
                if own & schemas::registry::FOREIGN == 0 {
                    self.last = Some((id, own));
                }
                own
            }
        };
        if own != id {
            record.value = Some(schemas::with_schema_id(value, own).into());
        }
        Ok(())
    }
}

/// The frame as it goes to the topic; `None` for what goes as it is.
///
/// # Errors
/// [`LogError::Corrupt`] when no subject of the topic has the schema: it was not registered at the start.
pub(super) fn outgoing(ids: &[(u32, u32)], topic: &str, value: &[u8]) -> Result<Option<Bytes>, LogError> {
    let Ok(id) = schemas::schema_id(value) else { return Ok(None) };
    match ids.iter().find(|(own, _)| *own == id) {
        Some((_, wire)) => Ok(Some(schemas::with_schema_id(value, *wire).into())),
        None => Err(LogError::Corrupt(format!("schema {id} of the hub has no id in the registry for topic {topic}"))),
    }
}
