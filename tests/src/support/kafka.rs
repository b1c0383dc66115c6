//! Real Apache Kafka: one process that is broker and controller, on free ports, in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaLog, KafkaSettings};
use tempfile::TempDir;

use super::free_port;

/// A cluster's id, as `StorageTool random-uuid` makes them; each test's cluster is alone.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// How long a broker may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running broker.
pub struct Broker {
    child: Child,
    folder: TempDir,
    port: u16,
}

/// The jars of the broker, fetched once and kept beside the build.
fn jars() -> &'static Path {
    static JARS: OnceLock<PathBuf> = OnceLock::new();
    JARS.get_or_init(|| {
        // target/<profile>/deps/tests-<hash> -> target/test-kafka
        let test = std::env::current_exe().expect("a test has a path");
        let target = test.ancestors().nth(3).expect("three folders up");
        let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/pom.xml");
        let jars = target.join("test-kafka/libs");
        let wanted = fs::read_to_string(&pom).expect("the pom is there");
        // Written last: a fetch that was cut short is made again, and so is one for another version.
        let complete = target.join("test-kafka/complete.xml");
        if fs::read_to_string(&complete).is_ok_and(|fetched| fetched == wanted) {
            return jars;
        }
        drop(fs::remove_dir_all(&jars));
        let fetched = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "-DincludeScope=runtime", "-f"])
            .arg(&pom)
            .arg(format!("-DoutputDirectory={}", jars.display()))
            .stdin(Stdio::null())
            .status()
            .expect("Maven is there: sh setup.sh test");
        assert!(fetched.success(), "Maven cannot fetch Apache Kafka");
        fs::write(&complete, wanted).expect("a writable folder");
        jars
    })
}

fn java() -> Command {
    let mut java = Command::new("java");
    java.arg("-Xmx512m").arg("-cp").arg(jars().join("*"));
    java
}

impl Broker {
    /// Starts a broker with an empty folder and waits until it answers.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, controller) = (free_port(), free_port());
        let data = folder.path().join("data");
        // The short session: a broker that is back while its old session still counts takes every
        // partition, itself being their only leader, for a deleted one, and writes no transaction's end
        // to it: its log says "likely deleted already and hence can be skipped".
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=BROKER://127.0.0.1:{port}\n\
             listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=BROKER\n\
             log.dirs={}\nauto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n\
             default.replication.factor=1\n\
             broker.session.timeout.ms=1500\nbroker.heartbeat.interval.ms=300\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.num.partitions=4\n\
             transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
             transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\n\
             group.min.session.timeout.ms=1000\n\
             group.consumer.heartbeat.interval.ms=1000\ngroup.consumer.min.heartbeat.interval.ms=500\n\
             group.consumer.session.timeout.ms=3000\ngroup.consumer.min.session.timeout.ms=3000\n",
            data.display()
        );
        let file = folder.path().join("server.properties");
        fs::write(&file, properties).expect("a writable folder");
        let formatted = java()
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(&file)
            .output()
            .expect("Java is there: sh setup.sh test");
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let child = run(folder.path());
        let mut broker = Self { child, folder, port };
        broker.wait_ready();
        broker
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A log of its own among those of this broker, for a process of this name.
    pub fn log(&self, prefix: &str, instance: &str) -> std::sync::Arc<KafkaLog> {
        self.log_with(prefix, instance, |_| {})
    }

    /// As [`Broker::log`], with other settings.
    pub fn log_with(
        &self,
        prefix: &str,
        instance: &str,
        change: impl FnOnce(&mut KafkaSettings),
    ) -> std::sync::Arc<KafkaLog> {
        let mut settings = KafkaSettings::new(self.address(), instance);
        prefix.clone_into(&mut settings.prefix);
        change(&mut settings);
        let on_stuck = std::sync::Arc::new(|what: &str| panic!("{what}"));
        KafkaLog::open(settings, on_stuck).expect("the settings are taken")
    }

    /// `kill -9`, and the same broker again on what it left.
    pub fn crash_and_restart(&mut self) {
        self.child.kill().expect("the broker can be killed");
        self.child.wait().expect("the broker can be reaped");
        self.child = run(self.folder.path());
        self.wait_ready();
    }

    fn wait_ready(&mut self) {
        let log = self.log("", "readiness");
        let deadline = Instant::now() + PATIENCE;
        while log.ping().is_err() {
            let said = || fs::read_to_string(self.folder.path().join("broker.log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic!("the broker ended with {status}:\n{}", said());
            }
            assert!(Instant::now() < deadline, "the broker does not answer:\n{}", said());
        }
    }
}

fn run(folder: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("broker.log")).expect("a log file");
    java()
        .arg("kafka.Kafka")
        .arg(folder.join("server.properties"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("Java starts")
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A failed test must not leave a broker behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
