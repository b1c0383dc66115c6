//! The thread that polls the log for an asynchronous sink.

use std::{collections::BTreeSet, sync::mpsc as blocking, thread, time::Duration};

use tokio::sync::mpsc;
use topology::{Consumer, LogError, Poll, Position, Record, TopicPartition};

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
    thread: thread::JoinHandle<()>,
}

impl Reader {
    /// Starts polling on a thread of its own.
    pub(super) fn start(part: &str, mut consumer: Box<dyn Consumer>, poll_bytes: usize) -> std::io::Result<Self> {
        let (to_sink, events) = mpsc::channel(POLLS_AHEAD);
        let (commands, from_sink) = blocking::channel();
        let thread = thread::Builder::new().name(format!("{part}.reader")).spawn(move || {
            let mut hold = Hold::default();
            while obey(consumer.as_mut(), &mut hold, &from_sink) {
                let Some(event) = poll(consumer.as_mut(), &mut hold, poll_bytes, &from_sink) else { continue };
                let failed = matches!(event.0, Event::Failed(_));
                let (event, wait) = event;
                hold.note(consumer.as_mut(), &event);
                if to_sink.blocking_send(event).is_err() || failed {
                    return;
                }
                if let Some(wait) = wait {
                    // Ends by the sender being dropped, which is the sink's word that it is done.
                    let _ = wait.recv();
                }
            }
        })?;
        Ok(Self { events, commands, thread })
    }

    /// Ends the reader. The handle returned ends once its consumer has left the group.
    pub(super) fn stop(self) -> thread::JoinHandle<()> {
        self.thread
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

/// Carries out the commands that wait; false when the sink is gone.
fn obey(consumer: &mut dyn Consumer, hold: &mut Hold, commands: &blocking::Receiver<Command>) -> bool {
    loop {
        match commands.try_recv() {
            Ok(command) => hold.obey(consumer, command),
            Err(blocking::TryRecvError::Empty) => return true,
            Err(blocking::TryRecvError::Disconnected) => return false,
        }
    }
}

/// Polls once: what came, and what to wait for before the next poll.
fn poll(
    consumer: &mut dyn Consumer,
    hold: &mut Hold,
    bytes: usize,
    commands: &blocking::Receiver<Command>,
) -> Option<(Event, Option<blocking::Receiver<()>>)> {
    let mut records = Vec::new();
    let (done, wait) = blocking::channel();
    match consumer.poll(POLL, bytes, &mut records) {
        Ok(Poll::Records) => Some((Event::Records(records), None)),
        Ok(Poll::Idle) => None,
        Ok(Poll::Assigned(partitions)) => Some((Event::Assigned(partitions), None)),
        Ok(Poll::Revoked(partitions)) => Some((Event::Revoked(partitions, done), Some(wait))),
        Ok(Poll::Lost(partitions)) => Some((Event::Lost(partitions, done), Some(wait))),
        Err(LogError::Retriable(reason)) => {
            tracing::warn!(group = consumer.group(), reason, "the log could not be read yet");
            if let Ok(command) = commands.recv_timeout(REST) {
                hold.obey(consumer, command);
            }
            None
        }
        Err(error) => Some((Event::Failed(error), None)),
    }
}
