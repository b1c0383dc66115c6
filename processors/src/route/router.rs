//! The router: checked routes, by family, and what they make of a change.

use schemas::{BillingRecord, FloworxCommand, LifecycleFact, Money, PartnerDelivery};

use super::error::nearest_help;
use super::payload::{Payload, Sight};
use super::{
    Condition, EntityView, RouteCode, RouteError, RouteFamily, RoutePart, RouteSpec, Routed, Subject, Target, fields,
    names,
};

/// The word that makes a route go to every partner on the entity.
const EACH: &str = "each";
/// The notification target where a route names none.
const NOTIFICATION: &str = "notification";
/// Idempotency keys are divided by this.
const DIVIDER: char = ':';

/// A checked route.
#[derive(Debug)]
struct Route {
    name: String,
    condition: Condition,
    goal: Goal,
    payload: Payload,
}

/// Where a checked route leads.
#[derive(Debug)]
enum Goal {
    Billing,
    Floworx { specification: String },
    EachPartner,
    Partner(String),
    Notification(String),
}

/// All routes, checked, by family.
#[derive(Debug, Default)]
pub struct Router {
    families: [Vec<Route>; RouteFamily::ALL.len()],
}

impl Router {
    /// Checks all routes.
    ///
    /// # Errors
    /// Every fault of every route.
    pub fn new(specs: Vec<RouteSpec>) -> Result<Self, Vec<RouteError>> {
        let mut router = Self::default();
        let mut faults = Vec::new();
        let mut seen = hashbrown::HashSet::new();
        for (index, spec) in specs.into_iter().enumerate() {
            let unique = seen.insert(spec.name.clone());
            let mut check = SpecCheck { index, spec: &spec, faults: &mut faults };
            if !unique {
                check.fault(RouteCode::DuplicateName, RoutePart::Name, "has the name of an earlier route", None);
            }
            if let Some((family, route)) = check.route() {
                router.families[family.index()].push(route);
            }
        }
        if faults.is_empty() { Ok(router) } else { Err(faults) }
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.families.iter().map(Vec::len).sum()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends what the routes of the subject's family make of it.
    pub fn route(&self, subject: &Subject<'_>, into: &mut Vec<Routed>) {
        for route in &self.families[subject.family().index()] {
            if route.condition.holds(subject) {
                route.apply(subject, into);
            }
        }
    }
}

impl Route {
    fn apply(&self, subject: &Subject<'_>, into: &mut Vec<Routed>) {
        let fact = subject.fact;
        match &self.goal {
            Goal::Billing => into.push(Routed::Billing(self.billing(subject))),
            Goal::Floworx { specification } => into.push(Routed::Floworx(FloworxCommand {
                delivery_id: self.delivery_id(fact, None),
                route: self.name.clone(),
                entity_kind: fact.entity_kind.clone(),
                entity_id: fact.entity_id.clone(),
                family: fact.family,
                cause: subject.cause().to_owned(),
                specification: specification.clone(),
                category: fact.category.clone(),
                priority: fact.priority.clone(),
                occurred_at: fact.occurred_at,
                ingested_at: fact.ingested_at,
                payload: self.payload.write(subject, Sight::All),
            })),
            Goal::EachPartner => {
                for (index, partner) in fact.partner_ids.iter().enumerate() {
                    // A partner that is named twice is told once.
                    if !fact.partner_ids[..index].contains(partner) {
                        into.push(Routed::Partner(self.delivery(subject, partner, Sight::OwnedBy(partner))));
                    }
                }
            }
            Goal::Partner(partner) => {
                into.push(Routed::Partner(self.delivery(subject, partner, Sight::NotOfOthersThan(partner))));
            }
            Goal::Notification(target) => {
                into.push(Routed::Notification(self.delivery(subject, target, Sight::All)));
            }
        }
    }

    /// `<fact>:<route>[:<partner>]`: the same cause and route give the same key, always.
    fn delivery_id(&self, fact: &LifecycleFact, partner: Option<&str>) -> String {
        match partner {
            None => [fact.fact_id.as_str(), ":", &self.name].concat(),
            Some(partner) => [fact.fact_id.as_str(), ":", &self.name, ":", partner].concat(),
        }
    }

    fn delivery(&self, subject: &Subject<'_>, to: &str, sight: Sight<'_>) -> PartnerDelivery {
        let fact = subject.fact;
        let kind = entity_kind(subject);
        PartnerDelivery {
            delivery_id: self.delivery_id(fact, Some(to)),
            route: self.name.clone(),
            partner_id: to.to_owned(),
            event_type: [kind, ".", &fact.change].concat(),
            family: fact.family,
            entity_kind: kind.to_owned(),
            entity_id: fact.entity_id.clone(),
            occurred_at: fact.occurred_at,
            ingested_at: fact.ingested_at,
            payload: self.payload.write(subject, sight),
        }
    }

    fn billing(&self, subject: &Subject<'_>) -> BillingRecord {
        let fact = subject.fact;
        let amount = amount(subject.entity);
        // A violation is a thing of its own for billing: one row each, never over its entity's.
        let entity_id = match subject.entity {
            EntityView::SlaViolation(violation) => &violation.violation_id,
            EntityView::SlaEscalation(escalation) => &escalation.escalation_id,
            _ => &fact.entity_id,
        };
        BillingRecord {
            delivery_id: self.delivery_id(fact, None),
            route: self.name.clone(),
            family: fact.family,
            entity_kind: entity_kind(subject).to_owned(),
            entity_id: entity_id.clone(),
            version: fact.version,
            state: state(subject).map(str::to_owned),
            customer_id: customer_id(subject).map(str::to_owned),
            account_id: account_id(subject).map(str::to_owned),
            currency: amount.map(|money| money.currency.clone()),
            amount_micros: amount.map(|money| money.micros),
            occurred_at: fact.occurred_at,
            ingested_at: fact.ingested_at,
            payload: self.payload.write(subject, Sight::All),
        }
    }
}

fn entity_kind<'a>(subject: &Subject<'a>) -> &'a str {
    match subject.entity {
        EntityView::SlaViolation(_) => "sla_violation",
        EntityView::SlaEscalation(_) => "sla_escalation",
        _ => &subject.fact.entity_kind,
    }
}

fn amount(entity: EntityView<'_>) -> Option<&Money> {
    match entity {
        EntityView::Order(order) => order.total_price.as_ref(),
        EntityView::Payment(payment) | EntityView::Refund(payment) => payment.amount.as_ref(),
        EntityView::Bill(bill) => bill.amount_due.as_ref(),
        _ => None,
    }
}

/// The entity's state as it is now: a fact without a transition does not name it.
fn state<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    match subject.entity {
        EntityView::Order(order) => order.state.map(names::order_state),
        EntityView::Ticket(ticket) => ticket.state.map(names::ticket_state),
        EntityView::Payment(payment) | EntityView::Refund(payment) => payment.state.map(names::payment_state),
        EntityView::Bill(bill) => bill.state.map(names::bill_state),
        EntityView::BillingAccount(account) => account.state.as_deref(),
        EntityView::Customer(customer) => customer.status.as_deref(),
        EntityView::Offering(offering) => offering.status.as_deref(),
        EntityView::Partner(partner) => partner.status.as_deref(),
        EntityView::Flow(flow) => flow.state.map(names::flow_state),
        EntityView::SlaViolation(_) | EntityView::SlaEscalation(_) | EntityView::FactOnly => None,
    }
    .or(subject.fact.to_state.as_deref())
}

fn customer_id<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    let own = match subject.entity {
        EntityView::Customer(customer) => Some(customer.id.as_str()),
        _ => None,
    };
    own.or(subject.fact.customer_id.as_deref())
}

fn account_id<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    let own = match subject.entity {
        EntityView::BillingAccount(account) => Some(account.id.as_str()),
        EntityView::Order(order) => order.billing_account_id.as_deref(),
        _ => None,
    };
    own.or(subject.fact.account_id.as_deref())
}

/// Checks one route and notes all its faults.
struct SpecCheck<'a> {
    index: usize,
    spec: &'a RouteSpec,
    faults: &'a mut Vec<RouteError>,
}

impl SpecCheck<'_> {
    fn fault(&mut self, code: RouteCode, part: RoutePart, message: impl Into<String>, help: Option<String>) {
        let (index, route, message) = (self.index, self.spec.name.clone(), message.into());
        self.faults.push(RouteError { code, index, route, part, span: None, message, help });
    }

    fn route(&mut self) -> Option<(RouteFamily, Route)> {
        self.name();
        let family = self.family();
        let goal = self.goal(family);
        let family = family?;
        let condition = self.condition(family);
        let payload = self.payload(family);
        Some((family, Route { name: self.spec.name.clone(), condition: condition?, goal: goal?, payload: payload? }))
    }

    fn name(&mut self) {
        let name = &self.spec.name;
        if name.is_empty() || name.contains(|char: char| char == DIVIDER || char.is_control()) {
            let help = Some("names are not empty and hold no colon".to_owned());
            self.fault(RouteCode::BadName, RoutePart::Name, "has a name that cannot be part of a delivery's key", help);
        }
    }

    fn family(&mut self) -> Option<RouteFamily> {
        let found = RouteFamily::from_name(&self.spec.family);
        if found.is_none() {
            let message = format!("names the family {:?}, which does not exist", self.spec.family);
            let help = nearest_help(&self.spec.family, &RouteFamily::ALL.map(RouteFamily::name));
            self.fault(RouteCode::UnknownFamily, RoutePart::Family, message, help);
        }
        found
    }

    fn goal(&mut self, family: Option<RouteFamily>) -> Option<Goal> {
        let Some(target) = Target::from_name(&self.spec.target) else {
            let message = format!("leads to target {:?}, which does not exist", self.spec.target);
            let help = nearest_help(&self.spec.target, &Target::ALL.map(Target::name));
            self.fault(RouteCode::UnknownTarget, RoutePart::Target, message, help);
            return None;
        };
        if self.spec.specification.is_some() && target != Target::Floworx {
            let message = format!("has a specification, which target {:?} does not use", target.name());
            self.fault(RouteCode::UnusedSetting, RoutePart::Specification, message, Some("remove it".into()));
        }
        if self.spec.partner.is_some() && !matches!(target, Target::Partner | Target::Notification) {
            let message = format!("names a partner, which target {:?} does not use", target.name());
            self.fault(RouteCode::UnusedSetting, RoutePart::Partner, message, Some("remove it".into()));
        }
        match target {
            Target::Billing => Some(Goal::Billing),
            Target::Floworx => self.floworx(family),
            Target::Partner => match self.spec.partner.as_deref() {
                Some(EACH) => Some(Goal::EachPartner),
                Some(partner) if !partner.is_empty() => Some(Goal::Partner(partner.to_owned())),
                _ => {
                    let help = Some(r#"add partner = "each", or a partner's id"#.to_owned());
                    let message = "leads to partners and does not say which";
                    self.fault(RouteCode::MissingPartner, RoutePart::Partner, message, help);
                    None
                }
            },
            Target::Notification => {
                Some(Goal::Notification(self.spec.partner.clone().unwrap_or_else(|| NOTIFICATION.to_owned())))
            }
        }
    }

    fn floworx(&mut self, family: Option<RouteFamily>) -> Option<Goal> {
        if family == Some(RouteFamily::Flow) {
            let help =
                Some("a flow's changes are Floworx's own: starting another with each would never end".to_owned());
            let message = "leads changes of flows back to Floworx";
            self.fault(RouteCode::TargetNotForFamily, RoutePart::Target, message, help);
        }
        let specification = self.spec.specification.clone().filter(|specification| !specification.is_empty());
        if specification.is_none() {
            let help = Some("add specification = \"...\", the process flow specification to start".to_owned());
            let message = "leads to Floworx and does not say which process flow specification to start";
            self.fault(RouteCode::MissingSpecification, RoutePart::Specification, message, help);
        }
        specification.map(|specification| Goal::Floworx { specification })
    }

    fn condition(&mut self, family: RouteFamily) -> Option<Condition> {
        match Condition::compile(&self.spec.when, family) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                let (index, route) = (self.index, &self.spec.name);
                self.faults.extend(faults.into_iter().map(|fault| RouteError {
                    code: fault.code,
                    index,
                    route: route.clone(),
                    part: RoutePart::When,
                    span: Some(fault.span),
                    message: fault.message,
                    help: fault.help,
                }));
                None
            }
        }
    }

    fn payload(&mut self, family: RouteFamily) -> Option<Payload> {
        let mut payload = Some(Payload::default());
        for (place, path) in self.spec.fields.iter().enumerate() {
            if self.spec.fields[..place].contains(path) {
                let message = format!("lists field {path:?} twice");
                self.fault(RouteCode::DuplicateField, RoutePart::Field(place), message, Some("remove one".into()));
                payload = None;
            } else if let Some(field) = super::fields::find(family, path) {
                if let Some(payload) = &mut payload {
                    payload.add(field);
                }
            } else {
                let paths: Vec<_> = fields(family).map(|field| field.path).collect();
                let message = format!("sends field {path:?}, which {family} does not have");
                let help = nearest_help(path, &paths);
                self.fault(RouteCode::UnknownField, RoutePart::Field(place), message, help);
                payload = None;
            }
        }
        payload
    }
}
