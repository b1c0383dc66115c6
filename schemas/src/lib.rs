//! The vocabulary of the hub: typed events, their Avro schemas, and the readers that bring TM
//! Forum JSON of several versions to one canonical form. It does no I/O and reads no clock.
//!
//! An event comes in as TMF JSON, is read into its canonical form, and travels as a frame:
//!
//! ```
//! use schemas::{Family, OrderEvent, OrderState, Timestamp, decode, tmf};
//!
//! let sent = br#"{
//!     "eventId": "e-1",
//!     "eventType": "productOrderStateChangeEvent",
//!     "eventTime": "2026-01-31T09:30:00Z",
//!     "timeOcurred": "2026-01-31T09:29:00Z",
//!     "event": {"productOrder": {"id": "o-1", "state": "inProgress "}}
//! }"#;
//! let event = tmf::read(sent, None, Timestamp(1_770_000_000_000))?;
//! assert_eq!(event.family(), Family::Order);
//! assert_eq!(event.key(), "o-1");
//!
//! let frame = event.encode();
//! let read: OrderEvent = decode(&frame)?;
//! assert_eq!(read.order.state, Some(OrderState::InProgress));
//! assert_eq!(read.envelope.occurred_at.to_string(), "2026-01-31T09:29:00Z");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In reading order:
//!
//! - what all events share: [`Envelope`], [`Family`], [`Timestamp`], [`Money`], [`Extra`];
//! - the families' events: [`OrderEvent`], [`FlowEvent`], [`TicketEvent`], [`AccountEvent`],
//!   [`CustomerEvent`], [`CatalogEvent`], [`PartnerEvent`];
//! - what the hub publishes: [`LifecycleFact`], [`BillingRecord`], [`FloworxCommand`],
//!   [`PartnerDelivery`], [`DeliveryOutcome`], [`SlaState`], [`SlaViolation`], [`SlaEscalation`], [`SlaDegradation`], [`KpiWindow`], [`Scorecard`], [`BurnRate`], [`SlaPrediction`], [`DeadLetter`];
//! - bytes: [`encode`], [`decode`], [`to_json`] and the [`registry`] of schema ids;
//! - the door: [`guard`] against card data, [`tmf`] readers, and the stable [`Code`] of each fault.

mod account;
mod code;
mod codec;
mod degradation;
mod envelope;
mod escalation;
mod extra;
mod family;
mod flow;
pub mod guard;
mod json;
mod kpi;
mod order;
mod output;
mod prediction;
mod reference;
pub mod registry;
mod scorecard;
mod ticket;
mod timestamp;
pub mod tmf;

pub use account::*;
pub use code::Code;
pub use codec::{DecodeError, Schema, decode, encode, encode_into, schema_id, to_json, with_schema_id};
pub use degradation::*;
pub use envelope::*;
pub use escalation::*;
pub use extra::Extra;
pub use family::*;
pub use flow::*;
pub use kpi::*;
pub use order::*;
pub use output::*;
pub use prediction::*;
pub use reference::*;
pub use scorecard::*;
pub use ticket::*;
pub use timestamp::*;
