//! What is routed: a lifecycle fact and the entity it is about.

use schemas::{
    Bill, BillingAccount, Customer, FlowEvent, LifecycleFact, Offering, Order, Partner, Payment, SlaEscalation,
    SlaViolation, Ticket,
};

use super::RouteFamily;

/// The entity as it is after the change, whole.
#[derive(Clone, Copy, Debug)]
pub enum EntityView<'a> {
    /// A product order.
    Order(&'a Order),
    /// A trouble ticket.
    Ticket(&'a Ticket),
    /// A payment.
    Payment(&'a Payment),
    /// A refund.
    Refund(&'a Payment),
    /// A customer bill.
    Bill(&'a Bill),
    /// A billing account.
    BillingAccount(&'a BillingAccount),
    /// A customer.
    Customer(&'a Customer),
    /// A process flow or one of its tasks.
    Flow(&'a FlowEvent),
    /// A product offering.
    Offering(&'a Offering),
    /// A partner.
    Partner(&'a Partner),
    /// A violation that the SLA clocks found.
    SlaViolation(&'a SlaViolation),
    /// A step of an objective's ladder that a clock passed.
    SlaEscalation(&'a SlaEscalation),
    /// The fact alone; every field of the entity is absent.
    FactOnly,
}

/// What is routed: a lifecycle fact and the entity it is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What changed.
    pub fact: &'a LifecycleFact,
    /// What it is now.
    pub entity: EntityView<'a>,
}

impl Subject<'_> {
    /// Whose routes apply.
    pub fn family(&self) -> RouteFamily {
        match self.entity {
            EntityView::SlaViolation(_) => RouteFamily::Sla,
            EntityView::SlaEscalation(_) => RouteFamily::Escalation,
            _ => self.fact.family.into(),
        }
    }

    /// What happened, to a target that has to tell it from the entity's own changes.
    pub(crate) const fn cause(&self) -> &'static str {
        match self.entity {
            EntityView::SlaViolation(_) => "violation",
            EntityView::SlaEscalation(_) => "escalation",
            _ => "fact",
        }
    }
}
