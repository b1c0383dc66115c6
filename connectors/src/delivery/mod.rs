//! The pure parts of delivering to an outside system: what an answer means, when to try again,
//! when to leave the system alone. No sockets and no clocks here, except in [`http`].

mod answer;
mod breaker;
pub mod http;
mod retry;
mod retry_after;

pub use answer::{Answer, Cause, Reply, classify_status};
pub use breaker::{BreakerSettings, BreakerState, CircuitBreaker, Permit};
pub use retry::{Attempts, Next, RetryPolicy};
pub use retry_after::parse_retry_after;
