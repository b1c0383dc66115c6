//! Customer bills (TMF678).

use schemas::{AccountChange, AccountEvent, Bill, BillState};
use topology::{Context, Outcome};

use crate::entity::machine::State;
use crate::entity::merge::{Merged, merge_group};
use crate::entity::step::{Move, Named, place};
use crate::entity::{Chance, Change, Decision, Flag};
use crate::route::EntityView;

use super::{AccountRecord, Accounts, change_name, news};

impl Accounts {
    pub(super) fn apply_bill(
        &mut self,
        context: &mut Context<'_>,
        state: &mut AccountRecord,
        event: AccountEvent,
        mut patch: Bill,
        chance: Chance,
    ) -> Decision {
        let AccountEvent { envelope, change, kind, account_id, .. } = event;
        let unknown_entity = self.unknown_entity(&envelope);
        let at = envelope.occurred_at;
        let mut part = state.bill.take().unwrap_or_default();
        let named = Named { news: news(change), to: patch.state.take(), initial: BillState::New, at };
        let step = match place(&part.machine, &state.head, named, chance, unknown_entity) {
            Ok(step) => step,
            Err(decision) => {
                state.bill = Some(part);
                return decision;
            }
        };

        let from = part.machine.state;
        let moved = step.perform(&mut part.machine, &mut state.head, at);
        if change == AccountChange::Created {
            state.head.set(Flag::Adopted, false);
        }
        if part.machine.state == Some(BillState::Sent) && part.sent_at.is_none_or(|sent| at < sent) {
            part.sent_at = Some(at);
        }
        let id = patch.id.clone();
        let mut merged = Merged::default();
        let bill = &mut part.bill;
        merge_group!(merged, state.since, at, patch => bill: bill_no, bill_date, payment_due_date, amount_due,
            remaining_amount, customer_id);
        merged.any |= !patch.extra.is_empty();
        bill.id = patch.id;
        bill.extra = patch.extra;
        if !moved && !merged.any && change != AccountChange::Deleted && !matches!(step, Move::Adopt(_)) {
            state.bill = Some(part);
            let late = merged.late && change == AccountChange::AttributeChanged;
            return if late { Outcome::Stale } else { Outcome::Duplicate }.into();
        }
        state.note(account_id, at, &envelope);
        state.head.deleted |= change == AccountChange::Deleted;
        part.bill.state = part.machine.state;

        let mut fact = state.fact(kind, &id);
        fact.to_state = part.machine.name().map(str::to_owned);
        fact.customer_id.clone_from(&part.bill.customer_id);
        fact.due_at = part.bill.payment_due_date;
        let news = Change::new(change_name(change, moved), from.map(State::name), moved, &envelope);
        self.publisher.publish(context, &mut state.head.version, news, fact, EntityView::Bill(&part.bill));
        part.bill.extra.clear();
        state.bill = Some(part);
        Outcome::Applied.into()
    }
}
