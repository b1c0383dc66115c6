//! A batch: JSON lines, cut into parts while they arrive, decoded side by side, committed in order.

use std::collections::{BTreeMap, VecDeque};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use schemas::{Code, DeadLetter, Timestamp};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use topology::OutgoingRecord;

use super::answer::{BadLine, Reached};
use super::committer::{NotCommitted, Positions};
use super::event::{Parameters, not_committed, record};
use super::intake::Refusal;
use super::ledger::IngestCounts;
use super::problem::{Problem, ProblemCode};
use super::server::Shared;
use crate::delivery::http::wall_clock;
use crate::sink::DEAD_LETTER_TOPIC;

/// A part is cut at the first line end behind this many bytes.
const PART_BYTES: usize = 128 << 10;
/// Parts of one request that are decoded at a time.
const DECODING: usize = 4;
/// Parts of one request that wait for the log at a time.
const COMMITTING: usize = 8;
/// Bad lines that an answer lists; the rest is only counted.
const LISTED: usize = 100;
/// A source's name is cut here.
const SOURCE_CHARS: usize = 200;

/// What becomes of a line that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnInvalid {
    Reject,
    DeadLetter,
}

/// Lines of a body, and the number of the first.
struct Part {
    bytes: Bytes,
    first_line: u64,
    /// Lines that were dropped while they arrived, because they were too long.
    oversize: Vec<(u64, u64)>,
}

/// A part, decoded.
#[derive(Default)]
struct Decoded {
    records: Vec<OutgoingRecord>,
    counts: IngestCounts,
    bad: Vec<BadLine>,
}

type Answer = oneshot::Receiver<Result<Positions, NotCommitted>>;

/// What a batch came to.
#[derive(Default)]
struct Summary {
    accepted: u64,
    bad: u64,
    listed: Vec<BadLine>,
    reached: BTreeMap<(String, u32), Reached>,
}

pub(super) async fn take_in(shared: &Shared, parameters: Parameters, body: Body) -> Result<Response, Problem> {
    let on_invalid = match parameters.on_invalid.as_deref() {
        None | Some("dead_letter") => OnInvalid::DeadLetter,
        Some("reject") => OnInvalid::Reject,
        Some(_) => return Err(Problem::new(ProblemCode::BadParameter)),
    };
    let source = parameters.source.unwrap_or_else(|| "/v1/events".into());
    let source: String = source.chars().filter(|letter| !letter.is_control()).take(SOURCE_CHARS).collect();
    let mut batch = Batch {
        shared: shared.clone(),
        source: source.into(),
        on_invalid,
        decoding: VecDeque::new(),
        committing: VecDeque::new(),
        summary: Summary::default(),
    };
    let read = batch.read(body).await;
    let finished = batch.finish().await;
    let summary = batch.summary;
    match read.and(finished) {
        Ok(()) => Ok(summary.answer(on_invalid)),
        // What is durable stays so: the sender learns how much, and may send all of it again.
        Err(problem) => Err(problem.with("accepted", json!(summary.accepted))),
    }
}

struct Batch {
    shared: Shared,
    source: std::sync::Arc<str>,
    on_invalid: OnInvalid,
    decoding: VecDeque<JoinHandle<Decoded>>,
    committing: VecDeque<(IngestCounts, Vec<BadLine>, Answer)>,
    summary: Summary,
}

impl Batch {
    async fn read(&mut self, body: Body) -> Result<(), Problem> {
        let limits = self.shared.settings.limits;
        let mut stream = body.into_data_stream();
        let mut splitter = Splitter::new(limits.event_bytes);
        let mut total = 0;
        let mut deadline = tokio::time::Instant::now() + limits.body_timeout;
        loop {
            let Ok(next) = tokio::time::timeout_at(deadline, stream.next()).await else {
                return Err(Problem::new(ProblemCode::BodyTimeout));
            };
            let Some(frame) = next else { break };
            let frame = frame.map_err(|_| Problem::new(ProblemCode::BodyBroken))?;
            total += frame.len();
            if total > limits.batch_bytes {
                let detail = format!("The batch has more than {} bytes.", limits.batch_bytes);
                return Err(Problem::new(ProblemCode::BatchTooLarge).detail(detail));
            }
            if let Some(part) = splitter.push(&frame) {
                self.decode(part).await?;
                // Only the sender's own slowness counts, not the time its lines waited here.
                deadline = tokio::time::Instant::now() + limits.body_timeout;
            }
        }
        match splitter.end() {
            Some(part) => self.decode(part).await,
            None => Ok(()),
        }
    }

    async fn decode(&mut self, part: Part) -> Result<(), Problem> {
        while self.decoding.len() >= DECODING {
            self.submit_oldest().await?;
        }
        let (shared, source, on_invalid) = (self.shared.clone(), self.source.clone(), self.on_invalid);
        let now = wall_clock();
        self.decoding.push_back(tokio::task::spawn_blocking(move || {
            Decoder { shared: &shared, source: &source, on_invalid, now }.decode(&part)
        }));
        Ok(())
    }

    /// Hands the oldest part to the log: the order of lines is the order of records.
    async fn submit_oldest(&mut self) -> Result<(), Problem> {
        let Some(oldest) = self.decoding.pop_front() else { return Ok(()) };
        let decoded =
            oldest.await.map_err(|_| Problem::new(ProblemCode::CommitFailed).detail("A part could not be decoded."))?;
        while self.committing.len() >= COMMITTING {
            self.settle_oldest().await?;
        }
        let answer =
            timeout(self.shared.settings.limits.body_timeout, self.shared.committer()?.submit(decoded.records))
                .await
                .map_err(|_| Problem::new(ProblemCode::Busy))?;
        self.committing.push_back((decoded.counts, decoded.bad, answer));
        Ok(())
    }

    async fn settle_oldest(&mut self) -> Result<(), Problem> {
        let Some((counts, bad, answer)) = self.committing.pop_front() else { return Ok(()) };
        let positions = answer.await.unwrap_or(Err(NotCommitted::Failed)).map_err(not_committed)?;
        self.shared.ledger.add(&counts);
        self.summary.add(&counts, bad, &positions);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Problem> {
        while !self.decoding.is_empty() {
            self.submit_oldest().await?;
        }
        while !self.committing.is_empty() {
            self.settle_oldest().await?;
        }
        Ok(())
    }
}

/// Cuts a body into parts at line ends.
struct Splitter {
    buffer: BytesMut,
    line: u64,
    line_limit: usize,
    /// Bytes of the line that is being dropped.
    dropping: Option<u64>,
    oversize: Vec<(u64, u64)>,
}

impl Splitter {
    fn new(line_limit: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(PART_BYTES * 2),
            line: 1,
            line_limit,
            dropping: None,
            oversize: Vec::new(),
        }
    }

    fn push(&mut self, mut frame: &[u8]) -> Option<Part> {
        if let Some(dropped) = self.dropping {
            match frame.iter().position(|byte| *byte == b'\n') {
                None => {
                    self.dropping = Some(dropped + frame.len() as u64);
                    return None;
                }
                Some(end) => {
                    self.oversize.push((self.line, dropped + end as u64));
                    self.line += 1;
                    self.dropping = None;
                    frame = &frame[end + 1..];
                }
            }
        }
        self.buffer.extend_from_slice(frame);
        if self.buffer.len() < PART_BYTES.min(self.line_limit) {
            return None;
        }
        let cut = self.buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let part = (cut > 0 || !self.oversize.is_empty()).then(|| self.part(cut));
        // What is left has no line end: one line, maybe longer than any event may be.
        if self.buffer.len() > self.line_limit {
            self.dropping = Some(self.buffer.len() as u64);
            self.buffer.clear();
        }
        part
    }

    fn part(&mut self, cut: usize) -> Part {
        let bytes = self.buffer.split_to(cut).freeze();
        let first_line = self.line;
        #[allow(clippy::naive_bytecount, reason = "a few microseconds a batch: not worth a dependency")]
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.line += lines;
        Part { bytes, first_line, oversize: std::mem::take(&mut self.oversize) }
    }

    fn end(mut self) -> Option<Part> {
        if let Some(dropped) = self.dropping.take() {
            self.oversize.push((self.line, dropped));
        }
        let cut = self.buffer.len();
        (cut > 0 || !self.oversize.is_empty()).then(|| self.part(cut))
    }
}

/// Reads the lines of one part.
struct Decoder<'a> {
    shared: &'a Shared,
    source: &'a str,
    on_invalid: OnInvalid,
    now: Timestamp,
}

impl Decoder<'_> {
    fn decode(&self, part: &Part) -> Decoded {
        let limit = self.shared.settings.limits.event_bytes;
        let mut decoded = Decoded { records: Vec::with_capacity(part.bytes.len() / 512 + 1), ..Decoded::default() };
        let oversize = || Refusal::new(Code::Oversize, format!("The event has more than {limit} bytes."));
        for (line, bytes) in &part.oversize {
            self.refuse(&mut decoded, *line, *bytes, oversize());
        }
        for (line, text) in (part.first_line..).zip(part.bytes.split(|byte| *byte == b'\n')) {
            let text = text.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let admitted =
                if text.len() > limit { Err(oversize()) } else { self.shared.intake.admit(text, None, self.now) };
            match admitted {
                Ok(admitted) => {
                    *decoded.counts.accepted.entry(admitted.family).or_default() += 1;
                    decoded.records.push(record(admitted));
                }
                Err(refusal) => self.refuse(&mut decoded, line, text.len() as u64, refusal),
            }
        }
        decoded
    }

    fn refuse(&self, decoded: &mut Decoded, line: u64, bytes: u64, refusal: Refusal) {
        let code = refusal.code.number();
        if decoded.bad.len() < LISTED {
            decoded.bad.push(BadLine { line, code, field: refusal.field.clone() });
        }
        if self.on_invalid == OnInvalid::Reject {
            *decoded.counts.rejected.entry(code).or_default() += 1;
            return;
        }
        *decoded.counts.dead_lettered.entry(code).or_default() += 1;
        let letter = DeadLetter {
            part: "ingest".into(),
            origin_topic: self.source.to_owned(),
            origin_partition: 0,
            origin_offset: line as i64,
            code: code.into(),
            reason: refusal.code.name().into(),
            field: refusal.field,
            detail: refusal.detail,
            attempts: 1,
            at: self.now,
            payload_bytes: bytes as i64,
            payload: None,
            headers: BTreeMap::new(),
        };
        decoded.records.push(OutgoingRecord {
            topic: DEAD_LETTER_TOPIC.into(),
            partition: None,
            key: None,
            value: Some(schemas::encode(&letter).into()),
            timestamp: self.now,
            headers: Vec::new(),
        });
    }
}

impl Summary {
    fn add(&mut self, counts: &IngestCounts, bad: Vec<BadLine>, positions: &Positions) {
        self.accepted += counts.accepted.values().sum::<u64>();
        self.bad += counts.rejected.values().sum::<u64>() + counts.dead_lettered.values().sum::<u64>();
        let room = LISTED - self.listed.len();
        self.listed.extend(bad.into_iter().take(room));
        // Records of one partition are found by comparing with the last one: no allocation each.
        let mut touched: Vec<(&topology::TopicPartition, Reached)> = Vec::new();
        for (partition, offset) in positions {
            match touched.iter_mut().find(|(known, _)| *known == partition) {
                Some((_, reached)) => {
                    reached.last_offset = offset.0;
                    reached.records += 1;
                }
                None => touched.push((
                    partition,
                    Reached {
                        topic: partition.topic.to_string(),
                        partition: partition.partition,
                        first_offset: offset.0,
                        last_offset: offset.0,
                        records: 1,
                    },
                )),
            }
        }
        for (_, reached) in touched {
            self.reached
                .entry((reached.topic.clone(), reached.partition))
                .and_modify(|known| {
                    known.last_offset = reached.last_offset;
                    known.records += reached.records;
                })
                .or_insert(reached);
        }
    }

    fn answer(self, on_invalid: OnInvalid) -> Response {
        let (count, list) = match on_invalid {
            OnInvalid::Reject => ("rejected", "rejected_lines"),
            OnInvalid::DeadLetter => ("dead_lettered", "dead_lettered_lines"),
        };
        let body = json!({
            "accepted": self.accepted,
            count: self.bad,
            list: self.listed,
            "positions": self.reached.into_values().collect::<Vec<_>>(),
        });
        (StatusCode::ACCEPTED, Json(body)).into_response()
    }
}
