//! What befalls a sink, and how often it did.

use topology::sim::{FaultPlan, LogEvents, PartnerEvents};

/// The faults of the log. Producers and consumers can always be had: a sink waits for them on a thread, which virtual
/// time does not move.
pub(super) const FAULTS: FaultPlan = FaultPlan {
    abort: 120,
    fence: 15,
    lost_acknowledgement: 120,
    failed_commit: 80,
    send: 5,
    poll: 40,
    read: 200,
    short_read: 100,
    late_marker: 60,
    ..FaultPlan::NONE
};

/// What befell a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) crashes: u64,
    pub(super) stops: u64,
    /// Another process began while the sink ran.
    pub(super) takeovers: u64,
    /// Sinks that ended because they were fenced.
    pub(super) fenced: u64,
    pub(super) kicks: u64,
    /// Another member joined the group.
    pub(super) guests: u64,
    pub(super) log: LogEvents,
    pub(super) partners: PartnerEvents,
}

impl Happened {
    pub(super) fn add(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.stops += other.stops;
        self.takeovers += other.takeovers;
        self.fenced += other.fenced;
        self.kicks += other.kicks;
        self.guests += other.guests;
        self.log.add(other.log);
        self.partners.add(other.partners);
    }
}
