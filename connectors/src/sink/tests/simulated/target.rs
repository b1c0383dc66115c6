//! The targets of a simulated sink: partners that are called in virtual time.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use schemas::{DecodeError, Family, PartnerDelivery, Timestamp};
use tokio::time::{Instant, sleep, timeout};
use topology::sim::{Partner, PartnerAnswer, PartnerFaults, PartnerReply};

use crate::{
    delivery::{BreakerSettings, Cause, Reply, RetryPolicy},
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

/// Partners with everything that is asked of them, in order.
#[derive(Clone)]
pub(super) struct Partners(Arc<Mutex<Asked>>);

pub(super) struct Asked {
    pub(super) partners: Vec<Partner>,
    /// A line for each request.
    pub(super) trace: Vec<String>,
    began: Instant,
}

impl Partners {
    pub(super) fn new(seed: u64) -> Self {
        let partner = |number| Partner::new(seed ^ number << 32, PartnerFaults::HARSH);
        let partners = (1..=NAMES.len() as u64).map(partner).collect();
        Self(Arc::new(Mutex::new(Asked { partners, trace: Vec::new(), began: Instant::now() })))
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap()
    }

    fn request(&self, delivery: &PartnerDelivery, attempt: u32) -> PartnerReply {
        let mut asked = self.asked();
        let number = NAMES.iter().position(|name| *name == delivery.partner_id).unwrap();
        let reply = asked.partners[number].request(&delivery.delivery_id, &delivery.entity_id);
        let line = format!("{:?} {} {attempt}: {reply:?}", asked.began.elapsed(), delivery.delivery_id);
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
        Subject {
            delivery_id: &delivery.delivery_id,
            route: &delivery.route,
            family: delivery.family,
            entity_kind: &delivery.entity_kind,
            entity_id: &delivery.entity_id,
            occurred_at: delivery.occurred_at,
            ingested_at: delivery.ingested_at,
        }
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
