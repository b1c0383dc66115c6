//! The processes of a local cluster, each on a folder of its own.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::{LocalBrokerError, io, last_of};
use super::jars::Jars;
use super::left;
use super::properties::{Cluster, Role, properties};

/// A cluster's id, as `StorageTool random-uuid` makes them; each local cluster is alone.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// The controller beside brokers. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Controller(pub(super) Child);

impl Drop for Controller {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Ends a process in good order; kills it where it does not end.
pub(super) fn end(child: &mut Child) -> Result<(), LocalBrokerError> {
    left::terminate(child.id())?;
    let deadline = Instant::now() + super::STOP;
    while child.try_wait().map_err(io("asking for the broker"))?.is_none() {
        if Instant::now() >= deadline {
            child.kill().map_err(io("killing the broker"))?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Makes the folder ready for a process of this role, and returns its whole path.
pub(super) fn prepare(
    role: Role,
    jars: &Jars,
    folder: &Path,
    port: u16,
    cluster: Cluster,
) -> Result<PathBuf, LocalBrokerError> {
    fs::create_dir_all(folder).map_err(io(format!("making {}", folder.display())))?;
    let folder = folder.canonicalize().map_err(io(format!("finding {}", folder.display())))?;
    left::stop(&folder)?;
    let data = folder.join("data");
    let file = folder.join("server.properties");
    fs::write(&file, properties(role, port, cluster, &data)).map_err(io(format!("writing {}", file.display())))?;
    if !data.join("meta.properties").exists() {
        format(jars, &folder)?;
    }
    Ok(folder)
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

/// Starts the process that the folder was prepared for.
pub(super) fn run(jars: &Jars, folder: &Path) -> Result<Child, LocalBrokerError> {
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
