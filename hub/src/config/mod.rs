//! `hub.toml`: read whole, every fault named at once with its place, then handed on as plain values.

mod code;
mod diagnostic;
pub mod duration;
mod entity;
mod http;
mod kafka;
mod kpi;
mod log;
mod reader;
mod routes;
mod schemas;
mod scorecards;
mod sla;
mod slo;
mod standby;
mod targets;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use processors::burn::Slo;
use processors::entity::EntitySettings;
use processors::kpi::KpiSettings;
use processors::route::RouteSpec;
use toml::de::DeTable;

pub use code::ConfigCode;
pub use diagnostic::{Diagnostic, Source, nearest};
pub use http::{Credential, Http, Role};
pub use log::{LogKind, LogSection};
pub use reader::{Environment, Secret};
pub use schemas::Schemas;
pub use scorecards::Scorecards;
pub use sla::Sla;
pub use standby::Standbys;
pub(crate) use targets::{AddressFault, http_address};
pub use targets::{Billing, Floworx, Partner};

use reader::{Faults, Section};

use crate::parts::Parts;
use crate::wiring;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The parts that this process runs, by name; none is all of them. Those of the command line come first.
    pub only: Vec<String>,
    /// Where the hub keeps what it must not lose.
    pub data: PathBuf,
    /// The log.
    pub log: LogSection,
    /// The registry of schemas, where there is one.
    pub schemas: Option<Schemas>,
    /// The listener, its credentials and its limits.
    pub http: Http,
    /// Threads that process.
    pub workers: u32,
    /// What state in memory may take; `None` for half of the machine's memory.
    pub memory_bytes: Option<u64>,
    /// The bounds and policies of the entity processors.
    pub entity: EntitySettings,
    /// Which changes go where.
    pub routes: Vec<RouteSpec>,
    /// Objectives and calendars.
    pub sla: Sla,
    /// How KPIs are measured.
    pub kpi: Arc<KpiSettings>,
    /// Which shares of them shall be good.
    pub slos: Arc<Vec<Slo>>,
    /// How partners are scored, and where the reports go.
    pub scorecards: Scorecards,
    /// Which tasks of other processes this one follows.
    pub standbys: Standbys,
    /// Partners that webhooks go to.
    pub partners: Vec<Partner>,
    /// Where notifications go, if anywhere.
    pub notification: Option<Partner>,
    /// Floworx, when commands go there.
    pub floworx: Option<Floworx>,
    /// The database that is kept in step.
    pub billing: Billing,
    /// The variables of the environment that the file asks for.
    pub variables: BTreeSet<String>,
}

/// The faults of a file, with what is needed to print them.
#[derive(Debug)]
pub struct Faulty {
    /// The file.
    pub source: Source,
    /// What is wrong with it, in its order. Never empty.
    pub faults: Vec<Diagnostic>,
}

impl Faulty {
    /// All faults in the house form, then their number.
    pub fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for fault in &self.faults {
            out.push_str(&self.source.render(fault, colour));
            out.push_str("\n\n");
        }
        let count = self.faults.len();
        out.push_str(&format!("{}: {count} fault{}", self.source.name, if count == 1 { "" } else { "s" }));
        out
    }
}

impl Config {
    /// What holds without a file: the embedded log in `./hub-data`, loopback only.
    pub fn defaults() -> Self {
        let no_environment = |_: &str| None;
        Self::parse(Source { name: "defaults".into(), text: String::new() }, &no_environment)
            .expect("an empty file is a valid configuration: a test reads one")
    }

    /// Puts all data below another directory; a billing file or a folder of reports that was named stays where it is.
    pub fn move_data(&mut self, data: &Path) {
        if let Billing::Sqlite(path) = &mut self.billing
            && let Ok(within) = path.strip_prefix(&self.data)
        {
            *path = data.join(within);
        }
        if let Some(path) = &mut self.scorecards.reports
            && let Ok(within) = path.strip_prefix(&self.data)
        {
            *path = data.join(within);
        }
        data.clone_into(&mut self.data);
    }

    /// Reads a file, with the process's environment for `${NAME}`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Faulty> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(Source { name, text }, &|name| std::env::var(name).ok()),
            Err(error) => {
                let fault = Diagnostic::new(ConfigCode::Unreadable, 0..0, format!("{name} cannot be read: {error}"));
                Err(Faulty { source: Source { name, text: String::new() }, faults: vec![fault] })
            }
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(source: Source, environment: Environment<'_>) -> Result<Self, Faulty> {
        let asked = RefCell::new(BTreeSet::new());
        let noted = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            environment(name)
        };
        let faults = Faults::new(&source.text, &noted);
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            faults.push(Diagnostic::new(ConfigCode::Syntax, error.span().unwrap_or(0..0), message));
        }
        let mut config = Self::read(&Section::root(&table, &faults), &faults);
        let (mut faults, mut secrets) = faults.into_sorted();
        // Where the syntax is at fault, what was read there means nothing.
        let broken: Vec<usize> = errors.iter().filter_map(|error| Some(error.span()?.start)).collect();
        let syntax = ConfigCode::Syntax.number();
        faults.retain(|fault| fault.code == syntax || !broken.contains(&fault.span.start));
        if faults.is_empty() {
            config.variables = asked.take();
            return Ok(config);
        }
        secrets.extend(diagnostic::credentials(&source.text));
        for fault in &mut faults {
            fault.message = diagnostic::masked(&fault.message, &diagnostic::credentials(&fault.message));
        }
        secrets.extend(errors.iter().filter_map(|error| diagnostic::likely_secret(&source.text, error.span()?.start)));
        Err(Faulty { source: Source { text: diagnostic::masked(&source.text, &secrets), ..source }, faults })
    }

    /// Reads all sections; where a fault was noted the value is a stand-in that is never used.
    fn read<'t>(root: &Section<'t, '_>, faults: &'t Faults<'t>) -> Self {
        let data = root.section("data");
        let directory = data.string("dir").map_or_else(|| PathBuf::from("hub-data"), |found| found.value.into());
        data.finish();
        let workers = root.section("workers");
        let count = workers.integer("count", 1..=64);
        let memory = workers.integer("memory_bytes", 16 << 20..=16 << 40);
        workers.finish();
        let log = log::read(&root.section("log"));
        if let Some(count) = &count
            && count.value > u64::from(log.partitions)
        {
            let message = format!(
                "workers.count is {} and log.partitions is {}: workers without a partition would idle",
                count.value, log.partitions
            );
            faults.push(Diagnostic::new(ConfigCode::Relation, count.span.clone(), message));
        }
        let schemas = schemas::read(&root.section("schemas"), matches!(log.kind, LogKind::Kafka(_)));
        let http = http::read(&root.section("http"));
        let mut entity = entity::read(&root.section("entity"));
        let partners = targets::partners(root);
        let floworx = targets::floworx(&root.section("floworx"));
        let billing = targets::billing(&root.section("billing"), &directory);
        let sla = sla::read(&root.section("sla"));
        let kpi = Arc::new(kpi::read(&root.section("kpi")));
        entity.autopay_channels.clone_from(&kpi.autopay_channels);
        let slos = slo::read(root);
        let scorecards = scorecards::read(&root.section("scorecards"), &directory);
        let notification = targets::notification(&root.section("notification"));
        let known =
            routes::Known { partners: &partners, floworx: floworx.is_some(), notification: notification.is_some() };
        let routes = routes::read(root, known);
        let run = root.section("run");
        let only = run.strings("only").unwrap_or_default();
        run.finish();
        let standbys = standby::read(&root.section("standby"), matches!(log.kind, LogKind::Kafka(_)));
        let mut config = Self {
            only: only.iter().map(|found| found.value.clone()).collect(),
            data: directory,
            workers: count.map_or_else(|| log.partitions.min(2), |found| found.value as u32),
            memory_bytes: memory.map(|found| found.value),
            log,
            schemas,
            http,
            entity,
            routes,
            sla,
            kpi,
            slos,
            scorecards,
            standbys: Standbys { parts: Vec::new(), copies: 1 },
            partners: partners.into_iter().map(|found| found.value).collect(),
            notification,
            floworx,
            billing,
            variables: BTreeSet::new(),
        };
        root.finish();
        if let Ok(topology) = wiring::topology(&config) {
            config.standbys = standbys.resolve(&topology, |found, message| {
                faults.push(Diagnostic::new(ConfigCode::BadChoice, found.span.clone(), message));
            });
            for found in only {
                if let Err(fault) = Parts::new(&[found.value], &config, &topology) {
                    faults.push(Diagnostic::new(ConfigCode::BadChoice, found.span, format!("run.only: {fault}")));
                }
            }
        }
        config
    }
}

#[cfg(test)]
mod tests;
