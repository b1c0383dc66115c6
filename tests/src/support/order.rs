//! Comparing what two hubs made of the same events, when some came out of order.

use std::collections::{BTreeMap, BTreeSet};

/// What billing has of each entity: its latest state, and how many deliveries led to it.
pub type Entities = BTreeMap<String, (Option<String>, i64)>;

/// The entities with an event that came after a later one. Such an event is stale when the later
/// one was applied meanwhile, and takes its place when both waited for the customer: the final state is
/// the same, the number of steps to it is a matter of time.
pub fn out_of_order(lines: &[String]) -> BTreeSet<String> {
    let mut newest = BTreeMap::new();
    let mut late = BTreeSet::new();
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(line).expect("generated events are JSON");
        let occurred = event["timeOccurred"].as_str().or(event["eventTime"].as_str()).unwrap_or_default().to_owned();
        let resource = event["event"].as_object().and_then(|event| event.values().next());
        let Some(id) = resource.and_then(|resource| resource["id"].as_str()) else { continue };
        let last = newest.entry(id.to_owned()).or_insert_with(String::new);
        if occurred < *last {
            late.insert(id.to_owned());
        } else {
            *last = occurred;
        }
    }
    late
}

/// Whether this entity of billing is one of these ids.
pub fn is_of(entity: &str, ids: &BTreeSet<String>) -> bool {
    entity.split_once(':').is_some_and(|(_, id)| ids.contains(id))
}

/// Entities that two hubs brought to different states, or, unless they are among the late ones, by a
/// different number of deliveries.
pub fn differing(expected: &Entities, found: &Entities, late: &BTreeSet<String>) -> Vec<String> {
    let differs = |entity: &String, wanted: &(Option<String>, i64)| {
        found.get(entity).is_none_or(|got| got.0 != wanted.0 || (got.1 != wanted.1 && !is_of(entity, late)))
    };
    let wrong = expected.iter().filter(|(entity, wanted)| differs(entity, wanted));
    wrong.map(|(entity, wanted)| format!("{entity}: {wanted:?}, found {:?}", found.get(entity))).collect()
}
