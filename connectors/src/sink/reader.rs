//! What polls the log for an asynchronous sink.

use std::{collections::BTreeSet, sync::mpsc as blocking, thread, time::Duration};

use tokio::sync::mpsc;
use topology::{Consumer, LogError, Poll, Position, Record, TopicPartition};

use super::calls::Calls;

/// How long a poll waits: the time until a command is seen when nothing comes.
const POLL: Duration = Duration::from_millis(25);
/// The wait after an error that may pass.
const REST: Duration = Duration::from_millis(200);
/// Polls that may wait to be taken by the sink.
const POLLS_AHEAD: usize = 2;

/// What the reader tells the sink.
#[derive(Debug)]
pub(super) enum Event {
    Assigned(Vec<(TopicPartition, Position)>),
    /// The reader polls again once the sender is dropped.
    Revoked(Vec<TopicPartition>, blocking::Sender<()>),
    /// As for revoked ones: nothing of the old assignment may be under way when a new one comes.
    Lost(Vec<TopicPartition>, blocking::Sender<()>),
    Records(Vec<Record>),
    Failed(LogError),
}

/// What the sink tells the reader.
#[derive(Debug)]
pub(super) enum Command {
    Pause(TopicPartition),
    Resume(TopicPartition),
    /// Reads nothing more, but stays in the group.
    Rest,
}

/// A running reader. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) events: mpsc::Receiver<Event>,
    commands: blocking::Sender<Command>,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Thread(thread::JoinHandle<()>),
    #[cfg(test)]
    Inline(tokio::task::JoinHandle<()>),
}

impl Reader {
    /// Starts polling: on a thread of its own where calls are made on threads.
    pub(super) fn start(
        calls: Calls,
        part: &str,
        consumer: Box<dyn Consumer>,
        poll_bytes: usize,
    ) -> std::io::Result<Self> {
        let (to_sink, events) = mpsc::channel(POLLS_AHEAD);
        let (commands, from_sink) = blocking::channel();
        let polls = Polls { consumer, hold: Hold::default(), poll_bytes, commands: from_sink };
        let running = match calls {
            Calls::OnThreads => {
                let thread = thread::Builder::new().name(format!("{part}.reader"));
                Running::Thread(thread.spawn(move || polls.block(&to_sink))?)
            }
            #[cfg(test)]
            Calls::Inline => Running::Inline(tokio::spawn(polls.run(to_sink))),
        };
        Ok(Self { events, commands, running })
    }

    /// Ends the reader, and returns once its consumer has left the group.
    pub(super) async fn stop(self) {
        // The reader ends by these being gone.
        drop((self.events, self.commands));
        match self.running {
            Running::Thread(thread) => drop(tokio::task::spawn_blocking(move || thread.join()).await),
            #[cfg(test)]
            Running::Inline(spawned) => drop(spawned.await),
        }
    }

    /// Passes a command on; a reader that is gone needs none.
    pub(super) fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

/// What is assigned, and whether any of it shall be read.
#[derive(Default)]
struct Hold {
    assigned: BTreeSet<TopicPartition>,
    resting: bool,
}

impl Hold {
    fn obey(&mut self, consumer: &mut dyn Consumer, command: Command) {
        match command {
            Command::Pause(partition) => consumer.pause(&[partition]),
            Command::Resume(_) if self.resting => {}
            Command::Resume(partition) => consumer.resume(&[partition]),
            Command::Rest => {
                self.resting = true;
                self.rest(consumer);
            }
        }
    }

    fn rest(&self, consumer: &mut dyn Consumer) {
        let all: Vec<_> = self.assigned.iter().cloned().collect();
        consumer.pause(&all);
    }

    fn note(&mut self, consumer: &mut dyn Consumer, event: &Event) {
        match event {
            Event::Assigned(partitions) => {
                self.assigned.extend(partitions.iter().map(|(partition, _)| partition.clone()));
                if self.resting {
                    self.rest(consumer);
                }
            }
            Event::Revoked(partitions, _) | Event::Lost(partitions, _) => {
                self.assigned.retain(|partition| !partitions.contains(partition));
            }
            Event::Records(_) | Event::Failed(_) => {}
        }
    }
}

/// What polls, wherever it does.
struct Polls {
    consumer: Box<dyn Consumer>,
    hold: Hold,
    poll_bytes: usize,
    commands: blocking::Receiver<Command>,
}

/// What a poll brought.
enum Polled {
    Nothing,
    /// An error that may pass: the next poll is to come later.
    Rest,
    /// Something to tell, and what to wait for before the next poll.
    Event(Event, Option<blocking::Receiver<()>>),
}

impl Polls {
    /// Polls on this thread until the sink is gone, or the log fails for good.
    fn block(mut self, to_sink: &mpsc::Sender<Event>) {
        while self.obey() {
            match self.poll() {
                Polled::Nothing => {}
                Polled::Rest => {
                    if let Ok(command) = self.commands.recv_timeout(REST) {
                        self.hold.obey(self.consumer.as_mut(), command);
                    }
                }
                Polled::Event(event, wait) => {
                    let failed = matches!(event, Event::Failed(_));
                    if to_sink.blocking_send(event).is_err() || failed {
                        return;
                    }
                    if let Some(wait) = wait {
                        // Ends by the sender being dropped, which is the sink's word that it is done.
                        let _ = wait.recv();
                    }
                }
            }
        }
    }

    /// The same in virtual time, for a consumer that never blocks.
    #[cfg(test)]
    async fn run(mut self, to_sink: mpsc::Sender<Event>) {
        while self.obey() {
            match self.poll() {
                Polled::Nothing => tokio::time::sleep(POLL).await,
                Polled::Rest => tokio::time::sleep(REST).await,
                Polled::Event(event, wait) => {
                    let failed = matches!(event, Event::Failed(_));
                    if to_sink.send(event).await.is_err() || failed {
                        return;
                    }
                    while wait.as_ref().is_some_and(|wait| wait.try_recv() == Err(blocking::TryRecvError::Empty)) {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            }
        }
    }

    /// Carries out the commands that wait; false when the sink is gone.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.hold.obey(self.consumer.as_mut(), command),
                Err(blocking::TryRecvError::Empty) => return true,
                Err(blocking::TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Polls once.
    fn poll(&mut self) -> Polled {
        let mut records = Vec::new();
        let (done, wait) = blocking::channel();
        let (event, wait) = match self.consumer.poll(POLL, self.poll_bytes, &mut records) {
            Ok(Poll::Records) => (Event::Records(records), None),
            Ok(Poll::Idle) => return Polled::Nothing,
            Ok(Poll::Assigned(partitions)) => (Event::Assigned(partitions), None),
            Ok(Poll::Revoked(partitions)) => (Event::Revoked(partitions, done), Some(wait)),
            Ok(Poll::Lost(partitions)) => (Event::Lost(partitions, done), Some(wait)),
            Err(LogError::Retriable(reason)) => {
                tracing::warn!(group = self.consumer.group(), reason, "the log could not be read yet");
                return Polled::Rest;
            }
            Err(error) => (Event::Failed(error), None),
        };
        self.hold.note(self.consumer.as_mut(), &event);
        Polled::Event(event, wait)
    }
}
