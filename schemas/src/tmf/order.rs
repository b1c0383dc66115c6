//! Product orders and their cancellation tasks (TMF622 v4 and v5).

use super::{CanonicalEvent, ReadError, event_type::Verb, fields, fields::Reading, party};
use crate::{
    CancelOrder, Extra, Money, Order, OrderChange, OrderEvent, OrderItem, OrderNotice, OrderState, code::Code,
    json::Value,
};

/// Names of the characteristic for the licence service area.
pub(super) const CIRCLE_NAMES: [&str; 4] = ["circle", "licenceServiceArea", "licensedServiceArea", "lsa"];

pub(super) fn read(mut reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let order = read_order(&mut reading, entity)?;
    if is_suspect(&reading, &order) {
        reading.flag("sla_suspect");
    }
    let change = match reading.head.kind.verb {
        Verb::Create => OrderChange::Created,
        Verb::StateChange => OrderChange::StateChanged,
        Verb::Delete => OrderChange::Deleted,
        Verb::InformationRequired => OrderChange::InformationRequired,
        Verb::Milestone => OrderChange::Milestone,
        Verb::JeopardyAlert => OrderChange::JeopardyAlert,
        Verb::ErrorMessage => OrderChange::ErrorMessage,
        Verb::AttributeValueChange | Verb::Resolved => OrderChange::AttributeChanged,
    };
    Ok(CanonicalEvent::Order(OrderEvent { envelope: reading.head.envelope, change, order, cancel: None }))
}

pub(super) fn read_cancel(mut reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut order = Order::default();
    let mut cancel = CancelOrder { id: fields::id_of(entity)?, ..CancelOrder::default() };
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "state" => cancel.state = fields::named(field)?,
            "cancellationReason" => cancel.reason = fields::text(field)?,
            "productOrder" => {
                order.id = fields::required_id(field.elements().next().unwrap_or(field), "id")?;
                fields::keep_rest(&mut order.extra, field, &["id"]);
            }
            "relatedParty" => {
                order.customer_id = party::customer_id(field)?;
                fields::keep(&mut order.extra, field);
            }
            _ => fields::keep(&mut order.extra, field),
        }
    }
    if order.id.is_empty() {
        return Err(fields::missing(Code::MissingField, entity, "productOrder"));
    }
    keep_beside(&reading, &mut order.extra);
    customer_from_envelope(&mut reading, &mut order.customer_id)?;
    let change = match reading.head.kind.verb {
        Verb::Create => OrderChange::CancelRequested,
        Verb::InformationRequired => OrderChange::CancelInformationRequired,
        _ => OrderChange::CancelStateChanged,
    };
    let cancel = Some(cancel);
    Ok(CanonicalEvent::Order(OrderEvent { envelope: reading.head.envelope, change, order, cancel }))
}

fn read_order(reading: &mut Reading<'_>, entity: Value<'_>) -> Result<Order, ReadError> {
    let mut order = Order { id: fields::id_of(entity)?, ..Order::default() };
    let mut total = None;
    let (mut order_date, mut changed_items) = (None, None);
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "state" => order.state = fields::named(field)?,
            "category" => order.category = fields::text(field)?,
            "priority" => order.priority = fields::text(field)?,
            "channel" => {
                order.channel = channel(field)?;
                fields::keep_rest(&mut order.extra, field, &["name"]);
            }
            "creationDate" => order.creation_date = fields::instant(field)?,
            "orderDate" => order_date = fields::instant(field)?,
            "requestedStartDate" => order.requested_start_date = fields::instant(field)?,
            "requestedCompletionDate" => order.requested_completion_date = fields::instant(field)?,
            "expectedCompletionDate" => order.expected_completion_date = fields::instant(field)?,
            "completionDate" => order.completion_date = fields::instant(field)?,
            "cancellationDate" => order.cancellation_date = fields::instant(field)?,
            "cancellationReason" => order.cancellation_reason = fields::text(field)?,
            "externalId" => {
                order.external_id = fields::reference_id(field)?;
                fields::keep_rest(&mut order.extra, field, &["id"]);
            }
            "relatedParty" => {
                order.customer_id = party::customer_id(field)?;
                fields::keep(&mut order.extra, field);
            }
            "billingAccount" => {
                order.billing_account_id = fields::reference_id(field)?;
                fields::keep_rest(&mut order.extra, field, &["id"]);
            }
            "place" | "orderCharacteristic" | "productOrderCharacteristic" | "characteristic" => {
                order.circle = order.circle.take().or(circle(field)?);
                fields::keep(&mut order.extra, field);
            }
            "orderTotalPrice" => {
                total = sum_of_prices(reading, field)?;
                fields::keep(&mut order.extra, field);
            }
            "productOrderItem" | "orderItem" => {
                order.items = items(reading, field, &mut order.billing_account_id, &mut order.circle)?;
            }
            "itemStateChange" | "productOrderItemStateChange" => changed_items = Some(field),
            "productOrderMilestone" => order.milestones = notices(field, &MILESTONE)?,
            "productOrderJeopardyAlert" => order.jeopardy_alerts = notices(field, &JEOPARDY)?,
            "productOrderErrorMessage" => order.error_messages = notices(field, &ERROR)?,
            _ => fields::keep(&mut order.extra, field),
        }
    }
    if let Some(list) = changed_items {
        item_states(list, &mut order.items)?;
    }
    order.creation_date = order.creation_date.or(order_date);
    order.total_price = match total {
        Some(total) => Some(total),
        None => sum(reading, order.items.iter().filter_map(|item| item.price.as_ref())),
    };
    keep_beside(reading, &mut order.extra);
    customer_from_envelope(reading, &mut order.customer_id)?;
    Ok(order)
}

/// Times of which no clock can be made: an order that is over as it is created, or a date that is
/// older than the order (trap T9).
fn is_suspect(reading: &Reading<'_>, order: &Order) -> bool {
    use OrderState::*;
    let over = matches!(order.state, Some(Cancelled | Completed | Failed | Partial));
    let dates = [order.expected_completion_date, order.requested_completion_date, order.completion_date];
    let backwards = dates.iter().flatten().any(|&date| order.creation_date.is_some_and(|created| date < created));
    (reading.head.kind.verb == Verb::Create && over) || backwards
}

/// The customer of the envelope where the entity names none.
pub(super) fn customer_from_envelope(
    reading: &mut Reading<'_>,
    customer_id: &mut Option<String>,
) -> Result<(), ReadError> {
    if let (None, Some(parties)) = (&customer_id, reading.head.parties) {
        *customer_id = party::customer_id(parties)?;
    }
    Ok(())
}

/// Keeps what stands beside the entity in the payload, such as `informationRequired`.
pub(super) fn keep_beside(reading: &Reading<'_>, extra: &mut Extra) {
    let entity = reading.head.entity.start();
    for field in reading.head.payload.children().filter(|field| field.start() != entity && !field.is_null()) {
        fields::keep(extra, field);
    }
}

/// The name or id of the first channel: v5 nests it under `channel`.
pub(super) fn channel(field: Value<'_>) -> Result<Option<String>, ReadError> {
    let Some(first) = field.elements().next() else { return Ok(None) };
    if !first.is_object() {
        return fields::text(first);
    }
    let inner = first.get("channel").filter(|inner| inner.is_object()).unwrap_or(first);
    Ok(fields::text_of(inner, "name")?.or(fields::text_of(inner, "id")?))
}

/// The circle of a place or of a list of characteristics.
pub(super) fn circle(field: Value<'_>) -> Result<Option<String>, ReadError> {
    if let Some(found) = fields::characteristic(field, &CIRCLE_NAMES)? {
        return Ok(Some(found));
    }
    for entry in field.elements().filter(|entry| entry.is_object()) {
        let place = entry.get("place").filter(|place| place.is_object()).unwrap_or(entry);
        if let Some(named) = CIRCLE_NAMES.iter().find_map(|name| place.get(name)) {
            return fields::text(named);
        }
        let is_circle = entry
            .get("role")
            .and_then(Value::as_str)
            .is_some_and(|role| CIRCLE_NAMES.iter().any(|name| name.eq_ignore_ascii_case(role.trim())));
        if is_circle {
            return Ok(fields::text_of(place, "name")?.or(fields::text_of(place, "id")?));
        }
    }
    Ok(None)
}

fn items(
    reading: &mut Reading<'_>,
    list: Value<'_>,
    billing_account_id: &mut Option<String>,
    order_circle: &mut Option<String>,
) -> Result<Vec<OrderItem>, ReadError> {
    let mut items = Vec::new();
    for entry in list.elements() {
        if !entry.is_object() {
            return Err(fields::fault(Code::WrongType, entry));
        }
        let mut item = OrderItem { id: fields::id_of(entry)?, ..OrderItem::default() };
        let mut total = None;
        for field in entry.children().filter(|field| !field.is_null()) {
            match &*field.key() {
                "id" => {}
                "action" => item.action = fields::named(field)?,
                "state" => item.state = fields::named(field)?,
                "quantity" => item.quantity = fields::whole_number(field)?,
                "productOffering" => {
                    item.offering_id = fields::reference_id(field)?;
                    fields::keep_rest(&mut item.extra, field, &["id"]);
                }
                "product" => {
                    item.product_id = fields::reference_id(field)?;
                    *order_circle = order_circle.take().or(product_circle(field)?);
                    fields::keep_rest(&mut item.extra, field, &["id"]);
                }
                "relatedParty" => {
                    item.partner_id = party::partner_id(field)?;
                    fields::keep(&mut item.extra, field);
                }
                "billingAccount" => {
                    *billing_account_id = billing_account_id.take().or(fields::reference_id(field)?);
                    fields::keep(&mut item.extra, field);
                }
                "itemPrice" => {
                    item.price = sum_of_prices(reading, field)?;
                    fields::keep(&mut item.extra, field);
                }
                "itemTotalPrice" => {
                    total = sum_of_prices(reading, field)?;
                    fields::keep(&mut item.extra, field);
                }
                _ => fields::keep(&mut item.extra, field),
            }
        }
        item.price = total.or(item.price);
        items.push(item);
    }
    Ok(items)
}

fn product_circle(product: Value<'_>) -> Result<Option<String>, ReadError> {
    for name in ["place", "productCharacteristic", "characteristic"] {
        if let Some(list) = product.get(name)
            && let Some(found) = circle(list)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// States of items in a state change, which no schema has (trap T5).
fn item_states(list: Value<'_>, items: &mut Vec<OrderItem>) -> Result<(), ReadError> {
    for entry in list.elements().filter(|entry| entry.is_object()) {
        let name = if entry.get("itemId").is_some() { "itemId" } else { "id" };
        let id = fields::required_id(entry, name)?;
        let state = entry.get("state").or_else(|| entry.get("status")).map_or(Ok(None), fields::named)?;
        match items.iter_mut().find(|item| item.id == id) {
            Some(item) => item.state = state.or(item.state),
            None => items.push(OrderItem { id, state, ..OrderItem::default() }),
        }
    }
    Ok(())
}

/// Which fields a kind of notice has its parts in.
struct NoticeFields {
    id: &'static str,
    name: &'static str,
    at: &'static str,
}

const MILESTONE: NoticeFields = NoticeFields { id: "id", name: "name", at: "milestoneDate" };
const JEOPARDY: NoticeFields = NoticeFields { id: "id", name: "jeopardyType", at: "alertDate" };
const ERROR: NoticeFields = NoticeFields { id: "code", name: "reason", at: "timestamp" };

fn notices(list: Value<'_>, names: &NoticeFields) -> Result<Vec<OrderNotice>, ReadError> {
    let read = |entry: Value<'_>| {
        if !entry.is_object() {
            return Err(fields::fault(Code::WrongType, entry));
        }
        Ok(OrderNotice {
            id: fields::text_of(entry, names.id)?.unwrap_or_default(),
            name: fields::text_of(entry, names.name)?,
            status: fields::text_of(entry, "status")?,
            at: entry.get(names.at).map_or(Ok(None), fields::instant)?,
        })
    };
    list.elements().map(read).collect()
}

/// The sum of a list of `OrderPrice`, tax included where it is given.
fn sum_of_prices(reading: &mut Reading<'_>, list: Value<'_>) -> Result<Option<Money>, ReadError> {
    let mut prices = Vec::new();
    for entry in list.elements().filter(|entry| entry.is_object()) {
        let price = entry.get("price").filter(|price| price.is_object()).unwrap_or(entry);
        let amount = price.get("taxIncludedAmount").or_else(|| price.get("dutyFreeAmount"));
        if let Some(amount) = amount
            && let Some(money) = reading.money(amount)?
        {
            prices.push(money);
        }
    }
    Ok(sum(reading, prices.iter()))
}

/// The sum in one currency; none for no price, for several currencies and beyond 64 bits.
fn sum<'p>(reading: &mut Reading<'_>, mut prices: impl Iterator<Item = &'p Money>) -> Option<Money> {
    let mut total = prices.next()?.clone();
    for price in prices {
        if price.currency != total.currency {
            reading.flag("mixed_currency");
            return None;
        }
        let Some(micros) = total.micros.checked_add(price.micros) else {
            reading.flag("amount_overflow");
            return None;
        };
        total.micros = micros;
    }
    Some(total)
}
