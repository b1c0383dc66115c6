//! HTTP ingest: takes events in and answers 202 only once they are durable, with their position.
//!
//! ```text
//! request -> auth -> rate -> body (size, time) -> Intake::admit -> committer's queue -> 202
//!               \ 401,403  \ 429   \ 408,413,415      \ 4xx               \ 503 when full
//! ```
//!
//! The server knows no processor: what an event is, and which topic it goes to, is the business of
//! an [`Intake`]. Concurrent requests share one transaction of the log ([`Committer`]).

#![allow(clippy::result_large_err, reason = "a problem is made once per refused request, never on the way of an event")]

mod answer;
mod auth;
mod batch;
mod committer;
mod committing;
mod elsewhere;
mod event;
mod health;
mod intake;
mod ledger;
mod news;
mod problem;
mod rate;
mod serve;
mod server;
mod sla;

#[cfg(test)]
mod tests;

pub use auth::{Credentials, Role};
pub use committer::{Committer, CommitterSettings};
pub use health::{NotTold, PartStatus, Status};
pub use intake::{Admitted, Intake, Refusal};
pub use ledger::{IngestCounts, IngestLedger};
pub use problem::ProblemCode;
pub use server::{Limits, Server, ServerSettings};
pub use sla::SlaQuestion;
