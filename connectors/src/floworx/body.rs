//! The body of TMF701 `ProcessFlow_Create`.

use schemas::FloworxCommand;
use serde_json::{Value, json};

/// The request that starts a command's process flow. The route's fields go along as one
/// characteristic with an object for its value.
pub fn process_flow_create(command: &FloworxCommand) -> Value {
    let mut characteristics = vec![characteristic("productOrderId", &command.order_id)];
    characteristics.extend(command.category.as_ref().map(|category| characteristic("category", category)));
    characteristics.extend(command.priority.as_ref().map(|priority| characteristic("priority", priority)));
    if let Ok(fields @ Value::Object(_)) = serde_json::from_str::<Value>(&command.payload) {
        characteristics.push(json!({ "name": "productOrder", "valueType": "object", "value": fields }));
    }
    json!({
        "@type": "ProcessFlow",
        "processFlowSpecification": command.specification,
        "characteristic": characteristics,
        "relatedEntity": [{
            "id": command.order_id,
            "role": "ProductOrder",
            "@type": "RelatedEntity",
            "@referredType": "ProductOrder",
        }],
    })
}

fn characteristic(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueType": "string", "value": value })
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;

    use super::*;

    #[test]
    fn names_the_order_three_times_over_and_leaves_absent_fields_out() {
        let command = FloworxCommand {
            delivery_id: "order:7#1/fulfil".to_owned(),
            route: "fulfil".to_owned(),
            order_id: "7".to_owned(),
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
}
