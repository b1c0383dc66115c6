//! The body of TMF701 `ProcessFlow_Create`.

use schemas::FloworxCommand;
use serde_json::{Value, json};

/// The request that starts a command's process flow. The route's fields go along as one
/// characteristic with an object for its value.
pub fn process_flow_create(command: &FloworxCommand) -> Value {
    let (referred, name) = referred(&command.entity_kind);
    let mut characteristics = vec![characteristic(&format!("{name}Id"), &command.entity_id)];
    characteristics.extend(command.category.as_ref().map(|category| characteristic("category", category)));
    characteristics.extend(command.priority.as_ref().map(|priority| characteristic("priority", priority)));
    if let Ok(fields @ Value::Object(_)) = serde_json::from_str::<Value>(&command.payload) {
        // What the hub found is no part of the entity.
        let name = if command.cause == "fact" { name } else { command.cause.as_str() };
        characteristics.push(json!({ "name": name, "valueType": "object", "value": fields }));
    }
    json!({
        "@type": "ProcessFlow",
        "processFlowSpecification": command.specification,
        "characteristic": characteristics,
        "relatedEntity": [{
            "id": command.entity_id,
            "role": referred,
            "@type": "RelatedEntity",
            "@referredType": referred,
        }],
    })
}

/// What TM Forum calls a kind of entity: the resource, and a characteristic that holds one.
fn referred(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "order" => ("ProductOrder", "productOrder"),
        "ticket" => ("TroubleTicket", "troubleTicket"),
        "payment" => ("Payment", "payment"),
        "refund" => ("Refund", "refund"),
        "bill" => ("CustomerBill", "customerBill"),
        "billing_account" => ("BillingAccount", "billingAccount"),
        "customer" => ("Customer", "customer"),
        "offering" => ("ProductOffering", "productOffering"),
        "partner" => ("PartyRole", "partyRole"),
        _ => ("Entity", "entity"),
    }
}

fn characteristic(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueType": "string", "value": value })
}

#[cfg(test)]
mod tests {
    use schemas::{Family, Timestamp};

    use super::*;

    #[test]
    fn names_the_order_three_times_over_and_leaves_absent_fields_out() {
        let command = FloworxCommand {
            delivery_id: "order:7#1/fulfil".to_owned(),
            route: "fulfil".to_owned(),
            entity_id: "7".to_owned(),
            entity_kind: "order".to_owned(),
            family: Family::Order,
            cause: "fact".to_owned(),
            specification: "orderFulfilment".to_owned(),
            category: None,
            priority: Some("1".to_owned()),
            occurred_at: Timestamp(1),
            ingested_at: Timestamp(2),
            payload: r#"{"state":"acknowledged"}"#.to_owned(),
        };
        assert_eq!(
            process_flow_create(&command),
            json!({
                "@type": "ProcessFlow",
                "processFlowSpecification": "orderFulfilment",
                "characteristic": [
                    { "name": "productOrderId", "valueType": "string", "value": "7" },
                    { "name": "priority", "valueType": "string", "value": "1" },
                    { "name": "productOrder", "valueType": "object", "value": { "state": "acknowledged" } },
                ],
                "relatedEntity": [{
                    "id": "7", "role": "ProductOrder", "@type": "RelatedEntity", "@referredType": "ProductOrder",
                }],
            })
        );
    }
    #[test]
    fn names_whatever_a_violation_is_of() {
        let command = FloworxCommand {
            delivery_id: "repair|ticket:9|1:credit".to_owned(),
            route: "credit".to_owned(),
            entity_id: "9".to_owned(),
            entity_kind: "ticket".to_owned(),
            family: Family::Ticket,
            cause: "violation".to_owned(),
            specification: "slaViolation".to_owned(),
            category: None,
            priority: None,
            occurred_at: Timestamp(1),
            ingested_at: Timestamp(2),
            payload: r#"{"sla":{"objective":"repair"}}"#.to_owned(),
        };
        let body = process_flow_create(&command);
        assert_eq!(body["relatedEntity"][0]["@referredType"], "TroubleTicket");
        let ticket = json!({ "name": "troubleTicketId", "valueType": "string", "value": "9" });
        let found =
            json!({ "name": "violation", "valueType": "object", "value": { "sla": { "objective": "repair" } } });
        assert_eq!(body["characteristic"], json!([ticket, found]));
    }
}
