//! `hub sla show ENTITY` and `hub sla explain ENTITY`.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::Output;
use super::super::exit::{self, Exit, fail_with_help};
use super::super::remote::Remote;
use super::ask::{ask, duration};

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
        match ask(&self.remote, &["clocks", &self.entity], &[]) {
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
}

fn text(answer: &Value) -> String {
    let said = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let time = |value: &Value| duration(value.as_i64().unwrap_or_default());
    let teller = answer["answered_by"].as_str().map(|hub| format!(", told by hub {hub}")).unwrap_or_default();
    let mut text = format!("{} at {}{teller}\n", said(&answer["entity"]), said(&answer["at"]));
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
        if let Some(percent) = clock["escalated_percent"].as_i64().filter(|percent| *percent > 0) {
            let _ = write!(text, ", escalated at {percent} %");
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
