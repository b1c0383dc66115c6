//! Which faults a simulated log has, and how often.

/// Chances per thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// A commit answers [`Commit::Aborted`](crate::Commit::Aborted), with nothing of it visible.
    pub abort: u32,
    /// A commit answers [`Commit::Fenced`](crate::Commit::Fenced).
    pub fence: u32,
    /// A commit succeeds, but its acknowledgement is lost: the caller gets an error.
    pub lost_acknowledgement: u32,
    /// A commit fails with an error, with nothing of it visible.
    pub failed_commit: u32,
    /// A commit takes its time: whoever began it may do other things before its end.
    pub slow_commit: u32,
    /// A producer or a consumer cannot be had.
    pub begin: u32,
    /// A record is not taken into the transaction, which stays open without it.
    pub send: u32,
    /// A consumer does not go back to where it is told, as after an abort.
    pub seek: u32,
    /// A poll answers with an error that may be retried.
    pub poll: u32,
    /// A log that is asked for positions, bounds or records gives an error.
    pub read: u32,
    /// A poll or a read brings one record only, whatever there is.
    pub short_read: u32,
    /// A partition that a commit wrote to shows it only a few reads later.
    pub late_marker: u32,
    /// A checkpoint's batch fails, with nothing of it written.
    pub checkpoint_write: u32,
    /// A value cannot be read from a checkpoint.
    pub checkpoint_read: u32,
}

impl FaultPlan {
    /// No fault.
    pub const NONE: Self = Self {
        abort: 0,
        fence: 0,
        lost_acknowledgement: 0,
        failed_commit: 0,
        slow_commit: 0,
        begin: 0,
        send: 0,
        seek: 0,
        poll: 0,
        read: 0,
        short_read: 0,
        late_marker: 0,
        checkpoint_write: 0,
        checkpoint_read: 0,
    };

    /// Every fault, often enough to meet several in a short run.
    pub const HARSH: Self = Self {
        abort: 60,
        fence: 25,
        lost_acknowledgement: 25,
        failed_commit: 25,
        slow_commit: 500,
        begin: 20,
        send: 2,
        seek: 20,
        poll: 40,
        read: 2,
        short_read: 60,
        late_marker: 60,
        checkpoint_write: 10,
        checkpoint_read: 3,
    };
}

/// How often a log failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogEvents {
    /// Producers and consumers that could not be had.
    pub begins: u64,
    /// Records that were not taken.
    pub sends: u64,
    /// Records that were sent while the commit before them was under way.
    pub early_sends: u64,
    /// Consumers that did not go back.
    pub seeks: u64,
    /// Reads, and questions for bounds and positions, that failed.
    pub reads: u64,
    /// Polls and reads that brought one record only.
    pub short_reads: u64,
    /// Polls that failed.
    pub polls: u64,
    /// Commits that aborted.
    pub aborts: u64,
    /// Commits that were fenced.
    pub fenced: u64,
    /// Commits that succeeded and whose acknowledgement was lost.
    pub lost_acknowledgements: u64,
    /// Commits that failed with an error.
    pub failed_commits: u64,
}

impl LogEvents {
    /// Adds what happened to another log.
    pub fn add(&mut self, other: Self) {
        self.begins += other.begins;
        self.sends += other.sends;
        self.early_sends += other.early_sends;
        self.seeks += other.seeks;
        self.reads += other.reads;
        self.short_reads += other.short_reads;
        self.polls += other.polls;
        self.aborts += other.aborts;
        self.fenced += other.fenced;
        self.lost_acknowledgements += other.lost_acknowledgements;
        self.failed_commits += other.failed_commits;
    }
}
