//! Partners, told by signed webhooks (Standard Webhooks). The notification endpoint is a partner
//! too: its topic is another one, its records are the same.

mod endpoint;
mod signature;

use std::{collections::HashMap, time::Duration};

use reqwest::{Client, Url, header::CONTENT_TYPE};
use schemas::{DecodeError, PartnerDelivery};
use serde::Serialize;
use serde_json::value::RawValue;

pub use endpoint::PartnerEndpoint;
pub use signature::{Secret, signatures};

use crate::{
    delivery::{Reply, http},
    sink::{Subject, Target, TargetSettings},
};

/// What a delivery to a partner is about.
pub(crate) fn subject(delivery: &PartnerDelivery) -> Subject<'_> {
    Subject {
        delivery_id: &delivery.delivery_id,
        route: &delivery.route,
        family: delivery.family,
        entity_kind: &delivery.entity_kind,
        entity_id: &delivery.entity_id,
        occurred_at: delivery.occurred_at,
        ingested_at: delivery.ingested_at,
    }
}

/// The target of `out.partner` (and of `out.notification`).
#[derive(Debug)]
pub struct Partners {
    name: &'static str,
    client: Client,
    known: Vec<Partner>,
    by_id: HashMap<String, usize>,
}

#[derive(Debug)]
struct Partner {
    endpoint: PartnerEndpoint,
    url: Url,
    secrets: Vec<Secret>,
}

/// The body of a webhook.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: String,
    data: &'a RawValue,
}

impl Partners {
    /// The sink `partner` for these endpoints.
    ///
    /// # Errors
    /// Every fault of the endpoints, a sentence each.
    pub fn new(client: Client, endpoints: Vec<PartnerEndpoint>) -> Result<Self, Vec<String>> {
        Self::named("partner", client, endpoints)
    }

    /// The sink `notification` for its one endpoint.
    ///
    /// # Errors
    /// Every fault of the endpoint, a sentence each.
    pub fn notification(client: Client, endpoint: PartnerEndpoint) -> Result<Self, Vec<String>> {
        Self::named("notification", client, vec![endpoint])
    }

    fn named(name: &'static str, client: Client, endpoints: Vec<PartnerEndpoint>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut partners = Vec::new();
        let mut by_id = HashMap::new();
        for endpoint in endpoints {
            if by_id.insert(endpoint.id.clone(), partners.len()).is_some() {
                faults.push(format!("partner {} is configured twice", endpoint.id));
            }
            match endpoint.check() {
                Ok((url, secrets)) => partners.push(Partner { endpoint, url, secrets }),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self { name, client, known: partners, by_id }) } else { Err(faults) }
    }
}

impl Target for Partners {
    type Record = PartnerDelivery;

    fn name(&self) -> &'static str {
        self.name
    }

    fn targets(&self) -> Vec<TargetSettings> {
        let settings = |Partner { endpoint, .. }: &Partner| TargetSettings {
            name: format!("{}:{}", self.name, endpoint.id),
            concurrency: endpoint.concurrency,
            retry: endpoint.retry,
            breaker: endpoint.breaker,
        };
        self.known.iter().map(settings).collect()
    }

    fn decode(&self, value: &[u8]) -> Result<PartnerDelivery, DecodeError> {
        schemas::decode(value)
    }

    fn target(&self, delivery: &PartnerDelivery) -> Option<usize> {
        self.by_id.get(&delivery.partner_id).copied()
    }

    fn target_name(&self, delivery: &PartnerDelivery) -> String {
        format!("{}:{}", self.name, delivery.partner_id)
    }

    fn order_key(&self, delivery: &PartnerDelivery) -> String {
        format!("{}:{}", delivery.entity_kind, delivery.entity_id)
    }

    fn subject<'a>(&self, delivery: &'a PartnerDelivery) -> Subject<'a> {
        subject(delivery)
    }

    async fn deliver(&self, delivery: &PartnerDelivery, _: u32) -> Reply {
        let Some(partner) = self.target(delivery).map(|number| &self.known[number]) else {
            // The runner asks `target` first; a record without one never comes here.
            return Reply::from_status(404, None);
        };
        let body = body(delivery);
        // The time of this attempt, not of the event: receivers refuse old signatures.
        let sent_at = http::wall_clock().as_millis() / 1_000;
        let id = http::header_id(&delivery.delivery_id);
        let request = self
            .client
            .post(partner.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id.as_ref())
            .header("webhook-timestamp", sent_at)
            .header("webhook-signature", signatures(&partner.secrets, &id, sent_at, &body))
            .body(body);
        http::send(request, Duration::from_millis(partner.endpoint.timeout_ms)).await.0
    }
}

fn body(delivery: &PartnerDelivery) -> Vec<u8> {
    // The payload was written by the hub as an object; should it ever not be, the partner gets none
    // of it rather than a broken body.
    let data = serde_json::from_str(&delivery.payload).unwrap_or(RawValue::NULL);
    let body = Body { r#type: &delivery.event_type, timestamp: delivery.occurred_at.to_string(), data };
    serde_json::to_vec(&body).expect("strings and checked JSON only")
}
