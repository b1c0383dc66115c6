//! A real Kafka broker that lets nobody in unasked: TLS, SASL and access rules. One for the whole test process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use connectors::kafka::{KafkaLog, KafkaSettings, Sasl, Tls};
use tempfile::TempDir;

use super::certificates::Authority;
use super::java::{class_path, java, run};
use super::{free_port, until};

/// The password of every user.
pub const PASSWORD: &str = "a-password-of-the-tests";
/// Who may do anything, by SCRAM, PLAIN or token. Its namesake by certificate is `CN=hub`.
pub const SUPER_USER: &str = "hub";
const PATIENCE: Duration = Duration::from_secs(90);
/// A session by token is asked for a new one after so long.
pub const SESSION: Duration = Duration::from_secs(4);

/// Users who lack one right each on what begins with [`SecuredBroker::PREFIX`].
const LACKING: [(&str, &str, &str); 3] = [
    ("no-write", "Write", "--topic"),
    ("no-read", "Read", "--group"),
    ("no-transaction", "Write", "--transactional-id"),
];

/// The running broker.
pub struct SecuredBroker {
    /// Takes SASL over TLS.
    sasl: u16,
    /// Takes certificates of clients.
    mutual: u16,
    folder: TempDir,
    /// Ends the broker when the test process does, however that comes about: its standard input closes then.
    _guard: Child,
}

impl SecuredBroker {
    /// What those who lack a right may otherwise use.
    pub const PREFIX: &'static str = "granted.";

    /// The broker of this test process.
    pub fn get() -> &'static Self {
        static BROKER: OnceLock<SecuredBroker> = OnceLock::new();
        BROKER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (sasl, mutual, inside, controller) = (free_port(), free_port(), free_port(), free_port());
        let authority = Authority::new(folder.path(), "authority");
        authority.sign("broker");
        authority.sign("hub");
        Authority::new(folder.path(), "stranger");
        let properties = folder.path().join("server.properties");
        std::fs::write(&properties, self::properties(folder.path(), [sasl, mutual, inside, controller]))
            .expect("a writable folder");
        let scram = format!("SCRAM-SHA-512=[name={SUPER_USER},password={PASSWORD}]");
        let mut format = java(&["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"]);
        run(format.arg(&properties).args(["--add-scram", &scram]));
        let log = std::fs::File::create(folder.path().join("broker.log")).expect("a writable folder");
        // The shell waits for its input to end, which it does with this process, and takes the broker along.
        let guard = Command::new("sh")
            .args(["-c", "java -Xmx384m -cp \"$1\" kafka.Kafka \"$2\" </dev/null & read -r _; kill -9 $!", "sh"])
            .arg(class_path())
            .arg(&properties)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("a shell");
        let broker = Self { sasl, mutual, folder, _guard: guard };
        until("the secured broker answers", PATIENCE, || broker.log(|_| {}).ping().ok());
        Self::grant(inside);
        broker
    }

    /// Lets each of those who lack a right do all but that.
    fn grant(inside: u16) {
        let address = format!("127.0.0.1:{inside}");
        let acl = |rest: &[&str]| {
            let mut command = java(&["org.apache.kafka.tools.AclCommand", "--bootstrap-server", &address, "--add"]);
            command.args(["--resource-pattern-type", "prefixed"]).args(rest);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("java runs")
        };
        let users: Vec<String> = LACKING.iter().map(|(user, ..)| format!("User:{user}")).collect();
        let mut all: Vec<&str> = users.iter().flat_map(|user| ["--allow-principal", user.as_str()]).collect();
        all.extend(["--operation", "All", "--topic", Self::PREFIX, "--group", Self::PREFIX]);
        all.extend(["--transactional-id", Self::PREFIX]);
        let mut started = vec![acl(&all)];
        for ((_, operation, resource), user) in LACKING.iter().zip(&users) {
            started.push(acl(&["--deny-principal", user, "--operation", operation, resource, Self::PREFIX]));
        }
        for mut command in started {
            assert!(command.wait().expect("java ends").success(), "an access rule was not taken");
        }
    }

    /// A file beside the broker: `authority.pem`, `stranger.pem`, `hub.pem`, `hub.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where SASL over TLS is taken.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.sasl)
    }

    /// The same under a name that its certificate does not have.
    pub fn address_of_another_name(&self) -> String {
        format!("127.0.0.1:{}", self.sasl)
    }

    /// Where certificates of clients are taken.
    pub fn mutual_address(&self) -> String {
        format!("localhost:{}", self.mutual)
    }

    /// The log for the user who may do anything, after a change of the settings.
    pub fn log(&self, change: impl FnOnce(&mut KafkaSettings)) -> Arc<KafkaLog> {
        let mut settings = KafkaSettings::new(self.address(), "one");
        settings.tls = Some(Tls { ca_file: Some(text(&self.file("authority.pem"))), ..Tls::default() });
        settings.sasl = Some(Sasl::ScramSha512 { user: SUPER_USER.into(), password: PASSWORD.into() });
        change(&mut settings);
        KafkaLog::open(settings, Arc::new(|what: &str| panic!("{what}"))).expect("the settings are taken")
    }
}

/// A path as text.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

fn properties(folder: &Path, [sasl, mutual, inside, controller]: [u16; 4]) -> String {
    let users: String = LACKING
        .iter()
        .map(|(user, ..)| *user)
        .chain([SUPER_USER, "no-create"])
        .fold(String::new(), |all, user| format!("{all} user_{user}=\"{PASSWORD}\""));
    let security = "org.apache.kafka.common.security";
    format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=SASL://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=SASL://localhost:{sasl},MUTUAL://localhost:{mutual},INSIDE://127.0.0.1:{inside}\n\
         listener.security.protocol.map=SASL:SASL_SSL,MUTUAL:SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=INSIDE\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS;User:{SUPER_USER};User:CN={SUPER_USER}\n\
         ssl.keystore.type=PEM\nssl.keystore.location={folder}/broker.both.pem\n\
         ssl.truststore.type=PEM\nssl.truststore.location={folder}/authority.pem\n\
         listener.name.mutual.ssl.client.auth=required\n\
         listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER\n\
         listener.name.sasl.plain.sasl.jaas.config={security}.plain.PlainLoginModule required{users};\n\
         listener.name.sasl.scram-sha-512.sasl.jaas.config={security}.scram.ScramLoginModule required;\n\
         listener.name.sasl.oauthbearer.sasl.jaas.config={security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";\n\
         listener.name.sasl.oauthbearer.connections.max.reauth.ms={session}\n\
         log.dirs={folder}/data\nauto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n\
         default.replication.factor=1\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=2\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.num.partitions=2\n\
         transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
         group.min.session.timeout.ms=1000\n",
        folder = folder.display(),
        session = SESSION.as_millis(),
    )
}
