//! One screen that is drawn anew in its place; a line every few seconds where there is no terminal.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use console::Term;

use super::feed::FeedCounts;
use crate::cli::{Output, Terminal};
use crate::runtime::{Observation, recorder};
use crate::sandbox::SandboxCounters;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Screen {
    began: Instant,
    url: String,
    terminal: Terminal,
    /// Redraw on stdout, or lines on stderr.
    redraws: bool,
    drawn_lines: usize,
    next_line: Instant,
    last: Option<(Instant, u64)>,
    rate: f64,
}

impl Screen {
    pub(super) fn new(terminal: Terminal, output: Output, url: String) -> Self {
        let redraws = output == Output::Text && std::io::stdout().is_terminal();
        let now = Instant::now();
        Self { began: now, url, terminal, redraws, drawn_lines: 0, next_line: now, last: None, rate: 0.0 }
    }

    pub(super) fn draw(&mut self, seen: &Observation, systems: &SandboxCounters, feed: &FeedCounts, phase: &str) {
        self.measure(feed.sent);
        if !self.redraws {
            if Instant::now() >= self.next_line {
                self.next_line += LINE_EVERY;
                eprintln!("{}", self.line(seen, feed, phase));
            }
            return;
        }
        // Without a size, such as behind some pipes, nothing is cut.
        let (rows, columns) = match Term::stdout().size_checked() {
            Some((rows, columns)) if rows > 0 && columns > 0 => (usize::from(rows), usize::from(columns)),
            _ => (usize::MAX, usize::MAX),
        };
        let text = fitted(&self.screen(seen, systems, feed, phase, rows), rows, columns);
        let mut out = std::io::stdout().lock();
        let up = if self.drawn_lines > 0 { format!("\x1b[{}F", self.drawn_lines) } else { String::new() };
        // Each line is cleared as it is written over, so nothing flickers.
        let cleared = text.replace('\n', "\x1b[K\n");
        self.drawn_lines = text.matches('\n').count();
        // A closed terminal is noticed when the summary is printed.
        let _ = write!(out, "{up}{cleared}\x1b[J").and_then(|()| out.flush());
    }

    fn measure(&mut self, sent: u64) {
        let now = Instant::now();
        if let Some((at, before)) = self.last {
            let seconds = now.duration_since(at).as_secs_f64();
            if seconds < 0.9 {
                return;
            }
            self.rate = sent.saturating_sub(before) as f64 / seconds;
        }
        self.last = Some((now, sent));
    }

    fn line(&self, seen: &Observation, feed: &FeedCounts, phase: &str) -> String {
        let delivered: u64 = seen.sinks.iter().map(|(_, books)| books.delivered).sum();
        let (open, breached) = seen.sla.values().fold((0, 0), |sum, sla| (sum.0 + sla.open, sum.1 + sla.breached));
        format!(
            "{:>4} s {phase}: {} events ({:.0}/s), {delivered} delivered, {} waiting, {} unread, imbalance {}, \
             SLA {open} open {breached} breached",
            self.began.elapsed().as_secs(),
            feed.sent,
            self.rate,
            seen.waiting(),
            seen.unread(),
            seen.imbalance()
        )
    }

    fn screen(
        &self,
        seen: &Observation,
        systems: &SandboxCounters,
        feed: &FeedCounts,
        phase: &str,
        rows: usize,
    ) -> String {
        let (bold, red, green, end) =
            if self.terminal.colour { ("\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[0m") } else { ("", "", "", "") };
        let mut out = String::new();
        let seconds = self.began.elapsed().as_secs();
        let _ = writeln!(out, "{bold}JCMS event hub{end}  {}  {seconds} s  {phase}  (Ctrl-C ends it)", self.url);
        let verdict = match seen.imbalance() {
            0 => format!("{green}conserved, imbalance 0{end}"),
            imbalance => format!("{red}IMBALANCE {imbalance}{end}"),
        };
        let rejected: u64 = seen.ingest.rejected.values().sum();
        let _ = writeln!(
            out,
            "events in {} ({:.0}/s)   rejected {rejected}   waiting {}   unread {}   {verdict}\n",
            feed.sent,
            self.rate,
            seen.waiting(),
            seen.unread()
        );
        let targets: usize = seen.sinks.iter().map(|(_, books)| books.by_target.len()).sum();
        // Everything but the lines of topics: headings, blank lines, the last line.
        let others = 11 + targets + seen.sla.len();
        self.topics(&mut out, seen, rows.saturating_sub(others));
        let rendered = recorder().render();
        let _ = writeln!(
            out,
            "\n{bold}{:<24}{:>10}{:>10}{:>8}{:>9}{:>9}  breaker{end}",
            "delivery target", "delivered", "duplicate", "dead", "p50", "p99"
        );
        for (_, books) in &seen.sinks {
            for (target, counts) in &books.by_target {
                let [p50, p99] = quantiles(&rendered, target).map(display_bound);
                let breaker = match sample(&rendered, "hub_breaker_state", target) {
                    Some(state) if state >= 2.0 => format!("{red}open{end}"),
                    Some(state) if state >= 1.0 => "half-open".into(),
                    _ => format!("{green}closed{end}"),
                };
                let _ = writeln!(
                    out,
                    "{target:<24}{:>10}{:>10}{:>8}{p50:>9}{p99:>9}  {breaker}",
                    counts.delivered, counts.duplicate, counts.dead_lettered
                );
            }
        }
        let _ = writeln!(
            out,
            "\n{bold}{:<26}{:>8}{:>8}{:>10}{:>8}  next breach{end}",
            "SLA objective", "open", "warned", "breached", "met"
        );
        for (objective, sla) in &seen.sla {
            let next = sla.next_breach_seconds.map_or_else(|| "-".into(), |seconds| format!("in {seconds:.1} s"));
            let _ = writeln!(
                out,
                "{objective:<26}{:>8}{:>8}{:>10}{:>8}  {next}",
                sla.open, sla.warned, sla.breached, sla.met
            );
        }
        let _ = writeln!(
            out,
            "\nFloworx: {} flows made, {} stalls, {} refusals, {} events back   partners: {} + {} webhooks, {} failures",
            systems.floworx.created,
            systems.floworx.stalled,
            systems.floworx.refused,
            systems.floworx.events_posted,
            systems.slow_partner.unique,
            systems.flaky_partner.unique,
            systems.slow_partner.failed + systems.flaky_partner.failed
        );
        out
    }

    /// A line for each topic; where there is no room for all, for those that others lead to last.
    fn topics(&self, out: &mut String, seen: &Observation, room: usize) {
        let (bold, end) = if self.terminal.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(out, "{bold}{:<26}{:>10}{:>9}  ended{end}", "topic", "taken in", "waiting");
        let shown = if seen.topics.len() <= room { seen.topics.len() } else { room.saturating_sub(1) };
        let hidden = seen.topics.len() - shown;
        if hidden > 0 {
            let _ = writeln!(out, "({hidden} more: make the terminal taller)");
        }
        for (topic, flow) in seen.topics.iter().skip(hidden) {
            let waiting: i64 = flow.waiting.values().sum();
            let ended: Vec<String> = flow.ended.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
            let _ = writeln!(out, "{topic:<26}{:>10}{waiting:>9}  {}", flow.taken_in, ended.join("  "));
        }
    }
}

/// The text cut to a terminal: a line that wraps or scrolls could not be drawn over.
fn fitted(text: &str, rows: usize, columns: usize) -> String {
    let lines = text.lines().take(rows.saturating_sub(1));
    lines.map(|line| console::truncate_str(line, columns, "…").into_owned() + "\n").collect()
}

/// The value of a metric of one target in Prometheus text.
fn sample(rendered: &str, name: &str, target: &str) -> Option<f64> {
    let label = format!("target=\"{target}\"");
    rendered
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(&label))
        .find_map(|line| line.rsplit(' ').next()?.parse().ok())
}

/// The bounds of the buckets that the median and the 99th percentile of a target fall in.
fn quantiles(rendered: &str, target: &str) -> [Option<f64>; 2] {
    let label = format!("target=\"{target}\"");
    let mut buckets = Vec::new();
    for line in rendered.lines().filter(|line| line.starts_with("hub_delivery_seconds_bucket") && line.contains(&label))
    {
        let bound = line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse::<f64>().ok());
        let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
        buckets.extend(bound.zip(count));
    }
    let total = buckets.last().map_or(0.0, |(_, count)| *count);
    [0.5, 0.99].map(|share| {
        if total == 0.0 {
            return None;
        }
        buckets.iter().find(|(_, count)| *count >= share * total).map(|(bound, _)| *bound)
    })
}

fn display_bound(bound: Option<f64>) -> String {
    match bound {
        None => "-".into(),
        Some(seconds) if seconds.is_infinite() => ">600 s".into(),
        Some(seconds) if seconds < 1.0 => format!("<{:.0} ms", seconds * 1_000.0),
        Some(seconds) => format!("<{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_fits_the_terminal() {
        let text = "\x1b[1mabcdef\x1b[0m\nshort\nthird\nfourth\n";
        assert_eq!(fitted(text, 3, 5), "\x1b[1mabcd…\x1b[0m\nshort\n");
        assert_eq!(fitted(text, usize::MAX, usize::MAX), text);
    }

    #[test]
    fn quantiles_come_from_the_targets_own_buckets() {
        let text = "hub_delivery_seconds_bucket{target=\"a\",le=\"0.01\"} 50\n\
                    hub_delivery_seconds_bucket{target=\"a\",le=\"0.1\"} 98\n\
                    hub_delivery_seconds_bucket{target=\"a\",le=\"+Inf\"} 100\n\
                    hub_delivery_seconds_bucket{target=\"b\",le=\"0.01\"} 7\n\
                    hub_breaker_state{target=\"a\"} 2\n";
        assert_eq!(quantiles(text, "a").map(display_bound), ["<10 ms", ">600 s"]);
        assert_eq!(quantiles(text, "c"), [None, None]);
        assert_eq!(sample(text, "hub_breaker_state", "a"), Some(2.0));
    }
}
