//! Agreeing with the schema registry, at the start.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::registry::{RegistryClient, RegistryError, SchemaIds, SubjectPlan, SubjectStep};

use super::hub::StartError;
use super::log::OpenLog;
use crate::config::{Config, LogKind, Schemas};
use crate::wiring;

/// How long a registry that did not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets frames on Kafka carry the registry's ids, where the configuration names one. A registry that does not answer
/// is waited for, up to a bound; `waiting` is told why.
///
/// # Errors
/// [`StartError::Schemas`], [`StartError::Registry`].
pub(super) fn exchange_ids(config: &Config, opened: &OpenLog, waiting: impl Fn(&str)) -> Result<(), StartError> {
    let (Some(schemas), OpenLog::Kafka { log, .. }) = (&config.schemas, opened) else { return Ok(()) };
    let LogKind::Kafka(kafka) = &config.log.kind else { return Ok(()) };
    let topics = wiring::framed_topics(config);
    let until = Instant::now() + schemas.start_timeout;
    loop {
        match agree(schemas, &topics) {
            Ok((client, known)) => {
                tracing::info!(registry = client.url(), schemas = known.len(), "frames carry the ids of the registry");
                log.use_schema_ids(Arc::new(SchemaIds::new(client, &kafka.prefix, &known)));
                return Ok(());
            }
            Err(StartError::Registry(error)) if error.is_retriable() && Instant::now() < until => {
                tracing::warn!(%error, "the schema registry is waited for");
                waiting(&error.to_string());
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

fn agree(
    schemas: &Schemas,
    topics: &[(String, &'static str)],
) -> Result<(RegistryClient, Vec<(SubjectPlan, u32)>), StartError> {
    let client = RegistryClient::new(schemas.registry.clone()).map_err(StartError::Registry)?;
    let plan = SubjectPlan::of(&client, topics).map_err(StartError::Registry)?;
    let is_missing = plan.iter().any(|plan| plan.step == SubjectStep::Register);
    let is_refused = plan.iter().any(|plan| matches!(plan.step, SubjectStep::Incompatible { .. }));
    if is_refused || (is_missing && !schemas.register) {
        return Err(StartError::Schemas(plan));
    }
    let registered = plan.into_iter().map(|plan| {
        let id = plan.apply(&client)?;
        Ok((plan, id))
    });
    let known = registered.collect::<Result<_, RegistryError>>().map_err(StartError::Registry)?;
    Ok((client, known))
}
