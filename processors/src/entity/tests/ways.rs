//! Any order of the same events of one order ends in the same state, or in quarantine.

use proptest::prelude::*;
use schemas::{OrderChange, OrderEvent, OrderState};
use topology::decode_value;

use crate::entity::machine::State;
use crate::entity::order::OrderRecord;

use super::fixture::{Hub, NOW};

/// A legal walk from `acknowledged`: each number chooses among the states that may follow.
fn walk(choices: &[usize]) -> Vec<OrderState> {
    let mut states = vec![OrderState::Acknowledged];
    let mut origin = None;
    for choice in choices {
        let state = states[states.len() - 1];
        let next: Vec<_> = state
            .next()
            .iter()
            .copied()
            .filter(|to| {
                state != OrderState::AssessingCancellation
                    || *to == OrderState::PendingCancellation
                    || Some(*to) == origin
            })
            .collect();
        if next.is_empty() {
            break;
        }
        let to = next[choice % next.len()];
        if to == OrderState::AssessingCancellation {
            origin = Some(state);
        }
        states.push(to);
    }
    states
}

fn walks_and_shuffles() -> impl Strategy<Value = (Vec<OrderState>, Vec<usize>)> {
    prop::collection::vec(0usize..6, 1..9).prop_flat_map(|choices| {
        let states = walk(&choices);
        let places: Vec<usize> = (0..states.len()).collect();
        (Just(states), Just(places).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_of_events_ends_alike_or_in_quarantine((states, places) in walks_and_shuffles()) {
        let mut hub = Hub::new();
        let events: Vec<OrderEvent> = states.iter().enumerate().map(|(second, state)| {
            let change = if second == 0 { OrderChange::Created } else { OrderChange::StateChanged };
            hub.order_event("1", change, Some(*state), second as i64)
        }).collect();
        for place in &places {
            hub.order(&events[*place]);
            prop_assert_eq!(hub.driver.imbalance(), 0);
        }
        hub.wait_until(100);
        prop_assert_eq!((hub.driver.waiting(), hub.driver.imbalance()), (0, 0));

        let record: OrderRecord = decode_value(&hub.driver.store_get("entity.order.state", "1").unwrap()).unwrap();
        if hub.quarantined().is_empty() {
            prop_assert_eq!(record.machine.state, states.last().copied());
        }
        prop_assert!(record.machine.since.0 < NOW + 100_000);
    }
}
