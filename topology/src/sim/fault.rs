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
    /// A poll answers with an error that may be retried.
    pub poll: u32,
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
        poll: 0,
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
        poll: 40,
        late_marker: 60,
        checkpoint_write: 10,
        checkpoint_read: 3,
    };
}
