//! The runner for targets that take one record at a time: many deliveries under way, the order of
//! each key kept, outcomes committed in batches.
//!
//! ```text
//!  reader thread --records--> window of each partition --> lane of each key --> attempts (pursue)
//!        ^                                                                          |
//!        +---- pause, resume          log <-- one transaction <-- batch <-- endings-+
//! ```

use std::sync::Arc;

use tokio::{
    task::{JoinError, JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};
use topology::{ConsumerConfig, Log, LogError, Membership, Producer, TopicName, TopicPartition};

use super::{
    batch::{self, Aborts, Batch, Committed, SinkError},
    calls::Calls,
    ending::{Ending, OutcomeTopics},
    flow::{Finished, Flow},
    ledger::Ledger,
    metrics,
    reader::{Command, Event, Reader},
    settings::SinkSettings,
    shutdown::Shutdown,
    target::Target,
    uncommitted::Uncommitted,
};

/// A commit under way gives back the producer and the batch, which an abort makes due again.
type Committing = JoinHandle<Finish>;
type Finish = (Box<dyn Producer>, Batch, Result<Committed, SinkError>);

/// Runs a sink until shutdown is asked for, then ends what is under way as far as the drain time
/// allows. What has not ended, or is not committed, by then is delivered after the next start.
///
/// A log that cannot be used for now is waited for without limit, and the ledger says why.
///
/// # Errors
/// When the log fails for good, or another process takes over.
pub async fn run<T: Target>(
    log: Arc<dyn Log>,
    topic: TopicName,
    target: T,
    settings: SinkSettings,
    ledger: Ledger,
    shutdown: Shutdown,
) -> Result<(), SinkError> {
    run_with(Calls::OnThreads, log, topic, target, settings, ledger, shutdown).await
}

/// As [`run`], with the log called so.
pub(super) async fn run_with<T: Target>(
    calls: Calls,
    log: Arc<dyn Log>,
    topic: TopicName,
    target: T,
    settings: SinkSettings,
    ledger: Ledger,
    shutdown: Shutdown,
) -> Result<(), SinkError> {
    metrics::describe();
    ledger.waits("connecting to the log".to_owned());
    let part = format!("sink.{}", target.name());
    let opened = open(calls, log.clone(), topic, part.clone(), ledger.clone(), shutdown.clone()).await?;
    let Some((consumer, producer)) = opened else { return Ok(()) };
    let membership = consumer.membership();
    let reader = Reader::start(calls, &part, consumer, settings.poll_bytes)
        .map_err(|source| LogError::Io { context: "starting the reader's thread".to_owned(), source })
        .map_err(|source| SinkError::Log { part: part.clone(), source })?;
    let runner = Runner {
        calls,
        log,
        membership,
        flow: Flow::new(part.clone(), target, settings.window()),
        reader,
        deliveries: JoinSet::new(),
        uncommitted: Uncommitted::default(),
        commit_at: Instant::now(),
        producer: Some(producer),
        committing: None,
        aborts: Aborts::default(),
        topics: OutcomeTopics::new(),
        drained_by: None,
        is_leaving: false,
        has_left: false,
        part,
        settings,
        ledger,
        shutdown,
    };
    runner.run().await
}

/// Opens both ends of the log; `None` when the sink is to stop meanwhile.
async fn open(
    calls: Calls,
    log: Arc<dyn Log>,
    topic: TopicName,
    part: String,
    ledger: Ledger,
    shutdown: Shutdown,
) -> Result<Option<(Box<dyn topology::Consumer>, Box<dyn Producer>)>, SinkError> {
    let failed = SinkError::Defect(part.clone());
    let opened = calls.spawn(move || {
        let id = format!("{part}-0");
        let Some(producer) = batch::patiently(&part, &ledger, &shutdown, || log.producer(&id))? else {
            return Ok(None);
        };
        let config = ConsumerConfig { group: part.clone(), member: 0, members: 1, topics: vec![topic] };
        let consumer = batch::patiently(&part, &ledger, &shutdown, || log.consumer(config.clone()))?;
        Ok(consumer.map(|consumer| (consumer, producer)))
    });
    opened.await.unwrap_or(Err(failed))
}

struct Runner<T: Target> {
    part: String,
    calls: Calls,
    log: Arc<dyn Log>,
    flow: Flow<T>,
    membership: Membership,
    /// Brings nothing more once draining, but stays in the group until all is committed.
    reader: Reader,
    deliveries: JoinSet<Finished>,
    uncommitted: Uncommitted,
    /// When they are due.
    commit_at: Instant,
    /// At home while nothing is being committed.
    producer: Option<Box<dyn Producer>>,
    committing: Option<Committing>,
    aborts: Aborts,
    topics: OutcomeTopics,
    /// The end of the drain time, once draining.
    drained_by: Option<Instant>,
    /// That time is over.
    is_leaving: bool,
    /// What is not committed stays so: the log did not take it after that time either.
    has_left: bool,
    settings: SinkSettings,
    ledger: Ledger,
    shutdown: Shutdown,
}

impl<T: Target> Runner<T> {
    async fn run(mut self) -> Result<(), SinkError> {
        while !self.is_done() {
            // In this order, so that a run in virtual time is the same each time. Nothing starves for it: commits are
            // under way one at a time, and what has finished is gathered in each round.
            tokio::select! {
                biased;
                committed = finish(&mut self.committing) => self.on_committed(committed)?,
                () = sleep_until(self.commit_at), if self.is_due() => self.commit(),
                () = self.shutdown.triggered(), if self.drained_by.is_none() => self.drain(),
                () = until(self.drained_by), if !self.is_leaving => self.leave(),
                event = self.reader.events.recv() => self.on_event(event).await?,
                Some(finished) = self.deliveries.join_next() => self.on_finished(finished)?,
            }
            while let Some(finished) = self.deliveries.try_join_next() {
                self.on_finished(finished)?;
            }
            self.feed();
            self.start_deliveries();
            if self.uncommitted.len() >= self.settings.commit_records && self.commit_at <= self.latest_commit() {
                self.commit();
            }
        }
        // Whoever starts this sink next finds its place in the group free.
        self.reader.stop().await;
        Ok(())
    }

    fn feed(&mut self) {
        if self.drained_by.is_none() {
            self.flow.feed(&self.reader);
        }
    }

    fn is_done(&self) -> bool {
        self.drained_by.is_some()
            && self.deliveries.is_empty()
            && self.committing.is_none()
            && (self.uncommitted.is_empty() || self.has_left)
    }

    /// A commit that is due later than this waits after an abort.
    fn latest_commit(&self) -> Instant {
        Instant::now() + self.settings.commit_interval()
    }

    /// Whether there is anything that the log does not know.
    fn has_news(&self) -> bool {
        !self.uncommitted.is_empty() || self.flow.has_passed
    }

    fn is_due(&self) -> bool {
        self.has_news() && self.producer.is_some()
    }

    async fn on_event(&mut self, event: Option<Event>) -> Result<(), SinkError> {
        match event {
            Some(Event::Records(records)) => {
                // What still comes while draining was read before; the next start reads it again.
                if self.drained_by.is_none() {
                    self.flow.queue(records);
                }
                self.feed();
                self.gather_unreadable();
            }
            Some(Event::Assigned(partitions)) => self.flow.assign(partitions)?,
            Some(Event::Revoked(partitions, done)) => {
                // What ended must be committed while the partitions are still this sink's.
                self.settle().await?;
                self.commit();
                self.settle().await?;
                self.release(&partitions);
                drop(done);
            }
            Some(Event::Lost(partitions, done)) => {
                self.settle().await?;
                self.release(&partitions);
                drop(done);
            }
            Some(Event::Failed(source)) => return Err(SinkError::Log { part: self.part.clone(), source }),
            None => return Err(SinkError::Defect(self.part.clone())),
        }
        self.ledger.update(self.flow.progress());
        Ok(())
    }

    /// Waits for the commit that is under way.
    async fn settle(&mut self) -> Result<(), SinkError> {
        if self.committing.is_some() {
            let committed = finish(&mut self.committing).await;
            self.on_committed(committed)?;
        }
        Ok(())
    }

    /// Forgets partitions and what of them is not committed: their next owner delivers it again.
    fn release(&mut self, partitions: &[TopicPartition]) {
        self.flow.revoke(partitions);
        self.uncommitted.forget(partitions);
        if self.uncommitted.is_empty() {
            // Nothing of this sink waits for the log any more.
            self.ledger.goes_on();
        }
    }

    fn on_finished(&mut self, finished: Result<Finished, JoinError>) -> Result<(), SinkError> {
        let finished = finished.map_err(|_| SinkError::Defect(self.part.clone()))?;
        if let Some(ending) = self.flow.finished(finished) {
            self.end(ending);
        }
        Ok(())
    }

    /// Records that ended as they were taken in.
    fn gather_unreadable(&mut self) {
        for ending in self.flow.take_endings() {
            self.end(ending);
        }
    }

    fn end(&mut self, ending: Ending) {
        if self.uncommitted.is_empty() {
            self.commit_at = Instant::now() + self.settings.commit_interval();
        }
        self.uncommitted.push(ending);
    }

    fn start_deliveries(&mut self) {
        self.gather_unreadable();
        for delivery in self.flow.take_ready() {
            self.deliveries.spawn(delivery);
        }
    }

    /// Starts to commit what has ended or was passed, unless a commit is under way.
    fn commit(&mut self) {
        let Some(mut producer) = (if self.has_news() { self.producer.take() } else { None }) else { return };
        self.flow.has_passed = false;
        let batch = self.uncommitted.take(|| self.flow.positions());
        let (log, member, topics) = (self.log.clone(), self.membership.clone(), self.topics.clone());
        self.committing = Some(self.calls.spawn(move || {
            let result = batch::commit(log.as_ref(), producer.as_mut(), &member, &topics, &batch);
            (producer, batch, result)
        }));
    }

    fn on_committed(&mut self, committed: Option<Finish>) -> Result<(), SinkError> {
        self.committing = None;
        let (producer, batch, result) = committed.ok_or_else(|| SinkError::Defect(self.part.clone()))?;
        self.producer = Some(producer);
        let committed = result?;
        let pause = self.aborts.pause_after(&committed, &self.part, &self.ledger);
        self.uncommitted.ended(batch, &committed);
        if committed != Committed::Yes {
            self.flow.has_passed = true;
            self.commit_at = Instant::now() + pause;
            self.has_left = self.is_leaving;
        }
        self.ledger.update(self.flow.progress());
        Ok(())
    }

    fn drain(&mut self) {
        self.reader.command(Command::Rest);
        self.drained_by = Some(Instant::now() + self.settings.drain());
    }

    /// The drain time is over: what is under way is left for the next start, and so is what has ended unless the log
    /// takes it now.
    fn leave(&mut self) {
        let (left, uncommitted) = (self.deliveries.len(), self.uncommitted.len());
        tracing::info!(part = self.part, left, uncommitted, "left for the next start");
        self.is_leaving = true;
        self.deliveries = JoinSet::new();
        self.flow.leave();
        self.commit();
    }
}

async fn finish(committing: &mut Option<Committing>) -> Option<Finish> {
    match committing {
        Some(committing) => committing.await.ok(),
        None => std::future::pending().await,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
