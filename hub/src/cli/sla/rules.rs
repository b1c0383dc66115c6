//! `hub sla rules`: the SLOs of a configuration as rules that Prometheus evaluates by itself, so that an alarm
//! needs no running hub.

use std::fmt::Write as _;
use std::time::Duration;

use processors::burn::{Alert, Slo};
use processors::kpi::Measure;

use crate::cli::exit::{self, Exit};
use crate::cli::{ConfigArgs, Terminal};
use crate::config::duration;

/// `hub sla rules`.
#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where the pages of alerts are; the alert's name and `.md` are appended.
    #[arg(long, value_name = "URL", default_value = "https://runbooks.example.com/hub/")]
    runbooks: String,
    /// The dashboard that alerts link to; the SLO is appended as its variable.
    #[arg(long, value_name = "URL", default_value = "https://grafana.example.com/d/hub-slo")]
    dashboard: String,
}

impl Rules {
    pub(super) fn run(self, terminal: Terminal) -> Exit {
        let config = match self.config.load(terminal) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        exit::print(&self.render(&config.slos))
    }

    fn render(&self, slos: &[Slo]) -> String {
        let mut text = String::from(
            "# Written by `hub sla rules` from the SLOs of a configuration: change them there.\ngroups:\n",
        );
        for slo in slos {
            let _ =
                write!(text, "  - name: {}\n    interval: 30s\n    rules:\n", quoted(&format!("hub-slo-{}", slo.name)));
            for window_ms in slo.windows() {
                record(&mut text, slo, window_ms);
            }
            for alert in &slo.alerts {
                self.alert(&mut text, slo, alert);
            }
        }
        text
    }

    fn alert(&self, text: &mut String, slo: &Slo, alert: &Alert) {
        let (long, short) = (said(alert.long_ms), said(alert.short_ms));
        let threshold = alert.threshold(slo.period_ms);
        let chosen = format!("{{slo={}}}", label(&slo.name));
        // A burn rate beyond the threshold, as the share of bad ones that it is.
        let limit = threshold * (1.0 - slo.objective);
        let expression = format!(
            "slo:hub_bad:ratio_rate{long}{chosen} > {limit:.6}\nand slo:hub_bad:ratio_rate{short}{chosen} > \
             {limit:.6}\nand slo:hub_events:increase{long}{chosen} >= {}",
            slo.events_min
        );
        let _ = write!(text, "      - alert: HubSloBurn\n        expr: |\n{}", indented(&expression));
        // Alerts of one SLO differ by their labels: two that fired with the same would be one series twice.
        let _ = writeln!(
            text,
            "        labels:\n          severity: {}\n          long_window: {}",
            alert.severity.name(),
            quoted(&long)
        );
        let objective = format!("{:.3}", slo.objective * 100.0);
        let objective = objective.trim_end_matches('0').trim_end_matches('.');
        let period = said(slo.period_ms);
        let annotations = [
            ("summary", format!("{} of {{{{ $labels.value }}}} burns its error budget too fast", slo.name)),
            (
                "description",
                format!(
                    "{{{{ $value | humanizePercentage }}}} bad in {long}, and {short} no better: more than {threshold:.1} \
                     times what an objective of {objective} % over {period} allows.",
                ),
            ),
            ("runbook_url", format!("{}HubSloBurn.md", self.runbooks)),
            ("dashboard_url", format!("{}?var-slo={}", self.dashboard, slo.name)),
        ];
        text.push_str("        annotations:\n");
        for (name, value) in annotations {
            let _ = writeln!(text, "          {name}: {}", quoted(&value));
        }
    }
}

/// The share of bad ones, and how many there were, in one window.
fn record(text: &mut String, slo: &Slo, window_ms: i64) {
    let window = said(window_ms);
    let value = slo.value.as_ref().map(|value| format!(",value={}", label(value))).unwrap_or_default();
    let series =
        |what: &str| format!("hub_kpi_{}_{what}_total{{by={}{value}}}[{window}]", slo.kpi.name(), label(slo.by.name()));
    let (events, hits) = (series("events"), series("hits"));
    let share = format!("sum by (value) (rate({hits}))\n/ sum by (value) (rate({events}))");
    let good = matches!(slo.kpi.definition().measure, Measure::Ratio { good: true });
    let share = if good { format!("1 - (\n{share}\n)") } else { share };
    let counted = format!("sum by (value) (increase({events}))");
    for (name, expression) in [("bad:ratio_rate", share), ("events:increase", counted)] {
        let _ = write!(text, "      - record: slo:hub_{name}{window}\n        expr: |\n{}", indented(&expression));
        let _ = writeln!(text, "        labels:\n          slo: {}", quoted(&slo.name));
    }
}

fn said(millis: i64) -> String {
    duration::display(Duration::from_millis(millis as u64))
}

fn indented(expression: &str) -> String {
    expression.lines().map(|line| format!("          {line}\n")).collect()
}

/// A string of YAML and of PromQL alike: both take JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn label(text: &str) -> String {
    quoted(text)
}

#[cfg(test)]
mod tests {
    use processors::burn::default_slos;

    use super::*;

    #[test]
    fn every_slo_has_its_windows_and_alerts() {
        let config = ConfigArgs { config: None, ..ConfigArgs::default() };
        let rules = Rules { config, runbooks: "r/".into(), dashboard: "d".into() };
        let text = rules.render(&default_slos());
        assert_eq!(text.matches("- alert: HubSloBurn").count(), default_slos().len() * 4);
        // Bad is what is not good, or what the KPI names.
        assert!(
            text.contains("1 - (\n          sum by (value) (rate(hub_kpi_sla_met_hits_total{by=\"objective\"}[1h]))")
        );
        assert!(text.contains("\n          sum by (value) (rate(hub_kpi_order_fallout_hits_total{by=\"all\"}[1h]))"));
        // 14.4 times the half percent that may be bad.
        assert!(text.contains("slo:hub_bad:ratio_rate1h{slo=\"partner-availability\"} > 0.072000"), "{text}");
    }
}
