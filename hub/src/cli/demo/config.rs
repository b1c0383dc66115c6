//! The demo's configuration: the defaults, the sandbox as the outside, SLA targets at the day's speed.

use std::path::Path;

use crate::config::{Config, Source};
use crate::sandbox::Sandbox;

/// Objectives whose targets stand in the same proportion to the day as the default ones.
const OBJECTIVES: &str = r#"
[[sla.objectives]]
name = "order-completion"
family = "order"
when = 'fact.class != "fibre"'
start = "created"
stop = ["completed", "partial", "failed"]
pause = ["pending"]
cancel = ["cancelled", "rejected"]
target = "10s"
classes = { sim = "10s", vas = "3s" }
consequence = "billing_credit"

[[sla.objectives]]
name = "fibre-completion"
family = "order"
when = 'fact.class == "fibre"'
start = "created"
stop = ["completed", "partial", "failed"]
pause = ["pending"]
cancel = ["cancelled", "rejected"]
target = "40s"
consequence = "billing_credit"

[[sla.objectives]]
name = "mnp-port-in"
family = "order"
when = 'fact.category == "MNP-PORT-IN"'
start = "created"
stop = ["completed", "partial", "failed"]
cancel = ["cancelled", "rejected"]
target = "15s"

[[sla.objectives]]
name = "ticket-first-response"
family = "ticket"
start = "created"
stop = ["inProgress", "held", "pending", "resolved", "closed"]
cancel = ["cancelled", "rejected"]
target = "2s"

[[sla.objectives]]
name = "ticket-resolution"
family = "ticket"
start = "created"
stop = ["resolved", "closed"]
pause = ["pending"]
cancel = ["cancelled", "rejected"]
reopen = ["inProgress"]
target = "15s"
escalate = { 50 = "shift-lead", 75 = "team-manager", 90 = "operations-head", 100 = "duty-director" }
consequence = "billing_credit"

[[sla.objectives]]
name = "payment-settlement"
family = "account"
entity_kind = "payment"
start = ["authorized", "captured"]
stop = ["done"]
cancel = ["failed", "canceled", "denied"]
target = "2s"
"#;

/// The partners that the generator's orders name.
const SLOW_PARTNER: &str = "partner-courier";
const FLAKY_PARTNER: &str = "partner-vas";

/// The configuration of a demo whose outside is the sandbox.
pub(super) fn demo(data: &Path, sandbox: &Sandbox, token: &str) -> anyhow::Result<Config> {
    let text = text(&[
        ("FLOWORX_URL", &sandbox.floworx_url),
        ("SLOW_URL", &sandbox.slow_partner_url),
        ("FLAKY_URL", &sandbox.flaky_partner_url),
    ]);
    let environment = |name: &str| match name {
        "DEMO_TOKEN" => Some(token.to_owned()),
        "SLOW_SECRET" => Some(sandbox.slow_partner_secret.clone()),
        "FLAKY_SECRET" => Some(sandbox.flaky_partner_secret.clone()),
        _ => None,
    };
    let mut config = Config::parse(Source { name: "demo".into(), text }, &environment)
        .map_err(|faulty| anyhow::anyhow!("{}", faulty.render(false)))?;
    config.move_data(data);
    Ok(config)
}

fn text(values: &[(&str, &str)]) -> String {
    let mut text = format!(
        r#"
[[http.tokens]]
name = "demo"
token = "${{DEMO_TOKEN}}"

[entity]
buffered_wait = "3s"
parked_wait = "2s"

[floworx]
url = "FLOWORX_URL"
timeout = "2s"
retry_initial = "100ms"
retry_cap = "2s"
attempts = 12
give_up_after = "40s"

[[partners]]
id = "{SLOW_PARTNER}"
url = "SLOW_URL"
secrets = ["${{SLOW_SECRET}}"]
concurrency = 32
timeout = "5s"
retry_initial = "100ms"
retry_cap = "2s"
give_up_after = "40s"

[[partners]]
id = "{FLAKY_PARTNER}"
url = "FLAKY_URL"
secrets = ["${{FLAKY_SECRET}}"]
concurrency = 16
timeout = "2s"
retry_initial = "100ms"
retry_cap = "2s"
give_up_after = "40s"
{OBJECTIVES}"#
    );
    for (name, value) in values {
        text = text.replace(name, value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_configuration_has_no_fault() {
        let url = "http://127.0.0.1:9";
        let text = text(&[("FLOWORX_URL", url), ("SLOW_URL", url), ("FLAKY_URL", url)]);
        let secret = |_: &str| Some("whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz".to_owned());
        let config = Config::parse(Source { name: "demo".into(), text }, &secret);
        let config = config.unwrap_or_else(|faulty| panic!("{}", faulty.render(false)));
        assert_eq!((config.partners.len(), config.sla.objectives.len()), (2, 6));
        assert!(config.routes.iter().any(|route| route.target == "floworx"));
    }
}
