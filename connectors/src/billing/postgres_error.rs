//! What an error of PostgreSQL means for the batch.

use tokio_postgres::{Error, error::SqlState};

use super::database::DatabaseError;

/// Sorts an error by its SQLSTATE class. The server's message may quote values in its detail, so
/// only the state and the primary message without values are kept.
pub(super) fn classify(error: &Error) -> DatabaseError {
    let Some(state) = error.code() else {
        // No answer of the server: the connection broke, or was never made.
        return DatabaseError::Retry(format!("the billing database cannot be reached: {}", without_values(error)));
    };
    let text = format!("the billing database answered SQLSTATE {}", state.code());
    match fate(state.code()) {
        Fate::Retry => DatabaseError::Retry(text),
        Fate::Refused => DatabaseError::Refused(text),
        Fate::Stop => DatabaseError::Stop(text),
    }
}

/// Whether the server says that this connection is of no more use.
pub(super) fn is_disconnected(error: &Error) -> bool {
    error.is_closed()
        || error.code().is_none()
        || error.code().is_some_and(|state| {
            *state == SqlState::ADMIN_SHUTDOWN
                || *state == SqlState::CRASH_SHUTDOWN
                || *state == SqlState::CANNOT_CONNECT_NOW
        })
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Retry,
    Refused,
    Stop,
}

fn fate(state: &str) -> Fate {
    match state.get(..2).unwrap_or_default() {
        // Data that cannot be stored, constraints that it breaks.
        "22" | "23" => Fate::Refused,
        // Login, missing database, missing table or right, wrong protocol or feature.
        "0A" | "28" | "3D" | "3F" | "42" | "F0" => Fate::Stop,
        // Connections, rollbacks, resources, operators: these pass. So may what is unknown.
        _ => Fate::Retry,
    }
}

/// The error of the client side, which knows no values: its kind, and what the system said.
fn without_values(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_fate_of_their_class() {
        for (state, wanted) in [
            ("22021", Fate::Refused),
            ("22003", Fate::Refused),
            ("23514", Fate::Refused),
            ("28P01", Fate::Stop),
            ("3D000", Fate::Stop),
            ("42P01", Fate::Stop),
            ("42501", Fate::Stop),
            ("08006", Fate::Retry),
            ("40001", Fate::Retry),
            ("40P01", Fate::Retry),
            ("53100", Fate::Retry),
            ("53300", Fate::Retry),
            ("57P01", Fate::Retry),
            ("57P03", Fate::Retry),
            ("25006", Fate::Retry),
            ("XX000", Fate::Retry),
        ] {
            assert_eq!(fate(state), wanted, "{state}");
        }
    }
}
