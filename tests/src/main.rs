//! The scenarios across crates: the real binary, real servers, and the shape of the code.

#![allow(clippy::float_cmp, reason = "counts on a metrics page are whole numbers")]

mod checkpoint;
mod cli;
mod conformance;
mod dead_letters;
mod demo;
mod http_ingest;
mod kafka_away;
mod kafka_conditions;
mod kafka_exactly_once;
mod kafka_hanging;
mod kafka_hub;
mod kafka_lost_ends;
mod kafka_missing;
mod kafka_resting;
mod kafka_retention;
mod kafka_security;
mod kafka_standby;
mod kafka_tokens;
mod kpi;
mod monitoring;
mod official;
mod postgres;
mod restart;
mod routes;
mod schema_registry;
mod scorecards;
mod sla_restart;
mod sla_rules;
mod support;
mod targets;
mod tidy;
mod topics;
