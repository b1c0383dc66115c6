//! The metrics of deliveries. Handles are made once per target, never per record.

use std::{sync::Once, time::Duration};

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use schemas::DeliveryResult;

use super::progress::index;
use crate::delivery::BreakerState;

/// Describes the metrics of this crate's sinks to the recorder. Later calls do nothing.
pub fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        metrics::describe_histogram!(
            "hub_delivery_seconds",
            Unit::Seconds,
            "Time from a delivery's first attempt to its end, by target"
        );
        metrics::describe_counter!("hub_deliveries_total", "Deliveries that ended, by target and outcome");
        metrics::describe_counter!("hub_delivery_retries_total", "Attempts after a delivery's first, by target");
        metrics::describe_gauge!("hub_breaker_state", "0 closed, 1 half-open, 2 open, by target");
        metrics::describe_gauge!("hub_sink_in_flight", "Deliveries taken in and not ended, by target");
    });
}

/// The handles of one target.
#[derive(Debug)]
pub(super) struct TargetMetrics {
    seconds: Histogram,
    ended: [Counter; 3],
    retries: Counter,
    breaker: Gauge,
    in_flight: Gauge,
}

impl TargetMetrics {
    pub(super) fn new(target: &str) -> Self {
        let ended = |outcome: &'static str| counter!("hub_deliveries_total", "target" => target.to_owned(), "outcome" => outcome);
        Self {
            seconds: histogram!("hub_delivery_seconds", "target" => target.to_owned()),
            ended: [ended("delivered"), ended("duplicate"), ended("dead_lettered")],
            retries: counter!("hub_delivery_retries_total", "target" => target.to_owned()),
            breaker: gauge!("hub_breaker_state", "target" => target.to_owned()),
            in_flight: gauge!("hub_sink_in_flight", "target" => target.to_owned()),
        }
    }

    pub(super) fn began(&self, count: usize) {
        self.in_flight.increment(count as f64);
    }

    pub(super) fn left(&self, count: usize) {
        self.in_flight.decrement(count as f64);
    }

    pub(super) fn ended(&self, result: DeliveryResult, count: u64) {
        self.ended[index(result)].increment(count);
    }

    pub(super) fn took(&self, time: Duration, count: usize) {
        self.seconds.record_many(time.as_secs_f64(), count);
    }

    pub(super) fn retried(&self) {
        self.retries.increment(1);
    }

    pub(super) fn breaker(&self, state: BreakerState) {
        self.breaker.set(state.gauge());
    }
}
