//! What must be so after any seed.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Code, DeadLetter, DeliveryOutcome, DeliveryResult, PartnerDelivery, decode};
use topology::{Log, Offset, TopicPartition};

use super::{
    scenario::{GROUP, NOBODY, Scenario, TOPIC},
    target::{IMPATIENT, NAMES, TRIES},
};
use crate::sink::{DEAD_LETTER_TOPIC, DELIVERY_TOPIC, SinkSnapshot};

/// Where a record is in its topic.
type Place = (u32, i64);

struct Verdict<'a> {
    scenario: &'a Scenario,
    /// What was written; `None` for what cannot be read.
    written: BTreeMap<Place, Option<PartnerDelivery>>,
    outcomes: BTreeMap<String, DeliveryOutcome>,
    letters: BTreeMap<Place, DeadLetter>,
}

/// Every record has one outcome, and what the partners did agrees with it.
pub(super) fn check(scenario: &Scenario, books: &SinkSnapshot) -> Result<Vec<String>, String> {
    let read = |topic| scenario.log.records(topic).into_iter();
    let written = read(TOPIC).map(|record| {
        let value = record.value.unwrap_or_default();
        ((record.partition, record.offset.0), decode::<PartnerDelivery>(&value).ok())
    });
    let (mut outcomes, mut letters, mut trace) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for record in read(DELIVERY_TOPIC) {
        let outcome: DeliveryOutcome = decode(&record.value.unwrap_or_default()).map_err(|error| error.to_string())?;
        let DeliveryOutcome { delivery_id, result, attempts, .. } = &outcome;
        trace.push(format!("{delivery_id} ended {result:?} after {attempts}"));
        if let Some(other) = outcomes.insert(delivery_id.clone(), outcome.clone()) {
            return Err(format!("two outcomes: {other:?} and {outcome:?}"));
        }
    }
    for record in read(DEAD_LETTER_TOPIC) {
        let letter: DeadLetter = decode(&record.value.unwrap_or_default()).map_err(|error| error.to_string())?;
        let place = (letter.origin_partition as u32, letter.origin_offset);
        if let Some(other) = letters.insert(place, letter.clone()) {
            return Err(format!("two dead letters: {other:?} and {letter:?}"));
        }
    }
    let verdict = Verdict { scenario, written: written.collect(), outcomes, letters };
    verdict.ends()?;
    verdict.work()?;
    verdict.books(books)?;
    Ok(trace)
}

impl Verdict<'_> {
    /// Each record ended once, and as a dead letter only where the rules say so.
    fn ends(&self) -> Result<(), String> {
        let asked = self.scenario.partners.asked();
        let mut dead = BTreeSet::new();
        for (place, delivery) in &self.written {
            let Some(delivery) = delivery else {
                dead.insert(*place);
                continue;
            };
            let id = &delivery.delivery_id;
            let outcome = self.outcomes.get(id).ok_or_else(|| format!("no outcome of {id}"))?;
            let partner = NAMES.iter().position(|name| *name == delivery.partner_id);
            let code = outcome.error_code.as_deref().and_then(Code::find);
            let is_done = partner
                .is_some_and(|number| asked.partners[number].work().iter().any(|work| work.idempotency_key == *id));
            let is_right = match (outcome.result, code, partner) {
                (DeliveryResult::Delivered | DeliveryResult::Duplicate, _, Some(_)) => is_done,
                (DeliveryResult::DeadLettered, Some(Code::DeliveryBadTarget), None) => delivery.partner_id == NOBODY,
                (DeliveryResult::DeadLettered, Some(Code::DeliveryRefused), Some(number)) => {
                    asked.partners[number].refuses(id)
                }
                (DeliveryResult::DeadLettered, Some(Code::DeliveryAttemptsExhausted), Some(IMPATIENT)) => {
                    outcome.attempts == TRIES as i32
                }
                _ => false,
            };
            if !is_right || outcome.target != delivery.partner_id {
                return Err(format!("work done: {is_done}, and the outcome is {outcome:?}"));
            }
            if outcome.result == DeliveryResult::DeadLettered {
                dead.insert(*place);
            }
        }
        let letters: BTreeSet<_> = self.letters.keys().copied().collect();
        if letters != dead || self.outcomes.len() + self.scenario.torn != self.written.len() {
            return Err(format!("dead letters of {letters:?}, records given up {dead:?}"));
        }
        Ok(())
    }

    /// What a partner did was asked of it, and it did it in the order of each order key. Its waits were kept.
    fn work(&self) -> Result<(), String> {
        if let Some(early) = self.scenario.partners.asked().early.first() {
            return Err(format!("asked again before its time: {early}"));
        }
        let places: BTreeMap<_, _> = self
            .written
            .iter()
            .filter_map(|(place, delivery)| {
                Some((delivery.as_ref()?.delivery_id.as_str(), (place, delivery.as_ref()?)))
            })
            .collect();
        for (number, partner) in self.scenario.partners.asked().partners.iter().enumerate() {
            let mut last = BTreeMap::new();
            for work in partner.work() {
                let id = work.idempotency_key.as_str();
                let (place, delivery) = places.get(id).ok_or_else(|| format!("{id} was done, and never asked for"))?;
                if delivery.partner_id != NAMES[number] {
                    return Err(format!("{id} was done by {}", NAMES[number]));
                }
                // Giving up holds nobody up: where a crash undoes it, the record is tried again behind its followers.
                if number == IMPATIENT && partner.requests(id) >= TRIES {
                    continue;
                }
                if let Some(before) = last.insert(work.order_key.as_str(), place).filter(|before| before > &place) {
                    return Err(format!("{id} at {place:?} was done after the one at {before:?}"));
                }
            }
        }
        Ok(())
    }

    /// The books balance and say what the outcomes say, and nothing is left to be read.
    fn books(&self, books: &SinkSnapshot) -> Result<(), String> {
        let ended = |result| self.outcomes.values().filter(|outcome| outcome.result == result).count();
        let expected = [
            self.written.len(),
            ended(DeliveryResult::Delivered),
            ended(DeliveryResult::Duplicate),
            ended(DeliveryResult::DeadLettered) + self.scenario.torn,
        ];
        let found = [books.taken_in, books.delivered, books.duplicate, books.dead_lettered];
        if books.imbalance() != 0 || found != expected.map(|count| count as u64) {
            return Err(format!("expected {expected:?}, and the books say {books:?}"));
        }
        let mut counts: BTreeMap<u32, i64> = BTreeMap::new();
        self.written.keys().for_each(|(partition, _)| *counts.entry(*partition).or_default() += 1);
        for (partition, count) in counts {
            let at = TopicPartition::new(TOPIC, partition);
            let position = self.scenario.log.committed(GROUP, &at).map_err(|error| error.to_string())?;
            let next = position.unwrap_or_default().next_offset;
            if next != Offset(count) {
                return Err(format!("{at} is committed up to {next}, and ends at {count}"));
            }
        }
        Ok(())
    }
}
