//! `hub sla watch`: news of clocks as they come.

use std::time::Duration;

use clap::ValueEnum;
use futures_util::StreamExt as _;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::exit::{self, Exit, fail};
use super::super::remote::Remote;
use super::super::{Output, Terminal, run};
use super::ask::{duration, refused, target, unreachable};
use crate::config::duration as spelled;

/// The hub says within ten seconds that it lives; one that is silent for longer is asked anew.
const SILENCE: Duration = Duration::from_secs(30);
/// How long to wait before a hub that went away is asked again, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(15)];

/// `hub sla watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    /// Only clocks of this objective.
    #[arg(long, value_name = "NAME")]
    objective: Option<String>,
    /// Only news of these kinds; all where absent.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    only: Vec<Kind>,
    /// How long to watch; without it, until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = spelled::parse)]
    duration: Option<Duration>,
    #[command(flatten)]
    remote: Remote,
    /// The form of the news: a line for people, or a JSON object on a line.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What may be news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A clock went past a warning level.
    Warning,
    /// A clock came to be likely, or highly likely, to breach.
    Likely,
    /// A target passed.
    Breach,
    /// A step of a ladder was passed: its role is called.
    Escalation,
    /// Late facts, or a changed calendar, showed that a step was not passed after all.
    CalledOff,
    /// A late fact changed a violation that was told.
    Amended,
    /// A late fact, or a changed calendar, took a violation back.
    Withdrawn,
}

/// How one connection ended.
enum Ended {
    /// The hub stopped, or went silent.
    Away(String),
    /// Nothing will come of asking again.
    ForGood(Exit),
}

impl Watch {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        let token = match self.remote.token() {
            Ok(token) => token,
            Err(exit) => return exit,
        };
        let runtime = match run::runtime() {
            Ok(runtime) => runtime,
            Err(error) => return fail(Exit::Failed, error),
        };
        runtime.block_on(async {
            tokio::select! {
                exit = self.follow(&token, terminal) => exit,
                // Who follows ends it so: there is nothing left to do.
                _ = run::told_to_stop() => Exit::Interrupted,
            }
        })
    }

    /// Follows the news over whatever ends a connection, until the time is over.
    async fn follow(&self, token: &str, terminal: Terminal) -> Exit {
        let client = match self.remote.client(SILENCE) {
            Ok(client) => client,
            Err(error) => return fail(Exit::Failed, error),
        };
        let url = match target(&self.remote.url, &["events"]) {
            Ok(url) => url,
            Err(exit) => return exit,
        };
        let until = self.duration.map(|duration| Instant::now() + duration);
        let mut wait = AGAIN[0];
        let mut was_connected = false;
        loop {
            let connected = Self::connect(&client, url.clone(), token);
            let connected = match until {
                None => connected.await,
                Some(until) => match timeout_at(until, connected).await {
                    Ok(connected) => connected,
                    Err(_) => return Exit::Done,
                },
            };
            let ended = match connected {
                Ok(response) => {
                    if was_connected {
                        eprintln!("note: connected again; hub sla breaches lists what came meanwhile");
                    }
                    (was_connected, wait) = (true, AGAIN[0]);
                    match self.read(response, until, terminal).await {
                        Ok(()) => return Exit::Done,
                        Err(ended) => ended,
                    }
                }
                Err(ended) => ended,
            };
            match ended {
                Ended::ForGood(exit) => return exit,
                Ended::Away(why) if !was_connected => return unreachable(&why),
                Ended::Away(why) if wait == AGAIN[0] => eprintln!("note: {why}; asking again until it is back"),
                Ended::Away(_) => {}
            }
            let next = Instant::now() + wait;
            if until.is_some_and(|until| until <= next) {
                return Exit::Done;
            }
            sleep(wait).await;
            wait = (wait * 2).min(AGAIN[1]);
        }
    }

    async fn connect(client: &Client, url: reqwest::Url, token: &str) -> Result<Response, Ended> {
        let response = client.get(url).bearer_auth(token).send().await;
        let response = response.map_err(|error| Ended::Away(error.without_url().to_string()))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            // It starts, or stops.
            StatusCode::SERVICE_UNAVAILABLE => Err(Ended::Away("the hub is not ready".to_owned())),
            status => {
                let body = response.json().await.unwrap_or_default();
                Err(Ended::ForGood(refused(status, &body)))
            }
        }
    }

    /// Prints the news of one connection; ends well when the time is over, or nobody reads on.
    async fn read(&self, response: Response, until: Option<Instant>, terminal: Terminal) -> Result<(), Ended> {
        let mut parts = response.bytes_stream();
        let mut text = Vec::new();
        loop {
            let part = match until {
                None => parts.next().await,
                Some(until) => match timeout_at(until, parts.next()).await {
                    Ok(part) => part,
                    Err(_) => return Ok(()),
                },
            };
            match part {
                Some(Ok(bytes)) => text.extend_from_slice(&bytes),
                Some(Err(_)) => return Err(Ended::Away("the hub went silent".to_owned())),
                None => return Err(Ended::Away("the hub ended the connection".to_owned())),
            }
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let Some(said) = serde_json::from_slice(&line).ok().and_then(|news| self.said(&news, terminal)) else {
                    continue;
                };
                match exit::print(&said) {
                    Exit::Done => {}
                    exit => return Err(Ended::ForGood(exit)),
                }
            }
        }
    }

    /// The line for one piece of news, if it is wanted.
    fn said(&self, news: &Value, terminal: Terminal) -> Option<String> {
        let event = news["event"].as_str()?;
        if event == "skipped" {
            eprintln!("note: {} news came faster than they were read and are not shown", news["count"]);
            return None;
        }
        let event = event.replace('_', "-");
        let is_wanted = |kind: &Kind| kind.to_possible_value().is_some_and(|value| value.get_name() == event);
        let objective = self.objective.as_deref();
        if objective.is_some_and(|wanted| news["objective"] != wanted)
            || !(self.only.is_empty() || self.only.iter().any(is_wanted))
        {
            return None;
        }
        Some(match self.output {
            Output::Json => news.to_string(),
            Output::Text => line(news, terminal.colour),
        })
    }
}

/// One piece of news for people.
fn line(news: &Value, colour: bool) -> String {
    let said = |name: &str| news[name].as_str().unwrap_or("-");
    let time = |name: &str| news[name].as_i64().map_or_else(|| "an unknown time".to_owned(), duration);
    let (code, what) = match said("event") {
        "warning" => ("33", format!("past {} %, breaches in {}", news["warned_percent"], time("until_breach_ms"))),
        "likely" => {
            let chance = news["probability"].as_f64().unwrap_or_default() * 100.0;
            ("33", format!("{chance:.0} % likely to breach, in {}", time("until_breach_ms")))
        }
        "breach" => ("31", format!("used {} of {}; {}", time("actual_ms"), time("target_ms"), said("consequence"))),
        "escalation" => ("31", format!("{} % used: {} is called", news["percent"], said("role"))),
        "called_off" => ("32", format!("{} % not used after all: {} is called off", news["percent"], said("role"))),
        "amended" => {
            ("31", format!("used {} of {}, version {}", time("actual_ms"), time("target_ms"), news["version"]))
        }
        _ => ("32", format!("used {} of {}: no violation", time("actual_ms"), time("target_ms"))),
    };
    let event = format!("{:<10}", said("event").replace('_', " "));
    let event = if colour { format!("\x1b[{code}m{event}\x1b[0m") } else { event };
    format!("{}  {event}  {}  {}  {what}", said("at"), said("objective"), said("entity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_said_in_a_line() {
        let warning = serde_json::json!({ "event": "warning", "at": "T", "objective": "repair", "entity": "ticket:7",
            "warned_percent": 75, "until_breach_ms": 61_000 });
        assert_eq!(line(&warning, false), "T  warning     repair  ticket:7  past 75 %, breaches in 1m 1s");
        let breach = serde_json::json!({ "event": "breach", "at": "T", "objective": "repair", "entity": "ticket:7",
            "actual_ms": 61_000, "target_ms": 60_000, "consequence": null });
        assert_eq!(line(&breach, true), "T  \x1b[31mbreach    \x1b[0m  repair  ticket:7  used 1m 1s of 1m; -");
    }
}
