//! A clock's account: what started it, what rested it, which hours were skipped, and the sum.
//!
//! The account is made from the kept transitions by the engine itself, step by step, so that it
//! cannot say another sum than the verdict does.

use schemas::{SlaStatus, Timestamp};
use serde::Serialize;
use topology::{Fault, decode_value};

use super::SlaSettings;
use super::calendar::{Clock, Piece};
use super::entry::{ClockEntry, Entry};
use super::ladder::Climbed;
use super::objective::{Start, Terms};
use super::state;
use super::verdict::{Phase, Progress, Unknown};

/// Pieces of working time told one by one within one run of a clock; a longer run is one line.
const PIECES_MAX: usize = 366;

/// All clocks of one entity with their accounts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityLedger {
    /// The entity, such as `order:7`.
    pub entity: String,
    /// The instant it was asked at.
    pub at: String,
    /// Its clocks that have started, by the objective's name.
    pub clocks: Vec<ClockLedger>,
}

/// One clock with its account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClockLedger {
    /// The objective.
    pub objective: String,
    /// What the clock comes to.
    pub status: SlaStatus,
    /// Whether it has ended.
    pub closed: bool,
    /// The highest warning level passed.
    pub warned_percent: u8,
    /// The share of the highest step of its ladder that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_percent: Option<u8>,
    /// Why no verdict can be given, where the status is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// How much time there is; absent where it is a date that the entity does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_ms: Option<i64>,
    /// How much of it is used.
    pub consumed_ms: i64,
    /// How much is left; negative past the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<i64>,
    /// When the target passes, or passed, if nothing rests the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breach_at: Option<String>,
    /// The account: what counts adds up to `consumed_ms`.
    pub lines: Vec<LedgerLine>,
}

/// What a line of an account tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Transitions too old to be kept one by one, summed up.
    Earlier,
    /// The clock starts.
    Start,
    /// Time that counts.
    Run,
    /// Time outside working hours.
    Night,
    /// Time outside working hours with a holiday in it.
    Holiday,
    /// Time in a state in which the clock rests.
    Pause,
    /// The clock stops: the verdict is given.
    Stop,
    /// The clock ends without a verdict.
    Cancel,
    /// A stopped clock goes on, or starts anew where its total is 0 again.
    Reopen,
}

impl LineKind {
    /// Its name, as JSON says it too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Earlier => "earlier",
            Self::Start => "start",
            Self::Run => "run",
            Self::Night => "night",
            Self::Holiday => "holiday",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::Cancel => "cancel",
            Self::Reopen => "reopen",
        }
    }
}

/// A line of an account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LedgerLine {
    /// What it tells of.
    pub kind: LineKind,
    /// From when.
    pub from: String,
    /// Until when; the same instant for what takes no time.
    pub until: String,
    /// The state that brought it about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The holidays in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<String>,
    /// How much of it counts.
    pub counted_ms: i64,
    /// What counts up to here.
    pub total_ms: i64,
}

/// The accounts of an entity's clocks, from its value in the store [`STORE`](super::STORE).
///
/// # Errors
/// When the value cannot be read.
pub fn explain(settings: &SlaSettings, entity: &str, value: &[u8], now: Timestamp) -> Result<EntityLedger, Fault> {
    let entry: Entry = decode_value(value)?;
    let kind = entity.split_once(':').map_or(entity, |(kind, _)| kind);
    let objectives = settings.objectives(kind);
    let mut clocks: Vec<_> = entry
        .clocks
        .iter()
        .filter_map(|clock| {
            let objective = objectives.iter().find(|objective| objective.id == clock.objective)?;
            account(&entry, clock, &entry.terms(clock, objective), now.0)
        })
        .collect();
    clocks.sort_by(|one, other| one.objective.cmp(&other.objective));
    Ok(EntityLedger { entity: entity.to_owned(), at: now.to_string(), clocks })
}

fn account(entry: &Entry, clock: &ClockEntry, terms: &Terms<'_>, now: i64) -> Option<ClockLedger> {
    let mut account = Account { terms: *terms, lines: Vec::new(), total: 0 };
    let mut last = account.begin(entry, clock);
    for transition in entry.transitions() {
        let mut next = last;
        next.step(terms, *transition);
        if next.phase != last.phase {
            account.span(&last, next.since, state::name(transition.2));
            account.change(&last, &next, state::name(transition.2));
        }
        last = next;
    }
    let verdict = entry.verdict(clock, terms, &last)?;
    if !verdict.closed {
        account.span(&last, now, None);
    }
    let consumed_ms = account.total;
    let breach_at = last.breached_at.or(verdict.breach_at).filter(|at| *at < i64::MAX);
    let target_ms = terms.target_ms(last.started);
    Some(ClockLedger {
        objective: terms.objective.name.clone(),
        status: verdict.status,
        closed: verdict.closed,
        warned_percent: clock.warned,
        escalated_percent: clock.climbed.as_ref().map(Climbed::percent),
        reason: verdict.unknown.map(Unknown::name),
        target_ms,
        consumed_ms,
        remaining_ms: target_ms.map(|target| target - consumed_ms),
        breach_at: breach_at.map(|at| Timestamp(at).to_string()),
        lines: account.lines,
    })
}

struct Account<'a> {
    terms: Terms<'a>,
    lines: Vec<LedgerLine>,
    total: i64,
}

impl Account<'_> {
    /// What is known before the first kept transition.
    fn begin(&mut self, entry: &Entry, clock: &ClockEntry) -> Progress {
        let mut progress = clock.base().unwrap_or_default();
        if progress.phase != Phase::Waiting {
            self.add(LineKind::Earlier, progress.started, progress.since, progress.consumed, None, Vec::new());
        }
        let was_waiting = progress.phase == Phase::Waiting;
        progress.create(&self.terms, Some(entry.created()));
        if was_waiting && self.terms.objective.start == Start::Created {
            self.add(LineKind::Start, progress.started, progress.started, 0, None, Vec::new());
        }
        progress
    }

    /// The time that a phase lasted.
    fn span(&mut self, phase: &Progress, until: i64, ended_by: Option<&'static str>) {
        let from = phase.since;
        match (phase.phase, self.terms.clock) {
            (Phase::Running, Clock::Business(calendar)) => {
                let Some(pieces) = calendar.pieces(from, until, PIECES_MAX) else {
                    let counted = calendar.elapsed(Timestamp(from), Timestamp(until));
                    return self.add(LineKind::Run, from, until, counted, None, Vec::new());
                };
                for Piece { from, until, works, holidays } in pieces {
                    let kind = match (works, holidays.is_empty()) {
                        (true, _) => LineKind::Run,
                        (false, true) => LineKind::Night,
                        (false, false) => LineKind::Holiday,
                    };
                    let holidays = holidays.iter().map(ToString::to_string).collect();
                    self.add(kind, from, until, if works { until - from } else { 0 }, None, holidays);
                }
            }
            (Phase::Running, Clock::Wall) if until > from => {
                self.add(LineKind::Run, from, until, until - from, None, Vec::new());
            }
            (Phase::Paused, _) if until > from => self.add(LineKind::Pause, from, until, 0, ended_by, Vec::new()),
            _ => {}
        }
    }

    /// What takes no time.
    fn change(&mut self, last: &Progress, next: &Progress, state: Option<&'static str>) {
        let kind = match (last.phase, next.phase) {
            (Phase::Waiting, _) => LineKind::Start,
            (_, Phase::Stopped) => LineKind::Stop,
            (_, Phase::Cancelled) => LineKind::Cancel,
            (Phase::Stopped, _) => {
                self.total = next.consumed;
                LineKind::Reopen
            }
            // The pause is told with its time, and by its end.
            _ => return,
        };
        self.add(kind, next.since, next.since, 0, state, Vec::new());
    }

    fn add(
        &mut self,
        kind: LineKind,
        from: i64,
        until: i64,
        counted_ms: i64,
        state: Option<&'static str>,
        holidays: Vec<String>,
    ) {
        self.total += counted_ms;
        let (from, until) = (Timestamp(from).to_string(), Timestamp(until).to_string());
        self.lines.push(LedgerLine { kind, from, until, state, holidays, counted_ms, total_ms: self.total });
    }
}
