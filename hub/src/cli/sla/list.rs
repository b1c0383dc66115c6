//! `hub sla list`, `hub sla breaches` and `hub sla predict`.

use clap::ValueEnum;
use serde_json::Value;

use super::super::Output;
use super::super::exit::{self, Exit};
use super::super::remote::Remote;
use super::ask::{ask, duration, note_rest, table};

/// `hub sla list`.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only clocks of this objective.
    #[arg(long, value_name = "NAME")]
    objective: Option<String>,
    /// Only clocks in this status; without, those that run towards their target and those that rest.
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    listing: Listing,
}

/// The status of a clock that has not ended.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    /// Runs towards its target.
    Open,
    /// Rests.
    Paused,
    /// Is past its target and not ended yet.
    Breached,
}

/// `hub sla breaches`.
#[derive(Debug, clap::Args)]
pub(super) struct Breaches {
    /// Only targets that passed since then, such as 2026-01-31T09:00:00+05:30.
    #[arg(long, value_name = "TIME")]
    from: Option<jiff::Timestamp>,
    #[command(flatten)]
    listing: Listing,
}

/// `hub sla predict`.
#[derive(Debug, clap::Args)]
pub(super) struct Predict {
    /// Only clocks of this objective.
    #[arg(long, value_name = "NAME")]
    objective: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

impl Predict {
    pub(super) fn run(self) -> Exit {
        let heads = ["CHANCE", "BREACH IN", "OBJECTIVE", "ENTITY", "STATE", "CLASS", "SEEN"];
        let chosen = self.objective.map(|objective| ("objective", objective));
        self.listing.show("predictions", chosen.into_iter().collect(), &heads, prediction)
    }
}

impl List {
    pub(super) fn run(self) -> Exit {
        let mut chosen: Vec<_> = self.objective.map(|objective| ("objective", objective)).into_iter().collect();
        if let Some(status) = self.status.and_then(|status| status.to_possible_value()) {
            chosen.push(("status", status.get_name().to_owned()));
        }
        self.listing.show("clocks", chosen, &["LEFT", "BREACH", "OBJECTIVE", "ENTITY", "STATUS"], clock)
    }
}

impl Breaches {
    pub(super) fn run(self) -> Exit {
        let heads = ["BREACHED", "OBJECTIVE", "ENTITY", "USED", "TARGET", "FOLLOWS"];
        let chosen = self.from.map(|from| ("from", from.to_string()));
        self.listing.show("violations", chosen.into_iter().collect(), &heads, violation)
    }
}

/// How long a list may be, who tells it, and its form.
#[derive(Debug, clap::Args)]
struct Listing {
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    #[command(flatten)]
    remote: Remote,
    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Listing {
    /// Prints what the hub answers at `/v1/sla/WHAT`: as it is, or a row for each item.
    fn show(
        &self,
        what: &str,
        mut chosen: Vec<(&'static str, String)>,
        heads: &[&str],
        row: fn(&Value) -> Vec<String>,
    ) -> Exit {
        chosen.push(("limit", self.limit.to_string()));
        let answer = match ask(&self.remote, &[what], &chosen) {
            Ok(answer) => answer,
            Err(exit) => return exit,
        };
        if self.output == Output::Json {
            return exit::print(&answer.to_string());
        }
        let rows: Vec<Vec<String>> = answer[what].as_array().into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            eprintln!("note: there are no such {what}");
            return Exit::Done;
        }
        let exit = exit::print(&table(heads, &rows));
        note_rest(rows.len(), &answer, what);
        exit
    }
}

fn said(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn clock(clock: &Value) -> Vec<String> {
    let left = clock["until_breach_ms"].as_i64().map_or_else(|| "-".to_owned(), duration);
    let warned = clock["warned_percent"].as_i64().filter(|percent| *percent > 0);
    let status = said(&clock["status"]);
    let status = warned.map_or_else(|| status.clone(), |percent| format!("{status}, past {percent} %"));
    vec![left, said(&clock["breach_at"]), said(&clock["objective"]), said(&clock["entity"]), status]
}

fn prediction(told: &Value) -> Vec<String> {
    let chance = told["probability"].as_f64().unwrap_or_default() * 100.0;
    let left = told["until_breach_ms"].as_i64().map_or_else(|| "-".to_owned(), duration);
    let seen = told["observations"].as_i64().unwrap_or_default();
    let mut row = vec![format!("{chance:.0} %"), left];
    row.extend(["objective", "entity", "stage", "class"].map(|name| said(&told[name])));
    row.push(seen.to_string());
    row
}

fn violation(violation: &Value) -> Vec<String> {
    let time = |name: &str| duration(violation[name].as_i64().unwrap_or_default());
    let follows = match (violation["withdrawn"] == true, violation["version"].as_i64()) {
        (true, _) => "withdrawn".to_owned(),
        (false, Some(version)) if version > 1 => format!("{}, amended", said(&violation["consequence"])),
        _ => said(&violation["consequence"]),
    };
    let (at, objective, entity) = (&violation["breached_at"], &violation["objective"], &violation["entity"]);
    vec![said(at), said(objective), said(entity), time("actual_ms"), time("target_ms"), follows]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_matters() {
        let found = serde_json::json!({ "objective": "repair", "entity": "ticket:7", "status": "open",
            "until_breach_ms": 90_000, "breach_at": "T", "warned_percent": 75 });
        assert_eq!(clock(&found), ["1m 30s", "T", "repair", "ticket:7", "open, past 75 %"]);
        let mut found = serde_json::json!({ "objective": "repair", "entity": "ticket:7", "breached_at": "T",
            "actual_ms": 61_000, "target_ms": 60_000, "consequence": "billing_credit", "version": 2, "withdrawn": false });
        assert_eq!(violation(&found), ["T", "repair", "ticket:7", "1m 1s", "1m", "billing_credit, amended"]);
        let told = serde_json::json!({ "probability": 0.826, "until_breach_ms": null, "objective": "repair",
            "entity": "ticket:7", "stage": "held", "class": "-", "observations": 12 });
        assert_eq!(prediction(&told), ["83 %", "-", "repair", "ticket:7", "held", "-", "12"]);
        found["withdrawn"] = true.into();
        assert_eq!(violation(&found)[5], "withdrawn");
    }
}
