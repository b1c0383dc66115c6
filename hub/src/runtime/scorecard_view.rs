//! The live view of scorecards: `hub.scorecard` read from its beginning, its metrics, and the reports of periods that
//! have ended.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
use schemas::{ScorePart, Scorecard};
use topology::Record;

use super::failure::Failure;
use super::tail;
use crate::report;
use crate::wiring::SharedLog;

/// How many partners have metrics: those of which most was measured.
const PARTNERS_MAX: usize = 100;

/// The newest card of every partner and period.
#[derive(Default)]
pub(super) struct ScorecardView {
    /// By partner, then by when the period began, then by its name.
    cards: BTreeMap<String, BTreeMap<(i64, String), Scorecard>>,
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

    /// The cards of a partner, newest first, of all periods or of one.
    pub(super) fn of(&self, partner: &str, period: Option<&str>) -> Vec<Scorecard> {
        let cards = self.cards.get(partner).into_iter().flat_map(|cards| cards.iter().rev());
        cards
            .filter(|((_, name), _)| period.is_none_or(|wanted| wanted == name))
            .map(|(_, card)| card.clone())
            .collect()
    }

    /// Of every partner the newest card, or that of a period, the lowest score first.
    pub(super) fn all(&self, period: Option<&str>) -> Vec<Scorecard> {
        let mut all: Vec<Scorecard> =
            self.cards.keys().filter_map(|partner| self.of(partner, period).into_iter().next()).collect();
        all.sort_by_key(|card| (card.score_ppm.unwrap_or(i64::MAX), card.partner_id.clone()));
        all
    }

    /// Sets the metrics.
    pub(super) fn publish(&self) {
        let mut newest: Vec<&Scorecard> =
            self.cards.values().filter_map(|cards| cards.last_key_value()).map(|(_, card)| card).collect();
        let measured = |card: &Scorecard| card.parts.iter().map(|part| part.count).sum::<i64>();
        newest.sort_by_key(|card| (-measured(card), card.partner_id.clone()));
        for card in newest.into_iter().take(PARTNERS_MAX) {
            let set = |part: &str, share: Option<i64>| {
                let labels = [("partner", card.partner_id.clone()), ("part", part.to_owned())];
                gauge!("hub_partner_score", &labels).set(share.map_or(f64::NAN, |share| share as f64 / 1e6));
            };
            set("score", card.score_ppm);
            card.parts.iter().for_each(|ScorePart { name, share_ppm, .. }| set(name, *share_ppm));
        }
    }
}

/// Says what the metric means.
pub(super) fn describe() {
    describe_gauge!(
        "hub_partner_score",
        "Of the current period the score of a partner, and the share that was good of each of its parts; NaN with too little to go by"
    );
}

/// Starts the thread that reads; it ends with `shutdown`. Reports go to `folder`, if anywhere.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedScorecards,
    folder: Option<PathBuf>,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
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
