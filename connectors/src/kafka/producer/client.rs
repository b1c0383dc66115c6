//! One client of a producer, from its connection to the one failure that only another client gets over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _};
use topology::LogError;

use super::STEP;
use super::aside::Aside;
use super::deliveries::Deliveries;
use crate::kafka::client::Context;
use crate::kafka::error::{self, Asked};
use crate::kafka::native::{TopicHandle, TransactionError, Transactions};
use crate::kafka::settings::Sasl;
use crate::kafka::shared::Shared;
use crate::kafka::signal::Signal;
use crate::kafka::{config, not_made};

/// How long a new client is given to connect, before its older ones are fenced; with none connected that is tried as well.
const MEETING: Duration = Duration::from_secs(1);

/// How long an abort waits at a time while reports are to be served.
const REPORTING: Duration = Duration::from_millis(5);

/// The client, what rings when it has something to tell, and the topics it writes to. In this order: the client
/// goes last. Used by one thread at a time: the producer's, or the one that carries a commit to its end.
pub(super) struct Client {
    pub(super) shared: Arc<Shared>,
    /// By the broker's name.
    pub(super) id: Arc<str>,
    pub(super) signal: Signal,
    /// By the number of the target; made when they are needed.
    pub(super) topics: Vec<Option<TopicHandle>>,
    pub(super) aside: Aside,
    /// Shared with the call that is made aside, which may outlive this.
    pub(super) producer: Arc<BaseProducer<Deliveries>>,
}

impl Client {
    /// Makes a client, which fences older ones of the same id and ends what they left. It waits for a coordinator of
    /// brokers that answer as long as `patience`, of others as long as a request may take.
    pub(super) fn connect(shared: &Arc<Shared>, id: &Arc<str>, patience: Duration) -> Result<Self, LogError> {
        let context = Deliveries::new(Context::new("producer", &shared.settings, &shared.health));
        let settings = config::producer(&shared.settings, id);
        let producer = BaseProducer::from_config_and_context(&settings, context).map_err(|error| not_made(&error))?;
        let rk = producer.client().native_ptr();
        let client = Self {
            shared: shared.clone(),
            id: id.clone(),
            signal: Signal::new(rk),
            topics: Vec::new(),
            aside: Aside::start("kafka-aside")?,
            producer: Arc::new(producer),
        };
        let timeout = shared.settings.request_timeout;
        let begun = Instant::now();
        let deadline = begun + timeout;
        let is_waited_for = || {
            let waited = begun.elapsed();
            waited < timeout || (waited < patience && shared.health.trouble().is_none())
        };
        // A token is asked for by an event, which nobody would hear in a long call.
        let longest = if matches!(shared.settings.sasl, Some(Sasl::OAuthBearer(_))) { STEP } else { timeout };
        if longest < timeout {
            client.signal.wait(STEP);
            client.serve();
        }
        shared.watchdog.over("connecting a producer", || Transactions(rk).meet(longest.min(MEETING)));
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(STEP).min(longest);
            let done = shared.watchdog.over("fencing older producers", || Transactions(rk).init(left));
            match done {
                Ok(()) => break,
                Err(error) if error.is_retriable && is_waited_for() => client.serve(),
                Err(error) => {
                    client.serve();
                    let asked = Asked::TransactionalId(id);
                    return Err(match error::of_code(error.code, asked) {
                        LogError::Retriable(_) => {
                            let why = format!("{asked}: {}", error.text);
                            shared.explain(why, |trouble| format!("{asked}: {trouble}"))
                        }
                        error => error,
                    });
                }
            }
        }
        shared.health.well();
        Ok(client)
    }

    pub(super) fn transactions(&self) -> Transactions {
        Transactions(self.producer.client().native_ptr())
    }

    /// Takes in what the client has to tell.
    pub(super) fn serve(&self) {
        while self.signal.waiting() > 0 {
            self.producer.poll(Duration::ZERO);
        }
    }

    /// Waits until every record was delivered or refused.
    pub(super) fn drain(&self, deadline: Instant) -> bool {
        self.serve();
        if self.producer.in_flight_count() > 0 {
            self.transactions().hurry();
        }
        loop {
            self.serve();
            if self.producer.in_flight_count() == 0 {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            self.signal.wait(STEP);
        }
    }

    /// Aborts the open transaction.
    ///
    /// The call takes what was not sent out of the client's queues. Whoever does that beside it leaves a gap in the
    /// numbers of the records, for which the client aborts the next transaction as well. It does not serve the reports
    /// of what it took out, though it waits for them: while there are any it is made for a moment at a time.
    pub(super) fn abort(&self, deadline: Instant) -> Result<(), TransactionError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let is_reported = self.producer.in_flight_count() == 0;
            let patience = if is_reported { left } else { left.min(REPORTING) };
            let aborted = self.shared.watchdog.over("aborting a transaction", || self.transactions().abort(patience));
            self.serve();
            match aborted {
                Err(error) if error.is_retriable && Instant::now() < deadline => {}
                aborted => return aborted,
            }
        }
    }

    /// Makes a call until it comes through, is refused, or time is over.
    pub(super) fn again(
        &self,
        deadline: Instant,
        what: &'static str,
        mut call: impl FnMut(&Transactions, Duration) -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let left = left.min(self.shared.settings.request_timeout);
            match self.shared.watchdog.over(what, || call(&self.transactions(), left)) {
                Err(error) if error.is_retriable && !error.must_abort && Instant::now() < deadline => {
                    self.serve();
                    tracing::debug!(id = &*self.id, what, text = error.text, "asked again");
                    self.signal.wait(Duration::from_millis(10));
                }
                result => return result,
            }
        }
    }

    /// Whether a newer producer has taken over, by this code or by what the client was told meanwhile.
    pub(super) fn is_fenced(&self, code: RDKafkaErrorCode) -> bool {
        let fatal = || self.producer.client().fatal_error();
        error::is_fenced(code) || fatal().is_some_and(|(code, _)| error::is_fenced(code))
    }
}
