//! What one measurement adds, and the sum of many.

use serde::{Deserialize, Serialize};

use super::catalog::{Kpi, Measure};
use super::sketch::{Sketch, bucket_of};

/// What one entity adds to a KPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// So many hits of so many.
    Part(u32, u32),
    /// A duration in milliseconds.
    Millis(i64),
    /// Open since this instant.
    Since(i64),
    /// Not to be measured: its times make no sense.
    Suspect,
    /// Too late for its pane.
    Late,
}

impl Value {
    /// One that is a hit, or none.
    pub fn hit(hit: bool) -> Self {
        Self::Part(u32::from(hit), 1)
    }
}

/// The sum of what entities add. Adding and taking out commute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// See [`schemas::KpiWindow::count`].
    pub count: i64,
    /// See [`schemas::KpiWindow::hits`].
    pub hits: i64,
    /// Of durations their sum, of what is open the sum of the instants since when.
    pub sum_ms: i64,
    /// See [`schemas::KpiWindow::suspect`].
    pub suspect: i64,
    /// See [`schemas::KpiWindow::late`].
    pub late: i64,
    /// Durations, or beginnings, by bucket.
    pub buckets: Sketch,
}

impl Tally {
    /// Adds a value `times` times; -1 takes it out.
    pub fn add(&mut self, kpi: Kpi, value: Value, times: i64) {
        match value {
            Value::Part(hits, count) => {
                self.hits += i64::from(hits) * times;
                self.count += i64::from(count) * times;
            }
            Value::Millis(millis) => {
                self.count += times;
                self.sum_ms += millis * times;
                self.buckets.add(bucket_of(millis), times);
            }
            Value::Since(at) => {
                let Measure::Open { bucket_ms } = kpi.definition().measure else { return };
                self.count += times;
                self.sum_ms += at * times;
                self.buckets.add(at.div_euclid(bucket_ms) as i32, times);
            }
            Value::Suspect => self.suspect += times,
            Value::Late => self.late += times,
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.hits += other.hits;
        self.sum_ms += other.sum_ms;
        self.suspect += other.suspect;
        self.late += other.late;
        self.buckets.merge(&other.buckets);
    }

    /// Whether everything that was added has been taken out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
