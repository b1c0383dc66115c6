//! A commit under way: another thread carries it to its end, and what is sent meanwhile is held back, since a client
//! has one transaction at a time. That thread's calls are watched, so whoever waits for it need not be.

use std::sync::mpsc::{Receiver, TryRecvError};

use topology::{Commit, LogError, OutgoingRecord, Position, TopicPartition};

use super::KafkaProducer;
use super::client::Client;
use super::finish::{Fate, Going};

/// After so many records that are held back it is looked whether they need be any longer.
const LOOK_EVERY: usize = 64;

/// The client, and how its transaction fared.
type Returned = (Client, Result<Fate, LogError>);

/// See the module.
pub(super) struct Committing {
    told: Receiver<Returned>,
    group: String,
    positions: Vec<(TopicPartition, Position)>,
    /// What was sent since, with the target and the partition of each.
    held: Vec<(OutgoingRecord, usize, u32)>,
    /// How it fared, where that was heard.
    heard: Option<Returned>,
}

impl Committing {
    /// Hears what there is to hear, without waiting; false while it is under way.
    fn has_ended(&mut self) -> bool {
        if self.heard.is_none() {
            match self.told.try_recv() {
                Ok(returned) => self.heard = Some(returned),
                Err(TryRecvError::Empty) => return false,
                // Whoever waits for it hears of that.
                Err(TryRecvError::Disconnected) => {}
            }
        }
        true
    }

    fn is_committed(&mut self) -> bool {
        self.has_ended() && matches!(self.heard, Some((_, Ok(Fate::Committed))))
    }
}

impl KafkaProducer {
    /// Sends the open transaction on its way.
    pub(super) fn begin(&mut self, going: Going, group: &str, positions: &[(TopicPartition, Position)]) {
        let client = self.client.take().expect("connected by whoever opened the transaction");
        let told = self.committer.begin(move || {
            let fate = client.finish(going);
            (client, fate)
        });
        let (group, positions) = (group.to_owned(), positions.to_vec());
        self.committing = Some(Committing { told, group, positions, held: Vec::new(), heard: None });
    }

    /// Whether the end of the commit would not have to be waited for.
    pub(super) fn has_ended(&mut self) -> bool {
        self.committing.as_mut().is_none_or(Committing::has_ended)
    }

    /// Keeps a record for the next transaction while a commit is under way; gives it back otherwise.
    pub(super) fn hold(
        &mut self,
        record: OutgoingRecord,
        target: usize,
        partition: u32,
    ) -> Result<Option<OutgoingRecord>, LogError> {
        let Some(committing) = &mut self.committing else { return Ok(Some(record)) };
        committing.held.push((record, target, partition));
        // Anything but success is its owner's to hear first.
        if committing.held.len().is_multiple_of(LOOK_EVERY) && committing.is_committed() {
            self.committed_meanwhile = Some(self.wait_for_end()?);
        }
        Ok(None)
    }

    /// Waits for the end of the commit, and passes on what was held back if it succeeded.
    pub(super) fn wait_for_end(&mut self) -> Result<Commit, LogError> {
        if let Some(ended) = self.committed_meanwhile.take() {
            return Ok(ended);
        }
        let Some(Committing { told, group, positions, held, heard }) = self.committing.take() else {
            return Err(LogError::Corrupt("the end of a commit was asked for that has not begun".to_owned()));
        };
        let Some((client, fate)) = heard.or_else(|| told.recv().ok()) else {
            return Err(LogError::Retriable("the thread that commits is gone".to_owned()));
        };
        self.client = Some(client);
        let ended = self.conclude(fate, &group, &positions)?;
        if ended == Commit::Committed {
            for (record, target, partition) in held {
                self.pass_on(record, target, partition)?;
            }
        }
        Ok(ended)
    }

    /// Ends what is under way for whoever does not want to know how, with all that was sent since.
    pub(super) fn give_up(&mut self) {
        self.committed_meanwhile = None;
        let Some(Committing { told, heard, .. }) = self.committing.take() else { return };
        let returned = heard.or_else(|| told.recv().ok());
        let Some((client, fate)) = returned else { return };
        self.client = Some(client);
        match fate {
            Ok(Fate::Committed) => self.forget(),
            Ok(Fate::Stuck) => self.abandon(),
            // Whoever comes next finds out, by the positions.
            Ok(Fate::Unknown(_) | Fate::Fenced) => self.disconnect(),
            Ok(Fate::Aborted) | Err(_) => drop(self.throw_away()),
        }
    }
}
