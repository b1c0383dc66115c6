//! What a partner remembers of its deliveries, to tell repeats and broken order.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;

/// Deliveries and entities remembered; beyond, the oldest are forgotten.
const MEMORY: usize = 1_000_000;

/// What a delivery was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Never seen.
    New,
    /// Never seen, and older than what its entity had already.
    OutOfOrder,
    /// Taken before under the same id.
    Duplicate,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    ids: HashSet<String>,
    /// In the order in which they were taken.
    order: VecDeque<String>,
    /// When the last thing that a partner knows of an entity happened.
    latest: HashMap<String, i64>,
}

impl Ledger {
    /// Books a delivery that was accepted.
    pub(super) fn take(&mut self, id: &str, body: &[u8]) -> Entry {
        if self.ids.contains(id) {
            return Entry::Duplicate;
        }
        if self.order.len() == MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.ids.insert(id.to_owned());
        self.order.push_back(id.to_owned());
        let Some((entity, at)) = entity_and_time(body) else { return Entry::New };
        if let Some(latest) = self.latest.get_mut(&entity) {
            if at < *latest {
                return Entry::OutOfOrder;
            }
            *latest = at;
        } else if self.latest.len() < MEMORY {
            self.latest.insert(entity, at);
        }
        Entry::New
    }
}

/// The entity that a webhook is about and when it happened, where the body tells: at its top or
/// under `data`.
fn entity_and_time(body: &[u8]) -> Option<(String, i64)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let find = |name: &str| body.get(name).or_else(|| body.get("data").and_then(|data| data.get(name)));
    let entity = find("entity_id").or_else(|| find("entityId"))?.as_str()?;
    let kind = find("entity_kind").or_else(|| find("entityKind")).and_then(Value::as_str);
    let at = find("occurred_at").or_else(|| find("occurredAt")).or_else(|| find("timestamp"))?;
    let at = match at {
        Value::Number(millis) => millis.as_i64()?,
        Value::String(text) => text.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
        _ => return None,
    };
    Some((format!("{}/{entity}", kind.unwrap_or_default()), at))
}

#[cfg(test)]
mod tests {
    use super::{Entry, Ledger};

    #[test]
    fn repeats_and_broken_order_are_told_apart() {
        let mut ledger = Ledger::default();
        let body = |entity: &str, second: u32| {
            format!("{{\"data\":{{\"entity_id\":\"{entity}\"}},\"timestamp\":\"2026-01-05T04:00:{second:02}Z\"}}")
        };
        assert_eq!(ledger.take("a", body("o1", 10).as_bytes()), Entry::New);
        assert_eq!(ledger.take("a", body("o1", 10).as_bytes()), Entry::Duplicate);
        assert_eq!(ledger.take("b", body("o1", 5).as_bytes()), Entry::OutOfOrder);
        assert_eq!(ledger.take("c", body("o2", 5).as_bytes()), Entry::New);
        assert_eq!(ledger.take("d", body("o1", 11).as_bytes()), Entry::New);
        assert_eq!(ledger.take("e", b"not json"), Entry::New);
    }
}
