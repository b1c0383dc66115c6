//! A processor of timers that are set for long, taken back, and looked through all the time.

use std::collections::BTreeSet;

use bytes::Bytes;
use schemas::Timestamp;
use topology::{
    Clock, Context, Fate, Fault, InitContext, Processor, Record, SinkHandle, Timer, TopologyError, TypedStore, Verdict,
};

/// How long an alarm is set for at most.
pub const ALARM_MILLIS: i64 = 1_200;

/// How many timers or entries it looks at a time: so few that it has to go on from where it was.
const TURN: usize = 2;

/// What is known of a key's alarm: its clock, its deadline, and the record that set it.
type Set = (bool, i64, String);

/// `alarm` sets the key's alarm, or takes it back where one is set; `mute` does so too, and then it is refused. What
/// becomes of each is said on `alarms`.
#[derive(Default)]
pub struct Alarm {
    alarms: TypedStore<Set>,
    out: SinkHandle,
}

fn clock(is_stream: bool) -> Clock {
    if is_stream { Clock::Stream } else { Clock::Wall }
}

impl Alarm {
    fn say(&self, context: &mut Context<'_>, id: String, what: &'static str) {
        context.send(self.out, Some(id.into()), Some(what.into()));
    }

    fn turn(&self, context: &mut Context<'_>, key: &[u8]) -> Result<(), Fault> {
        if let Some((is_stream, deadline, id)) = self.alarms.get(context, key)? {
            context.cancel(clock(is_stream), Timestamp(deadline), key);
            self.alarms.delete(context, key);
            self.say(context, id, "taken back");
            return Ok(());
        }
        let offset = context.offset().0;
        let is_stream = offset % 4 == 0;
        let from = if is_stream { context.stream_time() } else { context.now() };
        let deadline = from.plus_millis(offset * 7_919 % ALARM_MILLIS);
        for _ in 0..=offset % 2 {
            context.schedule(clock(is_stream), deadline, key);
        }
        let id = format!("{}@{offset}", context.partition());
        self.alarms.put(context, key, &(is_stream, deadline.0, id.clone()))?;
        self.say(context, id, "set");
        Ok(())
    }

    /// Goes by all timers, and by all that is known of alarms: it must be the same.
    fn look_through(&self, context: &Context<'_>) -> Result<(), Fault> {
        let mut timers = BTreeSet::new();
        for is_stream in [false, true] {
            let mut last: Option<(Timestamp, Bytes)> = None;
            loop {
                let after = last.as_ref().map(|(deadline, key)| (*deadline, key.as_ref()));
                let turn = context.timers(clock(is_stream), after, TURN);
                let Some(end) = turn.last() else { break };
                last = Some(end.clone());
                timers.extend(turn.into_iter().map(|(deadline, key)| (is_stream, deadline.0, key)));
            }
        }
        let mut known = BTreeSet::new();
        let mut from = Vec::new();
        loop {
            let turn = context.range(self.alarms.handle(), &from, b"z", TURN);
            let Some((end, _)) = turn.last() else { break };
            from = [end.as_ref(), b"\0"].concat();
            for (key, value) in turn {
                let (is_stream, deadline, _): Set = topology::decode_value(&value)?;
                known.insert((is_stream, deadline, key));
            }
        }
        if timers == known {
            return Ok(());
        }
        let detail = format!("timers are {timers:?}, alarms are {known:?}");
        Err(Fault::new(Fate::Stop, "HUB-0006", "alarms_differ", detail))
    }
}

impl Processor for Alarm {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.alarms = TypedStore::new(init.store("alarms")?);
        self.out = init.sink("alarms")?;
        Ok(())
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        let key = record.key.clone().unwrap_or_default();
        let is_refused = match record.value.as_deref() {
            Some(b"alarm") => false,
            Some(b"mute") => true,
            _ => return Ok(Verdict::Forwarded),
        };
        self.look_through(context)?;
        self.turn(context, &key)?;
        self.look_through(context)?;
        if is_refused {
            return Err(Fault::new(Fate::DeadLetter, "HUB-0007", "mute", "it is mute"));
        }
        Ok(Verdict::Forwarded)
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        let is_stream = timer.clock == Clock::Stream;
        match self.alarms.get(context, &timer.key)? {
            Some((of, deadline, id)) if (of, deadline) == (is_stream, timer.deadline.0) => {
                self.alarms.delete(context, &timer.key);
                self.say(context, id, "fired");
                self.look_through(context)
            }
            other => {
                let detail = format!("{timer:?} fired, the alarm is {other:?}");
                Err(Fault::new(Fate::Stop, "HUB-0008", "ghost_timer", detail))
            }
        }
    }
}
