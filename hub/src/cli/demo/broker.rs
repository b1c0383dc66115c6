//! The broker that `hub demo --kafka` starts.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use connectors::kafka::KafkaSettings;
use connectors::kafka::local::{Jars, LocalBroker};

use crate::cli::run;
use crate::config::{Config, LogKind};

/// Starts a broker below the demo's data, and lets the configuration point to it.
pub(super) async fn start(data: &Path, jars: Option<PathBuf>, config: &mut Config) -> anyhow::Result<LocalBroker> {
    let cache = jars
        .or_else(cache)
        .context("there is no home directory to keep Apache Kafka in; name a folder with --kafka-jars DIR")?;
    let folder = data.join("kafka");
    eprintln!("hub demo: starting Apache Kafka in {}; its jars are kept in {}", folder.display(), cache.display());
    let start = move || LocalBroker::start(&Jars::fetch(&cache)?, &folder);
    let starting = tokio::task::spawn_blocking(start);
    // A broker that is half started is not left behind: it is waited for, and ended.
    let told = run::told_to_stop();
    tokio::pin!(told, starting);
    let mut interrupted = false;
    let broker = loop {
        tokio::select! {
            started = &mut starting => break started.context("the broker's start was cut short")??,
            _ = &mut told, if !interrupted => interrupted = true,
        }
    };
    if interrupted {
        stop(Some(broker)).await;
        anyhow::bail!("interrupted while the broker started");
    }
    // The instance is named after the data directory, as everywhere.
    config.log.kind = LogKind::Kafka(Box::new(KafkaSettings::new(broker.address(), String::new())));
    Ok(broker)
}

/// Ends it in good order.
pub(super) async fn stop(broker: Option<LocalBroker>) {
    let Some(broker) = broker else { return };
    match tokio::task::spawn_blocking(move || broker.stop()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("hub demo: {error}"),
        Err(error) => eprintln!("hub demo: the broker's end was cut short: {error}"),
    }
}

/// Where programs keep what they can fetch again (XDG Base Directory Specification).
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("hub/kafka"))
}
