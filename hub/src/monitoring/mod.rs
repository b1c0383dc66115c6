//! What operations look at and are woken by: Grafana dashboards, Prometheus alerts, and the files around them.
//!
//! Everything is described once, in Rust, and written by `hub dashboards export` and `hub alerts export`; the files in
//! `deploy/` are what these commands write. A query here names only metrics that `/metrics` has from the start: a test
//! runs each of them on a real Prometheus beside a demo.

mod alert;
mod board;
mod boards;
mod files;
mod panel;
mod rules;

pub use alert::{ALERTS, Alert};
pub use board::{Board, Variable};
pub use boards::BOARDS;
pub use files::{alert_files, dashboard_files};
pub use panel::{Kind, Panel, Unit};
