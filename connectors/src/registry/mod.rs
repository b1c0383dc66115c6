//! A schema registry with the Confluent API: which schemas its subjects hold, and which ids frames on Kafka carry.
//!
//! ```text
//!  frame in memory:  0 | id of the table    | datum        frame on a topic:  0 | id of the registry | datum
//!                         \______________ SchemaIds, at the edge of the log ______________/
//! ```
//!
//! The six calls that are needed are made with the HTTP client that is here anyway. A ready-made client would bring
//! a second decoder and a cache in which a fault of the network and an unknown id look alike, which have different
//! fates here: the one is waited for, the other is a dead letter.

mod client;
mod error;
mod ids;
mod plan;

pub(crate) use client::cause;
pub use client::{Compatibility, Credential, Registered, RegistryClient, RegistrySettings};
pub use error::RegistryError;
pub use ids::SchemaIds;
pub use plan::{SubjectPlan, SubjectStep, subject_of};
