//! Whether two programs did the same work: every record that they wrote, but for when it was taken in.

use std::collections::BTreeMap;
use std::fmt::Debug;

use schemas::{BillingRecord, FloworxCommand, LifecycleFact, PartnerDelivery, Schema, SlaState, Timestamp};

use super::stage::Stage;

/// When a record was taken in, for who compares it.
const LEVEL: Timestamp = Timestamp(0);

/// What a program wrote, in an order that does not depend on its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Written(BTreeMap<&'static str, Vec<(String, String)>>);

impl Written {
    /// Reads it.
    ///
    /// # Errors
    /// When it is no record of its topic, or cannot be read.
    pub fn by(stage: &Stage) -> anyhow::Result<Self> {
        let mut topics = BTreeMap::new();
        let mut add = |topic, records| topics.insert(topic, records);
        add("hub.lifecycle", read(stage, "hub.lifecycle", |fact: &mut LifecycleFact| fact.ingested_at = LEVEL)?);
        add("out.billing", read(stage, "out.billing", |record: &mut BillingRecord| record.ingested_at = LEVEL)?);
        add("out.floworx", read(stage, "out.floworx", |command: &mut FloworxCommand| command.ingested_at = LEVEL)?);
        for topic in ["out.partner", "out.notification"] {
            add(topic, read(stage, topic, |delivery: &mut PartnerDelivery| delivery.ingested_at = LEVEL)?);
        }
        add("hub.sla.state", read(stage, "hub.sla.state", |_: &mut SlaState| ())?);
        // Each program has a hash of its own of what an event says: here only whose events there are is compared.
        let mut orders = Vec::new();
        stage.each("hub.order", |key, _| {
            orders.push((String::from_utf8_lossy(key).into_owned(), String::new()));
            Ok(())
        })?;
        orders.sort_unstable();
        add("hub.order", orders);
        Ok(Self(topics))
    }

    /// How many records there are, by topic.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(topic, records)| (*topic, records.len()))
    }

    /// The first record of each topic that only one of the two has.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let differs = |topic: &&'static str| {
            let (own, others) = (&self.0[*topic], &other.0[*topic]);
            if own == others {
                return None;
            }
            let place =
                own.iter().zip(others).position(|(own, other)| own != other).unwrap_or(own.len().min(others.len()));
            let (own_count, other_count) = (own.len(), others.len());
            Some(format!("{topic}: {own_count} and {other_count}\n  {:?}\n  {:?}", own.get(place), others.get(place)))
        };
        self.0.keys().filter_map(differs).collect()
    }
}

fn read<R: Schema + Debug>(
    stage: &Stage,
    topic: &str,
    level: impl Fn(&mut R),
) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    stage.each(topic, |key, value| {
        let mut record: R = schemas::decode(value)?;
        level(&mut record);
        found.push((String::from_utf8_lossy(key).into_owned(), format!("{record:?}")));
        Ok(())
    })?;
    found.sort_unstable();
    Ok(found)
}
