//! The live view of scorecards: `hub.scorecard` read from its beginning, its metrics, and the reports of periods that
//! have ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
use processors::kpi::cut;
use processors::score::{PeriodKind, ScoreSettings};
use schemas::Scorecard;
use topology::Record;

use super::failure::Failure;
use super::tail;
use crate::config::Scorecards;
use crate::report;
use crate::wiring::SharedLog;

/// How many partners have metrics: those of which most was measured.
const PARTNERS_MAX: usize = 100;

/// The newest card of every partner and period.
#[derive(Default)]
pub(super) struct ScorecardView {
    /// By partner, then by when the period began, then by its name.
    cards: BTreeMap<String, BTreeMap<(i64, String), Scorecard>>,
    /// The kind of periods that is configured.
    kind: Option<PeriodKind>,
    /// The partners whose metrics were set.
    set: BTreeSet<String>,
}

/// A view that a thread keeps up to date.
pub(super) type SharedScorecards = Arc<Mutex<ScorecardView>>;

impl ScorecardView {
    /// Takes a card in, or that one is forgotten; gives a final one back.
    fn apply(&mut self, record: &Record) -> Option<Scorecard> {
        let Some(value) = &record.value else {
            let key = std::str::from_utf8(record.key.as_deref()?).ok()?;
            let (partner, period) = key.rsplit_once('|')?;
            let cards = self.cards.get_mut(partner)?;
            cards.retain(|(_, name), _| name != period);
            if cards.is_empty() {
                self.cards.remove(partner);
            }
            return None;
        };
        let card: Scorecard = schemas::decode(value).ok()?;
        let final_card = (card.revision > 0).then(|| card.clone());
        let place = (card.start_at.as_millis(), card.period.clone());
        self.cards.entry(card.partner_id.clone()).or_default().insert(place, card);
        final_card
    }

    /// Whether a card is of another kind of period than is configured: it is of a time before that.
    fn is_former(&self, card: &Scorecard) -> bool {
        self.kind.is_some_and(|kind| card.period_kind != kind.name())
    }

    /// The newest card of a partner.
    fn newest(&self, partner: &str) -> Option<&Scorecard> {
        let cards = || self.cards.get(partner).into_iter().flat_map(|cards| cards.values().rev());
        cards().find(|card| !self.is_former(card)).or_else(|| cards().next())
    }

    /// The cards of a partner, newest first, of all periods or of one; those of kinds that were configured before
    /// come last.
    pub(super) fn of(&self, partner: &str, period: Option<&str>) -> Vec<Scorecard> {
        let cards = self.cards.get(partner).into_iter().flat_map(|cards| cards.iter().rev());
        let wanted = cards.filter(|((_, name), _)| period.is_none_or(|wanted| wanted == name));
        let mut cards: Vec<Scorecard> = wanted.map(|(_, card)| card.clone()).collect();
        cards.sort_by_key(|card| self.is_former(card));
        cards
    }

    /// Of every partner the newest card, or that of a period, the lowest score first.
    pub(super) fn all(&self, period: Option<&str>) -> Vec<Scorecard> {
        let mut all: Vec<Scorecard> =
            self.cards.keys().filter_map(|partner| self.of(partner, period).into_iter().next()).collect();
        all.sort_by_key(|card| (card.score_ppm.unwrap_or(i64::MAX), card.partner_id.clone()));
        all
    }

    /// Sets the metrics; those of partners that are no more among them, to nothing.
    pub(super) fn publish(&mut self) {
        let told = self.told();
        let parts = ScoreSettings::default().parts.map(|part| part.name);
        for partner in self.set.iter().filter(|partner| !told.contains_key(*partner)) {
            set_all(partner, None, &parts);
        }
        for (partner, card) in &told {
            set_all(partner, Some(card), &parts);
        }
        self.set = told.into_keys().collect();
    }

    /// The newest cards of the partners that have metrics, by what metrics call them.
    fn told(&self) -> BTreeMap<String, Scorecard> {
        let mut newest: Vec<&Scorecard> = self.cards.keys().filter_map(|partner| self.newest(partner)).collect();
        let measured = |card: &Scorecard| card.parts.iter().map(|part| part.count).sum::<i64>();
        newest.sort_by_key(|card| (-measured(card), card.partner_id.clone()));
        newest.truncate(PARTNERS_MAX);
        // Of two whose names are cut to one, that of which more was measured.
        newest.into_iter().rev().map(|card| (cut(&card.partner_id).to_owned(), card.clone())).collect()
    }
}

/// Sets a partner's metrics, or all of them to nothing.
fn set_all(partner: &str, card: Option<&Scorecard>, parts: &[&'static str]) {
    let set = |part: &str, share: Option<i64>| {
        let labels = [("partner", partner.to_owned()), ("part", part.to_owned())];
        gauge!("hub_partner_score", &labels).set(share.map_or(f64::NAN, |share| share as f64 / 1e6));
    };
    set("score", card.and_then(|card| card.score_ppm));
    for name in parts {
        let found = card.and_then(|card| card.parts.iter().find(|found| found.name == *name));
        set(name, found.and_then(|found| found.share_ppm));
    }
}

/// Says what the metric means.
pub(super) fn describe() {
    describe_gauge!(
        "hub_partner_score",
        "Of the current period the score of a partner, and the share that was good of each of its parts; NaN with too little to go by"
    );
}

/// Starts the thread that reads; it ends with `shutdown`. Reports go to the configured folder, if anywhere.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedScorecards,
    settings: &Scorecards,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    view.lock().unwrap_or_else(PoisonError::into_inner).kind = Some(settings.settings.period);
    let folder = settings.reports.clone();
    // The newest of each partner and period: what was told before is not written over it.
    let waiting: Mutex<BTreeMap<(String, String), Scorecard>> = Mutex::default();
    let has_failed = std::sync::atomic::AtomicBool::new(false);
    tail::follow(log, (processors::score::TOPIC, partitions), shutdown, failure, move |records| {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
            let told = records.drain(..).filter_map(|record| view.apply(&record));
            waiting.extend(told.map(|card| ((card.partner_id.clone(), card.period.clone()), card)));
        }
        let Some(folder) = &folder else { return waiting.clear() };
        // What cannot be written is tried again with the next look at the topic.
        waiting.retain(|_, card| match report::write(folder, card) {
            Ok(()) => false,
            Err(error) => {
                if !has_failed.swap(true, std::sync::atomic::Ordering::Relaxed) {
                    tracing::warn!(%error, folder = %folder.display(), "the reports of partners cannot be written");
                }
                true
            }
        });
        if waiting.is_empty() {
            has_failed.store(false, std::sync::atomic::Ordering::Relaxed);
        }
    })
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use schemas::{ScorePart, Timestamp};
    use topology::Offset;

    use super::*;

    fn record(partner: &str, count: i64) -> Record {
        let part = ScorePart {
            name: "availability".into(),
            count,
            good: count,
            share_ppm: Some(990_000),
            target_ppm: 0,
            weight: 1,
            suspect: 0,
            late: 0,
        };
        let card = Scorecard {
            partner_id: partner.into(),
            period: "2026-11".into(),
            period_kind: "month".into(),
            start_at: Timestamp(0),
            end_at: Timestamp(1),
            score_ppm: Some(900_000),
            parts: vec![part],
            our_faults: 0,
            response_p50_ms: None,
            response_p95_ms: None,
            revision: 0,
            told_at: Timestamp(0),
        };
        Record {
            topic: processors::score::TOPIC.into(),
            partition: 0,
            offset: Offset(0),
            timestamp: Timestamp(0),
            key: Some(format!("{partner}|2026-11").into_bytes().into()),
            value: Some(schemas::encode(&card).into()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_newest_card_is_one_of_the_period_that_is_configured() {
        let mut view = ScorecardView { kind: Some(PeriodKind::Month), ..ScorecardView::default() };
        let mut month = record("P", 1);
        let mut day: Scorecard = schemas::decode(month.value.as_deref().unwrap()).unwrap();
        (day.period, day.period_kind, day.start_at) = ("2026-11-28".into(), "day".into(), Timestamp(27));
        month.value = Some(schemas::encode(&day).into());
        view.apply(&month);
        assert_eq!(view.newest("P").unwrap().period, "2026-11-28", "there is no other");
        view.apply(&record("P", 1));
        assert_eq!(view.newest("P").unwrap().period, "2026-11", "though the day began later");
        assert_eq!(view.all(None)[0].period, "2026-11");
        assert_eq!(view.all(Some("2026-11-28"))[0].period, "2026-11-28");
    }

    #[test]
    fn partners_that_left_have_no_score_any_more() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let shown = recorder.handle();
        let score = |partner: &str, part: &str| {
            let wanted = format!(r#"hub_partner_score{{partner="{partner}",part="{part}"}} "#);
            shown.render().lines().find_map(|line| line.strip_prefix(&wanted).map(str::to_owned))
        };
        metrics::with_local_recorder(&recorder, || {
            let mut view = ScorecardView::default();
            (0..PARTNERS_MAX as i64).for_each(|index| drop(view.apply(&record(&format!("P{index}"), 10 + index))));
            view.publish();
            assert_eq!((score("P0", "score"), score("P0", "availability")), (Some("0.9".into()), Some("0.99".into())));
            // One comes of which more was measured, and one is forgotten.
            view.apply(&record(&"long".repeat(40), 1_000));
            view.apply(&Record { value: None, ..record("P7", 0) });
            view.apply(&record("late", 11));
            view.publish();
            assert_eq!(score("P0", "score").as_deref(), Some("NaN"));
            assert_eq!(score("P7", "availability").as_deref(), Some("NaN"));
            assert_eq!(score("late", "score").as_deref(), Some("0.9"));
            assert_eq!(score(&"long".repeat(16), "score").as_deref(), Some("0.9"));
        });
    }
}
