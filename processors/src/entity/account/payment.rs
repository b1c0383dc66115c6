//! Payments and refunds: one machine; together the refunds of a payment never exceed what it
//! captured.

use schemas::{AccountChange, AccountEntityKind, AccountEvent, Code, Money, Payment, PaymentState};
use serde::{Deserialize, Serialize};
use topology::{Context, Fault, Outcome, Waiting};

use crate::entity::fault::{dead_letter, quarantine};
use crate::entity::machine::{Machine, State};
use crate::entity::merge::{Merged, merge_group};
use crate::entity::step::{Move, Named, place};
use crate::entity::{Chance, Change, Decision, Flag, MissingParent};
use crate::route::EntityView;

use super::{AccountRecord, Accounts, change_name, entity_key, news};

/// What is kept of a payment or refund.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PaymentPart {
    /// Its place in its machine.
    pub machine: Machine<PaymentState>,
    /// The payment, merged; without unknown fields.
    pub payment: Payment,
    /// Of a payment: what its refunds amount to, in millionths.
    pub refunded_micros: i64,
    /// Of a refund: what it is counted with at its payment.
    pub counted_micros: i64,
    /// Of a payment: refunds that wait for its capture.
    pub waiting_refunds: Vec<String>,
}

impl PaymentPart {
    fn is_captured(&self) -> bool {
        matches!(self.machine.state, Some(PaymentState::Captured | PaymentState::Done))
    }
}

/// Whether a refund may begin.
enum Cover {
    /// Yes, and this is what it counts with.
    Covered(i64),
    /// The payment is not known, or the refund names none that could be.
    NoPayment,
}

impl Accounts {
    pub(super) fn apply_payment(
        &mut self,
        context: &mut Context<'_>,
        state: &mut AccountRecord,
        event: AccountEvent,
        mut patch: Payment,
        chance: Chance,
    ) -> Result<Decision, Fault> {
        let AccountEvent { envelope, change, kind, account_id, .. } = event;
        let unknown_entity = self.unknown_entity(&envelope);
        let at = envelope.occurred_at;
        let mut part = state.payment.take().unwrap_or_default();
        let initial = PaymentState::PendingAuthorization;
        let named = Named { news: news(change), to: patch.state.take(), initial, at };
        let decided = match place(&part.machine, &state.head, named, chance, unknown_entity) {
            Ok(step) if step.is_first() && kind == AccountEntityKind::Refund => {
                self.cover(context, &patch, chance)?.map(|cover| (step, Some(cover)))
            }
            Ok(step) => Ok((step, None)),
            Err(decision) => Err(decision),
        };
        let (step, cover) = match decided {
            Ok(decided) => decided,
            Err(decision) => {
                state.payment = Some(part);
                return Ok(decision);
            }
        };

        let from = part.machine.state;
        let moved = step.perform(&mut part.machine, &mut state.head, at);
        if change == AccountChange::Created {
            state.head.set(Flag::Adopted, false);
        }
        match cover {
            Some(Cover::Covered(micros)) => {
                part.counted_micros = micros;
                self.count_refund(context, patch.refunded_payment_id.as_deref(), micros)?;
            }
            Some(Cover::NoPayment) => state.head.set(Flag::PaymentUnknown, true),
            None => {}
        }
        let id = patch.id.clone();
        let merged = merge(&mut part.payment, &mut state.since, patch, at);
        if !moved && !merged.any && change != AccountChange::Deleted && !matches!(step, Move::Adopt(_)) {
            state.payment = Some(part);
            let late = merged.late && change == AccountChange::AttributeChanged;
            return Ok(if late { Outcome::Stale } else { Outcome::Duplicate }.into());
        }
        state.note(account_id, at, &envelope);
        state.head.deleted |= change == AccountChange::Deleted;
        part.payment.state = part.machine.state;
        if moved && part.is_captured() {
            self.woken
                .extend(part.waiting_refunds.drain(..).map(|refund| entity_key(AccountEntityKind::Refund, &refund)));
        }
        if part.machine.state.is_some_and(has_failed) && part.counted_micros != 0 {
            let returned = -std::mem::take(&mut part.counted_micros);
            self.count_refund(context, part.payment.refunded_payment_id.as_deref(), returned)?;
        }

        if kind == AccountEntityKind::Payment {
            self.note_notice(context, state, &part.payment)?;
        }
        let mut fact = state.fact(kind, &id);
        fact.to_state = part.machine.name().map(str::to_owned);
        fact.customer_id.clone_from(&part.payment.customer_id);
        fact.channel.clone_from(&part.payment.channel);
        let news = Change::new(change_name(change, moved), from.map(State::name), moved, &envelope);
        let view = match kind {
            AccountEntityKind::Refund => EntityView::Refund(&part.payment),
            _ => EntityView::Payment(&part.payment),
        };
        self.publisher.publish(context, &mut state.head.version, news, fact, view);
        part.payment.extra.clear();
        state.payment = Some(part);
        Ok(Outcome::Applied.into())
    }

    /// Whether the payment's captured amount covers this refund besides the others.
    fn cover(
        &mut self,
        context: &mut Context<'_>,
        refund: &Payment,
        chance: Chance,
    ) -> Result<Result<Cover, Decision>, Fault> {
        let Some(payment_id) = refund.refunded_payment_id.as_deref() else { return Ok(Ok(Cover::NoPayment)) };
        let key = entity_key(AccountEntityKind::Payment, payment_id);
        let mut state = self.states.get(context, &key)?.unwrap_or_default();
        let captured = state.payment.as_ref().is_some_and(PaymentPart::is_captured);
        if !captured {
            let waiting = &mut state.payment.get_or_insert_default().waiting_refunds;
            let place = waiting.iter().position(|waiting| *waiting == refund.id);
            match (chance, place) {
                (Chance::First, None) => {
                    waiting.push(refund.id.clone());
                    self.states.put(context, &key, &state)?;
                }
                (Chance::Last, Some(place)) => {
                    waiting.remove(place);
                    if waiting.is_empty() && state.head.is_blank() {
                        self.states.delete(context, &key);
                    } else {
                        self.states.put(context, &key, &state)?;
                    }
                }
                _ => {}
            }
            if state.head.known {
                let fault = quarantine(Code::RefundExceedsCapture, "the payment was not captured in time");
                return Ok(Err(Decision::Wait(Waiting::Parked, fault)));
            }
            if chance == Chance::Last && self.settings.missing_parent == MissingParent::Continue {
                return Ok(Ok(Cover::NoPayment));
            }
            let fault = dead_letter(Code::ParentMissing, "the refunded payment did not become known in time");
            return Ok(Err(Decision::Wait(Waiting::Parked, fault)));
        }
        let Some(payment) = &state.payment else { return Ok(Ok(Cover::NoPayment)) };
        let (Some(captured), Some(wanted)) = (&payment.payment.amount, &refund.amount) else {
            return Ok(Ok(Cover::Covered(0)));
        };
        if !covers(captured, payment.refunded_micros, wanted) {
            let detail =
                "the refunds of the payment would exceed the amount that was captured, or name another currency";
            return Err(quarantine(Code::RefundExceedsCapture, detail));
        }
        Ok(Ok(Cover::Covered(wanted.micros)))
    }

    /// Adds to what the refunds of a payment amount to.
    fn count_refund(&self, context: &mut Context<'_>, payment_id: Option<&str>, micros: i64) -> Result<(), Fault> {
        let Some(payment_id) = payment_id else { return Ok(()) };
        let key = entity_key(AccountEntityKind::Payment, payment_id);
        if let Some(mut state) = self.states.get(context, &key)?
            && let Some(payment) = &mut state.payment
        {
            payment.refunded_micros = payment.refunded_micros.saturating_add(micros);
            self.states.put(context, &key, &state)?;
        }
        Ok(())
    }
}

fn covers(captured: &Money, refunded_micros: i64, wanted: &Money) -> bool {
    captured.currency == wanted.currency
        && refunded_micros.checked_add(wanted.micros).is_some_and(|total| total <= captured.micros)
}

fn has_failed(state: PaymentState) -> bool {
    matches!(state, PaymentState::Failed | PaymentState::Canceled | PaymentState::Denied)
}

fn merge(payment: &mut Payment, since: &mut schemas::Timestamp, patch: Payment, at: schemas::Timestamp) -> Merged {
    let mut merged = Merged::default();
    merge_group!(merged, *since, at, patch => payment: correlator_id, amount, payment_date, status_date, channel,
        refunded_payment_id, customer_id);
    if !patch.bill_ids.is_empty() && patch.bill_ids != payment.bill_ids && (at >= *since || payment.bill_ids.is_empty())
    {
        payment.bill_ids = patch.bill_ids;
        merged.any = true;
    }
    merged.any |= !patch.extra.is_empty();
    payment.id = patch.id;
    payment.extra = patch.extra;
    merged
}
