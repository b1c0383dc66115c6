//! Which ids frames carry on topics, and which in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use schemas::registry::FOREIGN;
use topology::LogError;

use super::{RegistryClient, SubjectPlan};

/// An id that the registry did not know is asked for again after so long.
const ABSENT_FOR: Duration = Duration::from_secs(30);

/// How soon an id is asked for again that there was no answer about.
const ASK_AGAIN: Duration = Duration::from_secs(1);

enum Asked {
    UnderWay,
    InVain { at: Instant },
}

#[derive(Clone, Copy)]
enum Known {
    /// Read with this id of the table, or with the adopted schema of this id.
    As(u32),
    /// The registry has no such schema, or one of another's record.
    Absent { since: Instant },
}

/// Translates ids at the edge of a log. Shared by all threads; what is known costs a look under a read lock.
pub struct SchemaIds {
    client: RegistryClient,
    /// By topic, as the hub names it: ids of the table with those of the registry.
    outgoing: HashMap<String, Arc<[(u32, u32)]>>,
    incoming: RwLock<HashMap<u32, Known>>,
    /// Ids without an answer yet.
    asked: Mutex<HashMap<u32, Asked>>,
    trouble: Mutex<Option<String>>,
}

impl SchemaIds {
    /// Knows what these plans came to, each with the id that the registry has for it. `prefix` is what the broker's
    /// names of topics begin with.
    pub fn new(client: RegistryClient, prefix: &str, known: &[(SubjectPlan, u32)]) -> Self {
        let mut outgoing: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
        let mut incoming = HashMap::new();
        for (plan, id) in known {
            let topic = plan.topic.strip_prefix(prefix).unwrap_or(&plan.topic);
            outgoing.entry(topic.to_owned()).or_default().push((plan.entry.id, *id));
            incoming.insert(*id, Known::As(plan.entry.id));
        }
        Self {
            client,
            outgoing: outgoing.into_iter().map(|(topic, ids)| (topic, ids.into())).collect(),
            incoming: RwLock::new(incoming),
            asked: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// What frames of a topic carry; `None` for a topic whose values are no framed records.
    pub(crate) fn of_topic(&self, topic: &str) -> Option<Arc<[(u32, u32)]>> {
        self.outgoing.get(topic).cloned()
    }

    /// Why an id cannot be asked for at the moment, if so.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self, id: u32) -> Option<u32> {
        match self.incoming.read().unwrap_or_else(PoisonError::into_inner).get(&id)? {
            Known::As(known) => Some(*known),
            // Not known to anybody: reading it says so.
            Known::Absent { since } => (since.elapsed() < ABSENT_FOR).then_some(id | FOREIGN),
        }
    }

    /// The id that a frame of a topic has in memory. One that is new is asked for in the background.
    ///
    /// # Errors
    /// [`LogError::Retriable`] until there is an answer: the frame is to be looked at again.
    pub(crate) fn incoming(self: &Arc<Self>, id: u32) -> Result<u32, LogError> {
        if let Some(known) = self.known(id) {
            return Ok(known);
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may_ask = match asked.get(&id) {
            None => true,
            Some(Asked::UnderWay) => false,
            Some(Asked::InVain { at }) => at.elapsed() >= ASK_AGAIN,
        };
        if may_ask {
            let ids = self.clone();
            // A thread of its own: the caller's has timers to keep, or runs futures.
            let spawned = std::thread::Builder::new().name("schema-id".into()).spawn(move || ids.ask(id));
            asked.insert(id, if spawned.is_ok() { Asked::UnderWay } else { Asked::InVain { at: Instant::now() } });
        }
        drop(asked);
        Err(LogError::Retriable(
            self.trouble().unwrap_or_else(|| format!("the schema registry was asked for schema {id}")),
        ))
    }

    fn ask(&self, id: u32) {
        let answer = self.client.schema(id);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match answer {
            Ok(text) => text,
            Err(error) => {
                if trouble.is_none() {
                    tracing::warn!(%error, id, "records wait for their schema");
                }
                *trouble = Some(error.to_string());
                asked.insert(id, Asked::InVain { at: Instant::now() });
                return;
            }
        };
        *trouble = None;
        let known = match text.as_deref().map(|text| schemas::registry::adopt(id, text)) {
            Some(Ok(adopted)) => Known::As(adopted),
            Some(Err(error)) => {
                tracing::warn!(id, %error, "records carry a schema that is none of the hub's");
                Known::Absent { since: Instant::now() }
            }
            None => {
                tracing::warn!(id, "records carry the id of a schema that the registry does not know");
                Known::Absent { since: Instant::now() }
            }
        };
        self.incoming.write().unwrap_or_else(PoisonError::into_inner).insert(id, known);
        asked.remove(&id);
    }
}
