//! What a payment adds.

use super::catalog::Kpi;
use super::settings::KpiSettings;
use super::story::Story;
use super::tally::Value;
use super::told::Item;

/// What a payment adds, as far as it has come. One that was called off counts nowhere.
pub(super) fn derive(payment: &Story, settings: &KpiSettings, items: &mut Vec<Item>) {
    let ended = payment.moves().iter().find(|happened| matches!(happened.what(), "done" | "failed" | "denied"));
    let Some(ended) = ended else { return };
    let (at, what) = (ended.0, ended.what());
    let mut add = |kpi, hit| items.push(Item { kpi, ordinal: 0, at, value: Value::hit(hit) });
    add(Kpi::PaymentSuccess, what == "done");
    add(Kpi::PaymentTechnicalFailure, what == "failed");
    add(Kpi::PaymentBusinessDecline, what == "denied");
    if is_autopay(payment, settings) {
        add(Kpi::AutopayAttemptFailure, what != "done");
        if let Some(short) = payment.notice_short {
            add(Kpi::AutopayNotice, !short);
        }
    }
}

/// Whether a payment was debited by mandate.
pub(super) fn is_autopay(payment: &Story, settings: &KpiSettings) -> bool {
    let channel = payment.labels.channel.as_deref();
    channel.is_some_and(|channel| settings.autopay_channels.iter().any(|known| known.eq_ignore_ascii_case(channel)))
}
