//! Whether two programs did the same work: every record that they wrote, but for when it was taken in.

use std::collections::BTreeMap;
use std::fmt::Debug;

use schemas::{BillingRecord, FloworxCommand, LifecycleFact, PartnerDelivery, Schema, SlaState, Timestamp};

use super::stage::{Stage, canonical};

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
        topics.insert("hub.lifecycle", texts::<LifecycleFact>(stage, "hub.lifecycle", |fact| &mut fact.ingested_at)?);
        topics.insert("out.billing", texts::<BillingRecord>(stage, "out.billing", |record| &mut record.ingested_at)?);
        topics.insert("out.floworx", texts::<FloworxCommand>(stage, "out.floworx", |record| &mut record.ingested_at)?);
        for topic in ["out.partner", "out.notification"] {
            topics.insert(topic, texts::<PartnerDelivery>(stage, topic, |record| &mut record.ingested_at)?);
        }
        topics.insert("hub.sla.state", read::<SlaState>(stage, "hub.sla.state", |_| ())?);
        topics.insert(canonical(), vec![(stage.count(canonical())?.to_string(), String::new())]);
        Ok(Self(topics))
    }

    /// How many records there are, by topic.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(topic, records)| match &records[..] {
            [(count, text)] if text.is_empty() => (*topic, count.parse().unwrap_or_default()),
            records => (*topic, records.len()),
        })
    }

    /// The first record of each topic that only one of the two has.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let differs = |topic: &&'static str| {
            let (own, others) = (&self.0[*topic], other.0.get(*topic)?);
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

fn texts<R: Schema + Debug>(
    stage: &Stage,
    topic: &str,
    taken_in: fn(&mut R) -> &mut Timestamp,
) -> anyhow::Result<Vec<(String, String)>> {
    read::<R>(stage, topic, |record| *taken_in(record) = Timestamp(0))
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
