//! The topic between those who measure and the one who adds up.
//!
//! Its records are the hub's own: MessagePack, keyed by the KPI, so that one task sees all of a KPI
//! and can tell its largest values from the rest.

use bytes::Bytes;
use schemas::Timestamp;
use topology::{Context, Fault, SinkHandle, decode_value, encode_value};

use super::catalog::Kpi;
use super::told::Change;

/// The topic.
pub const CHANGE_TOPIC: &str = "hub.kpi.change";

/// Sends changes, one record for each KPI, at the time that the partition has come to.
///
/// # Errors
/// `Stop` when one cannot be written.
pub(super) fn send(
    context: &mut Context<'_>,
    sink: SinkHandle,
    mut changes: Vec<(Kpi, Change)>,
    time: i64,
) -> Result<(), Fault> {
    changes.sort_by_key(|(kpi, _)| *kpi);
    for of_one in changes.chunk_by(|one, other| one.0 == other.0) {
        let kpi = of_one[0].0;
        let list: Vec<&Change> = of_one.iter().map(|(_, change)| change).collect();
        let key = Bytes::from_static(kpi.name().as_bytes());
        context.send_at(sink, Some(key), Some(encode_value(&list)?), Timestamp(time));
    }
    Ok(())
}

/// The changes of a record.
///
/// # Errors
/// `Stop`: only the hub writes them.
pub(crate) fn receive(value: &[u8]) -> Result<Vec<Change>, Fault> {
    decode_value(value)
}
