//! Apache Kafka on this machine: one process that is broker and controller, or a controller and its brokers, on free
//! loopback ports. For the demo, the tests and measurements; never for data that matters, since it is on one disk.

mod cluster;
mod error;
mod jars;
mod left;
mod process;
mod properties;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use cluster::LocalCluster;
pub use error::LocalBrokerError;
pub use jars::Jars;

use super::{KafkaLog, KafkaSettings};
use error::{io, last_of};
use process::{Controller, end, prepare, run};
use properties::{Cluster, Role};

/// How long a broker may take to start on a busy machine.
const START: Duration = Duration::from_secs(90);
/// How long a broker may take to stop in good order.
const STOP: Duration = Duration::from_secs(15);

/// A running broker. Dropping it kills it; [`LocalBroker::stop`] ends it in good order.
#[derive(Debug)]
pub struct LocalBroker {
    child: Child,
    /// Where it is not its own controller.
    controller: Option<Controller>,
    jars: Jars,
    folder: PathBuf,
    port: u16,
}

impl LocalBroker {
    /// Starts a broker on `folder` and waits until it answers. A folder that held one before is gone on with; a
    /// broker that a killed process left running on it is stopped first.
    ///
    /// # Errors
    /// Whatever keeps it from answering; see [`LocalBrokerError`].
    pub fn start(jars: &Jars, folder: &Path) -> Result<Self, LocalBrokerError> {
        let cluster = Cluster { controller: free_port()?, copies: 1 };
        let mut broker = Self::spawn(Role::Both, jars, folder, cluster)?;
        broker.wait_ready()?;
        Ok(broker)
    }

    /// As [`LocalBroker::start`], with the controller as a process of its own, which outlives crashes of the
    /// broker. A single process that is both loses the ends of transactions when it crashes among them.
    ///
    /// # Errors
    /// As [`LocalBroker::start`].
    pub fn start_beside_controller(jars: &Jars, folder: &Path) -> Result<Self, LocalBrokerError> {
        let cluster = Cluster { controller: free_port()?, copies: 1 };
        let controller = start_controller(jars, folder, cluster)?;
        let mut broker = Self::spawn(Role::Broker(1), jars, folder, cluster)?;
        broker.controller = Some(controller);
        broker.wait_ready()?;
        Ok(broker)
    }

    /// Starts the process.
    fn spawn(role: Role, jars: &Jars, folder: &Path, cluster: Cluster) -> Result<Self, LocalBrokerError> {
        let port = free_port()?;
        let folder = prepare(role, jars, folder, port, cluster)?;
        let child = run(jars, &folder)?;
        Ok(Self { child, controller: None, jars: jars.clone(), folder, port })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and the same broker again on what it left. A controller beside it goes on.
    ///
    /// # Errors
    /// As [`LocalBroker::start`].
    pub fn crash_and_restart(&mut self) -> Result<(), LocalBrokerError> {
        self.crash()?;
        self.restart()
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// I/O.
    pub fn crash(&mut self) -> Result<(), LocalBrokerError> {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).map_err(io("killing the broker"))
    }

    /// The same broker again on what a crash has left.
    ///
    /// # Errors
    /// As [`LocalBroker::start`].
    pub fn restart(&mut self) -> Result<(), LocalBrokerError> {
        self.child = run(&self.jars, &self.folder)?;
        self.wait_ready()
    }

    /// Ends it in good order, by its process id; kills it where it does not end.
    ///
    /// # Errors
    /// I/O.
    pub fn stop(mut self) -> Result<(), LocalBrokerError> {
        end(&mut self.child)?;
        // Last: the broker tells it that it goes.
        self.controller.as_mut().map_or(Ok(()), |controller| end(&mut controller.0))
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    fn wait_ready(&mut self) -> Result<(), LocalBrokerError> {
        let deadline = Instant::now() + START;
        // The client would tell of every connection that is refused.
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            self.still_starting(deadline)?;
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = KafkaLog::open(KafkaSettings::new(self.address(), "local-broker"), Arc::new(|_: &str| {}))?;
        while log.ping().is_err() {
            self.still_starting(deadline)?;
        }
        Ok(())
    }

    fn still_starting(&mut self, deadline: Instant) -> Result<(), LocalBrokerError> {
        let log = self.log_file();
        if let Some(status) = self.child.try_wait().map_err(io("asking for the broker"))? {
            let said = last_of(&fs::read_to_string(&log).unwrap_or_default());
            return Err(LocalBrokerError::Ended { status, log, said });
        }
        if Instant::now() >= deadline {
            return Err(LocalBrokerError::Silent { address: self.address(), seconds: START.as_secs(), log });
        }
        Ok(())
    }
}

impl Drop for LocalBroker {
    fn drop(&mut self) {
        // Whoever fails must not leave a broker behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start_controller(jars: &Jars, folder: &Path, cluster: Cluster) -> Result<Controller, LocalBrokerError> {
    let folder = prepare(Role::Controller, jars, &folder.join("controller"), cluster.controller, cluster)?;
    Ok(Controller(run(jars, &folder)?))
}

fn free_port() -> Result<u16, LocalBrokerError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(io("finding a free port"))?;
    Ok(listener.local_addr().map_err(io("finding a free port"))?.port())
}
