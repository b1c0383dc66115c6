//! Merging what an event tells of an order: the last writer wins, by when it happened.

use schemas::{Order, OrderItem, Timestamp};
use serde::{Deserialize, Serialize};

use crate::entity::machine::State;
use crate::entity::merge::{Merged, merge_group};

use super::OrderRecord;

/// When each group of attributes was last set. A later event's word stands; an earlier one only
/// fills what nobody has said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The dates.
    dates: Timestamp,
    /// Customer, account, circle.
    customer: Timestamp,
    /// Category, priority, channel, price, external id.
    details: Timestamp,
    /// Each item, in the order of the items.
    items: Vec<Timestamp>,
}

impl Default for Times {
    fn default() -> Self {
        let never = Timestamp(i64::MIN);
        Self { dates: never, customer: never, details: never, items: Vec::new() }
    }
}

impl Times {
    /// When an item was last told of, if that was after `at`.
    pub fn items_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.items.iter().copied().max().filter(|latest| *latest > at)
    }
}

/// Merges a patch that happened at `at`. What is not kept (unknown fields, notices) is there until
/// the fact is published.
pub fn merge(state: &mut OrderRecord, patch: Order, at: Timestamp) -> Merged {
    let mut merged = Merged::default();
    let OrderRecord { order, times, .. } = state;
    merge_group!(merged, times.dates, at, patch => order: creation_date, requested_start_date,
        requested_completion_date, expected_completion_date, completion_date, cancellation_date, cancellation_reason);
    merge_group!(merged, times.customer, at, patch => order: customer_id, billing_account_id, circle);
    merge_group!(merged, times.details, at, patch => order: category, priority, channel, external_id, total_price);

    for item in patch.items {
        merge_item(order, &mut times.items, item, at, &mut merged);
    }
    merged.any |= !patch.extra.is_empty();
    order.id = patch.id;
    order.extra = patch.extra;
    order.milestones = patch.milestones;
    order.jeopardy_alerts = patch.jeopardy_alerts;
    order.error_messages = patch.error_messages;
    merged
}

fn merge_item(order: &mut Order, times: &mut Vec<Timestamp>, patch: OrderItem, at: Timestamp, merged: &mut Merged) {
    let Some(index) = order.items.iter().position(|item| item.id == patch.id) else {
        order.items.push(patch);
        times.push(at);
        merged.any = true;
        return;
    };
    let (item, since) = (&mut order.items[index], &mut times[index]);
    let later = at >= *since;
    // An item that has ended stays so, like its order.
    if let Some(state) = patch.state
        && item.state != Some(state)
    {
        if item.state.is_none() || later && !item.state.is_some_and(State::is_terminal) {
            item.state = Some(state);
            merged.any = true;
        } else {
            merged.late = true;
        }
    }
    merge_group!(merged, *since, at, patch => item: action, quantity, offering_id, product_id, partner_id, price);
    *since = (*since).max(at);
    item.extra.extend(patch.extra);
}
