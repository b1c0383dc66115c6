//! `hub dashboards export` and `hub alerts export`: what Grafana, Prometheus and Alertmanager are given.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::exit::{self, Exit, fail};
use crate::monitoring;

/// `hub dashboards`.
#[derive(Debug, clap::Args)]
pub(crate) struct Dashboards {
    #[command(subcommand)]
    command: DashboardsCommand,
}

#[derive(Debug, Subcommand)]
enum DashboardsCommand {
    /// Writes Grafana's dashboards and provisioning files below a folder.
    Export {
        /// The folder; files of the same names are written over.
        folder: PathBuf,
    },
}

/// `hub alerts`.
#[derive(Debug, clap::Args)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    command: AlertsCommand,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Writes Prometheus's alerts on the hub, and examples for Prometheus and Alertmanager, below a folder. Alerts on
    /// SLOs are written by `hub sla rules`.
    Export {
        /// The folder; files of the same names are written over.
        folder: PathBuf,
        /// Where the pages of alerts are; the alert's name and `.md` are appended.
        #[arg(long, value_name = "URL", default_value = "https://runbooks.example.com/hub/")]
        runbooks: String,
        /// Where dashboards are; the name of one is appended.
        #[arg(long, value_name = "URL", default_value = "https://grafana.example.com/d/")]
        dashboards: String,
    },
}

impl Dashboards {
    pub(super) fn run(self) -> Exit {
        let DashboardsCommand::Export { folder } = self.command;
        write(&folder, &monitoring::dashboard_files())
    }
}

impl Alerts {
    pub(super) fn run(self) -> Exit {
        let AlertsCommand::Export { folder, runbooks, dashboards } = self.command;
        write(&folder, &monitoring::alert_files(&runbooks, &dashboards))
    }
}

fn write(folder: &Path, files: &[(String, String)]) -> Exit {
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().expect("each file is in a folder");
        if let Err(error) = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text)) {
            return fail(Exit::Failed, format_args!("cannot write {}: {error}", path.display()));
        }
    }
    let names: Vec<String> = files.iter().map(|(name, _)| folder.join(name).display().to_string()).collect();
    exit::print(&names.join("\n"))
}
