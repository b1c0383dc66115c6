//! Several brokers beside their controller, with a copy of everything on each.

use std::path::Path;

use super::error::LocalBrokerError;
use super::jars::Jars;
use super::process::Controller;
use super::properties::{Cluster, Role};
use super::{LocalBroker, free_port, start_controller};

/// A running cluster. A majority of its brokers takes records while the others are away. Dropping it kills it.
#[derive(Debug)]
pub struct LocalCluster {
    brokers: Vec<LocalBroker>,
    /// Below the brokers: it goes last.
    _controller: Controller,
}

impl LocalCluster {
    /// Starts so many brokers, each on a folder of its own below `folder`, and waits until each answers.
    ///
    /// # Errors
    /// As [`LocalBroker::start`].
    pub fn start(jars: &Jars, folder: &Path, brokers: u16) -> Result<Self, LocalBrokerError> {
        let cluster = Cluster { controller: free_port()?, copies: brokers };
        let controller = start_controller(jars, folder, cluster)?;
        let spawn = |number: u16| {
            let folder = folder.join(format!("broker-{number}"));
            LocalBroker::spawn(Role::Broker(number), jars, &folder, cluster)
        };
        let mut brokers = (1..=brokers).map(spawn).collect::<Result<Vec<_>, _>>()?;
        brokers.iter_mut().try_for_each(LocalBroker::wait_ready)?;
        Ok(Self { brokers, _controller: controller })
    }

    /// The brokers, the one with the number 1 first.
    pub fn brokers(&mut self) -> &mut [LocalBroker] {
        &mut self.brokers
    }

    /// Where they listen, separated by commas.
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> = self.brokers.iter().map(LocalBroker::address).collect();
        addresses.join(",")
    }
}
