//! `hub sla partner`: how well partners did.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::Value;

use super::super::Output;
use super::super::exit::{self, Exit, fail};
use super::super::remote::Remote;
use super::ask::{ask, duration, table};
use crate::report;

/// `hub sla partner`.
#[derive(Debug, clap::Args)]
pub(super) struct Partner {
    /// The partner; all of them where absent, the lowest score first.
    partner: Option<String>,
    /// The period, such as 2026-11, 2026-W48 or 2026-11-24; the newest where absent.
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// Print the report of the period instead, as it is written when the period ends.
    #[arg(long, value_enum, requires = "partner")]
    report: Option<Report>,
    #[command(flatten)]
    remote: Remote,
    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Report {
    /// A page.
    Html,
    /// One JSON object.
    Json,
}

impl Partner {
    pub(super) fn run(self) -> Exit {
        let path: Vec<&str> = ["partners"].into_iter().chain(self.partner.as_deref()).collect();
        let chosen: Vec<_> = self.period.clone().map(|period| ("period", period)).into_iter().collect();
        let answer = match ask(&self.remote, &path, &chosen) {
            Ok(answer) => answer,
            Err(exit) => return exit,
        };
        let cards = answer["partners"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(newest) = cards.first() else {
            if self.output == Output::Json && self.report.is_none() {
                return exit::print(&answer.to_string());
            }
            let of = self.partner.map_or_else(|| "any partner".to_owned(), |partner| format!("partner {partner:?}"));
            let when = self.period.map_or_else(String::new, |period| format!(" in {period}"));
            return fail(Exit::Failed, format_args!("nothing was measured of {of}{when}"));
        };
        match (self.report, self.output) {
            (Some(Report::Json), _) => exit::print(&format!("{newest:#}")),
            (Some(Report::Html), _) => match report::from_json(newest) {
                Some(card) => exit::print(&report::html(&card)),
                None => fail(Exit::Failed, "the hub's answer is not a scorecard: is it of another version?"),
            },
            (None, Output::Json) => exit::print(&answer.to_string()),
            (None, Output::Text) if self.partner.is_some() => exit::print(&one(newest, cards, &answer["evidence"])),
            (None, Output::Text) => exit::print(&all(cards)),
        }
    }
}

fn percent(share: &Value) -> String {
    share.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

fn said(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// A row for each partner.
fn all(cards: &[Value]) -> String {
    let rows: Vec<Vec<String>> = cards
        .iter()
        .map(|card| {
            let missed: Vec<&str> = card["parts"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|part| part["met"] == false)
                .map(|part| said(&part["name"]))
                .collect();
            let state = if card["final"] == true { "final" } else { "provisional" };
            let missed = if missed.is_empty() { "-".to_owned() } else { missed.join(", ") };
            vec![
                said(&card["partner"]).to_owned(),
                said(&card["period"]).to_owned(),
                state.to_owned(),
                percent(&card["score"]),
                missed,
            ]
        })
        .collect();
    table(&["PARTNER", "PERIOD", "STATE", "SCORE", "MISSED"], &rows)
}

/// The newest card part by part, the scores of those before it, and what it rests on.
fn one(card: &Value, cards: &[Value], evidence: &Value) -> String {
    let state = match card["revision"].as_i64().unwrap_or_default() {
        0 => "provisional".to_owned(),
        1 => "final".to_owned(),
        more => format!("final, amended {} times", more - 1),
    };
    let mut text = format!(
        "{} in {} ({state}): score {}\n\n",
        said(&card["partner"]),
        said(&card["period"]),
        percent(&card["score"])
    );
    let rows: Vec<Vec<String>> = card["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| {
            let met = match part["met"].as_bool() {
                Some(true) => "met",
                Some(false) => "missed",
                None => "too little to go by",
            };
            let of = format!("{} of {}", part["good"], part["count"]);
            vec![
                said(&part["name"]).to_owned(),
                percent(&part["share"]),
                percent(&part["target"]),
                met.to_owned(),
                of,
                part["weight"].to_string(),
            ]
        })
        .collect();
    text.push_str(&table(&["PART", "SHARE", "ASKED FOR", "", "GOOD OF ALL", "WEIGHT"], &rows));
    let time = |name: &str| card[name].as_i64().map_or_else(|| "-".to_owned(), |millis| format!("{millis} ms"));
    let _ = writeln!(
        text,
        "\ntaken within {} (half of all), {} (95 of 100); {} given up for what we sent, which count against nobody",
        time("response_p50_ms"),
        time("response_p95_ms"),
        card["our_faults"]
    );
    let violations = evidence["violations"].as_array().map_or(&[][..], Vec::as_slice);
    if !violations.is_empty() {
        let _ = writeln!(text, "\nviolations, the newest {} of {}:", violations.len(), evidence["all"]);
        for violation in violations {
            let used = duration(violation["actual_ms"].as_i64().unwrap_or_default());
            let target = duration(violation["target_ms"].as_i64().unwrap_or_default());
            let (at, objective) = (said(&violation["breached_at"]), said(&violation["objective"]));
            let _ = writeln!(text, "  {at}  {objective}  {}  used {used} of {target}", said(&violation["entity"]));
        }
    }
    if cards.len() > 1 {
        let before: Vec<String> =
            cards[1..].iter().map(|card| format!("{} {}", said(&card["period"]), percent(&card["score"]))).collect();
        let _ = writeln!(text, "\nbefore: {}", before.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_said_part_by_part() {
        let card = report::json(&report::tests::card("P"));
        let text = one(&card, &[card.clone(), card.clone()], &serde_json::json!({ "violations": [], "all": 0 }));
        assert!(text.starts_with("P in 2026-11 (final): score 95.00 %\n"), "{text}");
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[3], ["availability", "95.00", "%", "98.00", "%", "missed", "190", "of", "200", "1"]);
        assert!(text.contains("too little to go by") && text.contains("before: 2026-11 95.00 %"), "{text}");
        assert!(all(&[card]).contains("95.00 %  availability"));
    }
}
