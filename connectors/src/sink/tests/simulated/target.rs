//! The targets of a simulated sink: partners that are called in virtual time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use schemas::{DecodeError, Family, PartnerDelivery, Timestamp};
use tokio::time::{Instant, sleep, timeout};
use topology::sim::{Partner, PartnerAnswer, PartnerFaults, PartnerReply};

use crate::{
    delivery::{BreakerSettings, Cause, Reply, RetryPolicy},
    partner,
    sink::{Subject, Target, TargetSettings, tests::floworx::NEVER},
};

/// The targets by name. The last one is given up after [`TRIES`] attempts; the one before it has a breaker.
pub(super) const NAMES: [&str; 3] = ["steady", "broken", "impatient"];
pub(super) const IMPATIENT: usize = 2;
pub(super) const TRIES: u32 = 3;

/// How long a request is on its way, and an answer.
const WAY: Duration = Duration::from_millis(1);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Partners with everything that is asked of them, in order, and one process that asks.
#[derive(Clone)]
pub(super) struct Partners {
    asked: Arc<Mutex<Asked>>,
    process: u64,
}

pub(super) struct Asked {
    pub(super) partners: Vec<Partner>,
    /// A line for each request.
    pub(super) trace: Vec<String>,
    /// Requests that came before the time that the partner had asked the same process to wait for.
    pub(super) early: Vec<String>,
    /// By process and idempotency key.
    not_before: BTreeMap<(u64, String), Instant>,
    began: Instant,
}

impl Partners {
    pub(super) fn new(seed: u64) -> Self {
        let partner = |number| Partner::new(seed ^ number << 32, PartnerFaults::HARSH);
        let partners = (1..=NAMES.len() as u64).map(partner).collect();
        let asked = Asked {
            partners,
            trace: Vec::new(),
            early: Vec::new(),
            not_before: BTreeMap::new(),
            began: Instant::now(),
        };
        Self { asked: Arc::new(Mutex::new(asked)), process: 0 }
    }

    /// The same partners for another process, which knows of no wait.
    pub(super) fn for_process(&self, process: u64) -> Self {
        Self { process, ..self.clone() }
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap()
    }

    fn request(&self, delivery: &PartnerDelivery, attempt: u32) -> PartnerReply {
        let mut asked = self.asked();
        let number = NAMES.iter().position(|name| *name == delivery.partner_id).unwrap();
        let reply = asked.partners[number].request(&delivery.delivery_id, &delivery.entity_id);
        let line = format!("{:?} {} {attempt}: {reply:?}", asked.began.elapsed(), delivery.delivery_id);
        let place = (self.process, delivery.delivery_id.clone());
        let not_before = asked.not_before.remove(&place);
        // A record that is taken in anew begins anew.
        if attempt > 1 && not_before.is_some_and(|from| Instant::now() < from) {
            asked.early.push(line.clone());
        }
        if let PartnerAnswer::Wait(wait) = reply.answer {
            asked.not_before.insert(place, Instant::now() + wait);
        }
        asked.trace.push(line);
        reply
    }
}

/// A delivery of one entity; its id says of which, and its place among the entity's.
pub(super) fn delivery(target: &str, entity: &str, turn: usize) -> PartnerDelivery {
    PartnerDelivery {
        delivery_id: format!("{entity}/{turn}"),
        route: "partners".to_owned(),
        partner_id: target.to_owned(),
        event_type: "order.state_changed".to_owned(),
        family: Family::Order,
        entity_kind: "order".to_owned(),
        entity_id: entity.to_owned(),
        occurred_at: Timestamp(1_000),
        ingested_at: Timestamp(2_000),
        payload: "{}".to_owned(),
    }
}

impl Target for Partners {
    type Record = PartnerDelivery;

    fn name(&self) -> &'static str {
        "simulated"
    }

    fn targets(&self) -> Vec<TargetSettings> {
        let patient = RetryPolicy {
            initial_ms: 20,
            factor: 2.0,
            cap_ms: 500,
            max_attempts: u32::MAX,
            max_elapsed_ms: u64::MAX >> 20,
        };
        let opens =
            BreakerSettings { failures_to_open: 2, open_ms: 100, open_max_ms: 400, probes: 1, successes_to_close: 2 };
        let settings = |number: usize| TargetSettings {
            name: NAMES[number].to_owned(),
            concurrency: 3 - number,
            retry: RetryPolicy { max_attempts: if number == IMPATIENT { TRIES } else { u32::MAX }, ..patient },
            breaker: if number == 1 { opens } else { NEVER },
        };
        (0..NAMES.len()).map(settings).collect()
    }

    fn decode(&self, value: &[u8]) -> Result<PartnerDelivery, DecodeError> {
        schemas::decode(value)
    }

    fn target(&self, delivery: &PartnerDelivery) -> Option<usize> {
        NAMES.iter().position(|name| *name == delivery.partner_id)
    }

    fn target_name(&self, delivery: &PartnerDelivery) -> String {
        delivery.partner_id.clone()
    }

    fn order_key(&self, delivery: &PartnerDelivery) -> String {
        delivery.entity_id.clone()
    }

    fn subject<'a>(&self, delivery: &'a PartnerDelivery) -> Subject<'a> {
        partner::subject(delivery)
    }

    async fn deliver(&self, delivery: &PartnerDelivery, attempt: u32) -> Reply {
        sleep(WAY).await;
        let reply = self.request(delivery, attempt);
        if timeout(PATIENCE, sleep(WAY + reply.after)).await.is_err() {
            return Reply::unanswered(Cause::TimedOut);
        }
        match reply.answer {
            PartnerAnswer::Done => Reply::from_status(201, None),
            PartnerAnswer::Duplicate => Reply::from_status(409, None),
            PartnerAnswer::Failed => Reply::from_status(500, None),
            PartnerAnswer::Wait(wait) => Reply::from_status(429, Some(wait)),
            PartnerAnswer::Refused => Reply::from_status(422, None),
            // What the HTTP client makes of a response that is none.
            PartnerAnswer::Garbled => Reply::unanswered(Cause::Broken),
        }
    }
}
