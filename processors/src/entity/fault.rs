//! Faults of the entity processors, with the codes that `schemas` gives them.

use schemas::{Code, DecodeError};
use topology::{Fate, Fault};

/// The record goes to quarantine.
pub fn quarantine(code: Code, detail: impl Into<String>) -> Fault {
    Fault::new(Fate::Quarantine, code.number(), code.name(), detail)
}

/// The record becomes a dead letter.
pub fn dead_letter(code: Code, detail: impl Into<String>) -> Fault {
    Fault::new(Fate::DeadLetter, code.number(), code.name(), detail)
}

/// The bytes of a record of a canonical topic make no sense.
pub fn undecodable(error: &DecodeError) -> Fault {
    dead_letter(error.code(), error.to_string())
}

/// What the hub itself wrote makes no sense.
pub fn corrupt(what: &str) -> Fault {
    let code = Code::InvariantBroken;
    Fault::new(Fate::Stop, code.number(), code.name(), format!("{what} cannot be read back"))
}

/// A step that the state machine does not have. Names of states are no personal data.
pub fn illegal_transition(from: &str, to: &str) -> Fault {
    quarantine(
        Code::IllegalTransition,
        format!("illegal_transition({from},{to}): no earlier event that leads there has come"),
    )
}
