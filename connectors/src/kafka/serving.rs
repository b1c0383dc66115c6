//! The clients that ask and read, and the thread that serves their events.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use topology::LogError;

use super::client::Context;
use super::ends::Unstable;
use super::health::Health;
use super::reader::Readers;
use super::settings::KafkaSettings;
use super::{config, not_made};

impl ConsumerContext for Context {}

/// How often clients that nobody reads from are served, and for how long at most the end waits for that.
const SERVE_EVERY: Duration = Duration::from_millis(50);

/// A client that only asks.
pub(super) type Asking = Arc<BaseConsumer<Context>>;

struct Clients {
    /// Asks for everything; another one after a question for positions that was not answered.
    admin: Mutex<Asking>,
    unstable: Unstable,
    readers: Readers,
    ended: AtomicBool,
}

/// Clients that are served: of errors, statistics and tokens. When this is dropped they have gone, with their threads and
/// connections: a process that ends then has none that still runs, and nobody hears of brokers that stop after it.
pub(super) struct Serving {
    clients: Arc<Clients>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(super) fn start(settings: &KafkaSettings, health: &Arc<Health>) -> Result<Self, LogError> {
        let clients = Arc::new(Clients {
            admin: Mutex::new(asking(settings, health)?),
            unstable: Unstable::default(),
            readers: Readers::default(),
            ended: AtomicBool::new(false),
        });
        let served = clients.clone();
        let thread = std::thread::Builder::new().name("kafka-clients".into()).spawn(move || serve(&served));
        let thread = thread
            .map_err(|source: io::Error| LogError::Io { context: "starting a thread of the log".to_owned(), source })?;
        Ok(Self { clients, thread: Some(thread) })
    }

    pub(super) fn admin(&self) -> Asking {
        self.clients.admin()
    }

    /// Takes another client in the place of one that must not be used again; it goes when nobody asks by it any more.
    pub(super) fn replace(
        &self,
        asked: &Asking,
        settings: &KafkaSettings,
        health: &Arc<Health>,
    ) -> Result<(), LogError> {
        let next = asking(settings, health)?;
        let mut admin = self.clients.admin.lock().unwrap_or_else(PoisonError::into_inner);
        // Unless another thread was quicker.
        if Arc::ptr_eq(&admin, asked) {
            *admin = next;
        }
        Ok(())
    }

    pub(super) fn unstable(&self) -> &Unstable {
        &self.clients.unstable
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.clients.readers
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.clients.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that serves clients had panicked");
        }
    }
}

impl Clients {
    fn admin(&self) -> Asking {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(clients: &Clients) {
    while !clients.ended.load(Ordering::Acquire) {
        drop(clients.admin().poll(SERVE_EVERY));
        clients.unstable.serve();
        clients.readers.serve();
    }
}

fn asking(settings: &KafkaSettings, health: &Arc<Health>) -> Result<Asking, LogError> {
    let context = Context::new("admin", settings, health);
    let made = BaseConsumer::from_config_and_context(&config::admin(settings), context);
    made.map(Arc::new).map_err(|error| not_made(&error))
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::net::TcpListener;

    use topology::Log as _;

    use super::*;
    use crate::kafka::KafkaLog;

    #[test]
    fn no_client_is_left_when_the_log_has_ended() {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = broker.local_addr().unwrap().to_string();
        let settings =
            KafkaSettings { request_timeout: Duration::from_millis(50), ..KafkaSettings::new(address, "one") };
        let log = KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}"))).unwrap();
        log.topics().expect_err("this broker never answers");
        let (mut connection, _) = broker.accept().unwrap();
        drop(log);
        // What was said, and the end of it.
        connection.set_nonblocking(true).unwrap();
        let mut said = Vec::new();
        match connection.read_to_end(&mut said) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}
