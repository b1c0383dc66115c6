//! Events of product orders and their cancellation tasks, as JSON.

use schemas::{CancelState, OrderState};

use super::dice::mix;
use super::emit::{Scene, Stamp, party, party_list, push_id};
use super::envelope::{Places, System};
use super::fault::Fault;
use super::flow::Flow;
use super::order_plan::OrderStep;
use super::world::{Customer, OFFERINGS, Offering};

const SYSTEM: System = System { id: "jcms-order", name: "Order capture" };
const MILESTONES: [(&str, &str); 3] =
    [("1", "feasibilityChecked"), ("2", "resourcesReserved"), ("3", "serviceActivated")];

/// Tells the draw for numbers that are ported from those for items.
const PORT_SALT: u64 = 0x706f_7274;

/// How many items an order with these bits has.
pub(super) const fn item_count(bits: u64) -> u64 {
    match bits % 10 {
        0..=5 => 1,
        6..=8 => 2,
        _ => 3,
    }
}

fn item_offering(flow: &Flow, item: u64) -> &'static Offering {
    &OFFERINGS[(mix(flow.bits, item) % OFFERINGS.len() as u64) as usize]
}

/// What the order is captured as: of those for a mobile plan, one in six brings the customer's number along.
fn category(flow: &Flow) -> &'static str {
    let first = item_offering(flow, 0);
    let is_port = first.sla_class == "mobile" && mix(flow.bits, PORT_SALT).is_multiple_of(6);
    if is_port { "MNP-PORT-IN" } else { first.category }
}

const fn state_name(state: OrderState) -> &'static str {
    match state {
        OrderState::Draft => "draft",
        OrderState::Acknowledged => "acknowledged",
        OrderState::Rejected => "rejected",
        OrderState::InProgress => "inProgress",
        OrderState::Pending => "pending",
        OrderState::Held => "held",
        OrderState::AssessingCancellation => "assessingCancellation",
        OrderState::PendingCancellation => "pendingCancellation",
        OrderState::Cancelled => "cancelled",
        OrderState::Completed => "completed",
        OrderState::Failed => "failed",
        OrderState::Partial => "partial",
    }
}

const fn cancel_state_name(state: CancelState, v5: bool) -> &'static str {
    match state {
        // The v4 interface calls it accepted (trap T14).
        CancelState::Acknowledged if !v5 => "accepted",
        CancelState::Acknowledged => "acknowledged",
        CancelState::Rejected => "rejected",
        CancelState::InProgress => "inProgress",
        CancelState::Cancelled => "cancelled",
        CancelState::Done => "done",
        CancelState::TerminatedWithError => "terminatedWithError",
    }
}

/// An order's items do as the order does, except that an order is partial because they differ.
fn item_state(order: OrderState, item: u64) -> OrderState {
    match (order, item) {
        (OrderState::Partial, 0) => OrderState::Completed,
        (OrderState::Partial, _) => OrderState::Failed,
        (state, _) => state,
    }
}

pub(super) fn render(scene: &mut Scene, flow: &Flow, step: OrderStep, stamp: Stamp) -> Places {
    let event_type = match step {
        OrderStep::Create(_) => "ProductOrderCreateEvent",
        OrderStep::State(_) => "ProductOrderStateChangeEvent",
        OrderStep::Attribute => "ProductOrderAttributeValueChangeEvent",
        OrderStep::Milestone(_) => "ProductOrderMilestoneEvent",
        OrderStep::Jeopardy => "ProductOrderJeopardyAlertEvent",
        OrderStep::Error => "ProductOrderErrorMessageEvent",
        OrderStep::Information => "ProductOrderInformationRequiredEvent",
        OrderStep::Cancel(CancelState::Acknowledged) => "CancelProductOrderCreateEvent",
        OrderStep::Cancel(_) => "CancelProductOrderStateChangeEvent",
    };
    let resource = if matches!(step, OrderStep::Cancel(_)) { "cancelProductOrder" } else { "productOrder" };
    let head = stamp.head(scene, flow, event_type, resource, "Commercial", SYSTEM);
    scene.event(&head, stamp.spelling, |scene| match step {
        OrderStep::Create(state) => create(scene, flow, state, stamp),
        OrderStep::State(state) => state_change(scene, flow, state, stamp),
        OrderStep::Cancel(state) => cancel(scene, flow, state, stamp),
        OrderStep::Attribute => {
            identity(scene, flow);
            let expected = stamp.occurred_at + scene.scaled(3 * 3_600);
            scene.text.raw(",\"expectedCompletionDate\":\"").time(expected).raw("\"");
        }
        OrderStep::Milestone(number) => {
            identity(scene, flow);
            let (id, name) = MILESTONES[usize::from(number) % MILESTONES.len()];
            let text = scene.text.raw(",\"productOrderMilestone\":[{\"id\":\"").raw(id);
            text.raw("\",\"name\":\"").raw(name).raw("\",\"status\":\"completed");
            text.raw("\",\"message\":\"Reached\",\"milestoneDate\":\"").time(stamp.occurred_at);
            text.raw("\",\"@type\":\"ProductOrderMilestone\"}]");
        }
        OrderStep::Jeopardy => {
            identity(scene, flow);
            let text = scene.text.raw(",\"productOrderJeopardyAlert\":[{\"id\":\"1\",\"name\":");
            text.raw("\"Late\",\"jeopardyType\":\"Warning\",\"exception\":\"resource missing\"");
            text.raw(",\"message\":\"Completion is in danger\",\"alertDate\":\"");
            text.time(stamp.occurred_at).raw("\",\"@type\":\"ProductOrderJeopardyAlert\"}]");
        }
        OrderStep::Error => {
            identity(scene, flow);
            let text = scene.text.raw(",\"productOrderErrorMessage\":[{\"code\":\"F-104\",");
            text.raw("\"reason\":\"activation refused\",\"message\":\"Network element refused\"");
            text.raw(",\"timestamp\":\"").time(stamp.occurred_at);
            text.raw("\",\"@type\":\"ProductOrderErrorMessage\"}]");
        }
        OrderStep::Information => {
            identity(scene, flow);
            let text = scene.text.raw(",\"note\":[{\"id\":\"1\",\"author\":\"Fulfilment\",\"date\":\"");
            text.time(stamp.occurred_at).raw("\",\"text\":\"Proof of address is missing\",");
            text.raw("\"@type\":\"Note\"}]");
        }
    })
}

fn identity(scene: &mut Scene, flow: &Flow) {
    let version = if flow.v5 { "v5" } else { "v4" };
    scene.text.raw("\"id\":\"");
    push_id(scene, "ORD", flow.number);
    scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/productOrderingManagement/");
    scene.text.raw(version).raw("/productOrder/");
    push_id(scene, "ORD", flow.number);
    scene.text.raw("\",\"@type\":\"ProductOrder\"");
}

fn state_change(scene: &mut Scene, flow: &Flow, state: OrderState, stamp: Stamp) {
    if stamp.spelling.has(Fault::Partial) {
        scene.text.raw("\"id\":\"");
        push_id(scene, "ORD", flow.number);
        scene.text.raw("\",\"state\":\"").raw(state_name(state)).raw("\"");
        return;
    }
    identity(scene, flow);
    let text = scene.text.raw(",\"state\":\"").raw(state_name(state));
    text.raw(stamp.spelling.enum_end());
    match state {
        OrderState::Completed | OrderState::Partial => {
            text.raw(",\"completionDate\":\"").time(stamp.occurred_at).raw("\"");
        }
        OrderState::Cancelled => {
            text.raw(",\"cancellationDate\":\"").time(stamp.occurred_at);
            text.raw("\",\"cancellationReason\":\"Customer changed their mind\"");
        }
        _ => {}
    }
    let (list, id) = if flow.v5 { ("itemStateChange", "itemId") } else { ("productOrderItem", "id") };
    text.raw(",\"").raw(list).raw("\":[");
    for item in 0..item_count(flow.bits) {
        text.raw(if item == 0 { "{\"" } else { ",{\"" }).raw(id).raw("\":\"");
        text.number((item + 1) * 100).raw("\",\"state\":\"");
        text.raw(state_name(item_state(state, item))).raw("\"}");
    }
    text.raw("]");
}

fn cancel(scene: &mut Scene, flow: &Flow, state: CancelState, stamp: Stamp) {
    scene.text.raw("\"id\":\"");
    push_id(scene, "CAN", flow.number);
    let text = scene.text.raw("\",\"cancellationReason\":\"Customer changed their mind\"");
    text.raw(",\"requestedCancellationDate\":\"").time(stamp.occurred_at);
    text.raw("\",\"state\":\"").raw(cancel_state_name(state, flow.v5));
    text.raw("\",\"productOrder\":{\"id\":\"");
    push_id(scene, "ORD", flow.number);
    let text = scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/");
    text.raw("productOrderingManagement/productOrder\",\"@referredType\":\"ProductOrder\"}");
    text.raw(",\"@type\":\"CancelProductOrder\"");
}

fn create(scene: &mut Scene, flow: &Flow, state: OrderState, stamp: Stamp) {
    let customer = Customer::new(scene.seed, flow.customer);
    identity(scene, flow);
    let requested = flow.created + scene.scaled(6 * 3_600);
    let expected = flow.created + scene.scaled(5 * 3_600);
    let text = scene.text.raw(",\"category\":\"").raw(category(flow));
    text.raw("\",\"priority\":\"").number(flow.bits >> 8 & 3);
    text.raw(if flow.v5 { "\",\"creationDate\":\"" } else { "\",\"orderDate\":\"" });
    text.time(flow.created).raw("\",\"requestedStartDate\":\"").time(flow.created);
    text.raw("\",\"requestedCompletionDate\":\"").time(requested);
    text.raw("\",\"expectedCompletionDate\":\"").time(expected).raw("\",\"externalId\":");
    if flow.v5 {
        text.raw("[{\"owner\":\"shop\",\"externalIdentifierType\":\"POnumber\",\"id\":\"");
        push_id(scene, "PO", flow.number);
        scene.text.raw("\"}],\"channel\":[{\"role\":\"capture\",\"channel\":{\"id\":\"1\",");
        scene.text.raw("\"name\":\"Online\"}}]");
    } else {
        text.raw("\"");
        push_id(scene, "PO", flow.number);
        scene.text.raw("\",\"channel\":[{\"id\":\"1\",\"name\":\"Online\",\"role\":\"capture\"}]");
    }
    scene.text.raw(",\"billingAccount\":{\"id\":\"");
    push_id(scene, "BA", flow.customer);
    scene.text.raw("\"},\"productOrderItem\":[");
    let mut total = 0;
    for item in 0..item_count(flow.bits) {
        let offering = item_offering(flow, item);
        total += offering.price;
        scene.text.raw(if item == 0 { "" } else { "," });
        push_item(scene, flow, (item, state), customer.circle(), stamp);
    }
    let text = scene.text.raw("],\"orderTotalPrice\":[{\"priceType\":\"oneTime\",\"price\":{");
    text.raw("\"taxIncludedAmount\":{\"unit\":\"").raw(stamp.spelling.currency());
    text.raw("\",\"value\":").amount(total).raw("}}}]");
    party_list(scene, flow);
    scene.text.raw(",\"state\":\"").raw(state_name(state)).raw(stamp.spelling.enum_end());
}

fn push_item(scene: &mut Scene, flow: &Flow, (item, state): (u64, OrderState), circle: &str, stamp: Stamp) {
    let offering = item_offering(flow, item);
    let text = scene.text.raw("{\"id\":\"").number((item + 1) * 100);
    text.raw("\",\"quantity\":1,\"action\":\"add\",\"state\":\"").raw(state_name(state));
    text.raw("\",\"productOffering\":{\"id\":\"").raw(offering.id);
    text.raw("\",\"name\":\"").raw(offering.name);
    text.raw("\"},\"product\":{\"productCharacteristic\":[{\"name\":\"circle\",\"value\":\"");
    text.raw(circle).raw("\"}]");
    if let Some(partner) = offering.partner {
        text.raw(",\"relatedParty\":[");
        party(text, flow.v5, "Partner", |text| _ = text.raw(partner));
        text.raw("]");
    }
    text.raw("},\"itemPrice\":[{\"priceType\":\"oneTime\",\"price\":{\"taxIncludedAmount\":{");
    text.raw("\"unit\":\"").raw(stamp.spelling.currency()).raw("\",\"value\":");
    text.amount(offering.price).raw("}}}]}");
}
