//! `hub sla show ENTITY` and `hub sla explain ENTITY`.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::super::exit::{self, Exit, fail, fail_with_help};
use super::super::remote::Remote;
use super::super::{Output, run};

/// How long the hub may take.
const SILENCE: Duration = Duration::from_secs(10);

/// Which entity, of which hub.
#[derive(Debug, clap::Args)]
pub(super) struct Ask {
    /// The entity as kind:id, such as order:PO-1 or ticket:TT-7.
    entity: String,
    #[command(flatten)]
    remote: Remote,
    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Ask {
    /// Asks the hub and prints its answer, with each clock's account where `explain` says so.
    pub(super) fn run(self, explain: bool) -> Exit {
        if self.entity.split_once(':').is_none_or(|(kind, id)| kind.is_empty() || id.is_empty()) {
            let help = "write it as kind:id, such as order:PO-1 or ticket:TT-7";
            return fail_with_help(Exit::Failed, "the entity has no kind, or no id", help);
        }
        let token = match self.remote.token() {
            Ok(token) => token,
            Err(exit) => return exit,
        };
        let answer = match run::runtime() {
            Ok(runtime) => runtime.block_on(self.ask(&token)),
            Err(error) => return fail(Exit::Failed, error),
        };
        match answer {
            Ok(mut answer) => {
                if !explain && let Some(clocks) = answer["clocks"].as_array_mut() {
                    clocks.iter_mut().filter_map(Value::as_object_mut).for_each(|clock| drop(clock.remove("lines")));
                }
                exit::print(&match self.output {
                    Output::Json => answer.to_string(),
                    Output::Text => text(&answer),
                })
            }
            Err(exit) => exit,
        }
    }

    async fn ask(&self, token: &str) -> Result<Value, Exit> {
        let mut url = self.remote.url.clone();
        url.set_query(None);
        url.path_segments_mut().map_err(|()| fail(Exit::Failed, "the address can have no path"))?.clear().extend([
            "v1",
            "sla",
            "clocks",
            &self.entity,
        ]);
        let client = self.remote.client(SILENCE).map_err(|error| fail(Exit::Failed, error))?;
        let unreachable = |error: reqwest::Error| {
            let help = "is it running? --url or HUB_URL says where";
            fail_with_help(Exit::Unreachable, format_args!("the hub does not answer: {}", error.without_url()), help)
        };
        let response = client.get(url).bearer_auth(token).send().await.map_err(unreachable)?;
        let status = response.status();
        let body: Value = response.json().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(body);
        }
        let why = body["detail"].as_str().or(body["title"].as_str()).unwrap_or("the hub gave no reason").to_owned();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                fail_with_help(Exit::NotAllowed, why, "the token needs the role viewer")
            }
            StatusCode::SERVICE_UNAVAILABLE => fail(Exit::TryAgain, why),
            _ => fail(Exit::Failed, why),
        })
    }
}

fn text(answer: &Value) -> String {
    let said = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let time = |value: &Value| duration(value.as_i64().unwrap_or_default());
    let mut text = format!("{} at {}\n", said(&answer["entity"]), said(&answer["at"]));
    for clock in answer["clocks"].as_array().into_iter().flatten() {
        let _ = write!(text, "\n{}  {}", said(&clock["objective"]), said(&clock["status"]));
        if let Some(reason) = clock["reason"].as_str() {
            let _ = write!(text, " ({reason})");
        }
        let _ = write!(text, "\n  used {}", time(&clock["consumed_ms"]));
        if !clock["target_ms"].is_null() {
            let _ = write!(text, " of {}, left {}", time(&clock["target_ms"]), time(&clock["remaining_ms"]));
        }
        if let Some(at) = clock["breach_at"].as_str() {
            let _ = write!(text, ", target passes {at}");
        }
        text.push('\n');
        for line in clock["lines"].as_array().into_iter().flatten() {
            let mut why: Vec<String> = line["state"].as_str().map(str::to_owned).into_iter().collect();
            why.extend(line["holidays"].as_array().into_iter().flatten().map(said));
            let row = format!(
                "  {:<8} {:<24} {:<24} {:>14} = {:<14} {}",
                said(&line["kind"]),
                said(&line["from"]),
                said(&line["until"]),
                format!("+{}", time(&line["counted_ms"])),
                time(&line["total_ms"]),
                why.join(" ")
            );
            let _ = writeln!(text, "{}", row.trim_end());
        }
    }
    text
}

/// A time as people say it: `2d 3h 4m 5s`, its zero parts left out.
fn duration(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    let sign = if millis < 0 && seconds > 0 { "-" } else { "" };
    if said.is_empty() { "0s".to_owned() } else { format!("{sign}{}", said.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_said_line_by_line() {
        let answer = serde_json::json!({ "entity": "order:7", "at": "now", "clocks": [{
            "objective": "repair", "status": "open", "consumed_ms": 3_600_000, "target_ms": 90_000_000,
            "remaining_ms": -61_000, "lines": [{ "kind": "holiday", "from": "a", "until": "b", "counted_ms": 0,
            "total_ms": 3_600_000, "holidays": ["2026-01-26"] }] }] });
        let text = text(&answer);
        assert!(text.contains("repair  open\n  used 1h of 1d 1h, left -1m 1s\n"), "{text}");
        let line = text.lines().last().unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["holiday", "a", "b", "+0s", "=", "1h", "2026-01-26"]);
    }
}
