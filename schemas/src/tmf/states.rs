//! States, statuses and actions by their TMF names, with their aliases (traps T8, T14).

use crate::{BillState, CancelState, FlowState, ItemAction, OrderState, PaymentState, TicketState};

/// Longer than any name of the tables.
const NAME_BYTES_MAX: usize = 32;

/// A type of the canonical form that is read from a TMF name.
pub(super) trait Named: Sized {
    /// The value with this name, given in lower case and without separators.
    fn from_letters(letters: &str) -> Option<Self>;

    /// Reads a name with any letter case, separators and space around it.
    fn from_name(name: &str) -> Option<Self> {
        let mut buffer = [0; NAME_BYTES_MAX];
        let mut length = 0;
        for byte in name.bytes().filter(|byte| !matches!(byte, b' ' | b'_' | b'-' | b'\t' | b'\n' | b'\r')) {
            *buffer.get_mut(length)? = byte.to_ascii_lowercase();
            length += 1;
        }
        Self::from_letters(std::str::from_utf8(&buffer[..length]).ok()?)
    }
}

macro_rules! named {
    ($type:ident { $($($letters:literal)|+ => $value:ident),+ $(,)? }) => {
        impl Named for $type {
            fn from_letters(letters: &str) -> Option<Self> {
                match letters {
                    $($($letters)|+ => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    };
}

named!(OrderState {
    "draft" => Draft,
    "acknowledged" => Acknowledged,
    "rejected" => Rejected,
    // The accepted part of work in progress is work in progress to the state machine.
    "inprogress" | "inprogress.accepted" => InProgress,
    "pending" => Pending,
    "held" => Held,
    "assessingcancellation" => AssessingCancellation,
    "pendingcancellation" => PendingCancellation,
    "cancelled" | "canceled" => Cancelled,
    "completed" => Completed,
    "failed" => Failed,
    "partial" => Partial,
});

named!(CancelState {
    // The v4 document says accepted where its own diagram and v5 say acknowledged.
    "acknowledged" | "accepted" => Acknowledged,
    "rejected" => Rejected,
    "inprogress" => InProgress,
    "cancelled" | "canceled" => Cancelled,
    "done" => Done,
    "terminatedwitherror" => TerminatedWithError,
});

named!(ItemAction {
    "add" => Add,
    "modify" => Modify,
    "delete" => Delete,
    "nochange" => NoChange,
});

named!(TicketState {
    "acknowledged" => Acknowledged,
    "inprogress" => InProgress,
    "held" => Held,
    "pending" => Pending,
    "resolved" => Resolved,
    "closed" => Closed,
    "cancelled" | "canceled" => Cancelled,
    "rejected" => Rejected,
});

named!(PaymentState {
    "pendingauthorization" => PendingAuthorization,
    "authorized" => Authorized,
    "captured" => Captured,
    "done" => Done,
    "failed" => Failed,
    "canceled" | "cancelled" => Canceled,
    "denied" => Denied,
});

named!(BillState {
    "new" => New,
    "onhold" => OnHold,
    "validated" => Validated,
    "sent" => Sent,
    "partiallypaid" => PartiallyPaid,
    "settled" => Settled,
});

named!(FlowState {
    "new" => New,
    "active" | "inprogress" => Active,
    "hold" | "held" => Hold,
    "completed" => Completed,
    "cancelled" | "canceled" => Cancelled,
});
