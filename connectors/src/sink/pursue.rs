//! The attempts for one record, until an answer is final or a limit is reached.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use schemas::{Code, DeliveryResult};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout_at},
};

use super::{metrics::TargetMetrics, settings::TargetSettings, target::Target};
use crate::delivery::{Answer, CircuitBreaker, Next, Permit, Reply};

/// One target while the sink runs.
#[derive(Debug)]
pub(super) struct TargetState {
    pub(super) settings: TargetSettings,
    pub(super) metrics: TargetMetrics,
    permits: Semaphore,
    breaker: Mutex<CircuitBreaker>,
    /// Woken when the breaker changes, for those that wait for a probe's end.
    changed: Notify,
}

/// How the attempts ended.
#[derive(Debug)]
pub(super) struct Pursuit {
    pub(super) result: DeliveryResult,
    pub(super) attempts: u32,
    pub(super) took: Duration,
    /// The code of the last failed attempt.
    pub(super) last_failure: Option<Code>,
    /// Why it was given up.
    pub(super) given_up: Option<Code>,
    pub(super) http_status: Option<u16>,
    pub(super) external_ref: Option<String>,
}

impl TargetState {
    pub(super) fn new(settings: TargetSettings) -> Self {
        let breaker = CircuitBreaker::new(settings.breaker);
        let metrics = TargetMetrics::new(&settings.name);
        metrics.breaker(breaker.state());
        Self {
            permits: Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            breaker: Mutex::new(breaker),
            changed: Notify::new(),
            settings,
            metrics,
        }
    }

    fn breaker(&self) -> MutexGuard<'_, CircuitBreaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the breaker, and tells everyone when its state is another one.
    fn change(&self, by: impl FnOnce(&mut CircuitBreaker)) {
        let (before, after) = {
            let mut breaker = self.breaker();
            let before = breaker.state();
            by(&mut breaker);
            (before, breaker.state())
        };
        if before == after {
            return;
        }
        if before.name() != after.name() {
            tracing::info!(target_name = self.settings.name, from = before.name(), to = after.name(), "breaker");
            self.metrics.breaker(after);
        }
        self.changed.notify_waiters();
    }

    /// Waits for a turn: a permit of the semaphore and of the breaker. The clock of the record
    /// starts when its turn comes first, so that a long queue is never held against it; an open
    /// breaker is. `None` when that clock has run out.
    async fn admit(&self, clock: &mut Option<Instant>) -> Option<Call<'_>> {
        loop {
            // Listening before looking, so that no change is missed in between.
            let changed = self.changed.notified();
            let permit = self.permits.acquire().await.expect("the semaphore is never closed");
            let deadline = *clock.get_or_insert_with(Instant::now) + self.settings.retry.max_elapsed();
            let asked = {
                let mut breaker = self.breaker();
                let before = breaker.state();
                let asked = breaker.permit(Instant::now().into_std());
                if before.name() != breaker.state().name() {
                    self.metrics.breaker(breaker.state());
                }
                asked
            };
            match asked {
                Permit::Go => return Some(Call { target: self, _permit: permit, reported: false }),
                Permit::Until(_) | Permit::Probing if Instant::now() >= deadline => return None,
                Permit::Until(until) => {
                    drop(permit);
                    tokio::time::sleep_until(deadline.min(until.into())).await;
                }
                Permit::Probing => {
                    drop(permit);
                    // Past the deadline the next look at the breaker decides.
                    let _ = timeout_at(deadline, changed).await;
                }
            }
        }
    }
}

/// A permitted attempt. Dropped without a report, it gives its place back.
struct Call<'a> {
    target: &'a TargetState,
    _permit: SemaphorePermit<'a>,
    reported: bool,
}

impl Call<'_> {
    fn report(mut self, reply: &Reply) {
        self.reported = true;
        if reply.is_trouble() {
            self.target.change(|breaker| breaker.failed(Instant::now().into_std()));
        } else {
            self.target.change(CircuitBreaker::succeeded);
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.reported {
            self.target.change(CircuitBreaker::abandoned);
        }
    }
}

/// Delivers one record. `seed` decides the jitter of its waits.
pub(super) async fn pursue<T: Target>(target: &T, state: &TargetState, record: &T::Record, seed: u64) -> Pursuit {
    let mut attempts = state.settings.retry.attempts(seed);
    let mut clock = None;
    let mut last = None;
    loop {
        let Some(call) = state.admit(&mut clock).await else {
            return ended(clock, attempts.made(), last, None, Some(Code::DeliveryTimeExhausted));
        };
        let attempt = attempts.begin();
        if attempt > 1 {
            state.metrics.retried();
        }
        let reply = target.deliver(record, attempt).await;
        call.report(&reply);
        let next = match reply.answer {
            Answer::Delivered | Answer::Duplicate => return ended(clock, attempt, last, Some(reply), None),
            Answer::Refused => {
                return ended(clock, attempt, reply.code, Some(reply), Some(Code::DeliveryRefused));
            }
            Answer::Retry { after } => attempts.failed(elapsed(clock), after),
        };
        last = reply.code;
        match next {
            Next::Wait(wait) => sleep(wait).await,
            Next::GiveUp(code) => return ended(clock, attempt, last, Some(reply), Some(code)),
        }
    }
}

fn elapsed(clock: Option<Instant>) -> Duration {
    clock.map_or(Duration::ZERO, |began| began.elapsed())
}

fn ended(
    clock: Option<Instant>,
    attempts: u32,
    last_failure: Option<Code>,
    reply: Option<Reply>,
    given_up: Option<Code>,
) -> Pursuit {
    let result = match (&reply, given_up) {
        (_, Some(_)) | (None, None) => DeliveryResult::DeadLettered,
        (Some(Reply { answer: Answer::Duplicate, .. }), None) => DeliveryResult::Duplicate,
        (Some(_), None) => DeliveryResult::Delivered,
    };
    let (http_status, external_ref) = reply.map_or((None, None), |reply| (reply.http_status, reply.external_ref));
    Pursuit { result, attempts, took: elapsed(clock), last_failure, given_up, http_status, external_ref }
}
