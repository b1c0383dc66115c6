//! The last word on clocks whose tasks move from worker to worker, crash and abort on the way, while a
//! holiday is declared that some workers know before others.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use schemas::{LifecycleFact, SlaState, SlaViolation, Timestamp};
use topology::sim::{Simulation, SimulationSettings};

use super::driver::{MINUTE, at, topology_of};
use super::naive::{HOLIDAYS, History, MINUTES, START, history, last_words, names, settings, word};

/// How many orders have clocks at once.
const ORDERS: usize = 4;

/// What was written to a topic of one order, in order.
fn of<T: schemas::Schema>(simulation: &Simulation, topic: &str, is_its: impl Fn(&T) -> bool) -> Vec<T> {
    let values = simulation.log().records(topic).into_iter().filter_map(|record| record.value);
    values.map(|value| schemas::decode(&value).unwrap()).filter(is_its).collect()
}

/// Writes every history's facts in their order, lets time pass between them, and whatever may go wrong go
/// wrong; then whatever is due is done. With the turn `declared` a holiday is.
fn play(seed: u64, histories: &[History], declared: usize) -> (Simulation, i64) {
    let harsh = SimulationSettings::harsh("sla");
    let topology = Arc::new(topology_of(settings(HOLIDAYS[0])));
    let mut simulation = Simulation::new(seed, topology, harsh, Timestamp(at(START))).unwrap();
    let turns = histories.iter().map(|history| history.order.len()).max().unwrap_or(0);
    for turn in 0..turns {
        if turn == declared {
            simulation.roll_out(Arc::new(topology_of(settings(HOLIDAYS[1]))));
        }
        for (order, history) in histories.iter().enumerate() {
            let Some(index) = history.order.get(turn) else { continue };
            // All of them together take as long as one of them alone.
            simulation.pass(Duration::from_millis((history.waits[turn] * MINUTE) as u64 / ORDERS as u64));
            let fact = LifecycleFact { entity_id: order.to_string(), ..history.facts[*index].clone() };
            let key = format!("order:{order}");
            let value = schemas::encode(&fact).into();
            simulation.append("hub.lifecycle", key.as_bytes(), Some(value), fact.occurred_at).unwrap();
            for _ in 0..12 {
                simulation.step().unwrap();
            }
        }
    }
    // Half a minute later, as it takes a while to settle: a target that is used up at that very instant would be met
    // by the one and overrun by the other.
    let end = simulation.now().0.max(at(START) + MINUTES * MINUTE) + 60 * MINUTE + MINUTE / 2;
    simulation.pass(Duration::from_millis((end - simulation.now().0) as u64));
    simulation.settle(5_000).unwrap();
    (simulation, end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_last_word_is_the_same_wherever_a_task_was(
        seed: u64,
        declared in 0usize..20,
        histories in prop::collection::vec(history(), ORDERS),
    ) {
        let (simulation, end) = play(seed, &histories, declared);
        let turns = histories.iter().map(|history| history.order.len()).max().unwrap_or(0);
        let holiday = HOLIDAYS[usize::from(declared < turns)];
        for (order, history) in histories.iter().enumerate() {
            let id = order.to_string();
            let states = of(&simulation, "hub.sla.state", |state: &SlaState| state.entity_id == id);
            let violations = of(&simulation, "hub.sla.violation", |violation: &SlaViolation| violation.entity_id == id);
            for name in names() {
                let word = word(&name, holiday, &history.facts, end);
                prop_assert_eq!(last_words(&states, &violations, &name), word, "{} of order {}", name, order);
            }
        }
        prop_assert_eq!(simulation.ledger().imbalance(), 0);
    }
}
