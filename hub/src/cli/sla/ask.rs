//! How a command asks a running hub about its clocks, and how times are said.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::super::exit::{Exit, fail, fail_with_help};
use super::super::remote::Remote;
use super::super::run;

/// How long the hub may take.
const SILENCE: Duration = Duration::from_secs(10);

/// What the hub answers at `/v1/sla/PATH` with these parameters; why it does not is said on stderr.
pub(super) fn ask(remote: &Remote, path: &[&str], parameters: &[(&str, String)]) -> Result<Value, Exit> {
    let token = remote.token()?;
    let runtime = run::runtime().map_err(|error| fail(Exit::Failed, error))?;
    runtime.block_on(get(remote, &token, path, parameters))
}

async fn get(remote: &Remote, token: &str, path: &[&str], parameters: &[(&str, String)]) -> Result<Value, Exit> {
    let mut url = target(&remote.url, path)?;
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    let client = remote.client(SILENCE).map_err(|error| fail(Exit::Failed, error))?;
    let unreachable = |error: reqwest::Error| unreachable(&error.without_url().to_string());
    let response = client.get(url).bearer_auth(token).send().await.map_err(unreachable)?;
    let status = response.status();
    let body: Value = response.json().await.map_err(unreachable)?;
    if status.is_success() {
        return Ok(body);
    }
    Err(refused(status, &body))
}

/// The address of `/v1/sla/PATH`.
pub(super) fn target(hub: &Url, path: &[&str]) -> Result<Url, Exit> {
    let mut url = hub.clone();
    url.set_query(None);
    url.path_segments_mut()
        .map_err(|()| fail(Exit::Failed, "the address can have no path"))?
        .clear()
        .extend(["v1", "sla"])
        .extend(path);
    Ok(url)
}

/// There is no answer.
pub(super) fn unreachable(why: &str) -> Exit {
    let help = "is it running? --url or HUB_URL says where";
    fail_with_help(Exit::Unreachable, format_args!("the hub does not answer: {why}"), help)
}

/// The answer is a refusal.
pub(super) fn refused(status: StatusCode, body: &Value) -> Exit {
    let why = body["detail"].as_str().or(body["title"].as_str()).unwrap_or("the hub gave no reason");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            fail_with_help(Exit::NotAllowed, why, "the token needs the role viewer")
        }
        StatusCode::SERVICE_UNAVAILABLE => fail(Exit::TryAgain, why),
        _ => fail(Exit::Failed, why),
    }
}

/// A time as people say it: `2d 3h 4m 5s`, its zero parts left out.
pub(super) fn duration(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    let sign = if millis < 0 && seconds > 0 { "-" } else { "" };
    if said.is_empty() { "0s".to_owned() } else { format!("{sign}{}", said.join(" ")) }
}

/// Rows under their heads, each column as wide as its widest cell.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines = || std::iter::once(&heads).chain(rows);
    let width = |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..heads.len()).map(|column| width(column).unwrap_or_default()).collect();
    let said = |line: &Vec<String>| {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    lines().map(said).collect()
}

/// What was left out of a list, for stderr.
pub(super) fn note_rest(shown: usize, answer: &Value, what: &str) {
    let all = answer["all"].as_u64().unwrap_or_default();
    if all > shown as u64 {
        eprintln!("note: {} more {what}; --limit shows more", all - shown as u64);
    }
}
