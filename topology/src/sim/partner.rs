//! An outside system that is slow and lies.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Rng;

/// Chances per thousand. Of `denied`, `garbled`, `busy`, `wait`, `late` and `slow` at most one meets a request, so their
/// sum is at most 1,000; `refused` is of idempotency keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartnerFaults {
    /// The work is done, and the answer says that it failed.
    pub denied: u32,
    /// The answer means nothing. The work is done half of the times.
    pub garbled: u32,
    /// The work is not done, and the answer says so.
    pub busy: u32,
    /// The work is not done, and the answer asks for a wait of up to [`Partner::WAIT_MAX`].
    pub wait: u32,
    /// The answer comes after [`Partner::LATE`], when nobody listens any more. The work is done half of the times.
    pub late: u32,
    /// The work is done, and the answer takes up to [`Partner::SLOW_MAX`].
    pub slow: u32,
    /// The work will never be done for this idempotency key, and the answer says so each time that none of the above
    /// meets the request.
    pub refused: u32,
}

impl PartnerFaults {
    /// No fault: the work is done, and the answer says so at once.
    pub const NONE: Self = Self { denied: 0, garbled: 0, busy: 0, wait: 0, late: 0, slow: 0, refused: 0 };

    /// Every fault, often enough to meet several in a short run.
    pub const HARSH: Self = Self { denied: 100, garbled: 100, busy: 100, wait: 60, late: 60, slow: 180, refused: 40 };
}

/// What a partner says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartnerAnswer {
    /// The work is done now.
    Done,
    /// The work was done before, under the same idempotency key.
    Duplicate,
    /// The work is not done, and may be asked for again: which is a lie where [`PartnerFaults::denied`] struck.
    Failed,
    /// Nothing that anybody understands: the work may be done or not.
    Garbled,
    /// The work is not done, and shall not be asked for again before this time has passed.
    Wait(Duration),
    /// The work will never be done.
    Refused,
}

/// An answer and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartnerReply {
    /// How long after the request the answer comes. What is done is done at the request.
    pub after: Duration,
    /// What it says.
    pub answer: PartnerAnswer,
}

/// Work that a partner has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerWork {
    /// The idempotency key that it was asked for under.
    pub idempotency_key: String,
    /// The order key of the request.
    pub order_key: String,
}

/// How often a partner did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartnerEvents {
    /// Requests, of which the rest are parts.
    pub requests: u64,
    /// Work that was done and denied.
    pub denied: u64,
    /// Answers that meant nothing.
    pub garbled: u64,
    /// Work that was not done for now, without a wait.
    pub busy: u64,
    /// Waits that were asked for.
    pub waits: u64,
    /// Answers that came too late.
    pub late: u64,
    /// Answers that took their time.
    pub slow: u64,
    /// Refusals.
    pub refused: u64,
    /// Repeated idempotency keys that were answered as such.
    pub duplicates: u64,
}

impl PartnerEvents {
    /// Adds what happened to another partner.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.denied += other.denied;
        self.garbled += other.garbled;
        self.busy += other.busy;
        self.waits += other.waits;
        self.late += other.late;
        self.slow += other.slow;
        self.refused += other.refused;
        self.duplicates += other.duplicates;
    }
}

/// A simulated outside system that is asked for work, one request at a time, and has faults from a seed.
///
/// What it does with a request is a pure function of its seed, the idempotency key and how often that came before: it
/// reads no clock, and answers with times as values. Work is done at most once for each idempotency key. It never
/// says that it has done what it has not, since nobody could notice; and it has faults with the first
/// [`FAULTS_MAX`](Self::FAULTS_MAX) requests of an idempotency key only, so that whoever asks again comes to an end.
///
/// ```
/// use topology::sim::{Partner, PartnerAnswer, PartnerFaults};
///
/// // It does what it is asked for, and always denies it at first.
/// let mut partner = Partner::new(7, PartnerFaults { denied: 1000, ..PartnerFaults::NONE });
/// for _ in 0..Partner::FAULTS_MAX {
///     assert_eq!(partner.request("delivery-1", "order-1").answer, PartnerAnswer::Failed);
/// }
/// assert_eq!(partner.request("delivery-1", "order-1").answer, PartnerAnswer::Duplicate);
///
/// // However often it was asked, it did the work once.
/// assert_eq!(partner.work().len(), 1);
/// assert_eq!(partner.work()[0].idempotency_key, "delivery-1");
/// ```
#[derive(Clone, Debug)]
pub struct Partner {
    seed: u64,
    faults: PartnerFaults,
    /// Requests so far by idempotency key, and whether the work was done.
    known: BTreeMap<String, (u32, bool)>,
    work: Vec<PartnerWork>,
    events: PartnerEvents,
}

/// How a request is dealt with.
#[derive(Clone, Copy)]
enum Conduct {
    Denied,
    Garbled,
    Busy,
    Wait,
    Late,
    Slow,
    Honest,
}

impl Partner {
    /// The requests of one idempotency key that faults may meet.
    pub const FAULTS_MAX: u32 = 4;
    /// How long a slow answer takes at most.
    pub const SLOW_MAX: Duration = Duration::from_millis(300);
    /// After how long a late answer comes: callers are to stop listening before.
    pub const LATE: Duration = Duration::from_secs(60);
    /// The longest wait that is asked for.
    pub const WAIT_MAX: Duration = Duration::from_secs(2);

    /// A partner that has not been asked for anything, with faults from a seed.
    pub fn new(seed: u64, faults: PartnerFaults) -> Self {
        Self { seed, faults, known: BTreeMap::new(), work: Vec::new(), events: PartnerEvents::default() }
    }

    /// Asks for work under an idempotency key; the order key is noted with the work.
    pub fn request(&mut self, idempotency_key: &str, order_key: &str) -> PartnerReply {
        let (before, is_done) = self.known.get(idempotency_key).copied().unwrap_or_default();
        let mut rng = self.chance_of(idempotency_key, u64::from(before) + 1);
        let is_refused = self.refuses(idempotency_key);
        let conduct = match self.conduct(&mut rng) {
            _ if before >= Self::FAULTS_MAX => Conduct::Honest,
            // Nothing was done that could be denied.
            Conduct::Denied if is_refused => Conduct::Busy,
            conduct => conduct,
        };
        let does = match conduct {
            Conduct::Denied | Conduct::Slow | Conduct::Honest => true,
            Conduct::Garbled | Conduct::Late => rng.chance(500),
            Conduct::Busy | Conduct::Wait => false,
        };
        let does = does && !is_done && !is_refused;
        if does {
            let (idempotency_key, order_key) = (idempotency_key.to_owned(), order_key.to_owned());
            self.work.push(PartnerWork { idempotency_key, order_key });
        }
        self.known.insert(idempotency_key.to_owned(), (before.saturating_add(1), is_done || does));
        let honest = match (is_refused, is_done || does) {
            (true, _) => PartnerAnswer::Refused,
            (false, _) if is_done => PartnerAnswer::Duplicate,
            (false, true) => PartnerAnswer::Done,
            // Only a late answer gets here, and it says what is so.
            (false, false) => PartnerAnswer::Failed,
        };
        let (after, answer) = match conduct {
            Conduct::Denied | Conduct::Busy => (Duration::ZERO, PartnerAnswer::Failed),
            Conduct::Garbled => (Duration::ZERO, PartnerAnswer::Garbled),
            Conduct::Wait => (Duration::ZERO, PartnerAnswer::Wait(up_to(Self::WAIT_MAX, &mut rng))),
            Conduct::Late => (Self::LATE, honest),
            Conduct::Slow => (up_to(Self::SLOW_MAX, &mut rng), honest),
            Conduct::Honest => (Duration::ZERO, honest),
        };
        self.count(conduct, answer);
        PartnerReply { after, answer }
    }

    /// Whether it will never do the work for this idempotency key.
    pub fn refuses(&self, idempotency_key: &str) -> bool {
        self.chance_of(idempotency_key, 0).chance(self.faults.refused)
    }

    /// How often an idempotency key was seen.
    pub fn requests(&self, idempotency_key: &str) -> u32 {
        self.known.get(idempotency_key).map_or(0, |known| known.0)
    }

    /// The work that it did, in the order in which it did it: each idempotency key at most once.
    pub fn work(&self) -> &[PartnerWork] {
        &self.work
    }

    /// What happened so far.
    pub fn events(&self) -> PartnerEvents {
        self.events
    }

    /// The chance of one request, the same whatever other idempotency keys came between.
    fn chance_of(&self, idempotency_key: &str, request: u64) -> Rng {
        let mix = |sum: u64, part: u64| Rng::new(sum ^ part).next_u64();
        Rng::new(idempotency_key.bytes().map(u64::from).chain([request]).fold(self.seed, mix))
    }

    fn conduct(&self, rng: &mut Rng) -> Conduct {
        let PartnerFaults { denied, garbled, busy, wait, late, slow, refused: _ } = self.faults;
        let mut draw = rng.below(1_000) as u32;
        for (chance, conduct) in [
            (denied, Conduct::Denied),
            (garbled, Conduct::Garbled),
            (busy, Conduct::Busy),
            (wait, Conduct::Wait),
            (late, Conduct::Late),
            (slow, Conduct::Slow),
        ] {
            if draw < chance {
                return conduct;
            }
            draw -= chance;
        }
        Conduct::Honest
    }

    fn count(&mut self, conduct: Conduct, answer: PartnerAnswer) {
        let events = &mut self.events;
        events.requests += 1;
        match conduct {
            Conduct::Denied => events.denied += 1,
            Conduct::Garbled => events.garbled += 1,
            Conduct::Busy => events.busy += 1,
            Conduct::Wait => events.waits += 1,
            Conduct::Late => events.late += 1,
            Conduct::Slow => events.slow += 1,
            Conduct::Honest => {}
        }
        events.refused += u64::from(answer == PartnerAnswer::Refused);
        events.duplicates += u64::from(answer == PartnerAnswer::Duplicate);
    }
}

fn up_to(longest: Duration, rng: &mut Rng) -> Duration {
    Duration::from_millis(1 + rng.below(longest.as_millis() as usize) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_with_a_key_does_not_hang_on_the_keys_between() {
        let mut alone = Partner::new(3, PartnerFaults::HARSH);
        let mut busy = alone.clone();
        for request in 0..200 {
            let key = format!("delivery-{}", request % 40);
            assert_eq!(alone.request(&key, "order"), busy.request(&key, "order"));
            busy.request(&format!("other-{request}"), "order");
        }
        let other = Partner::new(4, PartnerFaults::HARSH).request("delivery-0", "order");
        let differs = |seed| Partner::new(seed, PartnerFaults::HARSH).request("delivery-0", "order") != other;
        assert!((5..50).any(differs));
    }

    #[test]
    fn every_fault_comes_and_every_key_ends_in_truth() {
        let mut partner = Partner::new(1, PartnerFaults::HARSH);
        for key in (0..500).map(|number| format!("delivery-{number}")) {
            let answers: Vec<_> = (0..=Partner::FAULTS_MAX).map(|_| partner.request(&key, &key)).collect();
            let last = answers.last().unwrap();
            let is_done = partner.work().last().is_some_and(|work| work.idempotency_key == key);
            assert_eq!(last.answer == PartnerAnswer::Refused, partner.refuses(&key));
            assert_eq!(is_done, !partner.refuses(&key), "{answers:?}");
            assert_eq!(last.after, Duration::ZERO);
        }
        let PartnerEvents { requests, denied, garbled, busy, waits, late, slow, refused, duplicates } =
            partner.events();
        assert_eq!(requests, 500 * u64::from(Partner::FAULTS_MAX + 1));
        assert!([denied, garbled, busy, waits, late, slow, refused, duplicates].iter().all(|times| *times > 20));
        let mut keys: Vec<_> = partner.work().iter().map(|work| &work.idempotency_key).collect();
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "work was done twice");
    }
}
