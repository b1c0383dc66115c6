//! Billing accounts (TMF666), whose states are free text. `lastModified` guards against older
//! versions.

use schemas::{AccountChange, AccountEvent, BillingAccount};
use topology::{Context, Outcome};

use crate::entity::merge::{Merged, merge_group};
use crate::entity::{Change, Decision};
use crate::route::EntityView;

use super::{AccountRecord, Accounts, change_name};

impl Accounts {
    pub(super) fn apply_billing_account(
        &mut self,
        context: &mut Context<'_>,
        state: &mut AccountRecord,
        event: AccountEvent,
        patch: BillingAccount,
    ) -> Decision {
        let AccountEvent { envelope, change, kind, account_id, .. } = event;
        let version_at = patch.last_modified.unwrap_or(envelope.occurred_at);
        if state.head.is_deleted_after(version_at, state.since, change == AccountChange::Created) {
            return Outcome::Stale.into();
        }
        let account = state.billing_account.get_or_insert_default();
        let from = account.state.clone();
        let mut merged = Merged::default();
        merge_group!(merged, state.since, version_at, patch => account: state, rating_type, payment_status, customer_id,
            last_modified);
        if merged.late && !merged.any {
            return Outcome::Stale.into();
        }
        account.id.clone_from(&patch.id);
        account.extra = patch.extra;
        let moved = account.state != from;
        let (to, customer_id, category) =
            (account.state.clone(), account.customer_id.clone(), account.rating_type.clone());
        state.note(account_id, envelope.occurred_at, &envelope);
        state.head.known = change != AccountChange::Deleted;
        state.head.deleted = change == AccountChange::Deleted;
        if state.head.deleted {
            state.since = state.since.max(version_at);
        }

        let mut fact = state.fact(kind, &patch.id);
        fact.to_state = to;
        fact.customer_id = customer_id;
        fact.category = category;
        let news = Change::new(change_name(change, moved), from.as_deref(), moved, &envelope);
        if let Some(account) = &mut state.billing_account {
            self.publisher.publish(context, &mut state.head.version, news, fact, EntityView::BillingAccount(account));
            account.extra.clear();
        }
        Outcome::Applied.into()
    }
}
