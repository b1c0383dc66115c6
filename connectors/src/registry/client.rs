//! The calls of the Confluent API that the hub needs. They block: never on a thread that runs futures.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::RegistryError;

/// What it asks for.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Where a registry is, and who the hub is to it.
#[derive(Clone)]
pub struct RegistrySettings {
    /// Its address, without credentials, such as `https://registry.example.com:8081`.
    pub url: String,
    /// Who the hub is.
    pub credential: Option<Credential>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Who the hub is to a registry.
#[derive(Clone)]
pub enum Credential {
    /// A user with a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A bearer token.
    Token(String),
}

impl std::fmt::Debug for RegistrySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrySettings")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A schema as a subject holds it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// The registry's id of the schema.
    pub id: u32,
    /// The number within its subject, from 1.
    pub version: u32,
    /// Its text.
    pub schema: String,
}

/// Whether a subject would take a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Compatibility {
    /// Whether it would.
    pub is_compatible: bool,
    /// Why not.
    #[serde(default)]
    pub messages: Vec<String>,
}

/// See the module.
pub struct RegistryClient {
    settings: RegistrySettings,
    http: Client,
}

impl RegistryClient {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(settings: RegistrySettings) -> Result<Self, RegistryError> {
        let made = Client::builder().timeout(settings.timeout).connect_timeout(settings.timeout).build();
        match made {
            Ok(http) => Ok(Self { settings, http }),
            Err(error) => Err(RegistryError::Unreachable { url: settings.url, why: cause(&error) }),
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.settings.url
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.settings.url.trim_end_matches('/'))
    }

    /// Asks; `None` for what does not exist.
    fn ask(&self, what: &str, request: RequestBuilder) -> Result<Option<Value>, RegistryError> {
        let request = match &self.settings.credential {
            None => request,
            Some(Credential::Basic { user, password }) => request.basic_auth(user, Some(password)),
            Some(Credential::Token(token)) => request.bearer_auth(token),
        };
        let unreachable = |why: String| RegistryError::Unreachable { url: self.settings.url.clone(), why };
        let answer = request.header("accept", MEDIA_TYPE).send().map_err(|error| unreachable(cause(&error)))?;
        let status = answer.status();
        let body = answer.text().map_err(|error| unreachable(cause(&error)))?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(RegistryError::Denied { url: self.settings.url.clone(), status: status.as_u16() })
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(unreachable(format!("it answers with status {}", status.as_u16())))
            }
            status if status.is_success() => match serde_json::from_str(&body) {
                Ok(value) => Ok(Some(value)),
                Err(_) => {
                    Err(unreachable("its answer is no JSON: is this the address of a registry's API?".to_owned()))
                }
            },
            status => {
                let told: Option<Value> = serde_json::from_str(&body).ok();
                let why = told.as_ref().and_then(|told| told["message"].as_str()).unwrap_or("it does not say why");
                Err(RegistryError::Refused { what: what.to_owned(), why: why.to_owned(), status: status.as_u16() })
            }
        }
    }

    fn parsed<T: for<'d> Deserialize<'d>>(&self, value: Value) -> Result<T, RegistryError> {
        serde_json::from_value(value).map_err(|_| RegistryError::Unreachable {
            url: self.settings.url.clone(),
            why: "its answer has another form than a registry's".to_owned(),
        })
    }

    /// The text of the schema with this id; `None` when the registry has none.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let answer = self.ask("the schema of an id", self.http.get(self.at(&format!("/schemas/ids/{id}"))))?;
        Ok(answer.and_then(|answer| Some(answer["schema"].as_str()?.to_owned())))
    }

    /// The newest schema of a subject; `None` when there is no such subject.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub fn latest(&self, subject: &str) -> Result<Option<Registered>, RegistryError> {
        let request = self.http.get(self.at(&format!("/subjects/{subject}/versions/latest")));
        self.ask(&format!("subject {subject}"), request)?.map(|answer| self.parsed(answer)).transpose()
    }

    /// How a subject holds just this schema; `None` when it does not.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub fn find(&self, subject: &str, schema: &str) -> Result<Option<Registered>, RegistryError> {
        let request = self.http.post(self.at(&format!("/subjects/{subject}"))).json(&json!({ "schema": schema }));
        self.ask(&format!("a look into subject {subject}"), request)?.map(|answer| self.parsed(answer)).transpose()
    }

    /// Whether a subject would take this schema after its newest one; one that does not exist would.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub fn compatibility(&self, subject: &str, schema: &str) -> Result<Compatibility, RegistryError> {
        let path = format!("/compatibility/subjects/{subject}/versions/latest?verbose=true");
        let request = self.http.post(self.at(&path)).json(&json!({ "schema": schema }));
        match self.ask(&format!("a check against subject {subject}"), request)? {
            Some(answer) => self.parsed(answer),
            None => Ok(Compatibility { is_compatible: true, messages: Vec::new() }),
        }
    }

    /// Adds a schema to a subject, unless it is there; its id.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] when it is not compatible; see [`RegistryError`].
    pub fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let what = format!("a schema for subject {subject}");
        let request =
            self.http.post(self.at(&format!("/subjects/{subject}/versions"))).json(&json!({ "schema": schema }));
        let answer = self.ask(&what, request)?;
        let id = answer.as_ref().and_then(|answer| answer["id"].as_u64()).and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| RegistryError::Refused { what, why: "it tells no id".to_owned(), status: 200 })
    }

    /// Lets a subject take only what reads its newest records (BACKWARD).
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub fn hold_backward(&self, subject: &str) -> Result<(), RegistryError> {
        let request =
            self.http.put(self.at(&format!("/config/{subject}"))).json(&json!({ "compatibility": "BACKWARD" }));
        self.ask(&format!("BACKWARD for subject {subject}"), request).map(drop)
    }
}

/// What lies behind an error of the client; its own text names the whole address.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
