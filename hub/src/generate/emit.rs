//! From a step to a line: the scene that all events share, and the small parts that they repeat.

use super::envelope::{self, Head, Places, Spelling, System};
use super::flow::{Flow, Step};
use super::text::Text;
use super::{bill, order, reference, ticket};

/// What rendering needs besides the flow.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) text: Text,
    pub(super) seed: u64,
    pub(super) run: u32,
    pub(super) start: i64,
    pub(super) compression: f64,
}

impl Scene {
    /// Business seconds as milliseconds of the compressed day.
    pub(super) fn scaled(&self, seconds: i64) -> i64 {
        (seconds as f64 * 1_000.0 / self.compression) as i64
    }

    /// Writes the envelope around what `payload` writes.
    pub(super) fn event(&mut self, head: &Head<'_>, spelling: Spelling, payload: impl FnOnce(&mut Self)) -> Places {
        let places = envelope::open(&mut self.text, head, spelling);
        payload(self);
        envelope::close(&mut self.text, head, spelling);
        places
    }

    /// Writes the event of one step; the line is in [`Text::line`].
    pub(super) fn render(&mut self, flow: &Flow, step: Step, stamp: Stamp) -> Places {
        match step {
            Step::Order(step) => order::render(self, flow, step, stamp),
            Step::Ticket(step) => ticket::render(self, flow, step, stamp),
            Step::Account(step) => bill::render(self, flow, step, stamp),
            Step::Reference(step) => reference::render(self, flow, step, stamp),
        }
    }
}

/// What is particular to one event of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) event_id: u64,
    pub(super) event_time: i64,
    pub(super) occurred_at: i64,
    pub(super) spelling: Spelling,
}

impl Stamp {
    pub(super) fn head<'a>(
        self,
        scene: &Scene,
        flow: &Flow,
        event_type: &'a str,
        resource: &'a str,
        domain: &'a str,
        system: System,
    ) -> Head<'a> {
        Head {
            event_id: self.event_id,
            run: scene.run,
            event_type,
            resource,
            domain,
            event_time: self.event_time,
            occurred_at: self.occurred_at,
            correlation: flow.number,
            system,
        }
    }
}

/// Writes an entity's id: what it is, the run, its number.
pub(super) fn push_id(scene: &mut Scene, prefix: &str, number: u64) {
    let run = u64::from(scene.run);
    scene.text.raw(prefix).raw("-").number(run).raw("-").padded(number, 7);
}

/// Writes a related party, whose id `id` writes, in the form of the version (trap T11).
pub(super) fn party(text: &mut Text, v5: bool, role: &str, id: impl FnOnce(&mut Text)) {
    if v5 {
        text.raw("{\"role\":\"").raw(role).raw("\",\"partyOrPartyRole\":{\"id\":\"");
        id(text);
        text.raw("\",\"@type\":\"PartyRoleRef\",\"@referredType\":\"").raw(role).raw("\"}}");
    } else {
        text.raw("{\"id\":\"");
        id(text);
        text.raw("\",\"role\":\"").raw(role).raw("\",\"@referredType\":\"").raw(role).raw("\"}");
    }
}

/// Writes `,"relatedParty":[customer]`.
pub(super) fn party_list(scene: &mut Scene, flow: &Flow) {
    let run = u64::from(scene.run);
    scene.text.raw(",\"relatedParty\":[");
    party(&mut scene.text, flow.v5, "Customer", |text| {
        text.raw("CUS-").number(run).raw("-").padded(flow.customer, 7);
    });
    scene.text.raw("]");
}
