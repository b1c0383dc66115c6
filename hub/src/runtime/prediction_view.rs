//! The live view of predictions: `hub.sla.prediction` read from its beginning, and its metrics.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use connectors::sink::Shutdown;
use metrics::{describe_gauge, gauge};
use schemas::SlaPrediction;
use topology::Record;

use super::failure::Failure;
use super::sla_news::{self, SlaNews};
use super::sla_view::Place;
use super::tail;
use crate::wiring::SharedLog;

const BANDS: [&str; 4] = ["low", "some", "likely", "high"];
/// The first of [`BANDS`] that is news.
const LIKELY: usize = 2;

/// By probability, then by the key's hash: where the prediction is.
type Order = BTreeSet<(i64, u64)>;

/// What is expected of every open clock; of each only its probability and where the rest is.
#[derive(Default)]
pub(super) struct PredictionView {
    hasher: RandomState,
    /// By the key's hash: the objective's number, the probability, and where the prediction is.
    clocks: HashMap<u64, (usize, i64, Place)>,
    objectives: Vec<Objective>,
}

/// The open clocks of one objective.
struct Objective {
    name: String,
    order: Order,
    /// How many are in each of [`BANDS`]: kept, so that nobody has to count a million.
    bands: [usize; BANDS.len()],
}

fn band(probability_ppm: i64) -> usize {
    let name = processors::predict::band(probability_ppm as f64 / 1e6);
    BANDS.iter().position(|band| *band == name).expect("every band is in the list: a test goes through them")
}

/// A view that a thread keeps up to date.
pub(super) type SharedPredictions = Arc<Mutex<PredictionView>>;

impl PredictionView {
    /// Takes a prediction in; gives it back where it is likely, and in a higher band than the one before.
    fn apply(&mut self, record: &Record) -> Option<SlaPrediction> {
        let key = record.key.as_ref()?;
        let mut before = 0;
        let id = self.hasher.hash_one(key.as_ref());
        if let Some((objective, probability, _)) = self.clocks.remove(&id) {
            self.objectives[objective].order.remove(&(probability, id));
            before = band(probability);
            self.objectives[objective].bands[before] -= 1;
        }
        let prediction = record.value.as_ref().and_then(|value| schemas::decode::<SlaPrediction>(value).ok());
        let prediction = prediction?;
        let known = self.objectives.iter().position(|known| known.name == prediction.objective);
        let objective = known.unwrap_or_else(|| {
            let name = prediction.objective.clone();
            self.objectives.push(Objective { name, order: Order::new(), bands: [0; BANDS.len()] });
            self.objectives.len() - 1
        });
        let probability = prediction.probability_ppm;
        self.objectives[objective].order.insert((probability, id));
        let now = band(probability);
        self.objectives[objective].bands[now] += 1;
        self.clocks.insert(id, (objective, probability, (record.partition, record.offset)));
        (now > before && now >= LIKELY).then_some(prediction)
    }

    /// Where the predictions of the likeliest to breach are, in that order, and how many there are in all.
    pub(super) fn likeliest(&self, objective: Option<&str>, limit: usize) -> (Vec<Place>, usize) {
        let named = self.objectives.iter().filter(|found| objective.is_none_or(|wanted| wanted == found.name));
        let (mut likeliest, mut all) = (Vec::<(i64, u64)>::new(), 0);
        for Objective { order, .. } in named {
            all += order.len();
            likeliest.extend(order.iter().rev().take(limit));
        }
        likeliest.sort_unstable_by(|one, other| other.cmp(one));
        likeliest.truncate(limit);
        (likeliest.iter().filter_map(|(_, id)| self.clocks.get(id)).map(|(_, _, place)| *place).collect(), all)
    }

    /// Sets the metrics.
    pub(super) fn publish(&self) {
        for Objective { name, bands, .. } in &self.objectives {
            for (band, clocks) in BANDS.into_iter().zip(bands) {
                gauge!("hub_sla_predicted_clocks", "objective" => name.clone(), "band" => band).set(*clocks as f64);
            }
        }
    }
}

/// Says what the metric means.
pub(super) fn describe() {
    describe_gauge!("hub_sla_predicted_clocks", "Open clocks by objective and band of the probability to breach");
}

/// Starts the thread that reads; it ends with `shutdown`.
pub(super) fn start(
    log: SharedLog,
    partitions: u32,
    view: SharedPredictions,
    news: SlaNews,
    shutdown: Shutdown,
    failure: Failure,
) -> std::io::Result<thread::JoinHandle<()>> {
    tail::follow_live(log, (processors::predict::TOPIC, partitions), shutdown, failure, move |records, is_live| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        for likelier in records.drain(..).filter_map(|record| view.apply(&record)).filter(|_| is_live) {
            news.tell(|| sla_news::likelier(&likelier));
        }
    })
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;
    use topology::Offset;

    use super::*;

    fn record(offset: i64, entity: &str, probability_ppm: Option<i64>) -> Record {
        let prediction = |probability_ppm| SlaPrediction {
            objective: "repair".into(),
            entity_kind: "ticket".into(),
            entity_id: entity.into(),
            class: "-".into(),
            stage: "inProgress".into(),
            probability_ppm,
            band: processors::predict::band(probability_ppm as f64 / 1e6).into(),
            observations: 0,
            consumed_ms: 0,
            target_ms: 1,
            left_ms: None,
            breach_at: None,
            at: Timestamp(0),
        };
        Record {
            topic: processors::predict::TOPIC.into(),
            partition: 0,
            offset: Offset(offset),
            timestamp: Timestamp(0),
            key: Some(entity.to_owned().into()),
            value: probability_ppm.map(|probability| schemas::encode(&prediction(probability)).into()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_likeliest_come_first_and_bands_are_counted() {
        let mut view = PredictionView::default();
        let told =
            [("a", Some(100_000)), ("b", Some(900_000)), ("c", Some(600_000)), ("a", Some(850_000)), ("c", None)];
        for (offset, (entity, probability)) in (0..).zip(told) {
            view.apply(&record(offset, entity, probability));
        }
        let (places, all) = view.likeliest(Some("repair"), 10);
        assert_eq!((places, all), (vec![(0, Offset(1)), (0, Offset(3))], 2));
        assert_eq!(view.likeliest(None, 1).0, [(0, Offset(1))]);
        assert_eq!(view.objectives[0].bands, [0, 0, 0, 2]);
        assert_eq!([0, 200_000, 500_000, 800_000, 1_000_000].map(band), [0, 1, 2, 3, 3]);
    }
}
