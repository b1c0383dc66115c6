//! The life of a task.

/// How far a task is in its life.
///
/// ```text
///             +---------+
///             | Created |-------------+
///             +----+----+             |
///                  v                  |
///            +-----------+            |
///      +-----| Restoring |----------+ |
///      |     +-----+-----+          | |
///      |           v                v v
///      |      +---------+      +-----------+
///      |      | Running |----->|  Closed   |
///      |      +--+---+--+      +-----------+
///      |         v   ^            ^
///      |     +-------+---+        |
///      +---->| Suspended |--------+
///            +-----------+
/// ```
///
/// Created: its partitions are assigned. Restoring: its stores are read from their changelogs.
/// Running: it takes records in. Suspended: it takes nothing in for now, because its partitions
/// are being taken away or because a fault asked to retry later. Closed: its end; a task that is
/// assigned again is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Its partitions are assigned.
    Created,
    /// Its stores are read from their changelogs.
    Restoring,
    /// It takes records in.
    Running,
    /// It takes nothing in for now.
    Suspended,
    /// Its end.
    Closed,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Created, Self::Restoring, Self::Running, Self::Suspended, Self::Closed];

    /// Whether a task may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        use TaskState::*;
        matches!(
            (self, next),
            (Created, Restoring | Closed)
                | (Restoring, Running | Suspended | Closed)
                | (Running, Suspended | Closed)
                | (Suspended, Running | Closed)
        )
    }

    /// The name in metrics and summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Restoring => "restoring",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// Goes on to `next`.
    pub(crate) fn advance(&mut self, next: Self) {
        assert!(self.may_become(next), "a task never goes from {} to {}", self.name(), next.name());
        *self = next;
    }
}

#[cfg(test)]
mod tests {
    use super::TaskState::{self, *};

    #[test]
    fn the_drawn_transitions_are_legal_and_no_others() {
        let legal = [
            (Created, Restoring),
            (Created, Closed),
            (Restoring, Running),
            (Restoring, Suspended),
            (Restoring, Closed),
            (Running, Suspended),
            (Running, Closed),
            (Suspended, Running),
            (Suspended, Closed),
        ];
        for from in TaskState::ALL {
            for to in TaskState::ALL {
                assert_eq!(from.may_become(to), legal.contains(&(from, to)), "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a task never goes from closed to running")]
    fn a_closed_task_never_runs_again() {
        let mut state = Closed;
        state.advance(Running);
    }
}
