//! The real `hub` binary as a process that is started, killed and asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::blocking::{Body, Client, Response};

use super::until;

/// The binary, built by the same cargo that runs the tests, so that it is never a stale one.
pub fn hub_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/<profile>/deps/tests-<hash> -> target/<profile>/hub
        let test = std::env::current_exe().expect("a test has a path");
        let folder = test.parent().and_then(Path::parent).expect("two folders up");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "-p", "hub", "--bin", "hub"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the hub does not build");
        let binary = folder.join("hub");
        assert!(binary.exists(), "{} is missing", binary.display());
        binary
    })
}

/// The hub's command, without what the environment of the tests would tell it.
pub fn hub_command() -> Command {
    let mut command = Command::new(hub_binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HUB_")) {
        command.env_remove(name);
    }
    command
}

/// Runs one command of the hub to its end, with `input` on its standard input.
pub fn run_hub(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = hub_command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the hub starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A command that ends before it has read everything closes the pipe: that is its right.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the hub ends");
    writer.join().expect("the writer ends");
    output
}

/// Any command of the hub that goes on until it is killed; what it says is not kept.
pub struct Running(Child);

impl Running {
    /// Starts it.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = hub_command();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the hub starts"))
    }

    /// Whether it has not ended.
    pub fn goes_on(&mut self) -> bool {
        self.0.try_wait().expect("the child can be asked").is_none()
    }

    /// `kill -9`.
    pub fn kill(self) {
        drop(self);
    }

    /// SIGTERM, and the exit code.
    pub fn stop(mut self) -> Option<i32> {
        send_signal(self.0.id(), "TERM");
        until("the hub ends after SIGTERM", Duration::from_secs(20), || self.0.try_wait().expect("a child")).code()
    }
}

fn send_signal(pid: u32, signal: &str) {
    let asked = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status().expect("kill runs");
    assert!(asked.success());
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running `hub run`.
pub struct Hub {
    child: Child,
    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub url: String,
    /// The token that is sent along.
    pub token: String,
    client: Client,
}

impl Hub {
    /// Starts `hub run` on this data directory and waits until it is ready. The token is the one
    /// that the hub made, if it made one.
    pub fn start(data: &Path, configuration: Option<&Path>) -> Self {
        Self::start_with(data, configuration, &[], free_port())
    }

    /// As [`Hub::start`], on the port of one before it.
    pub fn start_at(data: &Path, configuration: Option<&Path>, port: u16) -> Self {
        Self::start_with(data, configuration, &[], port)
    }

    /// As [`Hub::start`], with these parts only. The token is that of the configuration, if there is one.
    pub fn only(data: &Path, configuration: Option<&Path>, parts: &str, token: &str) -> Self {
        let mut hub = Self::start_with(data, configuration, &["--only", parts], free_port());
        if configuration.is_some() {
            token.clone_into(&mut hub.token);
        }
        hub
    }

    fn start_with(data: &Path, configuration: Option<&Path>, arguments: &[&str], port: u16) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let mut command = hub_command();
        command.arg("run").arg("--data").arg(data).arg("--listen").arg(&listen).args(arguments);
        if let Some(file) = configuration {
            command.arg("--config").arg(file);
        }
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(data.join("test-hub.log")).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the hub starts");
        let client = Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        let mut hub = Self { child, url: format!("http://{listen}"), token: String::new(), client };
        hub.wait_ready(data);
        hub.token =
            std::fs::read_to_string(data.join("token")).map(|token| token.trim().to_owned()).unwrap_or_default();
        hub
    }

    /// Starts it with this configuration, written beside the data, and a token from there.
    pub fn configured(data: &Path, configuration: &str, token: &str) -> Self {
        let file = data.join("hub.toml");
        std::fs::write(&file, configuration).expect("a writable folder");
        let mut hub = Self::start(data, Some(&file));
        token.clone_into(&mut hub.token);
        hub
    }

    fn wait_ready(&mut self, data: &Path) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if let Ok(answer) = self.client.get(format!("{}/readyz", self.url)).send()
                && answer.status().is_success()
            {
                return;
            }
            let log = || std::fs::read_to_string(data.join("test-hub.log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic!("the hub ended with {status} before it was ready:\n{}", log());
            }
            assert!(Instant::now() < deadline, "the hub was not ready in time:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Posts a body with the hub's token.
    pub fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> reqwest::Result<Response> {
        self.client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", content_type)
            .body(body)
            .send()
    }

    /// Posts one event that must be taken in.
    pub fn send(&self, event: &serde_json::Value) -> serde_json::Value {
        let answer = self.post("/v1/events", "application/json", event.to_string()).expect("an answer");
        let status = answer.status().as_u16();
        let answer = answer.json().expect("an answer in JSON");
        assert_eq!(status, 202, "{answer}");
        answer
    }

    /// Reads a page of the hub.
    pub fn get(&self, path: &str) -> String {
        self.client.get(format!("{}{path}", self.url)).send().and_then(Response::text).unwrap_or_default()
    }

    /// The sum of a metric's samples whose labels contain each of `labels` (`topic="hub.order"`).
    pub fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        sum(&self.get("/metrics"), name, labels)
    }

    /// Waits until nothing is behind: all lag is consumed and nothing waits, seen again and again.
    pub fn settle(&self, patience: Duration) {
        let (mut quiet, began) = (0, unix_seconds());
        let mut seen = String::new();
        let deadline = Instant::now() + patience;
        while quiet < 5 {
            let page = self.get("/metrics");
            let behind = lag(&page, began);
            let waiting = sum(&page, "hub_waiting", &[]).unwrap_or(0.0);
            quiet = if behind == 0.0 && waiting == 0.0 { quiet + 1 } else { 0 };
            if quiet == 0 {
                let busy = |line: &&str| {
                    (line.starts_with("hub_lag_records{") || line.starts_with("hub_waiting{")) && !line.ends_with(" 0")
                };
                seen = page.lines().filter(busy).collect::<Vec<_>>().join("\n");
            }
            assert!(Instant::now() < deadline, "not at rest within {patience:?}:\n{seen}");
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// The sum of all imbalances, each without its sign.
    pub fn imbalance(&self) -> f64 {
        let page = self.get("/metrics");
        let lines = page.lines().filter(|line| line.starts_with("hub_conservation_imbalance{"));
        let values: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert!(!values.is_empty(), "the metric is missing:\n{page}");
        values.iter().map(|value| value.abs()).sum()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        send_signal(self.pid(), signal);
    }

    /// `kill -9`: the process gets no chance to say anything.
    pub fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be reaped");
    }

    /// SIGTERM, and the exit code after the drain.
    pub fn stop(self) -> Option<i32> {
        self.end_by("TERM")
    }

    /// Ctrl-C, and the exit code after the drain.
    pub fn interrupt(self) -> Option<i32> {
        self.end_by("INT")
    }

    fn end_by(mut self, signal: &str) -> Option<i32> {
        send_signal(self.pid(), signal);
        let patience = Duration::from_secs(60);
        until("the hub ends when it is told to", patience, || self.child.try_wait().expect("the child can be asked"))
            .code()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // A failed test must not leave a server behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How many records are behind by a page of `/metrics`; 1 where it was found out before `since`, in seconds of Unix time.
pub fn lag(page: &str, since: f64) -> f64 {
    let found_at = sum(page, "hub_lag_observed_timestamp_seconds", &[]);
    if found_at.is_some_and(|at| at >= since) { sum(page, "hub_lag_records", &[]).unwrap_or_default() } else { 1.0 }
}

/// The time.
pub fn unix_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// The sum of a metric's samples on a page of `/metrics`, of those whose labels contain each of `labels`.
pub fn sum(page: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let mut sum = None;
    for line in page.lines().filter(|line| line.starts_with(name)) {
        let rest = &line[name.len()..];
        if !(rest.starts_with('{') || rest.starts_with(' ')) || !labels.iter().all(|label| rest.contains(label)) {
            continue;
        }
        if let Some(value) = rest.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()) {
            *sum.get_or_insert(0.0) += value;
        }
    }
    sum
}

/// A page of whoever listens on this port, with its head; nothing where nobody does.
pub fn ask(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A port of the loopback interface that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
