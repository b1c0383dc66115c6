//! Tickets about orders: what a ticket tells the order that it is about, of which another task may know.

use bytes::Bytes;
use schemas::Timestamp;
use topology::{Context, Fault, SinkHandle, decode_value, encode_value};

use super::story::Story;

/// The topic from tickets to orders, keyed `order:ID`. Its records are the hub's own.
pub const TOPIC: &str = "hub.kpi.related";

/// So many tickets of an order are kept; it was not right the first time long before.
const TICKETS_MAX: usize = 8;

/// A ticket, and when it was created; nothing where it is not about this order after all.
type Related = (String, Option<i64>);

/// Tells an order that a ticket is about it, and another that it is not, where that is news.
///
/// # Errors
/// `Stop` when a record cannot be written.
pub(super) fn tell(
    ticket: &mut Story,
    id: &str,
    sink: SinkHandle,
    time: i64,
    context: &mut Context<'_>,
) -> Result<(), Fault> {
    let now = ticket.order_id.clone().map(|order| (order, ticket.created()));
    if now == ticket.told_order {
        return Ok(());
    }
    let before = std::mem::replace(&mut ticket.told_order, now.clone());
    let left = before.filter(|(order, _)| now.as_ref().is_none_or(|(other, _)| other != order));
    let news = left.map(|(order, _)| (order, None)).into_iter().chain(now.map(|(order, at)| (order, Some(at))));
    for (order, at) in news {
        let related: Related = (id.to_owned(), at);
        let key = Bytes::from(["order:", &order].concat());
        context.send_at(sink, Some(key), Some(encode_value(&related)?), Timestamp(time));
    }
    Ok(())
}

/// Takes in what a ticket told.
///
/// # Errors
/// `Stop`: only the hub writes it.
pub(super) fn take(order: &mut Story, value: &[u8]) -> Result<(), Fault> {
    let (ticket, at): Related = decode_value(value)?;
    order.tickets.retain(|(known, _)| *known != ticket);
    if let Some(at) = at.filter(|_| order.tickets.len() < TICKETS_MAX) {
        order.tickets.push((ticket, at));
        order.latest_at = order.latest_at.max(at);
    }
    Ok(())
}
