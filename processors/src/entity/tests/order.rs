//! Orders: the walk, repeats, order of events, cancellations, items, flows.

use schemas::{
    BillingRecord, CancelOrder, CancelState, DeliveryOutcome, DeliveryResult, Family, FlowEvent, FlowState,
    FloworxCommand, OrderChange, OrderItem, OrderState::*, TaskFlow,
};
use topology::Outcome;

use super::fixture::{Hub, ORDER, at, rupees};

#[test]
fn an_order_walks_to_its_end_and_is_routed() {
    let mut hub = Hub::new();
    let mut created = hub.order_event("1", OrderChange::Created, Some(Acknowledged), 0);
    created.order.total_price = Some(rupees(499));
    created.order.category = Some("mobile".into());
    created.order.creation_date = Some(at(0));
    created.order.requested_completion_date = Some(at(7200));
    created.order.expected_completion_date = Some(at(3600));
    hub.order(&created);
    hub.order_state("1", InProgress, 10);
    hub.order_state("1", Completed, 20);

    let facts = hub.facts();
    let ids: Vec<_> = facts.iter().map(|fact| fact.fact_id.as_str()).collect();
    assert_eq!(ids, ["order:1#1", "order:1#2", "order:1#3"]);
    assert_eq!(facts[2].from_state.as_deref(), Some("inProgress"));
    assert_eq!(facts[2].to_state.as_deref(), Some("completed"));
    assert_eq!(facts[2].category.as_deref(), Some("mobile"), "a partial event is told with what was known");
    assert_eq!((facts[2].created_at, facts[2].due_at), (Some(at(0)), Some(at(3600))));
    assert!(facts.iter().all(|fact| fact.flags.is_empty()));

    let billing: Vec<BillingRecord> = hub.decoded("out.billing");
    assert_eq!(billing.last().unwrap().state.as_deref(), Some("completed"));
    assert_eq!(billing.last().unwrap().amount_micros, Some(499_000_000));
    let commands: Vec<FloworxCommand> = hub.decoded("out.floworx");
    assert_eq!(commands.len(), 1, "one flow is started for one order");
    assert_eq!(hub.ended(ORDER, Outcome::Applied), 3);
    hub.assert_settled();
}

#[test]
fn a_repeat_is_a_duplicate_and_a_reused_id_goes_to_quarantine() {
    let mut hub = Hub::new();
    let mut created = hub.create_order("1", 0);
    hub.order(&created);
    assert_eq!(hub.ended(ORDER, Outcome::Duplicate), 1);
    created.envelope.payload_hash += 1;
    hub.order(&created);
    assert_eq!(hub.quarantined(), ["event_id_reused"]);
    // The same id under another event type is another event (trap T1).
    let mut milestone = hub.order_event("1", OrderChange::Milestone, None, 5);
    milestone.envelope.event_id = created.envelope.event_id;
    hub.order(&milestone);
    assert_eq!(hub.steps(), ["created>acknowledged", "milestone>"]);
    hub.assert_settled();
}

#[test]
fn a_repeat_of_an_event_that_waits_is_a_duplicate() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    let completed = hub.order_state("1", Completed, 20);
    hub.order(&completed);
    assert_eq!(hub.ended(ORDER, Outcome::Duplicate), 1);
    hub.assert_waiting(1);
}

#[test]
fn events_out_of_order_wait_for_each_other() {
    let mut hub = Hub::new();
    hub.order_state("1", Completed, 40);
    hub.order_state("1", Pending, 20);
    hub.assert_waiting(2);
    hub.create_order("1", 0);
    hub.assert_waiting(1);
    hub.driver.restart();
    hub.order_state("1", InProgress, 30);
    assert_eq!(
        hub.steps(),
        ["created>acknowledged", "state_changed>pending", "state_changed>inProgress", "state_changed>completed"]
    );
    hub.assert_settled();
    hub.wait_until(1000);
    assert_eq!(hub.steps(), [""; 0], "timers of what has gone on do nothing");
    assert_eq!(hub.quarantined(), [""; 0]);
}

#[test]
fn an_illegal_transition_goes_to_quarantine_in_the_end() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    let completed = hub.order_state("1", Completed, 20);
    hub.wait_until(29);
    hub.assert_waiting(1);
    hub.driver.restart();
    hub.wait_until(30);
    let letters: Vec<schemas::DeadLetter> = hub.decoded("hub.quarantine");
    assert_eq!(letters[0].reason, "illegal_transition");
    assert!(letters[0].detail.contains("(acknowledged,completed)"), "{}", letters[0].detail);
    assert_eq!((letters[0].origin_topic.as_str(), letters[0].origin_offset), (ORDER, 1));
    hub.assert_settled();
    // It may be sent again when the missing one has come.
    hub.order_state("1", InProgress, 10);
    hub.order(&completed);
    assert_eq!(hub.steps(), ["created>acknowledged", "state_changed>inProgress", "state_changed>completed"]);
    hub.assert_settled();
}

#[test]
fn an_order_that_was_never_created_is_adopted() {
    let mut hub = Hub::new();
    hub.order_state("1", InProgress, 20);
    assert_eq!(hub.steps(), [""; 0]);
    hub.wait_until(30);
    let facts = hub.facts();
    assert_eq!(
        (facts[0].to_state.as_deref(), facts[0].flags.as_slice()),
        (Some("inProgress"), &["adopted".to_owned()][..])
    );
    hub.create_order("1", 0);
    hub.order_state("1", Completed, 40);
    let facts = hub.facts();
    assert_eq!((facts[0].change.as_str(), facts[0].to_state.as_deref()), ("created", None));
    assert_eq!(facts[1].flags, [""; 0]);
    hub.assert_settled();
}

#[test]
fn an_order_that_was_never_created_goes_to_quarantine_where_policy_says_so() {
    let unknown_entity = crate::entity::UnknownEntity::Quarantine;
    let mut hub = Hub::with(crate::entity::EntitySettings { unknown_entity, ..Default::default() });
    hub.order_state("1", InProgress, 20);
    hub.wait_until(30);
    assert_eq!(hub.quarantined(), ["illegal_transition"]);
    assert_eq!(hub.steps(), [""; 0]);
    assert_eq!(hub.driver.store_get("entity.order.state", "1"), None, "nothing is kept of it");
    hub.assert_settled();
}

#[test]
fn what_comes_after_the_end_is_stale() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    hub.order_state("1", InProgress, 10);
    hub.order_state("1", Failed, 20);
    hub.order_state("1", InProgress, 30);
    hub.order_state("1", Completed, 40);
    assert_eq!(hub.ended(ORDER, Outcome::Stale), 2);
    assert_eq!(hub.steps().last().unwrap(), "state_changed>failed");
    hub.assert_settled();
}

#[test]
fn too_many_events_that_wait_are_refused() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    for second in 0..17 {
        hub.order_state("1", Completed, 20 + second);
    }
    assert_eq!(hub.quarantined(), ["buffer_overflow"]);
    hub.assert_waiting(16);
}

#[test]
fn a_denied_cancellation_returns_to_where_it_came_from() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    hub.order_state("1", InProgress, 10);
    hub.order_state("1", Held, 20);
    hub.order_state("1", AssessingCancellation, 30);
    hub.order_state("1", InProgress, 40);
    hub.assert_waiting(1);
    hub.order_state("1", Held, 50);
    hub.assert_settled();
    assert_eq!(hub.steps()[3..], ["state_changed>assessingCancellation", "state_changed>held"]);
    assert_eq!(hub.ended(ORDER, Outcome::Stale), 1, "what waited happened before the return");
}

#[test]
fn a_rejected_cancellation_task_brings_the_order_back() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    hub.order_state("1", Pending, 10);
    hub.order_state("1", AssessingCancellation, 20);
    for (change, state, second) in [
        (OrderChange::CancelRequested, CancelState::Acknowledged, 21),
        (OrderChange::CancelStateChanged, CancelState::Rejected, 22),
    ] {
        let mut event = hub.order_event("1", change, None, second);
        event.cancel = Some(CancelOrder { id: "c1".into(), state: Some(state), reason: None });
        hub.order(&event);
    }
    assert_eq!(hub.steps()[3..], ["cancel_requested>", "cancel_state_changed>pending"]);
    hub.order_state("1", Pending, 23);
    assert_eq!(hub.ended(ORDER, Outcome::Duplicate), 1);
    hub.assert_settled();
}

#[test]
fn items_are_rolled_up() {
    let mut hub = Hub::new();
    let mut created = hub.order_event("1", OrderChange::Created, Some(Acknowledged), 0);
    created.order.items = ["a", "b"].map(|id| OrderItem { id: id.into(), ..OrderItem::default() }).into();
    hub.order(&created);
    for (id, state, second) in [("a", InProgress, 10), ("a", Completed, 20), ("b", Failed, 30)] {
        let mut event = hub.order_event("1", OrderChange::StateChanged, None, second);
        event.order.items = vec![OrderItem { id: id.into(), state: Some(state), ..OrderItem::default() }];
        hub.order(&event);
    }
    // The first item is complete while the second has not begun: the order stays in progress.
    assert_eq!(
        hub.steps(),
        ["created>acknowledged", "state_changed>inProgress", "attribute_changed>", "state_changed>partial",]
    );
    hub.assert_settled();
}

#[test]
fn times_that_make_no_sense_are_flagged() {
    let mut hub = Hub::new();
    let mut created = hub.order_event("1", OrderChange::Created, Some(Acknowledged), 10);
    created.order.creation_date = Some(at(10));
    created.order.expected_completion_date = Some(at(-100_000));
    hub.order(&created);
    let mut born_ended = hub.order_event("2", OrderChange::Created, Some(Completed), 10);
    born_ended.order.creation_date = Some(at(0));
    hub.order(&born_ended);
    assert!(hub.facts().iter().all(|fact| fact.flags == ["sla_suspect"]));
    hub.assert_settled();
}

#[test]
fn later_attributes_win_whatever_order_they_come_in() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    for (second, category, priority) in [(30, "late", None), (20, "early", Some("0"))] {
        let mut event = hub.order_event("1", OrderChange::AttributeChanged, None, second);
        event.order.category = Some(category.into());
        event.order.priority = priority.map(str::to_owned);
        hub.order(&event);
    }
    let mut stale = hub.order_event("1", OrderChange::AttributeChanged, None, 10);
    stale.order.category = Some("first".into());
    hub.order(&stale);
    let last = hub.facts().pop().unwrap();
    assert_eq!((last.category.as_deref(), last.priority.as_deref()), (Some("late"), Some("0")));
    assert_eq!(hub.ended(ORDER, Outcome::Stale), 1);
    hub.assert_settled();
}

fn flow(hub: &mut Hub, state: Option<FlowState>, task: Option<FlowState>, second: i64) {
    let event = FlowEvent {
        envelope: hub.envelope("FlowEvent", second),
        order_id: "1".into(),
        flow_id: "f1".into(),
        state,
        task: task.map(|state| TaskFlow { id: "t1".into(), state: Some(state), ..TaskFlow::default() }),
        deleted: false,
        extra: schemas::Extra::default(),
    };
    hub.flow(&event);
}

#[test]
fn flows_are_joined_to_their_order() {
    let mut hub = Hub::new();
    flow(&mut hub, Some(FlowState::Active), None, 5);
    hub.assert_waiting(1);
    hub.create_order("1", 0);
    flow(&mut hub, None, Some(FlowState::New), 6);
    flow(&mut hub, None, Some(FlowState::Completed), 8);
    flow(&mut hub, None, Some(FlowState::Active), 7);
    flow(&mut hub, Some(FlowState::Completed), None, 9);
    let facts = hub.facts();
    let changes: Vec<_> = facts.iter().map(|fact| (fact.fact_id.as_str(), fact.change.as_str())).collect();
    assert_eq!(
        changes,
        [
            ("order:1#1", "created"),
            ("flow:1#1", "flow_active"),
            ("flow:1#2", "task_new"),
            ("flow:1#3", "task_completed"),
            ("flow:1#4", "flow_completed"),
        ]
    );
    assert_eq!(hub.ended("hub.flow", Outcome::Stale), 1);
    hub.assert_settled();
}

#[test]
fn what_floworx_answered_is_noted() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    let outcome = |target: &str, family| DeliveryOutcome {
        delivery_id: "order:1#1:floworx".into(),
        target: target.into(),
        route: "floworx".into(),
        family,
        entity_kind: "order".into(),
        entity_id: "1".into(),
        result: DeliveryResult::Delivered,
        attempts: 1,
        error_code: None,
        http_status: Some(201),
        external_ref: Some("pf-7".into()),
        occurred_at: at(0),
        ingested_at: at(0),
        finished_at: at(2),
    };
    for outcome in [
        outcome("floworx", Family::Order),
        outcome("floworx", Family::Order),
        outcome("billing", Family::Order),
        outcome("billing", Family::Ticket),
    ] {
        hub.pipe("hub.delivery", "1", &outcome, at(2));
    }
    assert_eq!(hub.steps(), ["created>acknowledged", "dispatched>"]);
    let ended =
        [Outcome::Applied, Outcome::Duplicate, Outcome::Filtered].map(|outcome| hub.ended("hub.delivery", outcome));
    assert_eq!(ended, [2, 1, 1]);
    hub.assert_settled();
}

fn cancel_task(hub: &mut Hub, id: &str, state: CancelState, second: i64) {
    let mut event = hub.order_event("1", OrderChange::CancelStateChanged, None, second);
    event.cancel = Some(CancelOrder { id: id.into(), state: Some(state), reason: None });
    hub.order(&event);
}

#[test]
fn a_second_cancellation_task_is_judged_on_its_own() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    hub.order_state("1", InProgress, 10);
    for (id, second) in [("c1", 20), ("c2", 30)] {
        hub.order_state("1", AssessingCancellation, second);
        cancel_task(&mut hub, id, CancelState::Rejected, second + 1);
        assert_eq!(hub.facts().last().unwrap().to_state.as_deref(), Some("inProgress"), "{id}");
    }
    // What the first one still says moves nothing.
    hub.order_state("1", AssessingCancellation, 40);
    cancel_task(&mut hub, "c1", CancelState::TerminatedWithError, 22);
    assert_eq!(hub.facts().last().unwrap().to_state, None);
    hub.assert_settled();
}

#[test]
fn a_denial_that_overtook_the_assessment_leaves_the_order_where_it_was() {
    let mut hub = Hub::new();
    hub.create_order("1", 0);
    hub.order_state("1", Pending, 10);
    cancel_task(&mut hub, "c1", CancelState::Rejected, 22);
    hub.order_state("1", AssessingCancellation, 20);
    assert_eq!(hub.ended(ORDER, Outcome::Stale), 1);
    hub.order_state("1", InProgress, 30);
    assert_eq!(hub.steps().last().unwrap(), "state_changed>inProgress");
    // An assessment after the denial is another one.
    hub.order_state("1", AssessingCancellation, 40);
    assert_eq!(hub.steps(), ["state_changed>assessingCancellation"]);
    hub.assert_settled();
}

#[test]
fn items_that_ended_before_the_order_was_told_to_begin_end_it() {
    let item = |id: &str, state| OrderItem { id: id.into(), state, ..OrderItem::default() };
    // Whichever comes first: the order's start at 5, or the end of all its items at 10.
    for items_first in [false, true] {
        let mut hub = Hub::new();
        let mut created = hub.order_event("1", OrderChange::Created, Some(Acknowledged), 0);
        created.order.items = vec![item("a", None), item("b", None)];
        hub.order(&created);
        let begun = hub.order_event("1", OrderChange::StateChanged, Some(InProgress), 5);
        let mut ended = hub.order_event("1", OrderChange::StateChanged, None, 10);
        ended.order.items = vec![item("a", Some(Completed)), item("b", Some(Completed))];
        for event in if items_first { [&ended, &begun] } else { [&begun, &ended] } {
            hub.order(event);
        }
        assert_eq!(hub.steps().last().unwrap(), "state_changed>completed", "{items_first}");
        hub.assert_settled();
    }
}
