//! Transactions that do not end: whoever reads committed records stops before the first of them, however much is
//! written behind it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use topology::{Offset, TopicPartition};

use super::settings::KafkaSettings;

/// How often a broker looks for transactions that are open for longer than they may, by default.
const BROKER_LOOKS_EVERY: Duration = Duration::from_secs(10);

/// So often it is looked at least.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// A partition whose readers are held up by a transaction that does not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hanging {
    /// The partition, with the name that the brokers know.
    pub partition: TopicPartition,
    /// The last stable offset: readers come no further.
    pub stable_end: Offset,
    /// The end of what is written.
    pub written_end: Offset,
    /// For how long readers have come no further, as far as this process has seen.
    pub held_for: Duration,
}

/// What was seen so far, look by look.
pub(super) struct HangingWatch {
    /// For how long a transaction may be open before it is said to hang.
    patience: Duration,
    /// Where readers stop before the end, and when they were seen to first.
    held: HashMap<TopicPartition, (Offset, Instant)>,
}

impl HangingWatch {
    /// For transactions that end in the time of the settings, were it by the broker.
    pub(super) fn new(settings: &KafkaSettings) -> Self {
        let patience = settings.hanging_after.unwrap_or(settings.transaction_timeout + BROKER_LOOKS_EVERY);
        Self { patience, held: HashMap::new() }
    }

    /// How often to look.
    pub(super) fn every(&self) -> Duration {
        (self.patience / 4).min(LOOK_EVERY)
    }

    /// One look: each partition with its last stable offset and, asked for after that, its end.
    pub(super) fn look(
        &mut self,
        ends: impl IntoIterator<Item = (TopicPartition, Offset, Offset)>,
        now: Instant,
    ) -> Vec<Hanging> {
        let mut before = std::mem::take(&mut self.held);
        let mut hanging = Vec::new();
        for (partition, stable_end, written_end) in ends {
            if stable_end >= written_end {
                continue;
            }
            let known = before.remove(&partition).filter(|(stable, _)| *stable == stable_end);
            let since = known.map_or(now, |(_, since)| since);
            self.held.insert(partition.clone(), (stable_end, since));
            let held_for = now.saturating_duration_since(since);
            if held_for > self.patience {
                hanging.push(Hanging { partition, stable_end, written_end, held_for });
            }
        }
        hanging
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stable_end_that_does_not_move_hangs() {
        let begun = Instant::now();
        let mut settings = KafkaSettings::new("nowhere:1", "one");
        settings.transaction_timeout = Duration::from_secs(5);
        let mut watch = HangingWatch::new(&settings);
        assert_eq!(watch.every(), Duration::from_secs(3));
        let mut look = |second: u64, ends: [(i64, i64); 3]| {
            let ends = ends.into_iter().zip(0..).map(|((stable, written), number)| {
                (TopicPartition::new("jcms.in", number), Offset(stable), Offset(written))
            });
            let hanging = watch.look(ends, begun + Duration::from_secs(second));
            hanging.iter().map(|one| (one.partition.partition, one.held_for.as_secs())).collect::<Vec<_>>()
        };
        // The first stands still, the second moves, the third is quiet.
        assert_eq!(look(0, [(3, 4), (1, 9), (7, 7)]), []);
        assert_eq!(look(15, [(3, 5), (8, 9), (7, 7)]), []);
        assert_eq!(look(16, [(3, 6), (8, 9), (7, 7)]), [(0, 16)]);
        // It ended, and the next one begins to count anew.
        assert_eq!(look(20, [(8, 8), (9, 9), (7, 7)]), []);
        assert_eq!(look(40, [(8, 9), (9, 9), (7, 8)]), []);
        settings.hanging_after = Some(Duration::from_secs(4));
        assert_eq!(HangingWatch::new(&settings).every(), Duration::from_secs(1));
    }
}
