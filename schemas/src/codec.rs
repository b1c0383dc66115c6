//! Records as bytes: Confluent wire framing around an Avro datum.
//!
//! A frame is the magic byte 0, the schema's id as a big-endian `u32`, and the datum. The id names
//! the *writer's* schema; what a newer record type has more is filled from its defaults.

use serde::{Serialize, de::DeserializeOwned};
use serde_avro_fast::ser::SerializerConfig;
use thiserror::Error;

use crate::{
    AccountEvent, BillingRecord, BurnRate, CatalogEvent, CustomerEvent, DeadLetter, DeliveryOutcome, FlowEvent,
    FloworxCommand, KpiWindow, LifecycleFact, OrderEvent, PartnerDelivery, PartnerEvent, Scorecard, SlaDegradation,
    SlaEscalation, SlaPrediction, SlaState, SlaViolation, TicketEvent, code::Code, registry,
};

/// The first byte of every frame.
const MAGIC: u8 = 0;
/// Magic byte and schema id.
const HEADER_BYTES: usize = 5;
/// Most records fit, so most frames need one allocation.
const FRAME_BYTES_GUESS: usize = 512;

/// A record with an Avro schema of its own in the table [`registry::SCHEMAS`].
pub trait Schema: Serialize + DeserializeOwned {
    /// The record's name in its Avro schema.
    const NAME: &'static str;
    /// The id of the schema that this record is written with.
    const ID: u32;
}

macro_rules! schemas {
    ($($id:literal $record:ident),+ $(,)?) => {
        $(impl Schema for $record {
            const NAME: &'static str = stringify!($record);
            const ID: u32 = $id;
        })+
    };
}

schemas! {
    1 OrderEvent,
    2 FlowEvent,
    3 TicketEvent,
    4 AccountEvent,
    5 CustomerEvent,
    6 CatalogEvent,
    7 PartnerEvent,
    25 LifecycleFact,
    9 BillingRecord,
    22 FloworxCommand,
    11 PartnerDelivery,
    12 DeliveryOutcome,
    20 SlaDegradation,
    23 SlaState,
    15 DeadLetter,
    17 SlaViolation,
    18 KpiWindow,
    19 BurnRate,
    21 SlaPrediction,
    24 Scorecard,
    26 SlaEscalation,
}

/// Why a frame could not be read. None of them can be helped by trying again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Shorter than a frame's header, or another magic byte.
    #[error("not a framed record: no magic byte 0 and schema id at its start")]
    NotFramed,
    /// The id is not in the table.
    #[error("schema id {} is not known", .0 & !registry::FOREIGN)]
    UnknownSchema(u32),
    /// The id belongs to another record.
    #[error("schema id {id} is {found}, not {wanted}")]
    WrongSchema {
        /// The frame's schema id.
        id: u32,
        /// The record that the id stands for.
        found: &'static str,
        /// The record that was asked for.
        wanted: &'static str,
    },
    /// The datum does not follow its schema. Without the cause's text, which may quote the record.
    #[error("the bytes of this {0} do not follow its Avro schema")]
    BadDatum(&'static str),
}

impl DecodeError {
    /// The stable code of this fault.
    pub const fn code(&self) -> Code {
        match self {
            Self::UnknownSchema(_) | Self::WrongSchema { .. } => Code::UnknownSchemaId,
            Self::NotFramed | Self::BadDatum(_) => Code::BadAvro,
        }
    }
}

/// The record as a frame.
pub fn encode<T: Schema>(record: &T) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_BYTES_GUESS);
    encode_into(record, &mut frame);
    frame
}

/// Appends the record's frame to `frame`, which a caller may keep and reuse.
pub fn encode_into<T: Schema>(record: &T, frame: &mut Vec<u8>) {
    let schema = registry::compiled(T::ID).expect("every record's id is in the table: a test checks each");
    frame.push(MAGIC);
    frame.extend_from_slice(&T::ID.to_be_bytes());
    // Fields are declared in the schema's order, so the serializer buffers nothing and a
    // configuration of its own costs nothing.
    let mut config = SerializerConfig::new(schema);
    serde_avro_fast::to_datum(record, frame, &mut config)
        .expect("records follow their own schema: a test encodes a full and a minimal one of each");
}

/// The record in a frame, read by the schema that it was written with.
///
/// # Errors
///
/// See [`DecodeError`].
pub fn decode<T: Schema>(frame: &[u8]) -> Result<T, DecodeError> {
    let (id, datum) = split(frame)?;
    let (name, schema) = registry::writer(id).ok_or(DecodeError::UnknownSchema(id))?;
    if name != T::NAME {
        return Err(DecodeError::WrongSchema { id, found: name, wanted: T::NAME });
    }
    read_datum(datum, name, schema)
}

/// Any known frame as JSON, for tools that print records. Instants are milliseconds, as on the wire.
///
/// # Errors
///
/// See [`DecodeError`].
pub fn to_json(frame: &[u8]) -> Result<serde_json::Value, DecodeError> {
    let (id, datum) = split(frame)?;
    let (name, schema) = registry::writer(id).ok_or(DecodeError::UnknownSchema(id))?;
    read_datum(datum, name, schema)
}

/// The id of the schema that a frame was written with.
///
/// # Errors
///
/// [`DecodeError::NotFramed`].
pub fn schema_id(frame: &[u8]) -> Result<u32, DecodeError> {
    split(frame).map(|(id, _)| id)
}

/// The frame with another schema id before the same datum; what is no frame stays as it is.
pub fn with_schema_id(frame: &[u8], id: u32) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some([MAGIC, place @ ..]) = frame.first_chunk_mut::<HEADER_BYTES>() {
        *place = id.to_be_bytes();
    }
    frame
}

fn split(frame: &[u8]) -> Result<(u32, &[u8]), DecodeError> {
    match frame.split_first_chunk::<HEADER_BYTES>() {
        Some(([MAGIC, id @ ..], datum)) => Ok((u32::from_be_bytes(*id), datum)),
        _ => Err(DecodeError::NotFramed),
    }
}

fn read_datum<T: DeserializeOwned>(
    datum: &[u8],
    name: &'static str,
    schema: &'static serde_avro_fast::Schema,
) -> Result<T, DecodeError> {
    serde_avro_fast::from_datum_slice(datum, schema).map_err(|_| DecodeError::BadDatum(name))
}

#[cfg(test)]
mod tests;
