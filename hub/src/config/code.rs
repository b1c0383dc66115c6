//! Stable codes for what can be wrong with a configuration, or keep a hub from starting. Those of routes, HUB-1040 to
//! HUB-1059, are `processors::route::RouteCode`.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal, $title:literal, $help:literal;)+) => {
        /// A stable code of a configuration fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ConfigCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ConfigCode {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number that people search for: `HUB-1003`.
            pub const fn number(self) -> &'static str {
                match self { $(Self::$variant => concat!("HUB-", $number),)+ }
            }

            /// The name: `unknown_key`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence on what is wrong.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// One sentence on what to do.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

codes! {
    /// The file cannot be read.
    Unreadable = "1001", "unreadable",
        "The configuration file cannot be read.",
        "Check the path after --config and the file's permissions.";
    /// Not TOML.
    Syntax = "1002", "syntax",
        "The configuration is not valid TOML.",
        "Correct the place that the caret points at.";
    /// A key that the section does not have.
    UnknownKey = "1003", "unknown_key",
        "The configuration has a key that its section does not know.",
        "Use the nearest name that is suggested, or remove the key.";
    /// A value of another type.
    WrongType = "1004", "wrong_type",
        "A value has another type than its key takes.",
        "Write the value in the form that the message names.";
    /// A number beyond its bounds.
    OutOfRange = "1005", "out_of_range",
        "A value is outside the range that its key takes.",
        "Choose a value between the bounds that the message names.";
    /// A key that must be there is not.
    MissingKey = "1006", "missing_key",
        "A section lacks a key that it needs.",
        "Add the key that the message names.";
    /// Not a duration.
    BadDuration = "1007", "bad_duration",
        "A value is not a duration.",
        "Write a number with a unit, such as 250ms, 30s, 5m, 4h or 7d.";
    /// Not one of the words it may be.
    BadChoice = "1008", "bad_choice",
        "A value is not one of those that its key takes.",
        "Choose one of the values that the message names.";
    /// Two values that do not go together.
    Relation = "1009", "relation",
        "Two values of the configuration contradict each other.",
        "Change one of the two that the message names.";
    /// One name given twice.
    DuplicateName = "1010", "duplicate_name",
        "Two entries have the same name.",
        "Give each entry a name of its own.";
    /// A secret that cannot be had.
    SecretMissing = "1011", "secret_missing",
        "A secret that the configuration refers to is not there.",
        "Set the environment variable, or create the file with mode 0600.";
    /// A thing this build does not have.
    Unsupported = "1012", "unsupported",
        "The configuration asks for something that this build does not have.",
        "Use what the message suggests.";
    /// A setting that would open the hub to anyone.
    Unsafe = "1013", "unsafe_setting",
        "A setting would let others read or write without protection.",
        "Use the safe form that the message names.";
    /// An address that is none.
    BadAddress = "1014", "bad_address",
        "A value is not an address.",
        "Write host:port for a listener, and http:// or https:// for a target.";
    /// A secret of another form than needed.
    BadSecret = "1015", "bad_secret",
        "A secret does not have the form that its use needs.",
        "Write a webhook secret as whsec_ and the base64 of 24 to 64 random bytes.";
    /// An SLO that cannot hold, or an alert of one that can never fire.
    SloUnsound = "1016", "slo_unsound",
        "An SLO cannot be measured, leaves no budget, or has an alert that can never fire.",
        "Follow the arithmetic in the message: a burn rate cannot exceed 1 / (1 - objective).";
    /// Another process listens there.
    AddressInUse = "1020", "address_in_use",
        "Another process listens on the address.",
        "Stop that process, or let the system choose a port: --listen 127.0.0.1:0.";
    /// The data directory cannot be used.
    DataUnusable = "1021", "data_unusable",
        "The data directory cannot be used: another process has it, or the hub may not write to it.",
        "Stop the other process, give the hub's user the directory, or choose another one: --data DIR.";
    /// Topics are missing and must not be made, or have another number of partitions.
    TopicsMissing = "1022", "topics_missing",
        "Topics that the hub needs are missing, or have another number of partitions, and log.create_topics is false.",
        "Look at hub topics plan, then let someone who may make them run hub topics apply.";
    /// The registry lacks schemas that must not be registered, or refuses them, or never answered.
    SchemasMissing = "1023", "schemas_missing",
        "The schema registry cannot be used: it does not answer, lacks schemas with schemas.register = false, or refuses one.",
        "Look at hub schemas check, then let someone who may register them run hub schemas register.";
    /// The brokers do not let the hub in, or not do what it must.
    LogDenied = "1024", "log_denied",
        "The brokers refuse the hub: its credentials, its certificate, or something that it must be allowed to do.",
        "Correct [log.kafka.sasl] and [log.kafka.tls], or grant what the message names to the principal that it names.";
    /// The log deleted what a group had not read; the hub goes on.
    UnreadDeleted = "1026", "unread_deleted",
        "The log deleted records before a group had read them: they were older than the topic is kept, or more than it keeps.",
        "Let the publisher send them again; keep the topic for longer than the group can stand still (hub topics plan).";
    /// A group is to read on past the end of its partition.
    PastEnd = "1027", "past_end",
        "A group is to read on past the end of its partition: the log has lost what it had taken, or the topic was made anew.",
        "Find out what the brokers have lost, then set the group's offset with Kafka's own tools while no hub runs.";
}
