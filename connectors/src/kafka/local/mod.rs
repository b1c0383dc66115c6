//! Apache Kafka on this machine: one process that is broker and controller, on free loopback ports. For the demo,
//! the tests and measurements; never for data that matters, since there is one copy of it.

mod error;
mod jars;
mod left;
mod properties;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::LocalBrokerError;
pub use jars::Jars;

use super::{KafkaLog, KafkaSettings};
use error::{io, last_of};

/// A cluster's id, as `StorageTool random-uuid` makes them; each local cluster is alone.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// How long a broker may take to start on a busy machine.
const START: Duration = Duration::from_secs(90);
/// How long a broker may take to stop in good order.
const STOP: Duration = Duration::from_secs(15);

/// A running broker. Dropping it kills it; [`LocalBroker::stop`] ends it in good order.
#[derive(Debug)]
pub struct LocalBroker {
    child: Child,
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
        fs::create_dir_all(folder).map_err(io(format!("making {}", folder.display())))?;
        let folder = folder.canonicalize().map_err(io(format!("finding {}", folder.display())))?;
        left::stop(&folder)?;
        let (port, controller) = (free_port()?, free_port()?);
        let data = folder.join("data");
        let file = folder.join("server.properties");
        fs::write(&file, properties::properties(port, controller, &data))
            .map_err(io(format!("writing {}", file.display())))?;
        if !data.join("meta.properties").exists() {
            format(jars, &folder)?;
        }
        let child = run(jars, &folder)?;
        let mut broker = Self { child, jars: jars.clone(), folder, port };
        broker.wait_ready()?;
        Ok(broker)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and the same broker again on what it left.
    ///
    /// # Errors
    /// As [`LocalBroker::start`].
    pub fn crash_and_restart(&mut self) -> Result<(), LocalBrokerError> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(io("killing the broker"))?;
        self.child = run(&self.jars, &self.folder)?;
        self.wait_ready()
    }

    /// Ends it in good order, by its process id; kills it where it does not end.
    ///
    /// # Errors
    /// I/O.
    pub fn stop(mut self) -> Result<(), LocalBrokerError> {
        left::terminate(self.child.id())?;
        let deadline = Instant::now() + STOP;
        while self.child.try_wait().map_err(io("asking for the broker"))?.is_none() {
            if Instant::now() >= deadline {
                self.child.kill().map_err(io("killing the broker"))?;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
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

fn format(jars: &Jars, folder: &Path) -> Result<(), LocalBrokerError> {
    let mut java = jars.java();
    java.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"]).arg(folder.join("server.properties"));
    let formatted = started(java.output())?;
    if formatted.status.success() {
        return Ok(());
    }
    let said = last_of(&String::from_utf8_lossy(&formatted.stderr));
    Err(LocalBrokerError::Format { folder: folder.to_owned(), said })
}

fn run(jars: &Jars, folder: &Path) -> Result<Child, LocalBrokerError> {
    let path = folder.join("broker.log");
    let opened = fs::OpenOptions::new().create(true).append(true).open(&path);
    let log = opened.map_err(io(format!("writing {}", path.display())))?;
    let errors = log.try_clone().map_err(io("a second handle of the broker's log"))?;
    let mut java: Command = jars.java();
    java.arg("kafka.Kafka")
        .arg(folder.join("server.properties"))
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors))
        // A Ctrl-C on the terminal is for the hub, which still needs the broker to end in good order.
        .process_group(0);
    let child = started(java.spawn())?;
    left::note(folder, child.id())?;
    Ok(child)
}

fn started<T>(result: std::io::Result<T>) -> Result<T, LocalBrokerError> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            LocalBrokerError::Missing { program: "Java 17 or later", package: "openjdk-17-jre-headless" }
        }
        _ => io("starting Java")(error),
    })
}

fn free_port() -> Result<u16, LocalBrokerError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(io("finding a free port"))?;
    Ok(listener.local_addr().map_err(io("finding a free port"))?.port())
}
