//! A hub from start to stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use connectors::delivery::http::wall_clock;
use connectors::http::{
    Committer, CommitterSettings, Credentials, IngestLedger, Limits, NotTold, Role, Server, ServerSettings, SlaQuestion,
};
use connectors::sink::Shutdown;
use thiserror::Error;
use tokio::net::TcpListener;
use topology::{LogError, MemoryBudget, TopicName, WorkerError, WorkerSnapshot};

use super::asking::Asking;
use super::burn_view::{self, SharedBurns};
use super::exporter::{self, UPKEEP_EVERY};
use super::failure::{Failure, Note, code_of};
use super::hanging::{self, SharedHanging};
use super::instances::{self, Instances};
use super::kpi_view::{self, SharedKpis};
use super::lag::{Lag, Observed};
use super::log::OpenLog;
use super::maintenance;
use super::observation::Observation;
use super::process;
use super::schemas;
use super::scorecard_view;
use super::sinks::Sinks;
use super::sla_answer::SlaSight;
use super::standby::{self, Places};
use super::status::{HubStatus, not_ready};
use super::waiting::Waiting;
use super::workers::Workers;
use crate::config::{self, Config, ConfigCode};
use crate::parts::{self, Parts as Chosen};
use crate::wiring;

/// Why a hub did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is in use.
    #[error("{address} is in use by {}", .pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}")))]
    AddressInUse {
        /// The address.
        address: SocketAddr,
        /// Who listens there, where it can be known.
        pid: Option<u32>,
    },
    /// The data directory cannot be used.
    #[error("{}", chain(.0))]
    Data(anyhow::Error),
    /// Topics are missing that the hub must not make.
    #[error("topics that the hub needs are missing, or have another number of partitions")]
    Topics(topology::TopicPlan),
    /// The schema registry lacks schemas that the hub must not register.
    #[error("the schema registry lacks schemas that the hub writes")]
    Schemas(Vec<connectors::registry::SubjectPlan>),
    /// The schema registry refuses, or does not answer.
    #[error(transparent)]
    Registry(connectors::registry::RegistryError),
    /// Anything else, in one sentence with its causes.
    #[error("{}", chain(.0))]
    Other(#[from] anyhow::Error),
}

impl StartError {
    /// The code of what only someone outside can mend in the log, if it is that.
    pub fn log_code(&self) -> Option<ConfigCode> {
        let (Self::Data(error) | Self::Other(error)) = self else { return None };
        error.chain().find_map(|cause| match cause.downcast_ref::<WorkerError>() {
            Some(WorkerError::Log(error)) => code_of(error),
            _ => cause.downcast_ref::<LogError>().and_then(code_of),
        })
    }
}

/// An error with its causes, each said once.
fn chain(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// What is watched while the hub runs.
pub(super) struct Parts {
    log: wiring::SharedLog,
    pub(super) opened: OpenLog,
    pub(super) failure: Failure,
    workers: Mutex<Workers>,
    pub(super) asking: Asking,
    pub(super) objectives: Arc<processors::sla::SlaSettings>,
    sinks: tokio::sync::Mutex<Sinks>,
    sink_view: Mutex<Vec<(&'static str, connectors::sink::SinkSnapshot)>>,
    pub(super) sink_ledgers: Vec<(&'static str, connectors::sink::Ledger)>,
    ingest: IngestLedger,
    memory: Arc<MemoryBudget>,
    sla: SlaSight,
    /// The parts that this process runs.
    pub(super) sub_topologies: Vec<String>,
    kpis: SharedKpis,
    burns: SharedBurns,
    pub(super) hanging: SharedHanging,
    lag: Arc<Lag>,
    /// The hubs that share the log, where it can be shared.
    pub(super) instances: Option<Arc<Instances>>,
    /// Of the topics that entities are keyed by.
    pub(super) partitions: u32,
}

/// A running hub.
pub struct Hub {
    address: SocketAddr,
    parts: Arc<Parts>,
    closed: Arc<AtomicBool>,
    door: Shutdown,
    background: Shutdown,
    server: tokio::task::JoinHandle<()>,
    upkeep: tokio::task::JoinHandle<()>,
    threads: Vec<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// Opens the address of the configuration.
    ///
    /// # Errors
    /// When it is in use or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
        TcpListener::bind(address).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                StartError::AddressInUse { address, pid: process::listener_of(address.port()) }
            }
            _ => StartError::Other(anyhow::Error::new(error).context(format!("cannot listen on {address}"))),
        })
    }

    /// Starts every part that the configuration chooses. Nothing is taken in before everything has started; brokers that do not
    /// answer are waited for.
    ///
    /// # Errors
    /// When the log, the database or a target cannot be opened.
    pub async fn start(config: &Config, listener: TcpListener) -> Result<Self, StartError> {
        exporter::recorder();
        let address = listener.local_addr().context("the listener has no address")?;
        process::private_directory(&config.data)
            .with_context(|| format!("cannot create {}", config.data.display()))
            .map_err(StartError::Data)?;
        let topology = wiring::topology(config)?;
        let chosen = Chosen::new(&config.only, config, &topology).map_err(anyhow::Error::new)?;
        let (opened, partitions, listener) = open(config, &topology, listener).await?;
        let log = opened.shared();

        let failure = Failure::new();
        let sinks = Sinks::start(config, &chosen, &log, &failure)?;
        let places = Places::new(wiring::checkpoints(config)?);
        let checkpoints: Arc<dyn topology::Checkpoints> = Arc::new(places.clone());
        let memory = wiring::memory(config, process::memory());
        let part = Arc::new(chosen.of(&topology));
        // A process of sinks, or of the door alone, is no member of the group.
        let count = if part.sub_topologies.is_empty() { 0 } else { config.workers };
        let settings = (0..count).map(|member| wiring::worker(config, member, &checkpoints, &memory)).collect();
        let workers = Workers::start(&part, &log, settings, &failure).context("cannot start the workers")?;
        let background = Shutdown::new();
        let sla = SlaSight::new();
        let (kpis, burns) = (SharedKpis::default(), SharedBurns::default());
        let views = Views { sla: &sla, kpis: &kpis, burns: &burns };
        let mut threads = views.start(config, &chosen, &log, &background, &failure).context("no thread")?;
        if let OpenLog::Embedded(embedded) = &opened {
            let tidying = maintenance::start(embedded.clone(), background.clone(), failure.clone());
            threads.push(tidying.context("no thread")?);
        }
        let hanging = SharedHanging::default();
        if let OpenLog::Kafka { log, .. } = &opened {
            let topics = wiring::topics(config, &topology);
            let looking = hanging::start(log.clone(), &topics, hanging.clone(), background.clone());
            threads.push(looking.context("no thread")?);
        }
        let ingest = IngestLedger::default();
        let lag = Arc::new(Lag::new(&opened, &partitions, &chosen, &topology, config));
        threads.extend(lag.start(background.clone()).context("no thread")?);
        let instances = opened.instance().map(|name| Arc::new(Instances::new(name, reached_at(&config.http, address))));
        let parts = Arc::new(Parts {
            log: log.clone(),
            opened,
            failure: failure.clone(),
            asking: workers.asking(),
            objectives: config.sla.settings.clone(),
            workers: Mutex::new(workers),
            sink_view: Mutex::new(sinks.snapshots()),
            sink_ledgers: sinks.ledgers(),
            sinks: tokio::sync::Mutex::new(sinks),
            ingest: ingest.clone(),
            memory,
            sla,
            sub_topologies: part.sub_topologies.iter().map(|part| part.name.clone()).collect(),
            kpis,
            burns,
            hanging,
            lag,
            instances: instances.clone(),
            partitions: config.log.partitions,
        });
        let following = standby::start(config, instances.as_ref(), &part, places, &log, &background);
        threads.extend(following.context("no thread")?);
        if let Some(instances) = instances {
            let telling = instances::start(instances, parts.clone(), log.clone(), background.clone());
            threads.push(telling.context("no thread")?);
        }
        let committing = CommitterSettings { queue: config.http.limits.queue, ..CommitterSettings::default() };
        let committer = if chosen.has(parts::INGEST) {
            let failure = failure.clone();
            let on_end = move |error| failure.report_log(parts::INGEST, &error, Some(&error));
            let (committer, thread) = Committer::start(log.clone(), &committing, on_end).context("no thread")?;
            threads.push(thread);
            Some(committer)
        } else {
            None
        };
        let status = Arc::new(HubStatus::new(parts.clone()));
        let server =
            Server::new(server_settings(&config.http), Arc::new(wiring::TmfIntake::new()), status, committer, ingest);
        let (closed, door) = (server.closed(), Shutdown::new());
        let stop = door.clone();
        let server_failure = failure;
        let server = tokio::spawn(async move {
            if let Err(error) = server.serve(listener, async move { stop.triggered().await }).await {
                server_failure.report("http", &error);
            }
        });
        let upkeep = tokio::spawn(async {
            let mut every = tokio::time::interval(UPKEEP_EVERY);
            loop {
                every.tick().await;
                exporter::recorder().run_upkeep();
            }
        });
        Ok(Self { address, parts, closed, door, background, server, upkeep, threads })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hub as it is now.
    pub fn observe(&self) -> Observation {
        self.parts.observe()
    }

    /// Ends when a part has failed for good, and says which.
    pub async fn failed(&self) -> Note {
        self.parts.failure.happened().await
    }

    /// Stops in good order: the door is closed, what is in the log is processed and committed, what
    /// is under way is delivered as far as `deadline` allows. Returns what went wrong, if anything.
    pub async fn stop(self, deadline: Duration) -> (Observation, Option<Note>) {
        let until = Instant::now() + deadline;
        self.closed.store(true, Ordering::Release);
        self.door.trigger();
        self.parts.sla.news.end();
        // Open connections that send nothing must not hold the end up.
        let remaining = until.saturating_duration_since(Instant::now()).min(Duration::from_secs(5));
        let abort = self.server.abort_handle();
        if tokio::time::timeout(remaining, self.server).await.is_err() {
            abort.abort();
        }
        self.upkeep.abort();
        lock(&self.parts.workers).drain();
        while !lock(&self.parts.workers).have_ended() {
            if Instant::now() >= until {
                lock(&self.parts.workers).stop();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        lock(&self.parts.workers).join();
        self.parts.sinks.lock().await.stop().await;
        self.background.trigger();
        let threads = self.threads;
        let ended = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread had panicked");
                }
            }
        });
        if tokio::time::timeout(Duration::from_secs(5), ended).await.is_err() {
            tracing::warn!("a connection still holds the committing thread, or that waits for the log");
        }
        *lock(&self.parts.sink_view) = self.parts.sinks.lock().await.snapshots();
        (self.parts.observe(), self.parts.failure.get())
    }
}

/// The views that are kept in memory.
struct Views<'a> {
    sla: &'a SlaSight,
    kpis: &'a SharedKpis,
    burns: &'a SharedBurns,
}

impl Views<'_> {
    /// Starts the threads that read what the chosen parts write; they end with `background`.
    fn start(
        &self,
        config: &Config,
        chosen: &Chosen,
        log: &wiring::SharedLog,
        background: &Shutdown,
        failure: &Failure,
    ) -> std::io::Result<Vec<JoinHandle<()>>> {
        let (stop, fail) = (|| background.clone(), || failure.clone());
        let partitions = config.log.partitions;
        let mut threads = Vec::new();
        if chosen.has("kpi") {
            threads.push(kpi_view::start(log.clone(), partitions, self.kpis.clone(), stop(), fail())?);
            threads.push(burn_view::start(log.clone(), partitions, self.burns.clone(), stop(), fail())?);
        }
        if chosen.has("score") {
            let cards = self.sla.scorecards.clone();
            threads.push(scorecard_view::start(log.clone(), partitions, cards, &config.scorecards, stop(), fail())?);
        }
        if chosen.has("sla") {
            threads.extend(self.sla.follow(log, partitions, background, failure, config.sla.predict)?);
        }
        Ok(threads)
    }
}

/// Opens the log and makes its topics. Who asks meanwhile is told what the hub waits for.
async fn open(
    config: &Config,
    topology: &topology::Topology,
    listener: TcpListener,
) -> Result<(OpenLog, BTreeMap<TopicName, u32>, TcpListener), StartError> {
    let topics = wiring::topics(config, topology);
    let listener = listener.into_std().context("the listener cannot be shared")?;
    let first = listener.try_clone().and_then(TcpListener::from_std).context("the listener cannot be shared")?;
    let waiting = Waiting::start(first);
    let (config, reason) = (config.clone(), waiting.reason.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let opened = OpenLog::open(&config).map_err(StartError::Data)?;
        let missing = opened.ensure_topics(&topics, config.log.create_topics, |why| reason.tell(why));
        if let Some(plan) = missing.context("cannot set up the topics")? {
            return Err(StartError::Topics(plan));
        }
        if config.only.is_empty() {
            // Who runs a part may have been granted what that part needs, which is said when it comes to it.
            opened.check_rights(&topics, |why| reason.tell(why)).context("cannot use the topics")?;
        }
        schemas::exchange_ids(&config, &opened, |why| reason.tell(why))?;
        let partitions = opened.partitions(|why| reason.tell(why)).context("cannot ask the log for its topics")?;
        Ok((opened, partitions))
    });
    let opened = opened.await.context("opening the log panicked")?;
    waiting.end().await;
    let (opened, partitions) = opened?;
    Ok((opened, partitions, TcpListener::from_std(listener).context("the listener cannot be shared")?))
}

impl Parts {
    pub(super) fn worker_snapshots(&self) -> Vec<Option<WorkerSnapshot>> {
        lock(&self.workers).snapshots()
    }

    /// Why each worker cannot use the log at the moment, if so.
    pub(super) fn workers_wait_for(&self) -> Vec<Option<String>> {
        lock(&self.workers).waits_for()
    }

    fn sink_snapshots(&self) -> Vec<(&'static str, connectors::sink::SinkSnapshot)> {
        // While the sinks are being stopped their books are the last ones seen.
        let mut view = lock(&self.sink_view);
        if let Ok(sinks) = self.sinks.try_lock() {
            *view = sinks.snapshots();
        }
        view.clone()
    }

    pub(super) fn observe(&self) -> Observation {
        self.observe_with(&self.lag.latest())
    }

    /// What is seen now, with a lag that was looked at already: the embedded log is asked anew each time.
    fn observe_with(&self, lag: &Observed) -> Observation {
        let mut seen = Observation { ingest: self.ingest.snapshot(), ..Observation::default() };
        let workers = self.worker_snapshots();
        (seen.resident_bytes, seen.budget_bytes) = (self.memory.used() as u64, self.memory.limit() as u64);
        seen.restored = workers.iter().all(|worker| not_ready(worker.as_ref()).is_none());
        for worker in workers.iter().flatten() {
            seen.add_ledger(&worker.ledger());
            seen.checkpoint_failures += worker.checkpoint_failures;
            seen.evicted += worker.evicted;
            seen.checkpoint_reads += worker.checkpoint_reads;
            for task in &worker.tasks {
                seen.checkpoint_lag_bytes += task.checkpoint_lag_bytes.unwrap_or_default() as u64;
                seen.restored_records += task.restored;
                seen.replayed_records += task.replayed;
            }
        }
        for (name, books) in self.sink_snapshots() {
            seen.add_sink(name, books);
        }
        seen.lag = lag.behind.iter().map(|(place, behind)| (place.clone(), behind.records)).collect();
        seen.lag_at = lag.at;
        {
            let view = lock(&self.sla.clocks);
            seen.sla = view.summary(wall_clock());
            seen.sla_unknown = view.unknown();
        }
        seen
    }

    /// Answers a question about clocks; nothing without the part that keeps them.
    pub(super) fn sla(&self, question: &SlaQuestion) -> Result<Option<serde_json::Value>, LogError> {
        let is_here = match question {
            SlaQuestion::Partners { .. } => self.has("score"),
            _ => self.has("sla"),
        };
        is_here.then(|| self.sla.answer(self.log.as_ref(), question, wall_clock())).transpose()
    }

    /// News of clocks from now on; nothing without the part that keeps them, and none while the hub stops.
    pub(super) fn sla_news(&self) -> Option<tokio::sync::broadcast::Receiver<Arc<str>>> {
        self.has("sla").then(|| self.sla.news.listen()).flatten()
    }

    /// Whether this process runs a part.
    fn has(&self, part: &str) -> bool {
        self.sub_topologies.iter().any(|runs| runs == part)
    }

    /// Who has a partition of a part that this process does not have.
    pub(super) fn elsewhere(&self, part: &str, partition: u32) -> NotTold {
        match self.instances.as_ref().and_then(|instances| instances.address_of(part, partition)) {
            Some(address) => NotTold::Elsewhere(address),
            None => NotTold::Away(format!("No hub is known to work on partition {partition} of {part} now.")),
        }
    }

    /// Copies the books into the metrics.
    pub(super) fn publish(&self) {
        let now = wall_clock();
        let lag = self.lag.latest();
        exporter::publish_lag(&lag, now);
        exporter::publish(&self.observe_with(&lag));
        lock(&self.kpis).publish(now);
        burn_view::publish(&self.burns);
        lock(&self.sla.predictions).publish();
        lock(&self.sla.escalations).publish();
        lock(&self.sla.scorecards).publish();
    }
}

/// Where other hubs reach this one: where it says, or listens, unless that is every address of the machine.
fn reached_at(http: &config::Http, address: SocketAddr) -> Option<String> {
    http.advertise.clone().or_else(|| (!address.ip().is_unspecified()).then(|| address.to_string()))
}

fn server_settings(http: &config::Http) -> ServerSettings {
    let roles = |roles: &[config::Role]| -> Vec<Role> {
        let role = |role: &config::Role| match role {
            config::Role::Publisher => Role::Publisher,
            config::Role::Viewer => Role::Viewer,
        };
        roles.iter().map(role).collect()
    };
    let mut credentials = Credentials::new();
    for token in &http.tokens {
        tracing::info!(credential = %token.name, roles = ?token.roles, "a token may be used");
        credentials = credentials.token(token.token.reveal(), &roles(&token.roles));
    }
    for user in &http.users {
        credentials = credentials.user(&user.name, user.password.reveal(), &roles(&user.roles));
    }
    let limits = Limits {
        event_bytes: http.limits.event_bytes,
        batch_bytes: http.limits.batch_bytes,
        requests_per_second: http.limits.requests_per_second,
        burst: http.limits.burst,
        body_timeout: http.limits.body_timeout,
        connections: http.limits.connections,
        ..Limits::default()
    };
    ServerSettings { credentials, protect_metrics: http.protect_metrics, limits }
}
