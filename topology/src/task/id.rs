//! The name of a task.

use std::fmt;
use std::sync::Arc;

/// One sub-topology on one partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The sub-topology's name.
    pub sub_topology: Arc<str>,
    /// The partition, of all its source topics.
    pub partition: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.sub_topology, self.partition)
    }
}
