//! What is routed: a lifecycle fact and the entity it is about.

use schemas::{
    Bill, BillingAccount, Customer, FlowEvent, LifecycleFact, Offering, Order, Partner, Payment, SlaViolation, Ticket,
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
            _ => self.fact.family.into(),
        }
    }
}
