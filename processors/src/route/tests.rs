//! Routes from specification to record.

use schemas::{
    Family, LifecycleFact, Money, Order, OrderItem, OrderState, SlaViolation, Ticket, TicketState, Timestamp,
};

use super::RouteCode::*;
use super::*;

fn fact(family: Family, change: &str, to_state: Option<&str>) -> LifecycleFact {
    LifecycleFact {
        fact_id: format!("{}:7#2", family.name()),
        family,
        entity_kind: family.name().to_owned(),
        entity_id: "7".into(),
        version: 2,
        event_type: "ProductOrderStateChangeEvent".into(),
        change: change.into(),
        from_state: Some("inProgress".into()),
        to_state: to_state.map(str::to_owned),
        occurred_at: Timestamp(5_400_000),
        ingested_at: Timestamp(5_400_100),
        created_at: Some(Timestamp(0)),
        due_at: None,
        customer_id: Some("C1".into()),
        customer_class: Some("gold".into()),
        account_id: None,
        partner_ids: vec!["P1".into(), "P2".into(), "P1".into()],
        class: None,
        category: Some("B2C".into()),
        priority: None,
        circle: None,
        channel: None,
        flags: vec![],
        order_id: None,
    }
}

fn order() -> Order {
    let item = |id: &str, partner: Option<&str>| OrderItem {
        id: id.into(),
        offering_id: Some(format!("O{id}")),
        partner_id: partner.map(str::to_owned),
        price: Some(Money { currency: "INR".into(), micros: 499_500_000 }),
        ..OrderItem::default()
    };
    Order {
        id: "7".into(),
        state: Some(OrderState::Completed),
        priority: Some("1".into()),
        external_id: Some("say \"hi\"\n".into()),
        total_price: Some(Money { currency: "INR".into(), micros: 999_000_000 }),
        items: vec![item("a", Some("P1")), item("b", Some("P2")), item("c", None)],
        completion_date: Some(Timestamp(0)),
        ..Order::default()
    }
}

fn holds(text: &str) -> bool {
    let (fact, order) = (fact(Family::Order, "state_changed", Some("completed")), order());
    let condition = Condition::compile(text, RouteFamily::Order).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    condition.holds(&Subject { fact: &fact, entity: EntityView::Order(&order) })
}

fn faults(text: &str) -> Vec<condition::ConditionFault> {
    Condition::compile(text, RouteFamily::Order).expect_err(text)
}

#[test]
fn conditions_that_hold() {
    for text in [
        "",
        "true",
        r#"order.state in ["completed", "partial"] and order.total_price.currency == "INR""#,
        "order.state == 'completed'",
        r#""completed" == order.state"#,
        "order.total_price.amount == 999",
        "order.total_price.amount > 998.999999 and 999 >= order.total_price.amount",
        "order.total_price.amount <= 999 and not order.total_price.amount < 999",
        "exists order.items and not exists order.milestones and not exists order.circle",
        r#"partner.ids contains "P2" and "P1" in partner.ids"#,
        r#"order.offering_ids contains "Ob""#,
        r#"order.circle != "KA" and order.circle not in ["KA"] and order.circle == null"#,
        "order.category == null and fact.category != null",
        "fact.age == 1h30m and fact.age > 90s and fact.version == 2",
        r#"order.completion_date == "1970-01-01T00:00:00Z" and event.occurred_at > order.completion_date"#,
        r#"customer.class == "gold" and event.change == "state_changed" and fact.from_state == "inProgress""#,
        "false or (true and not false)",
        r#"order.priority < "2""#,
        r#"not order.state == "held" and not (order.state == "held" or false)"#,
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn conditions_that_do_not_hold() {
    for text in [
        "false",
        r#"order.state == "held""#,
        r#"order.state not in ["completed"]"#,
        r#"order.circle == "KA" or order.circle in ["KA"]"#,
        r#"order.circle < "ZZ" or order.circle >= "A""#,
        r#"partner.ids contains "P9""#,
        "order.requested_completion_date < event.occurred_at",
        "true and false or false",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    assert!(holds("true or true and false"));
    assert!(!holds("(true or true) and false"));
    assert!(!holds("not true or false"));
}

#[test]
fn an_absent_entity_has_no_fields() {
    let fact = fact(Family::Order, "deleted", None);
    let condition = Condition::compile("exists order.id or order.state == \"completed\"", RouteFamily::Order).unwrap();
    assert!(!condition.holds(&Subject { fact: &fact, entity: EntityView::FactOnly }));
}

#[test]
fn faults_have_code_place_and_the_nearest_name() {
    let found = faults("exists order.prioritty");
    assert_eq!(found[0].code, RouteCode::UnknownField);
    assert_eq!(found[0].span, 7..22);
    assert_eq!(found[0].message, r#"tests field "order.prioritty", which order does not have"#);
    assert_eq!(found[0].help.as_deref(), Some(r#"nearest: "order.priority""#));

    let found = faults(r#"order.state in ["completed", "complted"]"#);
    assert_eq!((found[0].code, found[0].span.clone()), (RouteCode::UnknownValue, 29..39));
    assert_eq!(found[0].help.as_deref(), Some(r#"nearest: "completed""#));

    let found = faults("order.priority == 1");
    assert_eq!((found[0].code, found[0].span.clone()), (RouteCode::TypeMismatch, 18..19));
    assert_eq!(found[0].help.as_deref(), Some("put the number in quotes"));
}

#[test]
fn all_faults_of_a_condition_are_named_at_once() {
    let codes: Vec<_> =
        faults(r#"order.x == 1 and (fact.to_state == "dne" or not order.items == "a") and fact.age > 5"#)
            .iter()
            .map(|fault| fault.code)
            .collect();
    assert_eq!(codes, [UnknownField, UnknownValue, TypeMismatch, TypeMismatch]);
}

#[test]
fn what_cannot_be_read_is_refused_where_it_stands() {
    for (text, code, start) in [
        ("order.state ==", RouteCode::Syntax, 14),
        ("(true", RouteCode::Syntax, 5),
        ("true)", RouteCode::Syntax, 4),
        ("true true", RouteCode::Syntax, 5),
        ("order.state in [\"held\"", RouteCode::Syntax, 22),
        ("order.state not [\"held\"]", RouteCode::Syntax, 16),
        ("order.state = \"held\"", RouteCode::Syntax, 12),
        ("order.state", RouteCode::TypeMismatch, 0),
        ("1 == 1", RouteCode::TypeMismatch, 0),
        ("order.state < \"held\"", RouteCode::TypeMismatch, 0),
        ("order.state contains \"held\"", RouteCode::TypeMismatch, 0),
        ("partner.ids contains 1", RouteCode::TypeMismatch, 21),
        ("order.id == order.creation_date", RouteCode::TypeMismatch, 12),
        ("order.creation_date > \"soon\"", RouteCode::TypeMismatch, 22),
        ("order.total_price.amount < null", RouteCode::TypeMismatch, 27),
        ("exists \"x\"", RouteCode::TypeMismatch, 7),
        ("event.change == \"exploded\"", RouteCode::UnknownValue, 16),
    ] {
        let found = faults(text);
        assert_eq!((found[0].code, found[0].span.start), (code, start), "{text}: {found:?}");
    }
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(faults(&deep)[0].code, RouteCode::TooComplex);
    assert_eq!(faults(&" ".repeat(5_000))[0].code, RouteCode::TooComplex);
}

fn spec(target: &str) -> RouteSpec {
    RouteSpec {
        name: "r".into(),
        family: "order".into(),
        when: String::new(),
        target: target.into(),
        partner: None,
        fields: vec!["order.id".into()],
        specification: None,
    }
}

#[test]
fn all_faults_of_all_routes_are_named_at_once() {
    let specs = vec![
        RouteSpec { family: "ordr".into(), ..spec("billling") },
        RouteSpec {
            name: "r".into(),
            fields: vec!["order.id".into(), "order.id".into(), "order.idd".into()],
            ..spec("billing")
        },
        RouteSpec { name: "a:b".into(), ..spec("partner") },
        RouteSpec { name: "f".into(), family: "flow".into(), fields: vec![], ..spec("floworx") },
        RouteSpec { name: "u".into(), partner: Some("P".into()), specification: Some("s".into()), ..spec("billing") },
        RouteSpec { name: "w".into(), when: "order.x == 1 and order.y == 2".into(), ..spec("billing") },
    ];
    let faults = Router::new(specs).unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| (fault.index, fault.code)).collect();
    assert_eq!(
        found,
        [
            (0, UnknownFamily),
            (0, UnknownTarget),
            (1, DuplicateName),
            (1, DuplicateField),
            (1, UnknownField),
            (2, BadName),
            (2, MissingPartner),
            (3, TargetNotForFamily),
            (3, MissingSpecification),
            (4, UnusedSetting),
            (4, UnusedSetting),
            (5, UnknownField),
            (5, UnknownField),
        ]
    );
    assert_eq!(faults[0].help.as_deref(), Some(r#"nearest: "order""#));
    assert_eq!(faults[4].part, RoutePart::Field(2));
    assert_eq!(faults[4].to_string(), r#"route "r" sends field "order.idd", which order does not have"#);
    assert_eq!(faults[11].span, Some(0..7));
}

#[test]
fn codes_are_unique() {
    let mut numbers: Vec<_> = RouteCode::ALL.iter().map(|code| code.number()).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), RouteCode::ALL.len());
}

fn route(specs: Vec<RouteSpec>, fact: &LifecycleFact, entity: EntityView<'_>) -> Vec<Routed> {
    let mut routed = Vec::new();
    Router::new(specs).unwrap().route(&Subject { fact, entity }, &mut routed);
    routed
}

#[test]
fn only_allowed_fields_go_along_nested_and_typed() {
    let fields = [
        "order.total_price.amount",
        "order.id",
        "order.total_price.currency",
        "order.external_id",
        "order.circle",
        "order.completion_date",
        "order.billing_account_id",
        "fact.version",
        "fact.age",
        "partner.ids",
    ];
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    let (fact, order) = (fact(Family::Order, "state_changed", Some("completed")), order());
    let routed = route(vec![RouteSpec { fields, ..spec("billing") }], &fact, EntityView::Order(&order));
    let payload: serde_json::Value = serde_json::from_str(routed[0].payload()).unwrap();
    assert_eq!(
        payload,
        serde_json::json!({
            "order": {
                "total_price": { "amount": 999, "currency": "INR" },
                "id": "7",
                "external_id": "say \"hi\"\n",
                "completion_date": "1970-01-01T00:00:00Z",
            },
            "fact": { "version": 2, "age": 5400 },
            "partner": { "ids": ["P1", "P2", "P1"] },
        })
    );
}

#[test]
fn a_payload_of_absent_fields_is_an_empty_object() {
    let (fact, order) = (fact(Family::Order, "state_changed", Some("completed")), Order::default());
    let fields = vec!["order.circle".into(), "order.total_price.amount".into()];
    let routed = route(vec![RouteSpec { fields, ..spec("billing") }], &fact, EntityView::Order(&order));
    assert_eq!(routed[0].payload(), "{}");
}

#[test]
fn each_partner_is_told_once_and_sees_its_own_items_only() {
    let (fact, order) = (fact(Family::Order, "created", Some("acknowledged")), order());
    let each = RouteSpec { partner: Some("each".into()), fields: vec!["order.items".into()], ..spec("partner") };
    let routed = route(vec![each], &fact, EntityView::Order(&order));
    let ids: Vec<_> = routed.iter().map(Routed::delivery_id).collect();
    assert_eq!(ids, ["order:7#2:r:P1", "order:7#2:r:P2"]);
    let items = |routed: &Routed| {
        let payload: serde_json::Value = serde_json::from_str(routed.payload()).unwrap();
        let items = payload["order"]["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(items(&routed[0]), ["a"]);
    assert_eq!(items(&routed[1]), ["b"]);
    // Whom a route names is told what belongs to nobody else.
    let named = RouteSpec { partner: Some("P2".into()), fields: vec!["order.items".into()], ..spec("partner") };
    assert_eq!(items(&route(vec![named], &fact, EntityView::Order(&order))[0]), ["b", "c"]);
    assert_eq!(&routed[0].key()[..], b"P1");
    let Routed::Partner(delivery) = &routed[0] else { panic!("{routed:?}") };
    assert_eq!(delivery.event_type, "order.created");
}

#[test]
fn notifications_of_different_entities_do_not_wait_for_each_other() {
    let (mut fact, order) = (fact(Family::Order, "milestone", None), order());
    let mut key = || {
        let notified = route(vec![spec("notification")], &fact, EntityView::Order(&order)).remove(0).key();
        fact.entity_id.push('0');
        notified
    };
    assert_eq!((key(), key()), (bytes::Bytes::from("order:7"), bytes::Bytes::from("order:70")));
}

#[test]
fn billing_records_carry_the_entity_as_it_is_and_survive_their_encoding() {
    let (mut fact, order) = (fact(Family::Order, "attribute_changed", None), order());
    fact.account_id = Some("A1".into());
    let routed = route(vec![spec("billing")], &fact, EntityView::Order(&order));
    let Routed::Billing(record) = &routed[0] else { panic!("{routed:?}") };
    assert_eq!(record.state.as_deref(), Some("completed"));
    assert_eq!((record.currency.as_deref(), record.amount_micros), (Some("INR"), Some(999_000_000)));
    assert_eq!(record.account_id.as_deref(), Some("A1"));
    assert_eq!(record.delivery_id, "order:7#2:r");
    assert_eq!(&routed[0].key()[..], b"order:7");
    assert_eq!(&schemas::decode::<schemas::BillingRecord>(&routed[0].encode()).unwrap(), record);
}

#[test]
fn routes_of_another_family_do_not_apply() {
    let (fact, ticket) = (fact(Family::Ticket, "created", Some("acknowledged")), Ticket::default());
    assert!(route(vec![spec("billing")], &fact, EntityView::Ticket(&ticket)).is_empty());
}

mod defaults {
    use super::*;

    fn names(fact: &LifecycleFact, entity: EntityView<'_>) -> Vec<String> {
        route(default_routes(), fact, entity).iter().map(|routed| routed.delivery_id().to_owned()).collect()
    }

    #[test]
    fn a_new_priced_order_goes_to_billing_floworx_and_its_partners() {
        let (mut fact, order) = (fact(Family::Order, "created", Some("acknowledged")), order());
        fact.from_state = None;
        assert_eq!(
            names(&fact, EntityView::Order(&order)),
            [
                "order:7#2:billing-orders",
                "order:7#2:floworx-orders",
                "order:7#2:partner-orders:P1",
                "order:7#2:partner-orders:P2"
            ]
        );
        fact.partner_ids.clear();
        let unpriced = Order { total_price: None, ..order };
        assert_eq!(
            names(&fact, EntityView::Order(&unpriced)),
            ["order:7#2:billing-orders", "order:7#2:floworx-orders"],
            "its items have prices, perhaps in several currencies"
        );
        let empty = Order { items: Vec::new(), ..unpriced };
        assert_eq!(names(&fact, EntityView::Order(&empty)), ["order:7#2:floworx-orders"]);
    }

    #[test]
    fn milestones_are_notified_and_ticket_changes_reach_the_partner() {
        let (mut milestone, order) = (fact(Family::Order, "milestone", None), order());
        milestone.partner_ids.clear();
        assert_eq!(names(&milestone, EntityView::Order(&order)), ["order:7#2:notify-orders:notification"]);
        let ticket = Ticket { id: "7".into(), state: Some(TicketState::Resolved), ..Ticket::default() };
        let mut resolved = fact(Family::Ticket, "resolved", Some("resolved"));
        resolved.partner_ids.truncate(1);
        assert_eq!(names(&resolved, EntityView::Ticket(&ticket)), ["ticket:7#2:partner-tickets:P1"]);
    }

    #[test]
    fn a_violation_is_a_billing_record_of_its_own() {
        let violation = SlaViolation {
            violation_id: "o|order:7|0".into(),
            objective: "o".into(),
            family: Family::Order,
            entity_kind: "order".into(),
            entity_id: "7".into(),
            breached_at: Timestamp(1),
            ingested_at: Timestamp(2),
            actual_ms: 1_500,
            reference_ms: 1_000,
            operator: "le".into(),
            consequence: Some("billing_credit".into()),
            customer_id: Some("C1".into()),
            account_id: Some("A1".into()),
            partner_ids: vec![],
            withdrawn: false,
            version: 1,
            replaces: None,
            tolerance_ms: 0,
            unit: "ms".into(),
        };
        let mut fact = fact(Family::Order, "breached", None);
        fact.account_id.clone_from(&violation.account_id);
        let routed = route(default_routes(), &fact, EntityView::SlaViolation(&violation));
        let [Routed::Billing(record)] = &routed[..] else { panic!("{routed:?}") };
        assert_eq!((record.entity_kind.as_str(), record.entity_id.as_str()), ("sla_violation", "o|order:7|0"));
        assert_eq!(record.account_id.as_deref(), Some("A1"));
        assert!(record.payload.contains("\"actual\":1.5"), "{}", record.payload);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_and_places_lie_within(text in "[a-z.\"'()\\[\\]=!<> ,0-9é-]{0,60}") {
        if let Err(faults) = Condition::compile(&text, RouteFamily::Order) {
            for fault in faults {
                proptest::prop_assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
            }
        }
    }
}
