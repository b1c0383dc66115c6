//! What stands between the topics that exist and those that are wanted, before anything is changed.

use std::collections::HashMap;

use crate::{Cleanup, Log, LogError, TopicName, TopicSpec};

/// One step of a [`TopicPlan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicStep {
    /// The topic does not exist.
    Create(TopicSpec),
    /// It is kept otherwise than wanted.
    Change {
        /// As it is.
        from: TopicSpec,
        /// As it shall be.
        to: TopicSpec,
    },
    /// It has another number of partitions. That is never changed: keys would move, and with them the state
    /// that belongs to them and the order of their records.
    Refuse {
        /// The topic.
        topic: TopicName,
        /// How many partitions it has.
        actual: u32,
        /// How many are wanted.
        wanted: u32,
    },
}

/// What would have to be done so that all wanted topics exist as they are wanted. Nothing is ever deleted, and
/// topics that nobody asked for are left alone.
///
/// ```
/// use topology::{TopicPlan, TopicSpec, TopicStep};
///
/// let wanted = [TopicSpec::compact("table", 1), TopicSpec::delete("events", 4, None)];
/// let plan = TopicPlan::between(&wanted, &[TopicSpec::delete("events", 3, None)]);
/// assert_eq!(plan.steps[0], TopicStep::Create(wanted[0].clone()));
/// assert!(matches!(plan.steps[1], TopicStep::Refuse { actual: 3, wanted: 4, .. }));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPlan {
    /// What is to be done, in the order of the wanted topics.
    pub steps: Vec<TopicStep>,
    /// How many are as they shall be.
    pub unchanged: usize,
}

impl TopicPlan {
    /// The plan from what exists to what is wanted.
    pub fn between(wanted: &[TopicSpec], existing: &[TopicSpec]) -> Self {
        let existing: HashMap<&TopicName, &TopicSpec> = existing.iter().map(|spec| (&spec.name, spec)).collect();
        let mut plan = Self::default();
        for spec in wanted {
            match existing.get(&spec.name) {
                None => plan.steps.push(TopicStep::Create(spec.clone())),
                Some(found) if found.partitions != spec.partitions => plan.steps.push(TopicStep::Refuse {
                    topic: spec.name.clone(),
                    actual: found.partitions,
                    wanted: spec.partitions,
                }),
                Some(found) if !is_kept_alike(found, spec) => {
                    plan.steps.push(TopicStep::Change { from: (*found).clone(), to: spec.clone() });
                }
                Some(_) => plan.unchanged += 1,
            }
        }
        plan
    }

    /// The plan for a log.
    ///
    /// # Errors
    /// When the log cannot be asked.
    pub fn of(log: &dyn Log, wanted: &[TopicSpec]) -> Result<Self, LogError> {
        let names: Vec<TopicName> = wanted.iter().map(|spec| spec.name.clone()).collect();
        Ok(Self::between(wanted, &log.topic_specs(&names)?))
    }

    /// Whether the log could be used as it is: every topic exists with its partitions.
    pub fn is_usable(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, TopicStep::Change { .. }))
    }

    /// How many steps are refused.
    pub fn refused(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, TopicStep::Refuse { .. })).count()
    }

    /// Does what is not refused: makes what is missing, then changes what is kept otherwise.
    ///
    /// # Errors
    /// The first thing that fails. What was done before stays; a new plan shows the rest.
    pub fn apply(&self, log: &dyn Log) -> Result<(), LogError> {
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for step in &self.steps {
            match step {
                TopicStep::Create(spec) => new.push(spec.clone()),
                TopicStep::Change { to, .. } => changed.push(to.clone()),
                TopicStep::Refuse { .. } => {}
            }
        }
        if !new.is_empty() {
            log.ensure_topics(&new)?;
        }
        if changed.is_empty() { Ok(()) } else { log.change_topics(&changed) }
    }
}

/// Time and size bound only what is deleted.
fn is_kept_alike(left: &TopicSpec, right: &TopicSpec) -> bool {
    left.cleanup == right.cleanup
        && (left.cleanup == Cleanup::Compact
            || (left.retention, left.retention_bytes) == (right.retention, right.retention_bytes))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_kept_otherwise_is_changed_and_what_is_alike_is_counted() {
        let hour = Some(Duration::from_hours(1));
        let wanted = [
            TopicSpec::delete("a", 1, hour),
            TopicSpec::compact("b", 1),
            TopicSpec::delete("c", 1, None),
            TopicSpec { retention: hour, ..TopicSpec::compact("d", 1) },
        ];
        let existing = [
            TopicSpec::delete("a", 1, None),
            TopicSpec::delete("b", 1, None),
            TopicSpec::delete("c", 1, None),
            TopicSpec::compact("d", 1),
            TopicSpec::delete("another's", 9, None),
        ];
        let plan = TopicPlan::between(&wanted, &existing);
        let changed = |index: usize| TopicStep::Change { from: existing[index].clone(), to: wanted[index].clone() };
        assert_eq!((&plan.steps[..], plan.unchanged), (&[changed(0), changed(1)][..], 2));
        assert!(plan.is_usable() && plan.refused() == 0);
    }

    #[test]
    fn a_missing_topic_or_another_count_keeps_the_log_from_being_used() {
        let wanted = [TopicSpec::delete("a", 2, None)];
        assert!(!TopicPlan::between(&wanted, &[]).is_usable());
        let plan = TopicPlan::between(&wanted, &[TopicSpec::delete("a", 1, None)]);
        assert_eq!((plan.is_usable(), plan.refused()), (false, 1));
    }
}
