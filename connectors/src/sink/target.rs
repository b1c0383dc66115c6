//! What a sink asks of an outside system that takes one record at a time.

use schemas::{DecodeError, DeliveryOutcome, DeliveryResult, Family, Timestamp};

use super::settings::TargetSettings;
use crate::delivery::Reply;

/// An outside system, or a family of them, that takes records one by one.
///
/// The runner decodes each record once, finds its target, waits for the record before it that has
/// the same order key, and calls [`deliver`](Self::deliver) until the answer is final or a limit is
/// reached. All methods may be called from several threads at once.
pub trait Target: Send + Sync + 'static {
    /// The record of the topic.
    type Record: Send + Sync + 'static;

    /// The sink's name: its consumer group is `sink.<name>`.
    fn name(&self) -> &'static str;

    /// The targets that exist, asked once at start. Their positions are their numbers.
    fn targets(&self) -> Vec<TargetSettings>;

    /// Reads a record.
    ///
    /// # Errors
    /// When the bytes are no such record: it ends as a dead letter.
    fn decode(&self, value: &[u8]) -> Result<Self::Record, DecodeError>;

    /// The number of the record's target among [`targets`](Self::targets); `None` when there is no
    /// such target, and the record ends as a dead letter `delivery_bad_target`.
    fn target(&self, record: &Self::Record) -> Option<usize>;

    /// The name of the record's target, even of one that does not exist.
    fn target_name(&self, record: &Self::Record) -> String;

    /// Records of one target with an equal key are delivered one after the other, in the order of
    /// the topic.
    fn order_key(&self, record: &Self::Record) -> String;

    /// What the record is about.
    fn subject<'a>(&self, record: &'a Self::Record) -> Subject<'a>;

    /// Makes one attempt (`attempt` counts from 1) within a time-out of its own.
    fn deliver(&self, record: &Self::Record, attempt: u32) -> impl Future<Output = Reply> + Send;
}

/// What a delivery is about, for its outcome.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The idempotency key.
    pub delivery_id: &'a str,
    /// The route that asked for it.
    pub route: &'a str,
    /// The entity's family.
    pub family: Family,
    /// The kind within the family.
    pub entity_kind: &'a str,
    /// The entity's id.
    pub entity_id: &'a str,
    /// When the cause happened.
    pub occurred_at: Timestamp,
    /// When the hub took the cause in.
    pub ingested_at: Timestamp,
}

impl Subject<'_> {
    /// An outcome about this subject, without failure and without a reference yet.
    pub(super) fn outcome(
        &self,
        target: &str,
        result: DeliveryResult,
        attempts: u32,
        finished_at: Timestamp,
    ) -> DeliveryOutcome {
        DeliveryOutcome {
            delivery_id: self.delivery_id.to_owned(),
            target: target.to_owned(),
            route: self.route.to_owned(),
            family: self.family,
            entity_kind: self.entity_kind.to_owned(),
            entity_id: self.entity_id.to_owned(),
            result,
            attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
            error_code: None,
            http_status: None,
            external_ref: None,
            occurred_at: self.occurred_at,
            ingested_at: self.ingested_at,
            finished_at,
        }
    }
}
