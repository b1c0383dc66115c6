//! The domain: what an event does to its entity ([`entity`]), where changes go ([`route`]), how much
//! of its time an entity has used ([`sla`]) and how likely that is too much ([`predict`]), what all of them together come to
//! ([`kpi`], [`burn`]), how well partners do ([`score`]), and the plan that joins them ([`topology`]).
//!
//! Every processor is a pure decision on the runtime: records, state and time come in, records and
//! state go out. Nothing here reads a clock or touches the outside.

pub mod burn;
pub mod entity;
mod fnv;
pub mod kpi;
pub mod predict;
pub mod route;
pub mod score;
pub mod sla;
pub mod topology;
