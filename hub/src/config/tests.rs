//! What a configuration may say, and how each fault is told.

use super::*;
use connectors::kafka::Sasl;

fn parse(text: &str) -> Result<Config, Faulty> {
    let environment = |name: &str| (name == "KNOWN").then(|| "a-token-of-some-length".to_owned());
    Config::parse(Source { name: "hub.toml".into(), text: text.into() }, &environment)
}

/// The codes and places of all faults.
fn faults(text: &str) -> Vec<(&'static str, usize, usize)> {
    let faulty = parse(text).expect_err("the text has faults");
    let place = |fault: &Diagnostic| {
        let place = faulty.source.place(fault.span.start);
        (fault.code, place.line, place.column)
    };
    faulty.faults.iter().map(place).collect()
}

fn rendered(text: &str) -> String {
    parse(text).expect_err("the text has faults").render(false)
}

#[test]
fn an_empty_file_is_the_defaults() {
    let config = Config::defaults();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.log.partitions, config.workers, config.memory_bytes), (4, 2, None));
    assert_eq!(config.data, PathBuf::from("hub-data"));
    assert!(matches!(&config.billing, Billing::Sqlite(path) if path == Path::new("hub-data/billing.db")));
    // Default routes lead only where something is configured.
    assert!(config.routes.iter().all(|route| route.target == "billing"), "{:?}", config.routes);
    assert!(!config.sla.objectives.is_empty());
    // After a restart facts on their way come before breaches are declared.
    assert!(format!("{:?}", config.sla.settings).contains("grace_ms: 2000"), "{:?}", config.sla.settings);
}

#[test]
fn data_moves_with_everything_below_it() {
    let mut config = parse("[data]\ndir = \"here\"").unwrap();
    config.move_data(Path::new("there"));
    assert!(matches!(&config.billing, Billing::Sqlite(path) if path == Path::new("there/billing.db")));
    let mut config = parse("[billing]\npath = \"/elsewhere/b.db\"").unwrap();
    config.move_data(Path::new("there"));
    assert!(matches!(&config.billing, Billing::Sqlite(path) if path == Path::new("/elsewhere/b.db")));
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = "[log]\nkond = \"embedded\"\npartitions = 0\n\n[http]\nlisten = \"nowhere\"\n\n[entity]\nparked_wait = \"5 parsecs\"\n";
    assert_eq!(faults(text), [("HUB-1003", 2, 1), ("HUB-1005", 3, 14), ("HUB-1014", 6, 10), ("HUB-1007", 9, 15)]);
    let told = rendered(text);
    assert!(told.contains("error[HUB-1003]: [log] has no key \"kond\"\n --> hub.toml:2:1\n"), "{told}");
    assert!(told.contains("help: nearest: \"kind\"\nnote: hub explain HUB-1003"), "{told}");
    assert!(told.ends_with("hub.toml: 4 faults"), "{told}");
}

#[test]
fn every_syntax_fault_has_its_place() {
    assert_eq!(faults("[log\npartitions = 4\n[http]\nlisten = \n"), [("HUB-1002", 1, 5), ("HUB-1002", 4, 10)]);
}

#[test]
fn kafka_needs_brokers_and_a_safe_way_to_them() {
    let told = rendered("[log]\nkind = \"kafka\"");
    assert!(told.contains("error[HUB-1006]") && told.contains("add [log.kafka] with brokers"), "{told}");
    let kafka = |rest: &str| format!("[log]\nkind = \"kafka\"\n[log.kafka]\n{rest}");
    assert_eq!(faults(&kafka("brokers = [\"nowhere\"]\n")), [("HUB-1014", 4, 12)]);
    assert_eq!(faults(&kafka("brokers = [\"a:1\"]\nprefix = \"no such/topic\"\n")), [("HUB-1005", 5, 10)]);
    let brokers = "brokers = [\"a:1\", \"b:2\"]\n";
    let sasl = "[log.kafka.sasl]\nmechanism = \"plain\"\nuser = \"hub\"\npassword = \"${KNOWN}\"\n";
    assert_eq!(faults(&kafka(&format!("{brokers}{sasl}"))), [("HUB-1013", 6, 13)]);
    assert_eq!(faults("[log]\n[log.kafka]\nbrokers = []\n"), [("HUB-1009", 2, 1)]);

    let config = parse(&kafka(&format!("{brokers}prefix = \"jcms.\"\n[log.kafka.tls]\n{sasl}"))).unwrap();
    let LogKind::Kafka(settings) = &config.log.kind else { panic!("{:?}", config.log.kind) };
    assert_eq!((settings.brokers.as_str(), settings.prefix.as_str()), ("a:1,b:2", "jcms."));
    assert!(settings.tls.is_some() && settings.sasl.is_some());

    let oauth =
        |rest: &str| kafka(&format!("{brokers}[log.kafka.tls]\n[log.kafka.sasl]\nmechanism = \"oauthbearer\"\n{rest}"));
    let endpoint =
        "token_endpoint = \"https://id.example.com/token\"\nclient_id = \"hub\"\nclient_secret = \"${KNOWN}\"\n";
    let file = "token = \"file:/run/token\"\n";
    for fine in [endpoint, file] {
        let config = parse(&oauth(fine)).unwrap();
        let LogKind::Kafka(settings) = &config.log.kind else { panic!("{:?}", config.log.kind) };
        assert!(matches!(settings.sasl, Some(Sasl::OAuthBearer(_))));
    }
    assert_eq!(faults(&oauth("")), [("HUB-1006", 6, 1)]);
    assert_eq!(faults(&oauth("token = \"eyJhbGciOi\"\n")), [("HUB-1015", 8, 9)]);
    assert!(!rendered(&oauth("token = \"eyJhbGciOi\"\n")).contains("eyJ"));
    assert_eq!(faults(&oauth(&format!("{endpoint}{file}"))), [("HUB-1009", 11, 9)]);
    assert_eq!(faults(&oauth(&endpoint.replace("https", "http"))), [("HUB-1013", 8, 18)]);
    let bare = kafka(&format!("{brokers}[log.kafka.sasl]\nmechanism = \"oauthbearer\"\n{file}"));
    assert_eq!(faults(&bare), [("HUB-1013", 6, 13)]);
    assert!(!format!("{config:?}").contains("a-token-of-some-length"));
}

#[test]
fn relations_name_both_values() {
    let told = rendered("[workers]\nmemory_bytes = 1000\n");
    assert!(told.contains("workers.memory_bytes is 1000"), "{told}");
    let told = rendered("[log]\npartitions = 2\n[workers]\ncount = 3\n");
    assert!(told.contains("workers.count is 3 and log.partitions is 2"), "{told}");
    let told = rendered("[http.limits]\nevent_bytes = 2000\nbatch_bytes = 1000\n");
    assert!(
        told.contains("http.limits.event_bytes (2000) must not be more than http.limits.batch_bytes (1000)"),
        "{told}"
    );
    let told = rendered("[billing]\nkind = \"postgres\"\nurl = \"postgres://h/d\"\npath = \"x.db\"\n");
    assert!(told.contains("billing.path goes with kind = \"sqlite\""), "{told}");
}

#[test]
fn secrets_come_from_the_environment_or_files_and_are_never_shown() {
    let config = parse("[[http.tokens]]\nname = \"a\"\ntoken = \"${KNOWN}\"\n").unwrap();
    assert_eq!(config.http.tokens[0].token.reveal(), "a-token-of-some-length");
    assert!(!format!("{config:?}").contains("a-token-of-some-length"));

    let told = rendered("[[http.tokens]]\nname = \"a\"\ntoken = \"${UNKNOWN}\"\n");
    assert!(told.contains("error[HUB-1011]") && told.contains("the environment variable UNKNOWN"), "{told}");
    let told = rendered("[[http.tokens]]\nname = \"a\"\ntoken = \"file:/nowhere/at/all\"\n");
    assert!(told.contains("error[HUB-1011]") && told.contains("/nowhere/at/all"), "{told}");
    // Even where the value is wrong for its key, only what the file says is shown.
    let told = rendered("[log]\nkind = \"${KNOWN}\"\n");
    assert!(told.contains("log.kind is \"${KNOWN}\"") && !told.contains("a-token"), "{told}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "a-token-in-a-file\n").unwrap();
    let config = parse(&format!("[[http.tokens]]\nname = \"a\"\ntoken = \"file:{}\"\n", path.display())).unwrap();
    assert_eq!(config.http.tokens[0].token.reveal(), "a-token-in-a-file");
}

#[test]
fn what_others_can_reach_needs_credentials_and_a_word() {
    let text = "[http]\nlisten = \"0.0.0.0:8080\"\n";
    assert_eq!(faults(text), [("HUB-1013", 2, 10), ("HUB-1013", 2, 10)]);
    let open = "[http]\nlisten = \"0.0.0.0:8080\"\ndangerously_allow_plain_http = true\n\
                [[http.tokens]]\nname = \"a\"\ntoken = \"${KNOWN}\"\n";
    assert!(parse(open).unwrap().http.protect_metrics);
}

#[test]
fn targets_are_addresses_and_plain_http_stays_on_this_machine() {
    let partner = |url: &str| {
        format!(
            "[[partners]]\nid = \"p\"\nurl = \"{url}\"\nsecrets = [\"whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz\"]\n"
        )
    };
    for good in ["https://p.example/hook", "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/"] {
        assert!(parse(&partner(good)).is_ok(), "{good}");
    }
    assert_eq!(faults(&partner("http://p.example/hook")), [("HUB-1013", 3, 7)]);
    assert_eq!(faults(&partner("ftp://p.example")), [("HUB-1014", 3, 7)]);
    let twice = partner("https://a.example").repeat(2);
    assert_eq!(faults(&twice), [("HUB-1010", 6, 6)]);
    // A secret that is not there is one fault, not an empty list as well.
    let absent = partner("https://p.example").replace("whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz", "${UNKNOWN}");
    assert_eq!(faults(&absent), [("HUB-1011", 4, 12)]);
    let unsigned = "[[partners]]\nid = \"p\"\nurl = \"https://p.example\"\nsecrets = [\"short\"]\n";
    assert_eq!(faults(unsigned), [("HUB-1015", 4, 12)]);
}

const ROUTE: &str = "[[routes]]\nname = \"r\"\nfamily = \"order\"\ntarget = \"billing\"\nfields = [\"order.id\"]\n";

#[test]
fn a_condition_on_a_field_that_is_not_there_points_into_the_string() {
    let text = format!("{ROUTE}when = 'order.state == \"completed\" and exists order.prioritty'\n");
    let told = rendered(&text);
    let column = "when = 'order.state == \"completed\" and exists ".len() + 1;
    assert!(told.contains(&"error[HUB-1042]: route \"r\" tests field \"order.prioritty\"".to_string()), "{told}");
    assert!(told.contains(&format!(" --> hub.toml:6:{column}\n")), "{told}");
    assert!(told.contains("help: nearest: \"order.priority\""), "{told}");
}

#[test]
fn a_condition_over_several_lines_has_its_line_too() {
    let text = format!("{ROUTE}when = '''\norder.state == \"completed\"\nand exists order.prioritty\n'''\n");
    assert_eq!(faults(&text), [("HUB-1042", 8, 12)]);
}

#[test]
fn a_field_list_points_at_its_entry() {
    let text =
        "[[routes]]\nname = \"r\"\nfamily = \"order\"\ntarget = \"billing\"\nfields = [\"order.id\", \"order.nam\"]\n";
    assert_eq!(faults(text), [("HUB-1042", 5, 23)]);
}

#[test]
fn routes_lead_only_to_what_is_configured() {
    let text = "[[routes]]\nname = \"r\"\nfamily = \"order\"\ntarget = \"floworx\"\nspecification = \"s\"\nfields = [\"order.id\"]\n";
    assert_eq!(faults(text), [("HUB-1009", 4, 10)]);
    assert!(parse(&format!("{text}[floworx]\nurl = \"https://f.example\"\n")).is_ok());
}

#[test]
fn objectives_are_checked_in_their_place() {
    let text = "[[sla.objectives]]\nname = \"o\"\nfamily = \"order\"\nstart = \"created\"\nstop = [\"partial\", \"complted\"]\ntarget = \"4h\"\n";
    let told = rendered(text);
    assert!(told.contains(" --> hub.toml:5:20\n") && told.contains("nearest: \"completed\""), "{told}");
    let missing = "[[sla.objectives]]\nname = \"o\"\nfamily = \"order\"\n";
    assert!(rendered(missing).contains("needs the key \"start\""));
    let falling = "[[sla.objectives]]\nname = \"o\"\nfamily = \"order\"\nstart = \"created\"\nstop = [\"partial\"]\n\
        target = \"4h\"\nwarn_percent = [80, 50]\n";
    let told = rendered(falling);
    assert!(told.contains(" --> hub.toml:7:17\n") && told.contains("help: write them from the lowest"), "{told}");
}

#[test]
fn objectives_and_calendars_are_read_whole() {
    let text = "[[sla.calendars]]\nname = \"c\"\ntime_zone = \"Asia/Kolkata\"\nhours = { monday = [\"09:00-18:00\"] }\nholidays = [\"2026-08-15\"]\n\
        [[sla.objectives]]\nname = \"o\"\nfamily = \"ticket\"\nstart = \"created\"\nstop = [\"resolved\"]\ntarget = \"4h\"\n\
        clock = \"business\"\ncalendar = \"c\"\nwarn_percent = [80]\nclasses = { sim = \"5m\" }\n";
    let config = parse(text).unwrap_or_else(|faulty| panic!("{}", faulty.render(false)));
    assert_eq!((config.sla.settings.len(), config.sla.objectives), (1, vec!["o".to_owned()]));
}

#[test]
fn a_secret_in_the_file_is_never_shown() {
    let text = "[[http.tokens]]\nname = \"a\"\ntoken = \"geheim\"\n[[http.tokens]]\nname = \"b\"\ntokne = \"hemlig\"\n\
        [[partners]]\nid = \"p\"\nurl = \"https://u:segreto@p.example\"\nsecrets = [\"secreto\"]\n\
        [billing]\nkind = \"postgres\"\nurl = \"postgres://u:segredo@db.example/x\"\n";
    let told = rendered(text);
    for secret in ["geheim", "hemlig", "segreto", "secreto", "segredo"] {
        assert!(!told.contains(secret), "{told}");
    }
    let torn = rendered("[[http.tokens]]\nname = \"a\"\ntoken = \"geheim\n[log]\n");
    assert!(torn.contains("HUB-1002") && !torn.contains("geheim"), "{torn}");
    assert!(told.contains("token = \"******\"") && told.contains("nearest: \"token\""), "{told}");
    // Neither under a key that nobody knows, nor with another type, nor in an address that is none.
    let odd = "[log]\nkind = \"kafka\"\nkafak = { password = \"geheim\" }\nhemlig.token = [\"geheim\"]\n[log.kafka]\n\
        brokers = [\"u:geheim@h:9092\"]\nsasl = { mechanism = \"scram-sha-512\", user = \"u\", password = 271828 }\n\
        [schemas]\nregistry = \"ftp://u:geheim@h\"\n[http]\nlisten = \"u:geheim@h\"\n[[http.tokens]]\nname = \"a\"\n\
        token = [\"geheim\"]\n[[partners]]\nid = \"p\"\nurl = \"https//u:ge@heim@h\"\nsecrets = [271828]\n\
        [billing]\nkind = \"postgres\"\nurl = \"postgres//u:geheim@h/file:x\"\n";
    let shown = rendered(odd);
    assert!(!["geheim", "heim", "271828"].iter().any(|secret| shown.contains(secret)), "{shown}");
    assert_eq!(shown.matches("error[").count(), 10, "{shown}");
    assert!(shown.contains("registry = \"ftp://********@h\"") && shown.contains("is \"********@h\""), "{shown}");
}

#[test]
fn credentials_have_names_of_their_own_and_users_can_log_in() {
    let token = |name: &str| format!("[[http.tokens]]\nname = \"{name}\"\ntoken = \"${{KNOWN}}\"\n");
    assert!(parse(&(token("a") + &token("b"))).is_ok());
    assert_eq!(faults(&(token("a") + &token("a"))), [("HUB-1010", 5, 8)]);
    let user = |name: &str, password: &str| format!("[[http.users]]\nname = \"{name}\"\npassword = \"{password}\"\n");
    assert_eq!(faults(&user("a:b", "long-enough")), [("HUB-1012", 2, 8)]);
    assert_eq!(faults(&user("a", "short")), [("HUB-1013", 3, 12)]);
    assert_eq!(faults("[[http.users]]\nname = 5\npassword = \"${KNOWN}\"\n"), [("HUB-1004", 2, 8)]);
}

#[test]
fn the_database_is_checked_before_anything_starts() {
    let billing = |url: &str, more: &str| format!("[billing]\nkind = \"postgres\"\nurl = \"{url}\"\n{more}");
    for good in ["postgresql://u@localhost/x", "host=db.example user=u sslmode=require"] {
        assert!(parse(&billing(good, "")).is_ok(), "{good}");
    }
    assert_eq!(faults(&billing("postgresql://u@db.example/x", "")), [("HUB-1013", 3, 7)]);
    assert!(parse(&billing("postgresql://u@db.example/x", "dangerously_allow_plain_text = true")).is_ok());
    let told = rendered(&billing("postgresql://u@db.example/x?sslmode=verify-full", ""));
    assert!(told.contains("error[HUB-1014]") && told.contains("require checks certificates"), "{told}");
}

#[test]
fn what_a_target_is_told_reaches_its_settings() {
    let text = "[floworx]\nurl = \"https://f.example\"\ntoken = \"${KNOWN}\"\n\
        [[partners]]\nid = \"p\"\nurl = \"http://p.example\"\ndangerously_allow_plain_http = true\n\
        secrets = [\"whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz\"]\n";
    let config = parse(text).unwrap_or_else(|faulty| panic!("{}", faulty.render(false)));
    assert_eq!(config.floworx.as_ref().unwrap().token.as_ref().unwrap().reveal(), "a-token-of-some-length");
    // What is allowed here must not be refused when the hub starts.
    let client = crate::wiring::client().unwrap();
    assert!(crate::wiring::partners(&config, &client).is_ok() && crate::wiring::floworx(&config, &client).is_ok());
}

#[test]
fn faults_beside_each_other_are_all_told() {
    let one = "[[partners]]\nid = \"p\"\nurl = \"https://p.example\"\nsecrets = []\n";
    assert_eq!(faults(&one.repeat(2)), [("HUB-1005", 1, 1), ("HUB-1005", 5, 1), ("HUB-1010", 6, 6)]);
}

#[test]
fn the_example_has_every_section_and_no_fault() {
    let text = include_str!("../../../deploy/hub.toml");
    let environment = |name: &str| {
        Some(if name.ends_with("TOKEN") {
            "a-token-of-some-length".to_owned()
        } else {
            "whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz".to_owned()
        })
    };
    let config = Config::parse(Source { name: "deploy/hub.toml".into(), text: text.into() }, &environment)
        .unwrap_or_else(|faulty| panic!("{}", faulty.render(false)));
    assert!(config.notification.is_some() && config.floworx.is_some_and(|floworx| floworx.token.is_some()));
    let faults = rendered("[nonsense]\n");
    let known = faults.lines().find_map(|line| line.strip_prefix("help: known here: ")).unwrap();
    for section in known.split(", ") {
        assert!(text.contains(&format!("[{section}")), "{section} is missing");
    }
}

#[test]
fn an_alert_that_can_never_fire_is_said_with_its_arithmetic_and_place() {
    let text = r#"
[[slos]]
name = "response"
kpi = "sla_met"
by = "objective"
objective = "99%"

[[slos]]
name = "fallout"
kpi = "order_fallout"
objective = "92%"
alerts = [
  { severity = "ticket", long = "3d", short = "6h", budget = "10%" },
  { severity = "page", long = "1h", short = "5m", budget = "2%" },
]
"#;
    let faulty = parse(text).unwrap_err();
    let told = faulty.render(false);
    assert!(told.contains("error[HUB-1016]: the alert on 1 h never fires") && told.contains("= 14.40"), "{told}");
    assert!(told.contains(" --> hub.toml:14:3\n") && told.ends_with("1 fault"), "{told}");
    let told = parse(&text.replace("order_fallout", "order_cycle")).unwrap_err().render(false);
    assert!(told.contains("not one of") && told.contains("order_fallout"), "{told}");
    assert_eq!(parse(&text.replace("92%", "95%")).unwrap().slos.len(), 2);
    assert!(parse(&text.replace("\"99%\"", "\"99\"")).is_err());
}

#[test]
fn a_step_of_a_ladder_that_cannot_be_is_told_where_it_stands() {
    let objective = "[[sla.objectives]]\nname = \"o\"\nfamily = \"order\"\nstart = \"created\"\nstop = [\"completed\"]\n\
        target = \"4h\"\nescalate = { 25 = \"lead\", 50 = \"\", 120 = \"head\" }\n";
    // The line, and the column of the step itself.
    assert_eq!(faults(objective), [("HUB-1118", 7, 27), ("HUB-1118", 7, 36)]);
}

#[test]
fn standbys_are_of_parts_or_stores_and_need_brokers() {
    let kafka = "[log]\nkind = \"kafka\"\n[log.kafka]\nbrokers = [\"127.0.0.1:9092\"]\n";
    let config = parse(&format!("{kafka}[standby]\nparts = [\"sla-clocks\", \"sla\", \"entity.order\"]\ncopies = 2\n"));
    let standbys = config.unwrap().standbys;
    assert_eq!((standbys.parts, standbys.copies), (vec!["sla".to_owned(), "entity.order".to_owned()], 2));
    let told = rendered(&format!("{kafka}[standby]\nparts = [\"slaa\"]\n"));
    assert!(told.contains("HUB-1008") && told.contains("parts are") && told.contains(":6:"), "{told}");
    assert_eq!(faults("[standby]\nparts = [\"sla\"]\n"), [("HUB-1009", 2, 10)]);
}

#[test]
fn scorecards_that_cannot_be_are_refused_with_their_place() {
    for (text, code, line) in [
        ("[scorecards]\nperiod = \"year\"\n", "HUB-1008", 2),
        ("[scorecards]\ntime_zone = \"Asia/Bombay2\"\n", "HUB-1008", 2),
        ("[scorecards]\nweights = { availabilty = 2 }\n", "HUB-1003", 2),
        ("[scorecards]\ntargets = { availability = \"995%\" }\n", "HUB-1005", 2),
        ("[scorecards]\nmin_events = 0\n", "HUB-1005", 2),
    ] {
        let found = faults(text);
        assert_eq!((found.len(), found[0].0, found[0].1), (1, code, line), "{text}: {found:?}");
    }
    let none =
        "[scorecards.weights]\nacknowledgement = 0\ncompletion = 0\navailability = 0\ndisputes = 0\ndata_quality = 0\n";
    assert_eq!(faults(none)[0].0, "HUB-1009");
    let config = parse("[data]\ndir = \"d\"\n[scorecards]\nperiod = \"week\"\n").unwrap();
    assert_eq!(config.scorecards.reports, Some("d/reports".into()));
    assert_eq!(parse("[scorecards]\nreports = \"\"\n").unwrap().scorecards.reports, None);
}

#[test]
fn versions_that_overlap_are_told_with_both_places_and_years_without_holidays_with_their_line() {
    let objective = |more: &str| {
        format!(
            "[[sla.objectives]]\nname = \"o\"\nfamily = \"order\"\nstart = \"created\"\nstop = [\"completed\"]\ntarget = \"4h\"\n{more}"
        )
    };
    let overlap = objective("valid_to = \"2026-04-02\"\n") + &objective("valid_from = \"2026-04-01\"\n");
    assert_eq!(faults(&overlap), [("HUB-1117", 14, 14)]);
    let said = rendered(&overlap);
    assert!(
        said.contains("is valid at the same time as an earlier version of it; the earlier one begins in line 1"),
        "{said}"
    );

    let calendar = "[[sla.calendars]]\nname = \"c\"\ntime_zone = \"Asia/Kolkata\"\nholidays = [\"2026-08-15\"]\n\
        hours = { monday = [\"00:00-24:00\"] }\n";
    let used = objective("clock = \"business\"\ncalendar = \"c\"\n[sla.objectives.circles]\nKerala = \"c\"\n");
    let config = parse(&(calendar.to_owned() + &used)).unwrap();
    let in_time = ::schemas::Timestamp(1_780_000_000_000);
    assert!(config.sla.warnings(in_time).is_empty());
    let late = config.sla.warnings(::schemas::Timestamp(1_798_500_000_000));
    let said: Vec<_> = late.iter().map(|(warning, line)| (warning.to_string(), *line)).collect();
    assert_eq!(said, [("calendar \"c\" lists no holiday of 2027, which its objectives will need".to_owned(), Some(4))]);
}

#[test]
fn where_others_reach_the_hub_is_a_host_and_a_port() {
    let advertised =
        |place: &str| parse(&format!("[http]\nadvertise = \"{place}\"")).map(|config| config.http.advertise);
    assert_eq!(advertised("hub-1.internal:8080").unwrap().as_deref(), Some("hub-1.internal:8080"));
    assert_eq!(advertised("[::1]:80").unwrap().as_deref(), Some("[::1]:80"));
    assert_eq!(parse("").unwrap().http.advertise, None);
    for place in ["hub-1", "hub-1:0", ":8080", "http://hub-1:80", "hub-1/x:80", "user@hub-1:80"] {
        assert_eq!(faults(&format!("[http]\nadvertise = \"{place}\"")), [("HUB-1014", 2, 13)], "{place}");
    }
}

#[test]
fn the_parts_of_a_process_are_those_that_there_are() {
    assert_eq!(parse("").unwrap().only, [""; 0]);
    let config = parse("[run]\nonly = [\"ingest\", \"entity.order\"]").unwrap();
    assert_eq!(config.only, ["ingest", "entity.order"]);
    let text = "[run]\nonly = [\"sla\", \"entity.ordr\", \"sink.floworx\"]\nonyl = []\n";
    assert_eq!(faults(text), [("HUB-1008", 2, 16), ("HUB-1008", 2, 31), ("HUB-1003", 3, 1)]);
    assert!(rendered(text).contains("run.only: there is no part \"entity.ordr\", nearest: \"entity.order\""));
}
