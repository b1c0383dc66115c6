//! What a registry's subjects lack of the hub's schemas.

use schemas::registry::{SCHEMAS, SchemaEntry};

use super::{RegistryClient, RegistryError};

/// The subject of a topic's values, as the Confluent clients name it (TopicNameStrategy).
pub fn subject_of(topic: &str) -> String {
    format!("{topic}-value")
}

/// What is to be done about one version of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectStep {
    /// The subject holds it.
    Held {
        /// The registry's id.
        id: u32,
        /// The number within the subject.
        version: u32,
    },
    /// It is to be added.
    Register,
    /// The subject does not take it.
    Incompatible {
        /// Why, in the registry's words.
        messages: Vec<String>,
    },
}

/// One version of the schema of one topic's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPlan {
    /// The topic, by the broker's name.
    pub topic: String,
    /// The schema, of the hub's table.
    pub entry: &'static SchemaEntry,
    /// What is to be done.
    pub step: SubjectStep,
}

impl SubjectPlan {
    /// Asks the registry about every version of the record that each topic carries, oldest first.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub fn of(client: &RegistryClient, topics: &[(String, &'static str)]) -> Result<Vec<Self>, RegistryError> {
        let mut all = Vec::new();
        for (topic, record) in topics {
            let mut plans: Vec<Self> = Vec::new();
            for entry in SCHEMAS.iter().filter(|entry| entry.name == *record) {
                let subject = subject_of(topic);
                let step = match client.find(&subject, entry.avsc)? {
                    Some(found) => SubjectStep::Held { id: found.id, version: found.version },
                    None => {
                        let answer = client.compatibility(&subject, entry.avsc)?;
                        if answer.is_compatible {
                            SubjectStep::Register
                        } else {
                            SubjectStep::Incompatible { messages: answer.messages }
                        }
                    }
                };
                // An older version that never was there is not needed once a newer one is.
                if matches!(step, SubjectStep::Held { .. }) {
                    plans.retain(|older| matches!(older.step, SubjectStep::Held { .. }));
                }
                plans.push(Self { topic: topic.clone(), entry, step });
            }
            all.append(&mut plans);
        }
        Ok(all)
    }

    /// Does it; the registry's id of the schema.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] where the subject does not take it; see [`RegistryError`].
    pub fn apply(&self, client: &RegistryClient) -> Result<u32, RegistryError> {
        let subject = subject_of(&self.topic);
        match &self.step {
            SubjectStep::Held { id, .. } => Ok(*id),
            SubjectStep::Register => {
                let id = client.register(&subject, self.entry.avsc)?;
                client.hold_backward(&subject)?;
                Ok(id)
            }
            SubjectStep::Incompatible { messages } => Err(RegistryError::Refused {
                what: format!("{} v{} for subject {subject}", self.entry.name, self.entry.version),
                why: messages.first().map_or("it is not compatible", String::as_str).to_owned(),
                status: 409,
            }),
        }
    }
}
