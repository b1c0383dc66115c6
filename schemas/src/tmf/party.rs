//! Related parties (v4 flat, v5 nested) and related entities (trap T11).

use super::{ReadError, fields};
use crate::json::Value;

/// Roles of a party whose order, ticket or payment it is.
const CUSTOMER_ROLES: [&str; 7] = ["customer", "subscriber", "endcustomer", "buyer", "payer", "accountholder", "owner"];

/// Roles of a party that does a part of the work.
const PARTNER_ROLES: [&str; 4] = ["partner", "supplier", "vendor", "fulfiller"];

/// The first party with a customer's role, else the first that is a customer by its type.
pub(super) fn customer_id(parties: Value<'_>) -> Result<Option<String>, ReadError> {
    let by_role = |party: &Value<'_>| role(*party).is_some_and(|role| CUSTOMER_ROLES.contains(&role.as_str()));
    let by_type = |party: &Value<'_>| referred_type(*party).is_some_and(|name| name.eq_ignore_ascii_case("customer"));
    let mut objects = parties.elements().filter(|party| party.is_object());
    match objects.clone().find(by_role).or_else(|| objects.find(by_type)) {
        Some(party) => id(party),
        None => Ok(None),
    }
}

/// The first party with a partner's or supplier's role.
pub(super) fn partner_id(parties: Value<'_>) -> Result<Option<String>, ReadError> {
    let is_partner = |party: &Value<'_>| {
        role(*party).is_some_and(|role| PARTNER_ROLES.iter().any(|partner| role.ends_with(partner)))
    };
    match parties.elements().filter(|party| party.is_object()).find(is_partner) {
        Some(party) => id(party),
        None => Ok(None),
    }
}

/// The id of the first related entity of this type (v4 flat, v5 under `entity`).
pub(super) fn entity_id(entities: Value<'_>, wanted: &str) -> Result<Option<String>, ReadError> {
    for related in entities.elements().filter(|related| related.is_object()) {
        let entity = related.get("entity").filter(|entity| entity.is_object()).unwrap_or(related);
        let named = referred_type(entity).or_else(|| referred_type(related));
        if named.is_some_and(|name| name.eq_ignore_ascii_case(wanted)) {
            return fields::text_of(entity, "id");
        }
    }
    Ok(None)
}

/// The role's letters in lower case.
fn role(party: Value<'_>) -> Option<String> {
    let role = party.get("role")?.as_str()?;
    Some(role.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect())
}

fn nested(party: Value<'_>) -> Option<Value<'_>> {
    party.get("partyOrPartyRole").filter(|nested| nested.is_object())
}

fn id(party: Value<'_>) -> Result<Option<String>, ReadError> {
    fields::text_of(nested(party).unwrap_or(party), "id")
}

/// `@referredType`, in either of its spellings (trap T5).
fn referred_type(holder: Value<'_>) -> Option<String> {
    let of = |holder: Value<'_>| Some(holder.get_ignoring_case("@referredType")?.as_str()?.trim().to_owned());
    of(holder).or_else(|| nested(holder).and_then(of))
}
