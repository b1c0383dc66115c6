//! The catalogue of fields that conditions may test and routes may send, family by family.

use schemas::{
    Bill, BillingAccount, Customer, FlowEvent, Offering, Order, Partner, Payment, SlaEscalation, SlaViolation, Ticket,
};

use super::names::{self, BILL_STATES, FLOW_STATES, ORDER_STATES, PAYMENT_STATES, TICKET_STATES};
use super::{EntityView, Kind, List, RouteFamily, Subject, Value};
use Kind::{Duration, Number, Objects, OneOf, State, Text, Time};

/// A field: its path, its kind and how it is read.
#[derive(Debug)]
pub struct Field {
    /// The dotted path by which conditions and allow-lists name it.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// One sentence for the documentation.
    pub doc: &'static str,
    get: for<'a> fn(&Subject<'a>) -> Value<'a>,
}

impl Field {
    /// The field's value.
    pub fn get<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        (self.get)(subject)
    }

    /// The closed list of values that the field may have in this family, if there is one.
    pub fn values(&self, family: RouteFamily) -> Option<&'static [&'static str]> {
        match self.kind {
            OneOf(values) => Some(values),
            State => names::states(family),
            _ => None,
        }
    }
}

/// The fields of a family: its own, then those that every family has.
pub fn fields(family: RouteFamily) -> impl Iterator<Item = &'static Field> {
    let own: [&[Field]; 4] = match family {
        RouteFamily::Order => [ORDER, CUSTOMER_OF, &[], &[]],
        RouteFamily::Flow => [FLOW, CUSTOMER_OF, &[], &[]],
        RouteFamily::Ticket => [TICKET, CUSTOMER_OF, &[], &[]],
        RouteFamily::Account => [PAYMENT, BILL, BILLING_ACCOUNT, CUSTOMER_OF],
        RouteFamily::Customer => [CUSTOMER, &[], &[], &[]],
        RouteFamily::Catalog => [OFFERING, &[], &[], &[]],
        RouteFamily::Partner => [PARTNER, &[], &[], &[]],
        RouteFamily::Sla => [SLA, CUSTOMER_OF, &[], &[]],
        RouteFamily::Escalation => [ESCALATION, CUSTOMER_OF, &[], &[]],
    };
    own.into_iter().chain([COMMON]).flatten()
}

/// The field of this path, if the family has it.
pub(crate) fn find(family: RouteFamily, path: &str) -> Option<&'static Field> {
    fields(family).find(|field| field.path == path)
}

/// The fields that a condition on the fact alone may test.
pub(crate) fn fact_fields(family: RouteFamily) -> impl Iterator<Item = &'static Field> {
    let of = match family {
        RouteFamily::Customer => &[][..],
        _ => CUSTOMER_OF,
    };
    of.iter().chain(COMMON)
}

/// What facts say happened.
pub const CHANGES: &[&str] = &[
    "created",
    "attribute_changed",
    "state_changed",
    "deleted",
    "information_required",
    "milestone",
    "jeopardy_alert",
    "error_message",
    "cancel_requested",
    "cancel_state_changed",
    "cancel_information_required",
    "resolved",
    "reopened",
    "enriched",
    "dispatched",
    "dispatch_failed",
    "flow_changed",
    "flow_new",
    "flow_active",
    "flow_hold",
    "flow_completed",
    "flow_cancelled",
    "flow_deleted",
    "task_changed",
    "task_new",
    "task_active",
    "task_hold",
    "task_completed",
    "task_cancelled",
    "breached",
    "escalated",
    "withdrawn",
    "amended",
];

macro_rules! entity {
    ($function:ident, $type:ty, $($view:ident)|+) => {
        fn $function<'a>(subject: &Subject<'a>) -> Option<&'a $type> {
            match subject.entity {
                $(EntityView::$view(entity))|+ => Some(entity),
                _ => None,
            }
        }
    };
}

entity!(order, Order, Order);
entity!(ticket, Ticket, Ticket);
entity!(payment, Payment, Payment | Refund);
entity!(bill, Bill, Bill);
entity!(billing_account, BillingAccount, BillingAccount);
entity!(customer, Customer, Customer);
entity!(flow, FlowEvent, Flow);
entity!(offering, Offering, Offering);
entity!(partner, Partner, Partner);
entity!(violation, SlaViolation, SlaViolation);
entity!(escalation, SlaEscalation, SlaEscalation);

macro_rules! table {
    ($name:ident, $of:ident, $entity:ident { $($path:literal $kind:expr, $doc:literal, $value:expr;)+ }) => {
        static $name: &[Field] = &[$(Field {
            path: $path,
            kind: $kind,
            doc: $doc,
            get: |subject| $of(subject).map_or(Value::Absent, |$entity| $value),
        }),+];
    };
}

#[allow(clippy::unnecessary_wraps)] // the table reads every entity through an `Option`
fn fact<'a>(subject: &Subject<'a>) -> Option<&'a schemas::LifecycleFact> {
    Some(subject.fact)
}

table! { COMMON, fact, f {
    "event.type" Text, "The event type that caused the change.", Value::Text(&f.event_type);
    "event.change" OneOf(CHANGES), "What happened.", Value::Text(&f.change);
    "event.occurred_at" Time, "When it happened.", Value::Time(f.occurred_at);
    "event.ingested_at" Time, "When the hub took the event in.", Value::Time(f.ingested_at);
    "fact.id" Text, "The change's id: entity and version.", Value::Text(&f.fact_id);
    "fact.family" Text, "The entity's family.", Value::Text(f.family.name());
    "fact.entity_kind" OneOf(ENTITY_KINDS), "The entity's kind within the family.", Value::Text(&f.entity_kind);
    "fact.entity_id" Text, "The entity's id.", Value::Text(&f.entity_id);
    "fact.version" Number, "The entity's version.", Value::integer(f.version);
    "fact.from_state" State, "The state before.", Value::option(&f.from_state);
    "fact.to_state" State, "The state after.", Value::option(&f.to_state);
    "fact.created_at" Time, "When the entity was created.", Value::time(f.created_at);
    "fact.due_at" Time, "A date promised on the entity.", Value::time(f.due_at);
    "fact.age" Duration, "From the entity's creation to this change.",
        f.created_at.map_or(Value::Absent, |at| Value::Duration(f.occurred_at.millis_since(at)));
    "fact.customer_id" Text, "Whose entity it is.", Value::option(&f.customer_id);
    "fact.customer_class" Text, "The customer's class.", Value::option(&f.customer_class);
    "fact.account_id" Text, "The billing account.", Value::option(&f.account_id);
    "fact.partner_ids" Kind::List, "Partners that own or fulfil a part.", Value::List(List::Texts(&f.partner_ids));
    "fact.class" Text, "The offering's SLA class, or the ticket type.", Value::option(&f.class);
    "fact.category" Text, "The category.", Value::option(&f.category);
    "fact.priority" Text, "Priority or severity as sent.", Value::option(&f.priority);
    "fact.circle" Text, "The licence service area.", Value::option(&f.circle);
    "fact.channel" Text, "The sales or payment channel.", Value::option(&f.channel);
    "fact.flags" Kind::List, "Doubts carried on.", Value::List(List::Texts(&f.flags));
    "partner.ids" Kind::List, "Partners that own or fulfil a part.", Value::List(List::Texts(&f.partner_ids));
} }

/// Kinds of entity that facts name.
const ENTITY_KINDS: &[&str] = &[
    "order",
    "flow",
    "ticket",
    "payment",
    "refund",
    "bill",
    "billing_account",
    "customer",
    "offering",
    "partner",
    "sla_violation",
    "sla_escalation",
];

table! { CUSTOMER_OF, fact, f {
    "customer.id" Text, "Whose entity it is.", Value::option(&f.customer_id);
    "customer.class" Text, "The customer's class at the time of the change.", Value::option(&f.customer_class);
} }

table! { ORDER, order, o {
    "order.id" Text, "The order's id.", Value::Text(&o.id);
    "order.state" OneOf(ORDER_STATES), "The state.", Value::text(o.state.map(names::order_state));
    "order.category" Text, "The category.", Value::option(&o.category);
    "order.priority" Text, "0 is the highest, 4 the lowest.", Value::option(&o.priority);
    "order.channel" Text, "The first sales channel.", Value::option(&o.channel);
    "order.creation_date" Time, "When it was created.", Value::time(o.creation_date);
    "order.requested_start_date" Time, "When work shall start.", Value::time(o.requested_start_date);
    "order.requested_completion_date" Time, "When the customer wants it complete.",
        Value::time(o.requested_completion_date);
    "order.expected_completion_date" Time, "When it is expected to be complete.",
        Value::time(o.expected_completion_date);
    "order.completion_date" Time, "When it was completed.", Value::time(o.completion_date);
    "order.cancellation_date" Time, "When it was cancelled.", Value::time(o.cancellation_date);
    "order.cancellation_reason" Text, "Why it was cancelled.", Value::option(&o.cancellation_reason);
    "order.external_id" Text, "The first external id.", Value::option(&o.external_id);
    "order.customer_id" Text, "The customer.", Value::option(&o.customer_id);
    "order.billing_account_id" Text, "The billing account.", Value::option(&o.billing_account_id);
    "order.circle" Text, "The licence service area.", Value::option(&o.circle);
    "order.total_price.amount" Number, "The total price.", Value::amount(o.total_price.as_ref());
    "order.total_price.currency" Text, "The price's currency.", Value::currency(o.total_price.as_ref());
    "order.items" Objects, "The items; a partner sees its own.", Value::Items(&o.items);
    "order.offering_ids" Kind::List, "The items' offerings.",
        Value::List(List::OfItems(&o.items, |item| item.offering_id.as_deref()));
    "order.product_ids" Kind::List, "The items' products.",
        Value::List(List::OfItems(&o.items, |item| item.product_id.as_deref()));
    "order.item_actions" Kind::List, "The items' actions.",
        Value::List(List::OfItems(&o.items, |item| item.action.map(names::item_action)));
    "order.milestones" Objects, "Milestones.", Value::Notices(&o.milestones);
    "order.jeopardy_alerts" Objects, "Jeopardy alerts.", Value::Notices(&o.jeopardy_alerts);
    "order.error_messages" Objects, "Errors of fulfilment.", Value::Notices(&o.error_messages);
} }

table! { TICKET, ticket, t {
    "ticket.id" Text, "The ticket's id.", Value::Text(&t.id);
    "ticket.state" OneOf(TICKET_STATES), "The status.", Value::text(t.state.map(names::ticket_state));
    "ticket.type" Text, "incident, complaint, request, ...", Value::option(&t.ticket_type);
    "ticket.severity" Text, "Critical, Major, Minor as sent.", Value::option(&t.severity);
    "ticket.priority" Text, "Critical, High, Medium, Low as sent.", Value::option(&t.priority);
    "ticket.creation_date" Time, "When it was opened.", Value::time(t.creation_date);
    "ticket.requested_resolution_date" Time, "When the customer wants it resolved.",
        Value::time(t.requested_resolution_date);
    "ticket.expected_resolution_date" Time, "When it is expected to be resolved.",
        Value::time(t.expected_resolution_date);
    "ticket.resolution_date" Time, "When it was resolved.", Value::time(t.resolution_date);
    "ticket.status_change_date" Time, "When the status changed.", Value::time(t.status_change_date);
    "ticket.status_change_reason" Text, "Why the status changed.", Value::option(&t.status_change_reason);
    "ticket.customer_id" Text, "The customer.", Value::option(&t.customer_id);
    "ticket.partner_id" Text, "The partner concerned.", Value::option(&t.partner_id);
    "ticket.order_id" Text, "The order concerned.", Value::option(&t.order_id);
    "ticket.circle" Text, "The licence service area.", Value::option(&t.circle);
} }

table! { PAYMENT, payment, p {
    "payment.id" Text, "The payment's or refund's id.", Value::Text(&p.id);
    "payment.state" OneOf(PAYMENT_STATES), "The status.", Value::text(p.state.map(names::payment_state));
    "payment.correlator_id" Text, "The paying system's idempotency token.", Value::option(&p.correlator_id);
    "payment.amount.amount" Number, "The amount.", Value::amount(p.amount.as_ref());
    "payment.amount.currency" Text, "The amount's currency.", Value::currency(p.amount.as_ref());
    "payment.payment_date" Time, "When it was made.", Value::time(p.payment_date);
    "payment.status_date" Time, "When the status changed.", Value::time(p.status_date);
    "payment.channel" Text, "The channel.", Value::option(&p.channel);
    "payment.bill_ids" Kind::List, "Bills it is for.", Value::List(List::Texts(&p.bill_ids));
    "payment.refunded_payment_id" Text, "For a refund, what is refunded.", Value::option(&p.refunded_payment_id);
    "payment.customer_id" Text, "The paying party.", Value::option(&p.customer_id);
} }

table! { BILL, bill, b {
    "bill.id" Text, "The bill's id.", Value::Text(&b.id);
    "bill.state" OneOf(BILL_STATES), "The state.", Value::text(b.state.map(names::bill_state));
    "bill.bill_no" Text, "The number for people.", Value::option(&b.bill_no);
    "bill.bill_date" Time, "When it was made.", Value::time(b.bill_date);
    "bill.payment_due_date" Time, "When it must be paid.", Value::time(b.payment_due_date);
    "bill.amount_due.amount" Number, "The amount due.", Value::amount(b.amount_due.as_ref());
    "bill.amount_due.currency" Text, "Its currency.", Value::currency(b.amount_due.as_ref());
    "bill.remaining_amount.amount" Number, "What is still open.", Value::amount(b.remaining_amount.as_ref());
    "bill.remaining_amount.currency" Text, "Its currency.", Value::currency(b.remaining_amount.as_ref());
    "bill.customer_id" Text, "The customer.", Value::option(&b.customer_id);
} }

table! { BILLING_ACCOUNT, billing_account, a {
    "billing_account.id" Text, "The account's id.", Value::Text(&a.id);
    "billing_account.state" Text, "The state as sent.", Value::option(&a.state);
    "billing_account.rating_type" Text, "prepaid or postpaid.", Value::option(&a.rating_type);
    "billing_account.payment_status" Text, "due, paid, in arrears.", Value::option(&a.payment_status);
    "billing_account.customer_id" Text, "The customer.", Value::option(&a.customer_id);
    "billing_account.last_modified" Time, "When it was last modified.", Value::time(a.last_modified);
} }

table! { CUSTOMER, customer, c {
    "customer.id" Text, "The customer's id.", Value::Text(&c.id);
    "customer.status" Text, "The status as sent.", Value::option(&c.status);
    "customer.class" Text, "The class.", Value::option(&c.class);
    "customer.circle" Text, "The licence service area.", Value::option(&c.circle);
    "customer.account_ids" Kind::List, "The customer's accounts.", Value::List(List::Texts(&c.account_ids));
} }

table! { FLOW, flow, w {
    "flow.id" Text, "The process flow's id.", Value::Text(&w.flow_id);
    "flow.order_id" Text, "The order it works for.", Value::Text(&w.order_id);
    "flow.state" OneOf(FLOW_STATES), "The state.", Value::text(w.state.map(names::flow_state));
    "flow.deleted" Kind::Bool, "Whether it was deleted.", Value::Bool(w.deleted);
    "flow.task.id" Text, "The task that changed.", Value::text(w.task.as_ref().map(|task| task.id.as_str()));
    "flow.task.name" Text, "The task's name.", Value::text(w.task.as_ref().and_then(|task| task.name.as_deref()));
    "flow.task.state" OneOf(FLOW_STATES), "The task's state.",
        Value::text(w.task.as_ref().and_then(|task| task.state).map(names::flow_state));
    "flow.task.completion_date" Time, "When the task was completed.",
        Value::time(w.task.as_ref().and_then(|task| task.completion_date));
} }

table! { OFFERING, offering, o {
    "offering.id" Text, "The offering's id.", Value::Text(&o.id);
    "offering.version" Text, "The version's name.", Value::Text(&o.version);
    "offering.name" Text, "The name.", Value::option(&o.name);
    "offering.status" Text, "The lifecycle status as sent.", Value::option(&o.status);
    "offering.valid_from" Time, "Valid from.", Value::time(o.valid_from);
    "offering.valid_to" Time, "Valid until just before.", Value::time(o.valid_to);
    "offering.sla_class" Text, "The SLA class.", Value::option(&o.sla_class);
    "offering.partner_id" Text, "The partner that owns it.", Value::option(&o.partner_id);
    "offering.billing_code" Text, "What billing calls it.", Value::option(&o.billing_code);
} }

table! { PARTNER, partner, p {
    "partner.id" Text, "The partner's id.", Value::Text(&p.id);
    "partner.name" Text, "The trading name.", Value::option(&p.name);
    "partner.status" Text, "The status as sent.", Value::option(&p.status);
    "partner.role" Text, "The kind of partner.", Value::option(&p.role);
} }

table! { SLA, violation, v {
    "sla.violation_id" Text, "The violation's id.", Value::Text(&v.violation_id);
    "sla.version" Number, "How often it was told, amended or taken back.", Value::integer(v.version);
    "sla.replaces" Text, "What is amended or taken back: the violation's id, and #version after the first.",
        Value::option(&v.replaces);
    "sla.objective" Text, "The objective's name.", Value::Text(&v.objective);
    "sla.breached_at" Time, "When the target passed.", Value::Time(v.breached_at);
    "sla.actual" Duration, "Working time used.", Value::Duration(v.actual_ms);
    "sla.target" Duration, "The target.", Value::Duration(v.reference_ms);
    "sla.consequence" Text, "What follows.", Value::option(&v.consequence);
    "sla.customer_id" Text, "Whose entity it is.", Value::option(&v.customer_id);
    "sla.account_id" Text, "The account to credit.", Value::option(&v.account_id);
    "sla.entity_kind" Text, "The entity's kind.", Value::Text(&v.entity_kind);
    "sla.entity_id" Text, "The entity's id.", Value::Text(&v.entity_id);
} }

table! { ESCALATION, escalation, e {
    "escalation.id" Text, "The escalation's id.", Value::Text(&e.escalation_id);
    "escalation.objective" Text, "The objective's name.", Value::Text(&e.objective);
    "escalation.level" Number, "The step's place in the ladder, from 1.", Value::integer(e.level.into());
    "escalation.percent" Number, "The share of the target that is used up.", Value::integer(e.percent.into());
    "escalation.role" Text, "Who is called.", Value::Text(&e.role);
    "escalation.withdrawn" Kind::Bool, "Whether it was called back.", Value::Bool(e.withdrawn);
    "escalation.reached_at" Time, "When so much was used up.", Value::Time(e.reached_at);
    "escalation.breach_at" Time, "When the target passes if nothing changes.", Value::time(e.breach_at);
    "escalation.target" Duration, "The target.", Value::Duration(e.target_ms);
    "escalation.customer_id" Text, "Whose entity it is.", Value::option(&e.customer_id);
    "escalation.entity_kind" Text, "The entity's kind.", Value::Text(&e.entity_kind);
    "escalation.entity_id" Text, "The entity's id.", Value::Text(&e.entity_id);
} }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_within_a_family_and_documented() {
        for family in RouteFamily::ALL {
            let mut paths: Vec<_> = fields(family).map(|field| field.path).collect();
            let count = paths.len();
            paths.sort_unstable();
            paths.dedup();
            assert_eq!(paths.len(), count, "{family}");
            // A path that is also a prefix of another could not be nested in one JSON object.
            for pair in paths.windows(2) {
                assert!(!pair[1].starts_with(&format!("{}.", pair[0])), "{pair:?}");
            }
            assert!(fields(family).all(|field| field.doc.len() > 3));
        }
    }
}
