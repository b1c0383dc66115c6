//! Any order of the same events of one entity ends in the same state, or in quarantine.

use proptest::prelude::*;
use schemas::{
    AccountChange, AccountEntityKind, BillState, OrderChange, OrderEvent, OrderState, PaymentState, TicketChange,
    TicketState,
};
use topology::decode_value;

use crate::entity::account::AccountRecord;
use crate::entity::machine::State;
use crate::entity::order::OrderRecord;
use crate::entity::ticket::TicketRecord;

use super::fixture::{Hub, NOW, payment};

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

/// A legal walk from the first state of a machine that returns nowhere, and the order it comes in.
fn any_walk<S: State + Send + Sync>() -> impl Strategy<Value = (Vec<S>, Vec<usize>)> {
    prop::collection::vec(0usize..6, 1..9).prop_flat_map(|choices| {
        let mut states = vec![S::START[0]];
        for choice in choices {
            let next = states[states.len() - 1].next();
            let Some(to) = next.get(choice % next.len().max(1)) else { break };
            states.push(*to);
        }
        let places: Vec<usize> = (0..states.len()).collect();
        (Just(states), Just(places).prop_shuffle())
    })
}

/// Sends the states in this order, each at its place's second, and waits until all waits are over.
/// Whether none went to quarantine.
fn live<S: Copy>(
    hub: &mut Hub,
    (states, places): &(Vec<S>, Vec<usize>),
    send: impl Fn(&mut Hub, bool, S, i64),
) -> Result<bool, TestCaseError> {
    for place in places {
        send(hub, *place == 0, states[*place], *place as i64);
        prop_assert_eq!(hub.driver.imbalance(), 0);
    }
    hub.wait_until(100);
    prop_assert_eq!((hub.driver.waiting(), hub.driver.imbalance()), (0, 0));
    Ok(hub.quarantined().is_empty())
}

fn account(hub: &Hub, key: &str) -> AccountRecord {
    decode_value(&hub.driver.store_get("entity.account.state", key).unwrap()).unwrap()
}

fn account_change(is_first: bool) -> AccountChange {
    if is_first { AccountChange::Created } else { AccountChange::StateChanged }
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

    #[test]
    fn any_order_of_a_tickets_events_ends_alike_or_in_quarantine(walk in any_walk::<TicketState>()) {
        let mut hub = Hub::new();
        let all_came = live(&mut hub, &walk, |hub, is_first, state, second| {
            let change = if is_first { TicketChange::Created } else { TicketChange::StatusChanged };
            hub.ticket("1", change, Some(state), second);
        })?;
        let record: TicketRecord = decode_value(&hub.driver.store_get("entity.ticket.state", "1").unwrap()).unwrap();
        prop_assert!(!all_came || record.machine.state == walk.0.last().copied());
    }

    #[test]
    fn any_order_of_a_payments_events_ends_alike_or_in_quarantine(walk in any_walk::<PaymentState>()) {
        let mut hub = Hub::new();
        let all_came = live(&mut hub, &walk, |hub, is_first, state, second| {
            hub.payment(AccountEntityKind::Payment, account_change(is_first), payment("1", state), second);
        })?;
        let state = account(&hub, "payment:1").payment.unwrap().machine.state;
        prop_assert!(!all_came || state == walk.0.last().copied());
    }

    #[test]
    fn any_order_of_a_bills_events_ends_alike_or_in_quarantine(walk in any_walk::<BillState>()) {
        let mut hub = Hub::new();
        let all_came = live(&mut hub, &walk, |hub, is_first, state, second| {
            hub.bill("1", account_change(is_first), state, second);
        })?;
        let state = account(&hub, "bill:1").bill.unwrap().machine.state;
        prop_assert!(!all_came || state == walk.0.last().copied());
    }
}
