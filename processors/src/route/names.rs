//! The TMF names of states and actions, as facts, conditions and payloads carry them.

use schemas::{BillState, FlowState, ItemAction, OrderState, PaymentState, TicketState};

use super::RouteFamily;

macro_rules! names {
    ($(#[$doc:meta])+ $function:ident, $list:ident, $type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])+
        pub const fn $function(value: $type) -> &'static str {
            match value { $($type::$variant => $name,)+ }
        }
        #[doc = concat!("Every name that [`", stringify!($function), "`] gives.")]
        pub const $list: &[&str] = &[$($name),+];
    };
}

names! {
    /// The TMF622 name of an order's or item's state.
    order_state, ORDER_STATES, OrderState {
        Draft = "draft",
        Acknowledged = "acknowledged",
        Rejected = "rejected",
        InProgress = "inProgress",
        Pending = "pending",
        Held = "held",
        AssessingCancellation = "assessingCancellation",
        PendingCancellation = "pendingCancellation",
        Cancelled = "cancelled",
        Completed = "completed",
        Failed = "failed",
        Partial = "partial",
    }
}

names! {
    /// The TMF621 name of a ticket's state.
    ticket_state, TICKET_STATES, TicketState {
        Acknowledged = "acknowledged",
        InProgress = "inProgress",
        Held = "held",
        Pending = "pending",
        Resolved = "resolved",
        Closed = "closed",
        Cancelled = "cancelled",
        Rejected = "rejected",
    }
}

names! {
    /// The TMF676 name of a payment's or refund's state.
    payment_state, PAYMENT_STATES, PaymentState {
        PendingAuthorization = "pendingAuthorization",
        Authorized = "authorized",
        Captured = "captured",
        Done = "done",
        Failed = "failed",
        Canceled = "canceled",
        Denied = "denied",
    }
}

names! {
    /// The TMF678 name of a bill's state.
    bill_state, BILL_STATES, BillState {
        New = "new",
        OnHold = "onHold",
        Validated = "validated",
        Sent = "sent",
        PartiallyPaid = "partiallyPaid",
        Settled = "settled",
    }
}

names! {
    /// The TMF701 name of a process or task flow's state.
    flow_state, FLOW_STATES, FlowState {
        New = "new",
        Active = "active",
        Hold = "hold",
        Completed = "completed",
        Cancelled = "cancelled",
    }
}

names! {
    /// The TMF622 name of an item's action.
    item_action, ITEM_ACTIONS, ItemAction {
        Add = "add",
        Modify = "modify",
        Delete = "delete",
        NoChange = "noChange",
    }
}

/// The states that a fact of this family may name; `None` where they are free text or of several
/// kinds of entity.
pub const fn states(family: RouteFamily) -> Option<&'static [&'static str]> {
    match family {
        RouteFamily::Order => Some(ORDER_STATES),
        RouteFamily::Ticket => Some(TICKET_STATES),
        RouteFamily::Flow => Some(FLOW_STATES),
        RouteFamily::Account
        | RouteFamily::Customer
        | RouteFamily::Catalog
        | RouteFamily::Partner
        | RouteFamily::Sla
        | RouteFamily::Escalation => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_the_records_carry() {
        for (name, state) in
            [("inProgress", OrderState::InProgress), ("assessingCancellation", OrderState::AssessingCancellation)]
        {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{name}\""));
            assert_eq!(order_state(state), name);
        }
        for name in ORDER_STATES {
            assert_eq!(order_state(serde_json::from_str(&format!("\"{name}\"")).unwrap()), *name);
        }
        for name in TICKET_STATES {
            assert_eq!(ticket_state(serde_json::from_str(&format!("\"{name}\"")).unwrap()), *name);
        }
        for name in PAYMENT_STATES {
            assert_eq!(payment_state(serde_json::from_str(&format!("\"{name}\"")).unwrap()), *name);
        }
        for name in BILL_STATES {
            assert_eq!(bill_state(serde_json::from_str(&format!("\"{name}\"")).unwrap()), *name);
        }
        for name in FLOW_STATES {
            assert_eq!(flow_state(serde_json::from_str(&format!("\"{name}\"")).unwrap()), *name);
        }
        for name in ITEM_ACTIONS {
            assert_eq!(item_action(serde_json::from_str(&format!("\"{name}\"")).unwrap()), *name);
        }
    }
}
