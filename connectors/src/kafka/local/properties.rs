//! What a local broker is told.

use std::path::Path;

/// The settings of a broker that is its own controller and alone.
///
/// The short session: a broker that is back while its old session still counts takes every partition, itself
/// being their only leader, for a deleted one, and writes no transaction's end to it: its log says "likely
/// deleted already and hence can be skipped".
pub(super) fn properties(port: u16, controller: u16, data: &Path) -> String {
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=BROKER://127.0.0.1:{port}\n\
         listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=BROKER\n\
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
