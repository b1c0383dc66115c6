//! Runs flows over time: each change of state is due at an instant, and is posted then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::chance::roll;
use super::events::{self, Change, TASKS};
use super::floworx::{Floworx, FloworxSettings};
use super::poster::{PosterSender, Posting};

/// A flow that was created.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) flow_id: String,
    pub(super) order_id: String,
}

#[derive(Debug)]
struct Running {
    started: Started,
    plan: Vec<Change>,
    next: usize,
}

/// The walk of a flow: its tasks one after another, some on hold for a while, few cancelled.
pub(super) fn plan(settings: &FloworxSettings, seed: u64, flow_id: &str) -> Vec<Change> {
    let flow = |state| Change { task: None, state };
    let mut plan = vec![flow("active")];
    let cancelled = roll(seed ^ 0xca, flow_id, 0) < settings.cancelling;
    for task in 0..TASKS.len() {
        let change = |state| Change { task: Some(task), state };
        plan.push(change("active"));
        if cancelled && task == 1 {
            plan.push(change("cancelled"));
            plan.push(flow("cancelled"));
            return plan;
        }
        if roll(seed ^ 0x401d, flow_id, task as u64) < settings.holding {
            plan.push(change("hold"));
            plan.push(change("active"));
        }
        plan.push(change("completed"));
    }
    plan.push(flow("completed"));
    plan
}

/// Runs flows until the channel closes.
pub(super) async fn run(floworx: Arc<Floworx>, mut started: mpsc::Receiver<Started>, poster: PosterSender) {
    let mut slots: Vec<Option<Running>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut due: BinaryHeap<Reverse<(Instant, u64, usize)>> = BinaryHeap::new();
    let mut sequence = 0_u64;
    // Event ids of an earlier life are not used again: memory is all that a restart loses.
    let life = jiff::Timestamp::now().as_second();
    loop {
        let next = due.peek().map(|Reverse((at, ..))| *at);
        tokio::select! {
            flow = started.recv() => {
                let Some(flow) = flow else { return };
                let plan = plan(&floworx.settings, floworx.seed, &flow.flow_id);
                let pause = floworx.pause(&flow.flow_id, 0);
                let running = Some(Running { started: flow, plan, next: 0 });
                let slot = free.pop().unwrap_or_else(|| {
                    slots.push(None);
                    slots.len() - 1
                });
                slots[slot] = running;
                sequence += 1;
                due.push(Reverse((Instant::now() + pause, sequence, slot)));
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let Some(Reverse((_, number, slot))) = due.pop() else { continue };
                let Some(running) = slots[slot].as_mut() else { continue };
                let change = running.plan[running.next];
                let Started { flow_id, order_id } = &running.started;
                let event_id = format!("fx-{life}n{number}");
                let event = events::event(&event_id, flow_id, order_id, change, jiff::Timestamp::now());
                let posting = Posting { path: events::event_type(change), body: event.to_string() };
                poster.send(flow_id, posting).await;
                running.next += 1;
                if running.next < running.plan.len() {
                    let pause = floworx.pause(flow_id, running.next as u64);
                    sequence += 1;
                    due.push(Reverse((Instant::now() + pause, sequence, slot)));
                } else {
                    floworx.finished(change.state == "completed");
                    slots[slot] = None;
                    free.push(slot);
                }
            }
        }
    }
}
