//! The dashboards, a file each.

mod internals;
mod mnp;
mod orders;
mod overview;
mod partner;
mod payments;
mod slo;
mod tickets;

use super::{Board, Variable};

/// Every dashboard.
pub const BOARDS: [Board; 8] = [
    overview::BOARD,
    orders::BOARD,
    tickets::BOARD,
    payments::BOARD,
    mnp::BOARD,
    partner::BOARD,
    slo::BOARD,
    internals::BOARD,
];

/// The window of event time that KPIs are shown of.
const WINDOW: Variable = Variable { name: "window", label: "Window", values: "1h,5m,1d" };
