//! What a payment adds.

use super::catalog::Kpi;
use super::settings::KpiSettings;
use super::story::Story;
use super::tally::Value;
use super::told::Item;
use crate::entity::account::is_autopay;

/// What a payment adds, as far as it has come. One that was called off counts nowhere.
pub(super) fn derive(payment: &Story, settings: &KpiSettings, items: &mut Vec<Item>) {
    let ended = payment.moves().iter().find(|happened| matches!(happened.what(), "done" | "failed" | "denied"));
    let Some(ended) = ended else { return };
    let (at, what) = (ended.0, ended.what());
    let mut add = |kpi, hit| items.push(Item { kpi, ordinal: 0, at, value: Value::hit(hit) });
    add(Kpi::PaymentSuccess, what == "done");
    add(Kpi::PaymentTechnicalFailure, what == "failed");
    add(Kpi::PaymentBusinessDecline, what == "denied");
    if is_autopay(payment.labels.channel.as_deref(), &settings.autopay_channels) {
        add(Kpi::AutopayAttemptFailure, what != "done");
        if let Some(short) = payment.notice_short {
            add(Kpi::AutopayNotice, !short);
        }
    }
}
