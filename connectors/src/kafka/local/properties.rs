//! What a local broker is told.

use std::path::Path;

/// Which of the two a process is. A cluster has one of [`Role::Both`], or one each of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A broker that is its own controller.
    Both,
    /// The broker, beside a controller.
    Broker,
    /// The controller, beside a broker.
    Controller,
}

/// The settings of a process of a cluster that listens for clients on `port` and has its controller on `controller`.
///
/// The short session: a broker that is back while its old session still counts takes every partition, itself
/// being their only leader, for a deleted one, and writes no transaction's end to it: its log says "likely
/// deleted already and hence can be skipped". With a controller of its own process the session ends while the
/// broker is away; one that is its own controller begins to count anew when it is back.
pub(super) fn properties(role: Role, port: u16, controller: u16, data: &Path) -> String {
    let clients = format!("BROKER://127.0.0.1:{port}");
    let quorum = format!("CONTROLLER://127.0.0.1:{controller}");
    let broker = format!("advertised.listeners={clients}\ninter.broker.listener.name=BROKER");
    let (own, voter) = match role {
        Role::Both => {
            (format!("process.roles=broker,controller\nnode.id=1\nlisteners={clients},{quorum}\n{broker}"), 1)
        }
        Role::Broker => (format!("process.roles=broker\nnode.id=1\nlisteners={clients}\n{broker}"), 2),
        Role::Controller => (format!("process.roles=controller\nnode.id=2\nlisteners={quorum}"), 2),
    };
    format!(
        "{own}\ncontroller.quorum.voters={voter}@127.0.0.1:{controller}\n\
         listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\nauto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n\
         default.replication.factor=1\n\
         broker.session.timeout.ms=1500\nbroker.heartbeat.interval.ms=300\n\
         offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.num.partitions=4\n\
         transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
         transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\n\
         group.min.session.timeout.ms=1000\n\
         group.consumer.heartbeat.interval.ms=1000\ngroup.consumer.min.heartbeat.interval.ms=500\n\
         group.consumer.session.timeout.ms=3000\ngroup.consumer.min.session.timeout.ms=3000\n",
        data.display()
    )
}
