//! `hub ingest`: a file of JSON lines to a hub, in batches, several under way.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, StatusCode, Url, header};
use serde::Deserialize;

use super::exit::{self, Exit, fail, fail_with_help};
use super::remote::Remote;
use super::{Output, Terminal, run};

/// `hub ingest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    remote: Remote,
    /// What becomes of lines that cannot be used.
    #[arg(long, value_enum, default_value_t = OnInvalid::DeadLetter)]
    on_invalid: OnInvalid,
    /// Batches under way at a time. More than one gives up the order between batches.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    parallel: u8,
    /// Kilobytes in a batch.
    #[arg(long, default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=32_768))]
    batch_kb: u32,
    /// The form of the summary.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// A file of JSON lines; - is stdin.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnInvalid {
    #[value(name = "dead-letter", alias = "dead_letter")]
    DeadLetter,
    Reject,
}

/// How long the hub may say nothing: it answers a batch when all of it is durable.
const SILENCE: Duration = Duration::from_secs(120);

/// How often a batch is sent again when the hub asks to wait or is restarting.
const TRIES: u32 = 8;

/// Whole lines of the file.
struct Batch {
    first_line: u64,
    bytes: Vec<u8>,
}

/// The hub's answer to a batch, as far as it is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    accepted: u64,
    rejected: u64,
    dead_lettered: u64,
    rejected_lines: Vec<Line>,
    dead_lettered_lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    line: u64,
    code: String,
    field: Option<String>,
}

#[derive(Default)]
struct Summary {
    accepted: u64,
    refused: u64,
    codes: BTreeMap<String, u64>,
    first: Vec<Line>,
}

impl Ingest {
    pub(super) fn run(self, _terminal: Terminal) -> Exit {
        let token = match self.remote.token() {
            Ok(token) => token,
            Err(exit) => return exit,
        };
        let (reader, size): (Box<dyn Read + Send>, Option<u64>) = if self.file.as_os_str() == "-" {
            (Box::new(io::stdin()), None)
        } else {
            match File::open(&self.file) {
                Ok(file) => {
                    let size = file.metadata().ok().map(|metadata| metadata.len());
                    (Box::new(file), size)
                }
                Err(error) => {
                    return fail(Exit::Failed, format_args!("cannot read {}: {error}", self.file.display()));
                }
            }
        };
        let progress = progress(size);
        match run::runtime() {
            Ok(runtime) => runtime.block_on(self.send_all(&token, reader, &progress)),
            Err(error) => fail(Exit::Failed, error),
        }
    }

    async fn send_all(&self, token: &str, reader: Box<dyn Read + Send>, progress: &ProgressBar) -> Exit {
        let began = Instant::now();
        let mut url = self.remote.url.clone();
        url.set_path("/v1/events");
        url.set_query(None);
        let source = self.file.file_name().map_or_else(|| "stdin".into(), |name| name.to_string_lossy().into_owned());
        let on_invalid = if self.on_invalid == OnInvalid::Reject { "reject" } else { "dead_letter" };
        url.query_pairs_mut().append_pair("on_invalid", on_invalid).append_pair("source", &source);
        let client = match self.remote.client(SILENCE) {
            Ok(client) => client,
            Err(error) => return fail(Exit::Failed, error),
        };
        let (sender, receiver) = tokio::sync::mpsc::channel(usize::from(self.parallel));
        let batch_bytes = self.batch_kb as usize * 1_024;
        let reading = tokio::task::spawn_blocking(move || read_batches(reader, batch_bytes, &sender));
        let batches = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch: Batch| (batch, receiver))
        });
        let answers = batches
            .map(|batch| {
                let (client, url) = (&client, &url);
                async move { (batch.bytes.len() as u64, batch.first_line, send(client, url, token, batch).await) }
            })
            .buffered(usize::from(self.parallel));
        let mut answers = Box::pin(answers);
        let mut summary = Summary::default();
        while let Some((bytes, first_line, answer)) = answers.next().await {
            match answer {
                Ok(answer) => summary.add(first_line, answer),
                Err(exit) => {
                    progress.abandon();
                    summary.print(self.output, began.elapsed());
                    return exit;
                }
            }
            progress.inc(bytes);
        }
        progress.finish_and_clear();
        drop(answers);
        match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return fail(Exit::Failed, format_args!("cannot read {}: {error}", self.file.display())),
            Err(error) => return fail(Exit::Failed, error),
        }
        summary.print(self.output, began.elapsed());
        if summary.refused == 0 { Exit::Done } else { Exit::SomeFailed }
    }
}

/// Cuts the input at line ends.
fn read_batches(
    reader: Box<dyn Read + Send>,
    batch_bytes: usize,
    into: &tokio::sync::mpsc::Sender<Batch>,
) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, reader);
    let mut rest = Vec::new();
    let mut line = 1;
    loop {
        let mut bytes = std::mem::take(&mut rest);
        let room = batch_bytes.saturating_sub(bytes.len()).max(1) as u64;
        let read = reader.by_ref().take(room).read_to_end(&mut bytes)?;
        let is_end = (read as u64) < room;
        if !is_end {
            match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(newline) => rest = bytes.split_off(newline + 1),
                // One line longer than a batch: the next round reads on.
                None => {
                    rest = bytes;
                    let mut more = vec![0; batch_bytes];
                    let count = reader.read(&mut more)?;
                    rest.extend_from_slice(&more[..count]);
                    if count > 0 {
                        continue;
                    }
                    bytes = std::mem::take(&mut rest);
                }
            }
        }
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        if !bytes.is_empty() && into.blocking_send(Batch { first_line: line, bytes }).is_err() {
            return Ok(());
        }
        line += lines;
        if is_end {
            return Ok(());
        }
    }
}

/// Sends a batch until it is taken or cannot be: repeats are recognised by the hub.
async fn send(client: &Client, url: &Url, token: &str, batch: Batch) -> Result<Answer, Exit> {
    let body = bytes::Bytes::from(batch.bytes);
    let mut tries = 0;
    loop {
        tries += 1;
        let request = client
            .post(url.clone())
            .bearer_auth(token)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(body.clone());
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                let at = url.origin().ascii_serialization();
                let why = format!("no hub answers at {at}");
                return Err(fail_with_help(Exit::Unreachable, why, "is it running? start one with: hub run"));
            }
            Err(error) if tries < TRIES && !error.is_builder() && !error.is_timeout() => {
                tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                continue;
            }
            Err(error) => {
                // Without the address: its query holds the file's name.
                let why = format!("the hub does not answer: {}", error.without_url());
                return Err(fail_with_help(Exit::TryAgain, why, "send the file again: repeats are recognised"));
            }
        };
        let status = response.status();
        let wait =
            response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if status.is_success() {
            return response
                .json()
                .await
                .map_err(|error| fail(Exit::Failed, format_args!("the hub's answer: {error}")));
        }
        let may_retry = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        if may_retry && tries < TRIES {
            tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1).min(30))).await;
            continue;
        }
        let problem: serde_json::Value = response.json().await.unwrap_or_default();
        let exit = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::NotAllowed,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Exit::TryAgain,
            _ => Exit::Failed,
        };
        let (Some(code), Some(detail)) = (problem["code"].as_str(), problem["detail"].as_str()) else {
            return Err(fail_with_help(
                exit,
                format_args!("something that is no hub answers {status}"),
                "look at --url",
            ));
        };
        eprintln!("error[{code}]: {detail}");
        if let Some(help) = problem["help"].as_str() {
            eprintln!("help: {help}");
        }
        eprintln!("note: hub explain {code}");
        return Err(exit);
    }
}

impl Summary {
    fn add(&mut self, first_line: u64, answer: Answer) {
        self.accepted += answer.accepted;
        self.refused += answer.rejected + answer.dead_lettered;
        let mut listed = 0;
        for mut line in answer.rejected_lines.into_iter().chain(answer.dead_lettered_lines) {
            listed += 1;
            line.line += first_line - 1;
            *self.codes.entry(line.code.clone()).or_default() += 1;
            if self.first.len() < 10 {
                self.first.push(line);
            }
        }
        let unlisted = (answer.rejected + answer.dead_lettered).saturating_sub(listed);
        if unlisted > 0 {
            *self.codes.entry("not listed".into()).or_default() += unlisted;
        }
    }

    fn print(&self, output: Output, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let rate = (self.accepted + self.refused) as f64 / seconds.max(1e-9);
        if output == Output::Json {
            let summary = serde_json::json!({
                "schema_version": 1, "accepted": self.accepted, "refused": self.refused, "codes": self.codes,
                "seconds": seconds, "events_per_second": rate,
            });
            exit::print(&summary.to_string());
            return;
        }
        for line in &self.first {
            let field = line.field.as_deref().map_or_else(String::new, |field| format!(" at {field}"));
            eprintln!("line {}: {}{field}", line.line, line.code);
        }
        for (code, count) in &self.codes {
            eprintln!("{count:>10}  {code}");
        }
        if let Some(code) = self.codes.keys().find(|code| code.starts_with("HUB-")) {
            eprintln!("note: hub explain {code}");
        }
        exit::print(&format!(
            "{} accepted, {} refused in {seconds:.1} s ({rate:.0} events/s)",
            self.accepted, self.refused
        ));
    }
}

fn progress(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    match (size, ProgressStyle::with_template(style)) {
        (Some(size), Ok(style)) => ProgressBar::new(size).with_style(style),
        _ => ProgressBar::new_spinner(),
    }
}
