//! What users implement: a processor, and what it may ask of its context.

use bytes::Bytes;
use schemas::Timestamp;

use crate::{Context, Fault, InitContext, Record, TopologyError, Verdict};

/// A processor: a pure decision on one record, its task's stores and the time given.
///
/// One is made per task by its factory and never shared. The runtime calls `process` once for each
/// record in offset order per partition, by lowest timestamp between partitions. It must not block,
/// read a clock or touch the outside; whatever it sends, puts and schedules is committed together
/// with the record's position, or not at all.
pub trait Processor: Send {
    /// Resolves the handles of stores, tables and sinks. Called once, before any record.
    ///
    /// # Errors
    /// When the topology does not connect what it asks for.
    fn init(&mut self, _init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        Ok(())
    }

    /// The task begins to work: its stores are restored, and no record was taken in yet. Called once in
    /// a task's life, and again only where what it did was not committed. A task begins anew at every
    /// start and whenever its partition moves: here a processor finds what changed between two lives,
    /// such as its settings.
    ///
    /// # Errors
    /// `Retry` opens all processors of the task again later; any other fault ends the worker. What they
    /// did is undone first.
    fn open(&mut self, _context: &mut Context<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes one record in and says what became of it.
    ///
    /// # Errors
    /// A [`Fault`] says with its fate what the runtime shall do: `DeadLetter` and `Quarantine` write
    /// the record there with the fault's code, `Retry` holds the task until the same record is tried
    /// again, `Stop` ends the worker. In each case what this call did is undone first; what earlier
    /// calls did is not. `Park` is not for processors to return and stops as well.
    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault>;

    /// A timer that this processor scheduled is due.
    ///
    /// # Errors
    /// `Retry` fires the timer again later; any other fault ends the worker, since there is no record
    /// that could be given up in its stead. What this call did is undone first.
    fn on_timer(&mut self, _timer: &Timer, _context: &mut Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Which clock a timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// The `now` handed to the worker.
    Wall,
    /// The task's stream time: the highest record timestamp seen.
    Stream,
}

/// A durable timer that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The clock it follows.
    pub clock: Clock,
    /// When it was due.
    pub deadline: Timestamp,
    /// The key it was scheduled with.
    pub key: Bytes,
}

/// Makes one processor per task.
pub type ProcessorFactory = std::sync::Arc<dyn Fn() -> Box<dyn Processor> + Send + Sync>;
