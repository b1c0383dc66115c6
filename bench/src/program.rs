//! The programs under test, as processes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::pipeline::APPLICATION;

/// What a program is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Work {
    /// Where the broker is.
    #[arg(long)]
    pub brokers: String,
    /// The consumer group, and the name that internal topics begin with.
    #[arg(long)]
    pub application: String,
    /// The topic that is read.
    #[arg(long)]
    pub input: String,
    /// The topic that is written.
    #[arg(long)]
    pub output: String,
    /// Where it may keep files.
    #[arg(long)]
    pub data: PathBuf,
}

/// What a program is told that does the order pipeline.
#[derive(Clone, Debug, clap::Args)]
pub struct PipelineWork {
    /// Where the broker is.
    #[arg(long)]
    pub brokers: String,
    /// What its topics and its group begin with.
    #[arg(long)]
    pub prefix: String,
    /// Where it may keep files.
    #[arg(long)]
    pub data: PathBuf,
}

/// A program that does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// This project's runtime.
    Runtime,
    /// Kafka Streams as it comes.
    Streams,
    /// Kafka Streams with a cache that holds all of the state.
    StreamsTuned,
    /// The client alone: output, changelog and positions, no state.
    Bare,
    /// The client alone, without the changelog.
    #[value(name = "bare-plain")]
    BareWithoutChangelog,
}

impl Program {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runtime => "this runtime",
            Self::Streams => "Kafka Streams 4.3.1, defaults",
            Self::StreamsTuned => "Kafka Streams 4.3.1, state cached",
            Self::Bare => "bare client loop",
            Self::BareWithoutChangelog => "bare client loop, no changelog",
        }
    }

    /// Whether it keeps a state.
    pub const fn is_stateful(self) -> bool {
        matches!(self, Self::Runtime) || self.is_java()
    }

    /// Whether it is written in Java.
    pub const fn is_java(self) -> bool {
        matches!(self, Self::Streams | Self::StreamsTuned)
    }

    /// Its name in topics and groups.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Streams => "streams",
            Self::StreamsTuned => "streams-tuned",
            Self::Bare => "bare",
            Self::BareWithoutChangelog => "bare-plain",
        }
    }

    /// Starts it. `classes` is the class path of the Java program.
    pub fn start(self, work: &Work, classes: &str) -> anyhow::Result<Process> {
        let command = match self {
            Self::Streams | Self::StreamsTuned => {
                let mut java = java(classes, "hub.bench.Streams");
                java.args([&work.brokers, &work.application, &work.input, &work.output]).arg(&work.data);
                java.arg(self.state_in_java());
                java
            }
            _ => {
                let mut own = Command::new(std::env::current_exe()?);
                own.arg(if self == Self::Runtime { "runtime" } else { "bare" });
                own.args(["--brokers", &work.brokers, "--application", &work.application]);
                own.args(["--input", &work.input, "--output", &work.output, "--data"]).arg(&work.data);
                if self == Self::Bare {
                    own.arg("--changelog");
                }
                own
            }
        };
        self.spawn(command, &work.data)
    }

    /// Starts it on the order pipeline. There is none for the client alone.
    pub fn start_pipeline(self, work: &PipelineWork, classes: &str) -> anyhow::Result<Process> {
        let command = if self == Self::Runtime {
            let mut own = Command::new(std::env::current_exe()?);
            own.args(["pipeline", "--brokers", &work.brokers, "--prefix", &work.prefix, "--data"]).arg(&work.data);
            own
        } else {
            let mut java = java(classes, "hub.bench.Orders");
            java.arg(&work.brokers).arg(format!("{}{APPLICATION}", work.prefix)).arg(&work.prefix);
            java.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/avro")).arg(&work.data);
            java.arg(self.state_in_java());
            java
        };
        self.spawn(command, &work.data)
    }

    const fn state_in_java(self) -> &'static str {
        if matches!(self, Self::StreamsTuned) { "cached" } else { "plain" }
    }

    fn spawn(self, mut command: Command, data: &Path) -> anyhow::Result<Process> {
        std::fs::create_dir_all(data)?;
        let file = data.join("program.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&file)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {}", self.name()))?;
        Ok(Process { child, log: file })
    }
}

fn java(classes: &str, main: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes, main]);
    java
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<_> = said.lines().rev().take(30).collect();
        anyhow::bail!("a program ended with {status}:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Compiles the Java program and returns its class path.
pub fn compile_streams(jars: &Path) -> anyhow::Result<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("streams");
    let (libs, classes) = (jars.join("streams-libs"), jars.join("streams-classes"));
    std::fs::create_dir_all(&classes)?;
    let changed = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified());
    let is_current = changed(&libs).is_ok_and(|at| changed(&sources.join("pom.xml")).is_ok_and(|pom| pom < at));
    if !is_current {
        let fetched = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "-DincludeScope=runtime", "-f"])
            .arg(sources.join("pom.xml"))
            .arg(format!("-DoutputDirectory={}", std::path::absolute(&libs)?.display()))
            .status()
            .context("starting Maven, which fetches Kafka Streams")?;
        if !fetched.success() {
            drop(std::fs::remove_dir_all(&libs));
            anyhow::bail!("Maven cannot fetch Kafka Streams");
        }
    }
    let mut files = std::fs::read_dir(sources.join("src/main/java/hub/bench"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    let compiled = Command::new("javac")
        .arg("-cp")
        .arg(libs.join("*"))
        .arg("-d")
        .arg(&classes)
        .args(files)
        .status()
        .context("starting javac (on Debian or Ubuntu: apt-get install openjdk-17-jdk-headless)")?;
    anyhow::ensure!(compiled.success(), "the Java program does not compile");
    Ok(format!("{}:{}", classes.display(), libs.join("*").display()))
}
