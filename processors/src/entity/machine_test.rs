//! The tables against the standard's diagrams, and that nothing leaves a terminal state.

use proptest::prelude::*;
use schemas::{BillState, CancelState, FlowState, OrderState, PaymentState, TicketState, Timestamp};

use super::{Machine, State, Step, roll_up};

/// A machine that was driven through `states`, each a second after the one before.
fn driven<S: State>(states: &[S]) -> Machine<S> {
    let mut machine = Machine::default();
    machine.begin(states[0]);
    for (second, state) in (1i64..).zip(&states[1..]) {
        let at = Timestamp(second * 1000);
        assert_eq!(machine.step(*state, at), Step::Legal, "{machine:?} -> {state:?}");
        machine.enter(*state, at);
    }
    machine
}

const LATER: Timestamp = Timestamp(1_000_000);

#[test]
fn an_order_walks_to_its_end() {
    use OrderState::*;
    let order = driven(&[Draft, Acknowledged, Pending, InProgress, Held, InProgress, Completed]);
    assert!(order.is_terminal());
    assert_eq!(order.step(InProgress, LATER), Step::Stale);
    assert_eq!(order.step(Completed, LATER), Step::Same);
}

#[test]
fn a_denied_cancellation_returns_only_to_where_it_came_from() {
    use OrderState::*;
    for (path, origin, others) in [
        (&[Acknowledged, InProgress][..], InProgress, [Pending, Held]),
        (&[Acknowledged, Pending][..], Pending, [InProgress, Held]),
        (&[Acknowledged, InProgress, Held][..], Held, [InProgress, Pending]),
    ] {
        let mut order = driven(path);
        order.enter(AssessingCancellation, Timestamp(10_000));
        for other in others {
            assert_eq!(order.step(other, LATER), Step::Illegal { from: AssessingCancellation, to: other });
        }
        assert_eq!(order.step(PendingCancellation, LATER), Step::Legal);
        assert_eq!(order.step(origin, LATER), Step::Legal);
        order.enter(origin, LATER);
        assert_eq!(order.origin, None);
    }
}

#[test]
fn a_ticket_may_be_reopened_but_not_after_it_is_closed() {
    use TicketState::*;
    let ticket = driven(&[Acknowledged, InProgress, Resolved, InProgress, Resolved, Closed]);
    assert_eq!(ticket.step(InProgress, LATER), Step::Stale);
    assert_eq!(
        driven(&[Acknowledged, InProgress, Held]).step(Cancelled, LATER),
        Step::Illegal { from: Held, to: Cancelled }
    );
    assert_eq!(
        driven(&[Acknowledged, InProgress, Pending]).step(Resolved, LATER),
        Step::Illegal { from: Pending, to: Resolved }
    );
}

#[test]
fn payments_and_bills_walk_to_their_ends() {
    assert!(
        driven(&[
            PaymentState::PendingAuthorization,
            PaymentState::Authorized,
            PaymentState::Captured,
            PaymentState::Done
        ])
        .is_terminal()
    );
    assert!(
        driven(&[
            BillState::New,
            BillState::OnHold,
            BillState::Validated,
            BillState::Sent,
            BillState::PartiallyPaid,
            BillState::Settled
        ])
        .is_terminal()
    );
    assert!(
        driven(&[FlowState::New, FlowState::Active, FlowState::Hold, FlowState::Active, FlowState::Completed])
            .is_terminal()
    );
    assert!(
        driven(&[CancelState::Acknowledged, CancelState::InProgress, CancelState::TerminatedWithError]).is_terminal()
    );
}

#[test]
fn what_happened_before_the_present_state_is_late() {
    let mut order = driven(&[OrderState::Acknowledged]);
    assert_eq!(order.step(OrderState::InProgress, Timestamp(-5)), Step::Legal, "creation is before all time");
    order.enter(OrderState::InProgress, Timestamp(100));
    assert_eq!(order.step(OrderState::Pending, Timestamp(99)), Step::Stale);
    order.confirm(Timestamp(200));
    assert_eq!(order.step(OrderState::Pending, Timestamp(199)), Step::Stale);
    assert_eq!(order.step(OrderState::Pending, Timestamp(200)), Step::Legal);
}

#[test]
fn names_are_those_on_the_wire() {
    fn check<S: State + serde::Serialize>() {
        for state in S::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
    check::<OrderState>();
    check::<CancelState>();
    check::<TicketState>();
    check::<PaymentState>();
    check::<BillState>();
    check::<FlowState>();
}

/// The steps of a machine in the words of the standard's diagrams: `from -> to | to`.
fn steps<S: State>() -> Vec<String> {
    let line = |from: &str, to: &[S]| {
        let names: Vec<_> = to.iter().map(|state| state.name()).collect();
        format!("{from} -> {}", names.join(" | "))
    };
    let rest = S::ALL.iter().filter(|state| !state.is_terminal()).map(|state| line(state.name(), state.next()));
    std::iter::once(line("START", S::START)).chain(rest).collect()
}

/// Said a second time on purpose: whoever changes a table must change what it is held to.
#[test]
fn the_tables_are_those_of_the_diagrams() {
    assert_eq!(
        steps::<OrderState>(),
        [
            "START -> draft | acknowledged | rejected",
            "draft -> acknowledged | cancelled | rejected",
            "acknowledged -> inProgress | pending",
            "inProgress -> pending | held | assessingCancellation | completed | failed | partial",
            "pending -> inProgress | assessingCancellation | cancelled",
            "held -> inProgress | assessingCancellation | cancelled",
            "assessingCancellation -> pendingCancellation | inProgress | pending | held",
            "pendingCancellation -> cancelled",
        ]
    );
    assert_eq!(
        steps::<TicketState>(),
        [
            "START -> acknowledged",
            "acknowledged -> inProgress | rejected | cancelled",
            "inProgress -> held | pending | resolved | cancelled",
            "held -> inProgress",
            "pending -> inProgress | cancelled",
            "resolved -> closed | inProgress",
        ]
    );
    assert_eq!(
        steps::<PaymentState>(),
        [
            "START -> pendingAuthorization | authorized | denied | failed",
            "pendingAuthorization -> authorized | denied | canceled | failed",
            "authorized -> captured | canceled | failed",
            "captured -> done | failed",
        ]
    );
    assert_eq!(
        steps::<BillState>(),
        [
            "START -> new",
            "new -> validated | onHold",
            "onHold -> validated",
            "validated -> sent",
            "sent -> partiallyPaid | settled",
            "partiallyPaid -> settled",
        ]
    );
    assert_eq!(
        steps::<FlowState>(),
        [
            "START -> new | active",
            "new -> active",
            "active -> hold | completed | cancelled",
            "hold -> active | cancelled"
        ]
    );
    assert_eq!(
        steps::<CancelState>(),
        [
            "START -> acknowledged | rejected",
            "acknowledged -> inProgress | rejected | cancelled",
            "inProgress -> done | terminatedWithError | rejected | cancelled",
        ]
    );
}

#[test]
fn every_state_can_be_reached() {
    fn check<S: State>() {
        for state in S::ALL {
            assert!(
                S::START.contains(state) || S::NEXT.iter().any(|(_, to)| to.contains(state)),
                "{state:?} has no way in"
            );
        }
    }
    check::<OrderState>();
    check::<CancelState>();
    check::<TicketState>();
    check::<PaymentState>();
    check::<BillState>();
    check::<FlowState>();
}

#[test]
fn items_give_the_order_its_state() {
    use OrderState::*;
    let cases: [(&[OrderState], Option<OrderState>); 8] = [
        (&[], None),
        (&[Completed, Completed], Some(Completed)),
        (&[Failed, Failed], Some(Failed)),
        (&[Completed, Failed], Some(Partial)),
        (&[Completed, Held, Pending], Some(Held)),
        (&[InProgress, Pending], Some(Pending)),
        (&[Completed, Acknowledged], Some(InProgress)),
        (&[Acknowledged, Acknowledged], None),
    ];
    for (items, wanted) in cases {
        assert_eq!(roll_up(&items.iter().copied()), wanted, "{items:?}");
    }
}

proptest! {
    #[test]
    fn no_order_leaves_a_terminal_state(steps in prop::collection::vec((0usize..12, 0i64..1000), 1..40)) {
        never_leaves_a_terminal_state::<OrderState>(&steps)?;
    }

    #[test]
    fn no_ticket_leaves_a_terminal_state(steps in prop::collection::vec((0usize..8, 0i64..1000), 1..40)) {
        never_leaves_a_terminal_state::<TicketState>(&steps)?;
    }

    #[test]
    fn no_payment_leaves_a_terminal_state(steps in prop::collection::vec((0usize..7, 0i64..1000), 1..40)) {
        never_leaves_a_terminal_state::<PaymentState>(&steps)?;
    }

    #[test]
    fn no_flow_leaves_a_terminal_state(steps in prop::collection::vec((0usize..5, 0i64..1000), 1..40)) {
        never_leaves_a_terminal_state::<FlowState>(&steps)?;
    }

    #[test]
    fn no_cancellation_leaves_a_terminal_state(steps in prop::collection::vec((0usize..6, 0i64..1000), 1..40)) {
        never_leaves_a_terminal_state::<CancelState>(&steps)?;
    }

    #[test]
    fn no_bill_leaves_a_terminal_state(steps in prop::collection::vec((0usize..6, 0i64..1000), 1..40)) {
        never_leaves_a_terminal_state::<BillState>(&steps)?;
    }
}

fn never_leaves_a_terminal_state<S: State>(steps: &[(usize, i64)]) -> Result<(), TestCaseError> {
    let mut machine = Machine::<S>::default();
    machine.begin(S::START[0]);
    let mut ended = None;
    for (index, at) in steps {
        let (to, at) = (S::ALL[*index], Timestamp(*at));
        let from = machine.state.unwrap();
        if machine.step(to, at) == Step::Legal {
            prop_assert!(S::NEXT.iter().any(|(state, next)| *state == from && next.contains(&to)));
            machine.enter(to, at);
        }
        if let Some(ended) = ended {
            prop_assert_eq!(machine.state, Some(ended));
        } else if machine.is_terminal() {
            ended = machine.state;
        }
    }
    Ok(())
}
