//! What others see of the clocks of an entity: how far each is at an instant, and in which state.

use schemas::SlaStatus;
use topology::{Fault, decode_value};

use super::SlaSettings;
use super::entry::Entry;
use super::objective::Terms;
use super::state;
use super::verdict::{Phase, Progress};

/// One clock of an entity, as its transitions have brought it.
pub(crate) struct Sight<'a> {
    terms: Terms<'a>,
    progress: Progress,
    /// How much working time may be used without a violation.
    pub(crate) target_ms: i64,
    /// What it comes to.
    pub(crate) status: SlaStatus,
    /// Whether it has ended.
    pub(crate) closed: bool,
    /// The entity's state; `created` before it has told one.
    pub(crate) stage: &'static str,
    /// Working time that was used up when the entity came to that state.
    pub(crate) entered_ms: i64,
}

impl Sight<'_> {
    /// What stored values call the objective.
    pub(crate) fn id(&self) -> u32 {
        self.terms.objective.id
    }

    /// The objective's name.
    pub(crate) fn name(&self) -> &str {
        &self.terms.objective.name
    }

    /// Working time used up at an instant.
    pub(crate) fn consumed_at(&self, at: i64) -> i64 {
        self.progress.consumed_at(&self.terms, at)
    }

    /// When so much working time will have been used if nothing changes; nothing while it rests.
    pub(crate) fn reaches(&self, millis: i64) -> Option<i64> {
        let is_running = self.progress.phase == Phase::Running;
        is_running.then(|| self.progress.reaches(&self.terms, millis)).filter(|at| *at < i64::MAX)
    }
}

/// Whether entities of this kind have clocks at all.
pub(crate) fn has_clocks(settings: &SlaSettings, kind: &str) -> bool {
    !settings.objectives(kind).is_empty()
}

/// The clocks of an entity of this kind that have started and know their target, from its value in the store
/// [`STORE`](super::STORE).
///
/// # Errors
/// When the value cannot be read.
pub(crate) fn sights<'a>(settings: &'a SlaSettings, kind: &str, value: &[u8]) -> Result<Vec<Sight<'a>>, Fault> {
    let entry: Entry = decode_value(value)?;
    let latest = entry.transitions().last().copied();
    let stage = latest.and_then(|transition| state::name(transition.2)).unwrap_or("created");
    let clocks = entry.clocks.iter().filter_map(|clock| {
        let objective = settings.objectives(kind).iter().find(|objective| objective.id == clock.objective)?;
        let terms = entry.terms(clock, objective);
        let progress = entry.progress(clock, &terms);
        let verdict = entry.verdict(clock, &terms, &progress)?;
        let target_ms = terms.limit_ms(progress.started)?;
        let entered_ms = latest.map_or(0, |transition| progress.consumed_at(&terms, transition.0)).max(0);
        let (status, closed) = (verdict.status, verdict.closed);
        Some(Sight { terms, progress, target_ms, status, closed, stage, entered_ms })
    });
    Ok(clocks.collect())
}
