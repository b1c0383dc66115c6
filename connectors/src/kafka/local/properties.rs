//! What a local broker is told.

use std::path::Path;

/// Which of the two a process is. A cluster has one of [`Role::Both`], or one controller and its brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A broker that is its own controller.
    Both,
    /// The broker of this number, from 1 on, beside a controller.
    Broker(u16),
    /// The controller, beside brokers.
    Controller,
}

/// The number of a controller that is no broker.
const CONTROLLER: u16 = 100;

/// What the processes of a cluster have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    /// Where the controller listens.
    pub(super) controller: u16,
    /// On how many brokers everything is kept.
    pub(super) copies: u16,
}

/// The settings of a process of a cluster that listens for clients on `port`.
///
/// The short session: a broker that is back while its old session still counts takes every partition, itself
/// being their only leader, for a deleted one, and writes no transaction's end to it: its log says "likely
/// deleted already and hence can be skipped". With a controller of its own process the session ends while the
/// broker is away; one that is its own controller begins to count anew when it is back.
pub(super) fn properties(role: Role, port: u16, cluster: Cluster, data: &Path) -> String {
    let Cluster { controller, copies } = cluster;
    let clients = format!("BROKER://127.0.0.1:{port}");
    let quorum = format!("CONTROLLER://127.0.0.1:{controller}");
    let broker = format!("advertised.listeners={clients}\ninter.broker.listener.name=BROKER");
    let (own, voter) = match role {
        Role::Both => {
            (format!("process.roles=broker,controller\nnode.id=1\nlisteners={clients},{quorum}\n{broker}"), 1)
        }
        Role::Broker(number) => {
            (format!("process.roles=broker\nnode.id={number}\nlisteners={clients}\n{broker}"), CONTROLLER)
        }
        Role::Controller => (format!("process.roles=controller\nnode.id={CONTROLLER}\nlisteners={quorum}"), CONTROLLER),
    };
    // Of three copies one may be missing.
    let in_sync = copies.div_ceil(2);
    format!(
        "{own}\ncontroller.quorum.voters={voter}@127.0.0.1:{controller}\n\
         listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\nauto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n\
         default.replication.factor={copies}\nmin.insync.replicas={in_sync}\n\
         broker.session.timeout.ms=1500\nbroker.heartbeat.interval.ms=300\n\
         offsets.topic.replication.factor={copies}\noffsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor={copies}\ntransaction.state.log.num.partitions=4\n\
         transaction.state.log.min.isr={in_sync}\nshare.coordinator.state.topic.replication.factor={copies}\n\
         transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\n\
         group.min.session.timeout.ms=1000\n\
         group.consumer.heartbeat.interval.ms=1000\ngroup.consumer.min.heartbeat.interval.ms=500\n\
         group.consumer.session.timeout.ms=3000\ngroup.consumer.min.session.timeout.ms=3000\n",
        data.display()
    )
}
