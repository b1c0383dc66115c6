//! What a request that was taken in is told.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use topology::{Offset, TopicPartition};

/// Where an event is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) offset: i64,
}

impl Place {
    pub(super) fn new((partition, offset): &(TopicPartition, Offset)) -> Self {
        Self { topic: partition.topic.to_string(), partition: partition.partition, offset: offset.0 }
    }
}

/// The answer to one event.
pub(super) fn accepted(place: &(TopicPartition, Offset)) -> Response {
    let place = Place::new(place);
    let position = format!("{}/{}/{}", place.topic, place.partition, place.offset);
    let mut response =
        (StatusCode::ACCEPTED, Json(serde_json::json!({ "accepted": 1, "position": place }))).into_response();
    if let Ok(value) = HeaderValue::from_str(&position) {
        response.headers_mut().insert("x-hub-position", value);
    }
    response
}

/// The newest position that a batch reached in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reached {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) first_offset: i64,
    pub(super) last_offset: i64,
    pub(super) records: u64,
}

/// A line of a batch that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct BadLine {
    pub(super) line: u64,
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
}
