//! The hub that is measured: a process of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu_seconds: f64,
    /// The most memory it ever had of its own.
    pub peak_memory_bytes: u64,
}

/// A `hub run` that ends with its owner.
pub struct HubProcess {
    child: Child,
    /// Where it listens.
    pub url: String,
    /// The token it takes.
    pub token: String,
    /// A client for it.
    pub client: reqwest::Client,
}

impl HubProcess {
    /// Starts a hub on a directory and waits until it is ready.
    pub async fn start(data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = std::fs::File::create(data.join("bench.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["run", "--data"])
            .arg(data)
            .args(["--listen", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the hub does not start")?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build()?;
        let mut hub = Self { child, url: format!("http://{address}"), token: String::new(), client };
        hub.wait_ready(data).await?;
        let token = std::fs::read_to_string(data.join("token")).context("the hub wrote no token")?;
        token.trim().clone_into(&mut hub.token);
        Ok(hub)
    }

    async fn wait_ready(&mut self, data: &Path) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.client.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(data.join("bench.log")).unwrap_or_default();
                anyhow::bail!("the hub ended with {status}:\n{log}");
            }
            anyhow::ensure!(Instant::now() < deadline, "the hub was not ready within a minute");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The sum of a metric's samples.
    pub async fn metric(&self, name: &str) -> anyhow::Result<Option<f64>> {
        Ok(sum(&self.scrape().await?, name))
    }

    async fn scrape(&self) -> anyhow::Result<String> {
        Ok(self.client.get(format!("{}/metrics", self.url)).send().await?.text().await?)
    }

    /// Waits until nothing is behind: every record that was written has been taken in by whoever
    /// reads it. What then still waits, waits by a policy (an early event for its predecessor).
    /// Returns when that was first seen.
    pub async fn catch_up(&self, patience: Duration) -> anyhow::Result<Instant> {
        self.quiet(patience, &["hub_lag_records"]).await
    }

    /// Waits until nothing is behind and nothing waits.
    pub async fn settle(&self, patience: Duration) -> anyhow::Result<Instant> {
        self.quiet(patience, &["hub_lag_records", "hub_waiting"]).await
    }

    async fn quiet(&self, patience: Duration, metrics: &[&str]) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + patience;
        let mut first_seen = None;
        let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs_f64();
        loop {
            let text = self.scrape().await?;
            // Brokers are asked now and then: what was found before says nothing of what has come since.
            let is_fresh = sum(&text, "hub_lag_observed_timestamp_seconds").is_some_and(|at| at >= began);
            let left: f64 = metrics.iter().map(|metric| sum(&text, metric).unwrap_or(f64::INFINITY)).sum();
            let left = if is_fresh { left } else { f64::INFINITY };
            match first_seen {
                Some(seen) if left == 0.0 => return Ok(seen),
                _ => first_seen = (left == 0.0).then(Instant::now),
            }
            anyhow::ensure!(Instant::now() < deadline, "{left} records behind or waiting at the deadline");
            // A scrape costs the measured process time: no more of them than the answer needs.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the process has used, as the kernel tells.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let pid = self.child.id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let peak = kibibytes(&self.status()?, "VmHWM:")?;
        Ok(Usage { cpu_seconds: processor_seconds(&stat)?, peak_memory_bytes: peak * 1024 })
    }

    /// Processor seconds of the threads whose names begin so, such as `worker-`.
    pub fn threads(&self, name: &str) -> anyhow::Result<f64> {
        let mut seconds = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end while it is looked at.
            let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else { continue };
            if stat.split_once('(').is_some_and(|(_, rest)| rest.starts_with(name)) {
                seconds += processor_seconds(&stat)?;
            }
        }
        Ok(seconds)
    }

    /// The memory that the process has of its own now.
    pub fn memory(&self) -> anyhow::Result<u64> {
        Ok(kibibytes(&self.status()?, "VmRSS:")? * 1024)
    }

    fn status(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?)
    }

    /// `kill -9`.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it as an operator would.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the hub ended with {status}");
        Ok(())
    }
}

/// User and system time in a line of `/proc/PID/stat`.
fn processor_seconds(stat: &str) -> anyhow::Result<f64> {
    // The command's name may hold spaces; what follows its closing bracket is numbers.
    let fields: Vec<&str> = stat.rsplit_once(')').context("no stat")?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("no time");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// A line of `/proc/PID/status`, such as `VmHWM:   1234 kB`.
fn kibibytes(status: &str, name: &str) -> anyhow::Result<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(value.trim().trim_end_matches(" kB").parse()?)
}

/// The sum of a metric's samples in a scrape; `None` when there are none.
fn sum(text: &str, name: &str) -> Option<f64> {
    let samples = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' ')));
    let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        // After a failed measurement it must not stay behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
