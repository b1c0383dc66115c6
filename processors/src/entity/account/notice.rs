//! Debits by mandate: whether the customer was told of the bill early enough before.
//!
//! The notice is the sending of the bill (TMF678 `sent`). A debit happens when its payment is made; where that is not
//! said, when it was created.

use schemas::{AccountEntityKind, Payment};
use topology::{Context, Fault};

use super::{AccountRecord, Accounts, entity_key};
use crate::entity::Flag;

/// Whether a payment by this channel is a debit by mandate.
pub(crate) fn is_autopay(channel: Option<&str>, autopay_channels: &[String]) -> bool {
    channel.is_some_and(|channel| autopay_channels.iter().any(|known| known.eq_ignore_ascii_case(channel)))
}

impl Accounts {
    /// Notes on a payment whether the bills that it debits were sent early enough.
    pub(super) fn note_notice(
        &self,
        context: &Context<'_>,
        state: &mut AccountRecord,
        payment: &Payment,
    ) -> Result<(), Fault> {
        if !is_autopay(payment.channel.as_deref(), &self.settings.autopay_channels) {
            return Ok(());
        }
        let debited_at = payment.payment_date.or(state.created_at);
        let (mut short, mut unknown) = (false, payment.bill_ids.is_empty() || debited_at.is_none());
        for bill in &payment.bill_ids {
            let known = self.states.get(context, &entity_key(AccountEntityKind::Bill, bill))?;
            let Some((part, debited_at)) = known.and_then(|known| known.bill).zip(debited_at) else {
                unknown = true;
                continue;
            };
            short |= part.sent_at.is_none_or(|sent| debited_at.millis_since(sent) < self.settings.notice_ms);
        }
        state.head.set(Flag::NoticeShort, short);
        state.head.set(Flag::NoticeUnknown, unknown && !short);
        Ok(())
    }
}
