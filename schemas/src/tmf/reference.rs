//! Customers (TMF629), offerings (TMF620), partners (TMF632 organisations, TMF669 party roles).

use super::{
    CanonicalEvent, ReadError,
    event_type::{Resource, Verb},
    fields,
    fields::Reading,
    order::{CIRCLE_NAMES, keep_beside},
    party,
};
use crate::{CatalogEvent, Customer, CustomerEvent, Offering, Partner, PartnerEvent, ReferenceChange, json::Value};

pub(super) fn read_customer(reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut customer = Customer { id: fields::id_of(entity)?, ..Customer::default() };
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "status" => customer.status = fields::text(field)?,
            "state" => customer.status = customer.status.take().or(fields::text(field)?),
            "account" => {
                customer.account_ids = ids(field)?;
                fields::keep_rest(&mut customer.extra, field, &["id"]);
            }
            "characteristic" | "customerCharacteristic" => {
                customer.class = fields::characteristic(field, &["customerClass", "segment"])?;
                customer.circle = fields::characteristic(field, &CIRCLE_NAMES)?;
                fields::keep(&mut customer.extra, field);
            }
            // Names and contacts are personal: they are kept, but have no field of their own.
            _ => fields::keep(&mut customer.extra, field),
        }
    }
    keep_beside(&reading, &mut customer.extra);
    let change = change(&reading);
    Ok(CanonicalEvent::Customer(CustomerEvent { envelope: reading.head.envelope, change, customer }))
}

pub(super) fn read_offering(reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut offering = Offering { id: fields::id_of(entity)?, ..Offering::default() };
    let mut category = None;
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "version" => offering.version = fields::text(field)?.unwrap_or_default(),
            "name" => offering.name = fields::text(field)?,
            "lifecycleStatus" => offering.status = fields::text(field)?,
            "status" => offering.status = offering.status.take().or(fields::text(field)?),
            "validFor" => {
                offering.valid_from = field.get("startDateTime").map_or(Ok(None), fields::instant)?;
                offering.valid_to = field.get("endDateTime").map_or(Ok(None), fields::instant)?;
                fields::keep_rest(&mut offering.extra, field, &["startDateTime", "endDateTime"]);
            }
            "category" => {
                category = match field.elements().next() {
                    Some(first) if first.is_object() => fields::text_of(first, "name")?,
                    Some(first) => fields::text(first)?,
                    None => None,
                };
                fields::keep_rest(&mut offering.extra, field, &["name"]);
            }
            "relatedParty" => {
                offering.partner_id = party::partner_id(field)?;
                fields::keep(&mut offering.extra, field);
            }
            "characteristic" | "productOfferingCharacteristic" | "prodSpecCharValueUse" => {
                let sla_class = fields::characteristic(field, &["slaClass"])?;
                offering.sla_class = offering.sla_class.take().or(sla_class);
                let billing_code = fields::characteristic(field, &["billingCode"])?;
                offering.billing_code = offering.billing_code.take().or(billing_code);
                fields::keep(&mut offering.extra, field);
            }
            _ => fields::keep(&mut offering.extra, field),
        }
    }
    offering.sla_class = offering.sla_class.or(category);
    keep_beside(&reading, &mut offering.extra);
    let change = change(&reading);
    Ok(CanonicalEvent::Catalog(CatalogEvent { envelope: reading.head.envelope, change, offering }))
}

pub(super) fn read_partner(reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut partner = Partner { id: fields::id_of(entity)?, ..Partner::default() };
    let is_role = reading.head.kind.resource == Resource::PartyRole;
    let mut name = None;
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "status" => partner.status = fields::text(field)?,
            "state" => partner.status = partner.status.take().or(fields::text(field)?),
            // A party role's own name is its kind; v5 has `role` for it.
            "name" if is_role => partner.role = partner.role.take().or(fields::text(field)?),
            "role" if is_role => partner.role = fields::text(field)?,
            "engagedParty" if is_role => {
                partner.name = fields::text_of(field, "name")?;
                fields::keep_rest(&mut partner.extra, field, &["name"]);
            }
            "tradingName" => partner.name = fields::text(field)?,
            "name" => name = fields::text(field)?,
            _ => fields::keep(&mut partner.extra, field),
        }
    }
    partner.name = partner.name.or(name);
    keep_beside(&reading, &mut partner.extra);
    let change = change(&reading);
    Ok(CanonicalEvent::Partner(PartnerEvent { envelope: reading.head.envelope, change, partner }))
}

fn ids(list: Value<'_>) -> Result<Vec<String>, ReadError> {
    let mut ids = Vec::new();
    for entry in list.elements() {
        ids.extend(fields::reference_id(entry)?);
    }
    Ok(ids)
}

fn change(reading: &Reading<'_>) -> ReferenceChange {
    match reading.head.kind.verb {
        Verb::Create => ReferenceChange::Created,
        Verb::StateChange => ReferenceChange::StateChanged,
        Verb::Delete => ReferenceChange::Deleted,
        _ => ReferenceChange::AttributeChanged,
    }
}
