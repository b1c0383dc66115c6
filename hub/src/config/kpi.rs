//! `[kpi]`: how KPIs are measured and told.

use std::time::Duration;

use processors::kpi::KpiSettings;

use super::reader::Section;

pub(super) fn read(section: &Section<'_, '_>) -> KpiSettings {
    let mut settings = KpiSettings::default();
    let week = Duration::from_secs(7 * 86_400);
    let millis =
        |key, least: Duration, most| section.duration(key, least..=most).map(|found| found.value.as_millis() as i64);
    settings.grace_ms = millis("grace", Duration::ZERO, week).unwrap_or(settings.grace_ms);
    settings.publish_ms =
        millis("publish", Duration::from_millis(100), Duration::from_secs(3_600)).unwrap_or(settings.publish_ms);
    let count = |key, most| section.integer(key, 1..=most).map(|found| found.value as usize);
    settings.top_k = count("top_k", 200).unwrap_or(settings.top_k);
    settings.values_max = count("values_max", 10_000).unwrap_or(settings.values_max);
    let day = Duration::from_secs(86_400);
    settings.acknowledge_ms =
        millis("acknowledge_within", Duration::from_millis(1), day).unwrap_or(settings.acknowledge_ms);
    if let Some(channels) = section.strings("autopay_channels") {
        settings.autopay_channels = channels.into_iter().map(|found| found.value).collect();
    }
    if let Some(prefix) = section.string("mnp_objective_prefix") {
        settings.mnp_objective_prefix = prefix.value;
    }
    section.finish();
    settings
}
