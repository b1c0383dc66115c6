//! Customers, offerings and partners: what orders and tickets refer to (TMF629, 620, 632, 669).

use schemas::Family;

use super::bill::AccountStep;
use super::dice::Dice;
use super::emit::{Scene, Stamp, party, push_id};
use super::envelope::{Places, System};
use super::flow::{Flow, Planned, Step};
use super::world::{COURIER, Customer, OFFERINGS, SECOND_VERSION_AFTER_HOURS, VAS};

/// An event of reference data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReferenceStep {
    CustomerCreate,
    CustomerAttribute,
    CustomerState,
    /// Index in the catalog and version, 1 or 2.
    Offering(u8, u8),
    OfferingAttribute(u8),
    /// Index of the partner.
    Organization(u8),
    PartyRole(u8),
    PartyRoleAttribute(u8),
}

const PARTNERS: [(&str, &str, &str); 2] = [(COURIER, "Swift Courier", "logistics"), (VAS, "Bright Services", "vas")];
const SYSTEM: System = System { id: "jcms-customer", name: "Customer master" };
const CATALOG: System = System { id: "jcms-catalog", name: "Product master" };
const YEAR_MILLIS: i64 = 31_536_000_000;

impl ReferenceStep {
    pub(super) const fn family(self) -> Family {
        match self {
            Self::CustomerCreate | Self::CustomerAttribute | Self::CustomerState => Family::Customer,
            Self::Offering(..) | Self::OfferingAttribute(_) => Family::Catalog,
            Self::Organization(_) | Self::PartyRole(_) | Self::PartyRoleAttribute(_) => Family::Partner,
        }
    }
}

/// Partners, then every version of every offering: the first events of a day.
pub(super) fn opening_plan() -> Vec<Planned> {
    let partners =
        (0..PARTNERS.len() as u8).flat_map(|at| [ReferenceStep::Organization(at), ReferenceStep::PartyRole(at)]);
    let offerings = (0..).zip(&OFFERINGS).flat_map(|(at, offering)| {
        let versions = if offering.two_versions { 2 } else { 1 };
        (1..=versions).map(move |version| ReferenceStep::Offering(at, version))
    });
    partners.chain(offerings).map(|step| (0, Step::Reference(step))).collect()
}

/// A new customer and the account that comes with it.
pub(super) fn customer_plan() -> Vec<Planned> {
    vec![(0, Step::Reference(ReferenceStep::CustomerCreate)), (30, Step::Account(AccountStep::Create))]
}

/// A change of what exists.
pub(super) fn change_plan(dice: &mut Dice) -> Vec<Planned> {
    let step = match dice.below(20) {
        0 => ReferenceStep::OfferingAttribute(dice.below(OFFERINGS.len() as u64) as u8),
        1 => ReferenceStep::PartyRoleAttribute(dice.below(PARTNERS.len() as u64) as u8),
        2..=6 => ReferenceStep::CustomerState,
        _ => ReferenceStep::CustomerAttribute,
    };
    vec![(0, Step::Reference(step))]
}

pub(super) fn render(scene: &mut Scene, flow: &Flow, step: ReferenceStep, stamp: Stamp) -> Places {
    use ReferenceStep::*;
    let (event_type, resource) = match step {
        CustomerCreate => ("CustomerCreateEvent", "customer"),
        CustomerAttribute => ("CustomerAttributeValueChangeEvent", "customer"),
        CustomerState => ("CustomerStateChangeEvent", "customer"),
        Offering(_, 1) => ("ProductOfferingCreateEvent", "productOffering"),
        Offering(..) | OfferingAttribute(_) => ("ProductOfferingAttributeValueChangeEvent", "productOffering"),
        Organization(_) => ("OrganizationCreateEvent", "organization"),
        PartyRole(_) => ("PartyRoleCreateEvent", "partyRole"),
        PartyRoleAttribute(_) => ("PartyRoleAttributeValueChangeEvent", "partyRole"),
    };
    let system = if step.family() == Family::Catalog { CATALOG } else { SYSTEM };
    let head = stamp.head(scene, flow, event_type, resource, "Reference", system);
    scene.event(&head, stamp.spelling, |scene| match step {
        CustomerCreate => customer(scene, flow),
        CustomerAttribute => {
            customer_identity(scene, flow);
            contact(scene, flow);
        }
        CustomerState => {
            customer_identity(scene, flow);
            scene.text.raw(",\"status\":\"validated\",\"statusReason\":\"Documents checked\"");
        }
        Offering(at, version) => offering(scene, flow, usize::from(at), version),
        OfferingAttribute(at) => {
            let offering = &OFFERINGS[usize::from(at)];
            let text = scene.text.raw("\"id\":\"").raw(offering.id);
            text.raw("\",\"version\":\"1\",\"description\":\"As advertised\",\"lastUpdate\":\"");
            text.time(stamp.occurred_at).raw("\",\"@type\":\"ProductOffering\"");
        }
        Organization(at) => {
            let (id, name, _) = PARTNERS[usize::from(at)];
            let text = scene.text.raw("\"id\":\"").raw(id).raw("\",\"tradingName\":\"").raw(name);
            text.raw("\",\"name\":\"").raw(name).raw("\",\"status\":\"validated\",");
            text.raw("\"isLegalEntity\":true,\"@type\":\"Organization\"");
        }
        PartyRole(at) | PartyRoleAttribute(at) => {
            let (id, _, role) = PARTNERS[usize::from(at)];
            let text = scene.text.raw("\"id\":\"").raw(id).raw("\",\"name\":\"").raw(role);
            text.raw("\",\"status\":\"validated\",\"engagedParty\":{\"id\":\"").raw(id);
            text.raw("\",\"@referredType\":\"Organization\"},\"@type\":\"PartyRole\"");
        }
    })
}

fn customer_identity(scene: &mut Scene, flow: &Flow) {
    scene.text.raw("\"id\":\"");
    push_id(scene, "CUS", flow.customer);
    scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/customerManagement/v4/customer\"");
    scene.text.raw(",\"@type\":\"Customer\"");
}

fn contact(scene: &mut Scene, flow: &Flow) {
    let customer = Customer::new(scene.seed, flow.customer);
    let text = scene.text.raw(",\"contactMedium\":[{\"mediumType\":\"phone\",\"preferred\":true,");
    text.raw("\"characteristic\":{\"phoneNumber\":\"+9199999").padded(customer.phone_digits(), 5);
    text.raw("\"}}]");
}

fn customer(scene: &mut Scene, flow: &Flow) {
    let customer = Customer::new(scene.seed, flow.customer);
    customer_identity(scene, flow);
    let text = scene.text.raw(",\"name\":\"Customer ").number(customer.number);
    text.raw("\",\"status\":\"Approved\",\"engagedParty\":{\"id\":\"PTY-").number(customer.number);
    text.raw("\",\"@referredType\":\"Individual\"},\"account\":[{\"id\":\"");
    push_id(scene, "BA", flow.customer);
    let text = scene.text.raw("\",\"@referredType\":\"BillingAccount\"}],\"characteristic\":[");
    text.raw("{\"name\":\"customerClass\",\"valueType\":\"string\",\"value\":\"");
    text.raw(customer.class()).raw("\"},{\"name\":\"circle\",\"valueType\":\"string\",");
    text.raw("\"value\":\"").raw(customer.circle()).raw("\"}]");
    contact(scene, flow);
}

fn offering(scene: &mut Scene, flow: &Flow, at: usize, version: u8) {
    let offering = &OFFERINGS[at];
    let switch = scene.start + scene.scaled(SECOND_VERSION_AFTER_HOURS * 3_600);
    let text = scene.text.raw("\"id\":\"").raw(offering.id).raw("\",\"name\":\"").raw(offering.name);
    text.raw("\",\"version\":\"").number(u64::from(version));
    text.raw("\",\"lifecycleStatus\":\"Active\",\"isSellable\":true,\"validFor\":{");
    if version == 1 {
        text.raw("\"startDateTime\":\"").time(flow.created - YEAR_MILLIS).raw("\"");
        if offering.two_versions {
            text.raw(",\"endDateTime\":\"").time(switch).raw("\"");
        }
    } else {
        text.raw("\"startDateTime\":\"").time(switch).raw("\"");
    }
    text.raw("},\"category\":[{\"id\":\"cat-").raw(offering.sla_class).raw("\",\"name\":\"");
    text.raw(offering.sla_class).raw("\"}],\"characteristic\":[");
    text.raw("{\"name\":\"slaClass\",\"value\":\"").raw(offering.sla_class);
    text.raw("\"},{\"name\":\"billingCode\",\"value\":\"").raw(offering.billing_code);
    text.raw(if version == 1 { "\"}]" } else { "-V2\"}]" });
    if let Some(partner) = offering.partner {
        text.raw(",\"relatedParty\":[");
        party(text, flow.v5, "Partner", |text| _ = text.raw(partner));
        text.raw("]");
    }
    text.raw(",\"@type\":\"ProductOffering\"");
}
