//! Payments and refunds (TMF676), bills (TMF678), billing accounts (TMF666).

use super::{
    CanonicalEvent, ReadError,
    event_type::{Resource, Verb},
    fields,
    fields::Reading,
    order::{channel, customer_from_envelope, keep_beside},
    party,
};
use crate::{AccountChange, AccountEntityKind, AccountEvent, Bill, BillingAccount, Payment, json::Value};

pub(super) fn read_payment(mut reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut payment = Payment { id: fields::id_of(entity)?, ..Payment::default() };
    let mut account_id = None;
    let (mut total, mut payer) = (None, None);
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "status" => payment.state = fields::named(field)?,
            "state" => payment.state = payment.state.or(fields::named(field)?),
            "correlatorId" => payment.correlator_id = fields::text(field)?,
            "amount" => payment.amount = reading.money(field)?,
            "totalAmount" => total = reading.money(field)?,
            "paymentDate" | "refundDate" => payment.payment_date = fields::instant(field)?,
            "statusDate" => payment.status_date = fields::instant(field)?,
            "account" => {
                account_id = fields::reference_id(field)?;
                fields::keep_rest(&mut payment.extra, field, &["id"]);
            }
            "channel" => {
                payment.channel = channel(field)?;
                fields::keep_rest(&mut payment.extra, field, &["name"]);
            }
            "paymentItem" => {
                payment.bill_ids = bill_ids(field)?;
                fields::keep(&mut payment.extra, field);
            }
            "payment" => {
                payment.refunded_payment_id = fields::reference_id(field)?;
                fields::keep_rest(&mut payment.extra, field, &["id"]);
            }
            "payer" => {
                payer = fields::reference_id(field)?;
                fields::keep_rest(&mut payment.extra, field, &["id"]);
            }
            "relatedParty" => {
                payment.customer_id = party::customer_id(field)?;
                fields::keep(&mut payment.extra, field);
            }
            _ => fields::keep(&mut payment.extra, field),
        }
    }
    // A payment's amount is kept where a total, with tax and discount, stands beside it.
    if total.is_some() {
        if let Some(amount) = entity.get("amount") {
            fields::keep(&mut payment.extra, amount);
        }
        payment.amount = total;
    }
    payment.customer_id = payment.customer_id.or(payer);
    keep_beside(&reading, &mut payment.extra);
    customer_from_envelope(&mut reading, &mut payment.customer_id)?;
    let kind = match reading.head.kind.resource {
        Resource::Refund => AccountEntityKind::Refund,
        _ => AccountEntityKind::Payment,
    };
    let account_id = account_or_own_id(&mut reading, account_id, &payment.id);
    Ok(event(reading, kind, account_id, |event| event.payment = Some(payment)))
}

pub(super) fn read_bill(mut reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut bill = Bill { id: fields::id_of(entity)?, ..Bill::default() };
    let mut account_id = None;
    let mut tax_included = None;
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "state" => bill.state = fields::named(field)?,
            "status" => bill.state = bill.state.or(fields::named(field)?),
            "billNo" => bill.bill_no = fields::text(field)?,
            "billDate" => bill.bill_date = fields::instant(field)?,
            "paymentDueDate" => bill.payment_due_date = fields::instant(field)?,
            "amountDue" => bill.amount_due = reading.money(field)?,
            "taxIncludedAmount" => {
                tax_included = reading.money(field)?;
                fields::keep(&mut bill.extra, field);
            }
            "remainingAmount" => bill.remaining_amount = reading.money(field)?,
            "billingAccount" => {
                account_id = fields::reference_id(field)?;
                fields::keep_rest(&mut bill.extra, field, &["id"]);
            }
            "relatedParty" => {
                bill.customer_id = party::customer_id(field)?;
                fields::keep(&mut bill.extra, field);
            }
            _ => fields::keep(&mut bill.extra, field),
        }
    }
    bill.amount_due = bill.amount_due.or(tax_included);
    keep_beside(&reading, &mut bill.extra);
    customer_from_envelope(&mut reading, &mut bill.customer_id)?;
    let account_id = account_or_own_id(&mut reading, account_id, &bill.id);
    Ok(event(reading, AccountEntityKind::Bill, account_id, |event| event.bill = Some(bill)))
}

pub(super) fn read_billing_account(mut reading: Reading<'_>, entity: Value<'_>) -> Result<CanonicalEvent, ReadError> {
    let mut account = BillingAccount { id: fields::id_of(entity)?, ..BillingAccount::default() };
    for field in entity.children().filter(|field| !field.is_null()) {
        match &*field.key() {
            "id" => {}
            "state" => account.state = fields::text(field)?,
            "status" => account.state = account.state.take().or(fields::text(field)?),
            "ratingType" => account.rating_type = fields::text(field)?,
            "paymentStatus" => account.payment_status = fields::text(field)?,
            "lastModified" | "lastUpdate" => account.last_modified = fields::instant(field)?,
            "relatedParty" => {
                account.customer_id = party::customer_id(field)?;
                fields::keep(&mut account.extra, field);
            }
            _ => fields::keep(&mut account.extra, field),
        }
    }
    keep_beside(&reading, &mut account.extra);
    customer_from_envelope(&mut reading, &mut account.customer_id)?;
    let account_id = account.id.clone();
    Ok(event(reading, AccountEntityKind::BillingAccount, account_id, |event| event.billing_account = Some(account)))
}

/// A state change may leave the account out (trap T4). The entity's own id then stands for it, and
/// a flag says so, for the processors to find the account by the entity.
fn account_or_own_id(reading: &mut Reading<'_>, account_id: Option<String>, own_id: &str) -> String {
    account_id.unwrap_or_else(|| {
        reading.flag("account_unknown");
        own_id.to_owned()
    })
}

/// The bills among the items that a payment is for.
fn bill_ids(items: Value<'_>) -> Result<Vec<String>, ReadError> {
    let mut ids = Vec::new();
    for item in items.elements().filter(|item| item.is_object()) {
        let Some(entity) = item.get("item").filter(|entity| entity.is_object()) else { continue };
        let named = entity.get_ignoring_case("@referredType").or_else(|| entity.get("@type"));
        let is_bill = named.and_then(Value::as_str).is_some_and(|name| name.to_ascii_lowercase().contains("bill"));
        if is_bill && let Some(id) = fields::text_of(entity, "id")? {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn event(
    reading: Reading<'_>,
    kind: AccountEntityKind,
    account_id: String,
    set: impl FnOnce(&mut AccountEvent),
) -> CanonicalEvent {
    let change = match reading.head.kind.verb {
        Verb::Create => AccountChange::Created,
        Verb::StateChange => AccountChange::StateChanged,
        Verb::Delete => AccountChange::Deleted,
        _ => AccountChange::AttributeChanged,
    };
    let envelope = reading.head.envelope;
    let mut event =
        AccountEvent { envelope, change, kind, account_id, billing_account: None, bill: None, payment: None };
    set(&mut event);
    CanonicalEvent::Account(event)
}
