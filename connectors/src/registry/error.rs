//! Why a registry did not do as asked.

use thiserror::Error;

/// See the module. No text repeats a credential.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// It cannot be reached, or is in trouble: it may recover.
    #[error("the schema registry at {url} does not answer: {why}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What happened.
        why: String,
    },
    /// It does not let this process do it.
    #[error("the schema registry at {url} does not accept the credential (status {status})")]
    Denied {
        /// Its address.
        url: String,
        /// What it answered.
        status: u16,
    },
    /// It refused a schema, or the request.
    #[error("the schema registry refuses {what}: {why} (status {status})")]
    Refused {
        /// What was asked.
        what: String,
        /// Its sentence.
        why: String,
        /// What it answered.
        status: u16,
    },
}

impl RegistryError {
    /// Whether the same question may be answered later.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
