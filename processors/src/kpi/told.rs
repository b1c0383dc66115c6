//! What an entity has added so far, and how it is brought to what it adds now.

use serde::{Deserialize, Serialize};

use super::catalog::{Kpi, Measure};
use super::labels::Labels;
use super::settings::KpiSettings;
use super::tally::Value;

/// The width of a pane: the unit that closes.
const PANE_MS: i64 = 60_000;

/// One thing that an entity adds to one KPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The KPI.
    pub kpi: Kpi,
    /// Tells several of one KPI apart.
    pub ordinal: u8,
    /// When what is measured ended: the pane it belongs to.
    pub at: i64,
    /// What it adds.
    pub value: Value,
}

/// Adds something to a KPI, or takes it out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// 1, or -1.
    pub times: i64,
    /// The instant whose windows it belongs to.
    pub at: i64,
    /// What is added.
    pub value: Value,
    /// Whose it is.
    pub labels: Labels,
}

/// What has been added, so that it can be taken out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Each set of labels once: most entities have one.
    labels: Vec<Labels>,
    items: Vec<(Item, u8, bool)>,
}

impl Told {
    /// Whether anything that is open is counted.
    pub fn holds_open(&self) -> bool {
        self.items.iter().any(|(item, ..)| matches!(item.value, Value::Since(_)))
    }

    /// What was added as this item.
    pub fn find(&self, kpi: Kpi, ordinal: u8) -> Option<Item> {
        self.items.iter().map(|(item, ..)| *item).find(|item| item.kpi == kpi && item.ordinal == ordinal)
    }

    /// Brings what was added to `now`, at the time that the partition has come to. What belongs to a
    /// pane that has closed stays as it is, and is counted as late once.
    pub fn reconcile(
        &mut self,
        now: &[Item],
        labels: &Labels,
        time: i64,
        settings: &KpiSettings,
    ) -> Vec<(Kpi, Change)> {
        let mut changes = Vec::new();
        let before = std::mem::take(self);
        for (old, set, late) in &before.items {
            let new = now.iter().find(|new| new.kpi == old.kpi && new.ordinal == old.ordinal);
            let old_labels = &before.labels[usize::from(*set)];
            let is_same = new.is_some_and(|new| new == old);
            let is_final = old.value == Value::Late || is_closed(old, time, settings);
            if is_final || (is_same && old_labels == labels) {
                let is_late = is_final && !is_same && old.value != Value::Late;
                if is_late && !late {
                    changes.push((old.kpi, Change { times: 1, at: time, value: Value::Late, labels: labels.clone() }));
                }
                self.keep(*old, old_labels, *late || is_late);
                continue;
            }
            let Item { at, value, .. } = *old;
            changes.push((old.kpi, Change { times: -1, at, value, labels: old_labels.clone() }));
            if let Some(new) = new {
                self.add(*new, labels, time, settings, &mut changes);
            }
        }
        for new in now {
            if before.find(new.kpi, new.ordinal).is_none() {
                self.add(*new, labels, time, settings, &mut changes);
            }
        }
        changes
    }

    fn add(&mut self, new: Item, labels: &Labels, time: i64, settings: &KpiSettings, changes: &mut Vec<(Kpi, Change)>) {
        let item = if is_closed(&new, time, settings) { Item { at: time, value: Value::Late, ..new } } else { new };
        let Item { at, value, .. } = item;
        changes.push((new.kpi, Change { times: 1, at, value, labels: labels.clone() }));
        self.keep(item, labels, value == Value::Late);
    }

    fn keep(&mut self, item: Item, labels: &Labels, late: bool) {
        let set = self.labels.iter().position(|known| known == labels).unwrap_or_else(|| {
            self.labels.push(labels.clone());
            self.labels.len() - 1
        });
        self.items.push((item, set as u8, late));
    }
}

/// Whether the pane of an item has closed. What is open belongs to none.
fn is_closed(item: &Item, time: i64, settings: &KpiSettings) -> bool {
    let definition = item.kpi.definition();
    if matches!(definition.measure, Measure::Open { .. }) {
        return false;
    }
    let pane_ends = item.at.div_euclid(PANE_MS).saturating_add(1).saturating_mul(PANE_MS);
    pane_ends.saturating_add(settings.grace_ms.max(definition.horizon_ms)) <= time
}
