//! The way every event takes: found to be new, parked for its parents, applied or buffered; and
//! what waited is tried again whenever its entity moved.

use bytes::Bytes;
use schemas::{Code, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use topology::{
    Clock, Context, Fate, Fault, InitContext, Outcome, Record, Timer, TopologyError, TypedStore, Verdict, Waiting,
};

use super::dedupe::{Identity, Sight};
use super::fault::{dead_letter, quarantine};
use super::held::{HELD_TIMER, HeldStore, entity_of};
use super::{EntitySettings, Flag, Gate, Head, MissingParent};

/// The first byte of the timer keys of gates.
const GATE_TIMER: u8 = b'G';

/// Whether an event may still wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// It may wait for what is missing.
    First,
    /// It has waited long enough: apply it as it is, or give it up.
    Last,
}

/// What a family decided on an event.
#[derive(Debug)]
pub enum Decision {
    /// It has ended.
    Ended(Outcome),
    /// Something before it is missing: it waits, and is given up with this fault when that does not
    /// come.
    Wait(Waiting, Fault),
}

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        Self::Ended(outcome)
    }
}

/// Whose event it is, and what it is known by.
#[derive(Clone, Debug)]
pub struct Label {
    /// The key of the entity's state.
    pub entity: Bytes,
    /// What repeats are found by.
    pub identity: Identity,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// A family of entities: what its events are and what they do to an entity's state.
pub trait Family: Send {
    /// What is kept of an entity.
    type State: Default + Serialize + DeserializeOwned;
    /// What comes in.
    type Event;

    /// The sub-topology's name, such as `entity.order`. Its stores are `<part>.state` and
    /// `<part>.held`.
    const PART: &'static str;

    /// Resolves the handles the family needs besides the engine's.
    ///
    /// # Errors
    /// When something is not connected.
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError>;

    /// The common beginning of the state.
    fn head(state: &mut Self::State) -> &mut Head;

    /// The event in a record of this topic.
    ///
    /// # Errors
    /// A dead letter for bytes that make no sense.
    fn decode(&self, topic: &str, value: &[u8]) -> Result<Self::Event, Fault>;

    /// Whose event it is.
    fn label(&self, event: &Self::Event) -> Label;

    /// The parents that an entity waits for from this event on; asked while there is no gate.
    ///
    /// # Errors
    /// Any fault ends the event.
    fn parents(
        &mut self,
        _context: &mut Context<'_>,
        _state: &mut Self::State,
        _event: &Self::Event,
    ) -> Result<Option<Gate>, Fault> {
        Ok(None)
    }

    /// Whether the catalog has this offering by now.
    fn has_offering(&self, _context: &mut Context<'_>, _offering: &str) -> bool {
        true
    }

    /// Applies the event, or says why not. It changes neither state nor sinks unless it answers
    /// [`Outcome::Applied`], but may note in the state when something was last confirmed.
    ///
    /// # Errors
    /// `DeadLetter` and `Quarantine` end the event, others the worker.
    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut Self::State,
        event: Self::Event,
        chance: Chance,
    ) -> Result<Decision, Fault>;

    /// Other entities whose waiting events may go on after what was applied last.
    fn take_woken(&mut self) -> Vec<Bytes> {
        Vec::new()
    }
}

/// Runs a family: one for each task.
pub struct Engine<F: Family> {
    /// The family.
    pub family: F,
    settings: EntitySettings,
    states: TypedStore<F::State>,
    held: HeldStore,
}

impl<F: Family> Engine<F> {
    /// Not connected yet: call [`init`](Self::init).
    pub fn new(family: F, settings: EntitySettings) -> Self {
        Self { family, settings, states: TypedStore::default(), held: HeldStore::new(topology::StoreHandle::default()) }
    }

    /// The name of the store of entities' states.
    pub fn state_store() -> String {
        format!("{}.state", F::PART)
    }

    /// The name of the (ordered) store of events that wait.
    pub fn held_store() -> String {
        format!("{}.held", F::PART)
    }

    /// Resolves the handles.
    ///
    /// # Errors
    /// When something is not connected.
    pub fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.states = TypedStore::new(init.store(&Self::state_store())?);
        self.held = HeldStore::new(init.store(&Self::held_store())?);
        self.family.init(init)
    }

    /// The state of an entity; a blank one where nothing is known.
    ///
    /// # Errors
    /// `Stop` when it cannot be read back.
    pub fn load(&self, context: &mut Context<'_>, entity: &[u8]) -> Result<F::State, Fault> {
        Ok(self.states.get(context, entity)?.unwrap_or_default())
    }

    /// Keeps the state of an entity.
    ///
    /// # Errors
    /// `Stop` when it cannot be written.
    pub fn save(&self, context: &mut Context<'_>, entity: &[u8], state: &mut F::State) -> Result<(), Fault> {
        if F::head(state).is_blank() {
            self.states.delete(context, entity);
            return Ok(());
        }
        self.states.put(context, entity, state)
    }

    /// Takes an event in.
    ///
    /// # Errors
    /// `DeadLetter` and `Quarantine` for this event, others end the worker.
    pub fn take(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let Some(value) = &record.value else { return Ok(Outcome::Filtered.into()) };
        let event = self.family.decode(&record.topic, value)?;
        let Label { entity, identity, occurred_at } = self.family.label(&event);
        let mut state = self.load(context, &entity)?;

        match F::head(&mut state).seen.look_up(identity) {
            Sight::New => {}
            Sight::Repeated => return Ok(Outcome::Duplicate.into()),
            Sight::Reused => {
                let detail = "an event with the same source, type and id but another payload was taken in before";
                return Err(quarantine(Code::EventIdReused, detail));
            }
        }
        F::head(&mut state).seen.remember(identity, self.settings.seen_events_max);

        if F::head(&mut state).gate.is_none()
            && let Some(gate) = self.family.parents(context, &mut state, &event)?
        {
            self.watch(context, &entity, &gate);
            F::head(&mut state).gate = Some(gate);
        }
        let verdict = if F::head(&mut state).gate.is_some() {
            self.check_bound(F::head(&mut state), Waiting::Parked)?;
            self.held.hold(
                context,
                &entity,
                F::head(&mut state),
                record,
                (occurred_at, identity, Waiting::Parked, None),
            )?;
            Verdict::Waiting(Waiting::Parked)
        } else {
            match self.family.apply(context, &mut state, event, Chance::First)? {
                Decision::Ended(outcome) => {
                    if outcome == Outcome::Applied {
                        self.replay(context, &entity, &mut state)?;
                    }
                    outcome.into()
                }
                Decision::Wait(waiting, _) => {
                    self.check_bound(F::head(&mut state), waiting)?;
                    let deadline = Some(self.deadline(context, waiting));
                    self.held.hold(
                        context,
                        &entity,
                        F::head(&mut state),
                        record,
                        (occurred_at, identity, waiting, deadline),
                    )?;
                    Verdict::Waiting(waiting)
                }
            }
        };
        self.save(context, &entity, &mut state)?;
        self.wake(context)?;
        Ok(verdict)
    }

    /// A timer of the engine is due.
    ///
    /// # Errors
    /// Those that end the worker.
    pub fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        match timer.key.split_first() {
            Some((&GATE_TIMER, entity)) => self.gate_due(context, entity),
            Some((&HELD_TIMER, key)) => self.held_due(context, key),
            _ => Ok(()),
        }
    }

    /// The gate of an entity has changed: when it is open, its events go on. Saves the state.
    ///
    /// # Errors
    /// Those that end the worker.
    pub fn gate_changed(
        &mut self,
        context: &mut Context<'_>,
        entity: &[u8],
        state: &mut F::State,
    ) -> Result<(), Fault> {
        if let Some(gate) = F::head(state).gate.take_if(|gate| gate.is_open()) {
            context.cancel(Clock::Wall, gate.until, &gate_key(entity));
            self.replay(context, entity, state)?;
        }
        self.save(context, entity, state)?;
        self.wake(context)
    }

    /// Schedules what a closed gate needs.
    fn watch(&self, context: &mut Context<'_>, entity: &[u8], gate: &Gate) {
        let key = gate_key(entity);
        context.schedule(Clock::Wall, gate.until, &key);
        if !gate.offerings.is_empty() {
            let recheck = context.now().plus_millis(self.settings.recheck_ms);
            if recheck < gate.until {
                context.schedule(Clock::Wall, recheck, &key);
            }
        }
    }

    fn gate_due(&mut self, context: &mut Context<'_>, entity: &[u8]) -> Result<(), Fault> {
        let mut state = self.load(context, entity)?;
        let Some(mut gate) = F::head(&mut state).gate.take() else { return Ok(()) };
        gate.offerings.retain(|offering| !self.family.has_offering(context, offering));
        if gate.is_open() || context.now() < gate.until {
            if !gate.is_open() {
                self.watch(context, entity, &gate);
            }
            F::head(&mut state).gate = Some(gate);
            return self.gate_changed(context, entity, &mut state);
        }
        match self.settings.missing_parent {
            MissingParent::Continue => {
                F::head(&mut state).set(Flag::CustomerUnknown, gate.customer);
                self.replay(context, entity, &mut state)?;
            }
            MissingParent::DeadLetter => {
                let fault = if gate.customer {
                    dead_letter(Code::ParentMissing, "the customer did not become known in time")
                } else {
                    dead_letter(Code::UnknownOffering, "a product offering did not become known in time")
                };
                for (key, held) in self.held.of(context, entity)? {
                    self.held.give_up(context, F::head(&mut state), &key, &held, &fault);
                }
            }
        }
        self.save(context, entity, &mut state)?;
        self.wake(context)
    }

    fn held_due(&mut self, context: &mut Context<'_>, key: &[u8]) -> Result<(), Fault> {
        let Some(mut held) = self.held.get(context, key)? else { return Ok(()) };
        let entity = entity_of(key);
        let mut state = self.load(context, entity)?;
        if let Some(gate) = &F::head(&mut state).gate {
            let after_gate = gate.until.plus_millis(1);
            return self.held.defer(context, key, &mut held, after_gate);
        }
        let event = self.family.decode(&held.origin.topic, &held.value)?;
        match self.family.apply(context, &mut state, event, Chance::Last) {
            Ok(Decision::Ended(outcome)) => {
                self.held.settle(context, F::head(&mut state), key, &held, outcome);
                if outcome == Outcome::Applied {
                    self.replay(context, entity, &mut state)?;
                }
            }
            Ok(Decision::Wait(_, fault)) => self.held.give_up(context, F::head(&mut state), key, &held, &fault),
            Err(fault) => self.end_or_fail(context, &mut state, key, &held, fault)?,
        }
        self.save(context, entity, &mut state)?;
        self.wake(context)
    }

    /// Tries the events that wait, by occurrence and arrival, until none of them moves the entity.
    ///
    /// They are read once, however many rounds it takes: an entity whose whole history waits for its
    /// customer would cost the square of its events otherwise.
    fn replay(&mut self, context: &mut Context<'_>, entity: &[u8], state: &mut F::State) -> Result<(), Fault> {
        if F::head(state).held == 0 {
            return Ok(());
        }
        let mut waiting = self.held.of(context, entity)?;
        let mut next = 0;
        while let Some((key, held)) = waiting.get_mut(next) {
            let event = self.family.decode(&held.origin.topic, &held.value)?;
            match self.family.apply(context, state, event, Chance::First) {
                Ok(Decision::Ended(outcome)) => {
                    self.held.settle(context, F::head(state), key, held, outcome);
                    waiting.remove(next);
                    // When the entity moved, an event that happened earlier may have its turn now.
                    next = if outcome == Outcome::Applied { 0 } else { next };
                }
                Ok(Decision::Wait(kind, _)) => {
                    if held.deadline.is_none() {
                        let deadline = self.deadline(context, kind);
                        self.held.defer(context, key, held, deadline)?;
                    }
                    next += 1;
                }
                Err(fault) => {
                    self.end_or_fail(context, state, key, held, fault)?;
                    waiting.remove(next);
                }
            }
        }
        Ok(())
    }

    /// Lets the waiting events of other entities go on.
    fn wake(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        for entity in self.family.take_woken() {
            let mut state = self.load(context, &entity)?;
            if F::head(&mut state).held > 0 && F::head(&mut state).gate.is_none() {
                self.replay(context, &entity, &mut state)?;
                self.save(context, &entity, &mut state)?;
            }
        }
        Ok(())
    }

    fn end_or_fail(
        &self,
        context: &mut Context<'_>,
        state: &mut F::State,
        key: &[u8],
        held: &super::held::Held,
        fault: Fault,
    ) -> Result<(), Fault> {
        if !matches!(fault.fate, Fate::DeadLetter | Fate::Quarantine) {
            return Err(fault);
        }
        self.held.give_up(context, F::head(state), key, held, &fault);
        Ok(())
    }

    fn deadline(&self, context: &Context<'_>, waiting: Waiting) -> Timestamp {
        context.now().plus_millis(match waiting {
            Waiting::Parked => self.settings.parked_wait_ms,
            Waiting::Buffered | Waiting::InFlight => self.settings.buffered_wait_ms,
        })
    }

    fn check_bound(&self, head: &Head, waiting: Waiting) -> Result<(), Fault> {
        let limit = match waiting {
            Waiting::Parked => self.settings.parked_events_max,
            Waiting::Buffered | Waiting::InFlight => self.settings.buffered_events_max,
        };
        if head.held < limit {
            return Ok(());
        }
        Err(quarantine(Code::BufferOverflow, format!("{limit} events of its entity wait already")))
    }
}

fn gate_key(entity: &[u8]) -> Vec<u8> {
    [&[GATE_TIMER], entity].concat()
}
