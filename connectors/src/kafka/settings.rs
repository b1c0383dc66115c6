//! What the log is told about its brokers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How members of a group share its partitions. Both put partition `n` of every topic of a group
/// on one member, which co-partitioned sources need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The classic protocol with the `range` assignor.
    #[default]
    Classic,
    /// The protocol of KIP-848, with the broker's `range` assignor.
    Consumer,
}

/// An access token of SASL/OAUTHBEARER.
#[derive(Clone)]
pub struct Token {
    /// The token itself.
    pub token: String,
    /// Whom it stands for.
    pub principal: String,
    /// When it ends, in milliseconds since the epoch.
    pub expires_at_ms: i64,
}

/// Gives a fresh token whenever the client needs one; may block for I/O.
pub type TokenSource = Arc<dyn Fn() -> Result<Token, String> + Send + Sync>;

/// How the client says who it is.
#[derive(Clone)]
pub enum Sasl {
    /// A name and a password, sent as they are: only over TLS.
    Plain {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A salted challenge with SHA-256.
    ScramSha256 {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A salted challenge with SHA-512.
    ScramSha512 {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// Tokens of an identity provider.
    OAuthBearer(TokenSource),
}

impl Sasl {
    /// The mechanism's name.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::ScramSha256 { .. } => "SCRAM-SHA-256",
            Self::ScramSha512 { .. } => "SCRAM-SHA-512",
            Self::OAuthBearer(_) => "OAUTHBEARER",
        }
    }

    /// The name that is given with a password.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Plain { user, .. } | Self::ScramSha256 { user, .. } | Self::ScramSha512 { user, .. } => Some(user),
            Self::OAuthBearer(_) => None,
        }
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain { .. } => "Plain(…)",
            Self::ScramSha256 { .. } => "ScramSha256(…)",
            Self::ScramSha512 { .. } => "ScramSha512(…)",
            Self::OAuthBearer(_) => "OAuthBearer(…)",
        })
    }
}

/// Transport security.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// A file of trusted certificates in PEM; the system's where none is given.
    pub ca_file: Option<String>,
    /// The client's own certificate in PEM.
    pub certificate_file: Option<String>,
    /// The key of that certificate in PEM.
    pub key_file: Option<String>,
    /// The password of that key.
    pub key_password: Option<String>,
}

/// How large a record may be unless the settings say otherwise, with key and headers.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// What a batch adds to the one record in it, generously.
pub(super) const BATCH_BYTES: usize = 4_096;

/// `max.message.bytes` of the hub's topics: less, and a broker refuses the largest records.
pub const MAX_MESSAGE_BYTES: usize = MAX_RECORD_BYTES + BATCH_BYTES;

/// Settings of [`KafkaLog`](super::KafkaLog).
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Where to ask first: `host:port`, more of them after commas.
    pub brokers: String,
    /// Put before every topic, group and transactional id, so that one cluster can hold several
    /// hubs and one rule can grant each of them its own.
    pub prefix: String,
    /// This process among those of its groups. A process that starts again under its old name ends
    /// the transactions it left open; two at a time would fence each other.
    pub instance: String,
    /// TLS, if at all.
    pub tls: Option<Tls>,
    /// Who the client says it is, if it has to.
    pub sasl: Option<Sasl>,
    /// How groups share partitions.
    pub protocol: GroupProtocol,
    /// Members keep their partitions over a restart within the session time-out.
    pub static_membership: bool,
    /// A member that was not heard of for so long is taken for dead.
    pub session_timeout: Duration,
    /// The broker aborts a transaction that is open for so long; what it wrote holds readers up.
    pub transaction_timeout: Duration,
    /// A transaction of anybody's that holds readers up for longer is told of; where none is given, one that is open for
    /// 10 s longer than this log's may be, which is how often a broker looks for those to end.
    pub hanging_after: Option<Duration>,
    /// How long one request may take before it counts as failed.
    pub request_timeout: Duration,
    /// A call that has not come back after so long never will: the process must stop.
    pub stuck_after: Duration,
    /// Replicas of topics that are made; the broker's default where none is given.
    pub replication: Option<u16>,
    /// The largest record, with key and headers.
    pub max_record_bytes: usize,
    /// How batches are compressed: `none`, `lz4`, `zstd`, `snappy` or `gzip`.
    pub compression: String,
    /// Properties of librdkafka that go before all of the above.
    pub properties: Vec<(String, String)>,
}

impl KafkaSettings {
    /// The defaults for these brokers.
    pub fn new(brokers: impl Into<String>, instance: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: String::new(),
            instance: instance.into(),
            tls: None,
            sasl: None,
            protocol: GroupProtocol::Classic,
            static_membership: false,
            session_timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(15),
            hanging_after: None,
            request_timeout: Duration::from_secs(10),
            stuck_after: Duration::from_secs(120),
            replication: None,
            max_record_bytes: MAX_RECORD_BYTES,
            compression: "lz4".into(),
            properties: Vec::new(),
        }
    }
}
