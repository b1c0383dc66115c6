//! The load: a file posted in batches, and what the billing database tells of it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use futures_util::stream;
use rusqlite::{Connection, OpenFlags};
use schemas::Timestamp;

use super::child::HubProcess;

/// Events of one batch at full speed.
const BATCH: usize = 1_000;
/// Batches under way at a time.
const UNDER_WAY: usize = 4;

/// The time from acceptance to the billing row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Rows measured.
    pub rows: u64,
    /// Half of them took no longer.
    pub p50_ms: i64,
    /// 99 of 100 took no longer.
    pub p99_ms: i64,
    /// None took longer.
    pub max_ms: i64,
}

/// Posts all lines of a file: as fast as they are taken, or `rate` events a second. Batches under
/// way at a time may overtake each other; an entity's neighbours mostly lie further apart, and what
/// does come in the wrong order is the hub's to put right.
pub async fn post_file(hub: &HubProcess, path: &Path, rate: Option<u64>) -> anyhow::Result<()> {
    let size = rate.map_or(BATCH, |rate| (rate / 50).clamp(1, 1_000) as usize);
    let under_way = if rate.is_some() { 2 } else { UNDER_WAY };
    let mut lines = BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
    let began = Instant::now();
    let mut sent = 0;
    let bodies = std::iter::from_fn(move || {
        let mut body = Vec::with_capacity(size * 1_100);
        for _ in 0..size {
            if lines.read_until(b'\n', &mut body).ok()? == 0 {
                break;
            }
        }
        let due = rate.map(|rate| Duration::from_secs_f64(sent as f64 / rate as f64));
        sent += size;
        (!body.is_empty()).then_some((due, body))
    });
    let mut answers = stream::iter(bodies)
        .map(|(due, body)| async move {
            if let Some(due) = due {
                tokio::time::sleep_until((began + due).into()).await;
            }
            post(hub, body).await
        })
        .buffered(under_way);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}

/// Posts one batch of lines, again while the hub has no room for it.
pub async fn post(hub: &HubProcess, body: Vec<u8>) -> anyhow::Result<()> {
    let body = bytes::Bytes::from(body);
    loop {
        let answer = hub
            .client
            .post(format!("{}/v1/events", hub.url))
            .bearer_auth(&hub.token)
            .header("content-type", "application/x-ndjson")
            .body(body.clone())
            .send()
            .await?;
        match answer.status().as_u16() {
            202 => return Ok(()),
            // Full for the moment: what every publisher does.
            429 | 503 => tokio::time::sleep(Duration::from_millis(20)).await,
            status => anyhow::bail!("the hub answered {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }
}

/// How many entities the events of a file create.
pub fn count_created(path: &Path) -> anyhow::Result<u64> {
    let mut lines = BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
    let (mut line, mut created) = (String::new(), 0);
    while lines.read_line(&mut line)? > 0 {
        created += u64::from(line.contains("CreateEvent\""));
        line.clear();
    }
    Ok(created)
}

fn open(data: &Path) -> anyhow::Result<Connection> {
    let path = data.join("billing.db");
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {}", path.display()))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}

/// How many rows billing has.
pub fn billing_rows(data: &Path) -> anyhow::Result<u64> {
    Ok(open(data)?.query_row("select count(*) from billing_record", [], |row| row.get::<_, i64>(0))? as u64)
}

/// The latency of the rows whose cause was accepted at or after `since`.
pub fn latency(data: &Path, since: Timestamp) -> anyhow::Result<Latency> {
    let connection = open(data)?;
    let mut statement =
        connection.prepare("select applied_at - ingested_at from billing_record where ingested_at >= ?1 order by 1")?;
    let rows: Vec<i64> = statement.query_map([since.as_millis()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let at = |share: f64| rows.get(((rows.len() as f64 * share) as usize).min(rows.len().saturating_sub(1)));
    Ok(Latency {
        rows: rows.len() as u64,
        p50_ms: at(0.5).copied().unwrap_or_default(),
        p99_ms: at(0.99).copied().unwrap_or_default(),
        max_ms: rows.last().copied().unwrap_or_default(),
    })
}
