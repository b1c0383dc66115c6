//! The generated day as a whole: repeatable, legal, in order, in the wanted shares.

use std::collections::{BTreeMap, HashMap, HashSet};

use schemas::Family;
use serde_json::Value;

use super::fault::{Fate, Fault};
use super::settings::FaultRates;
use super::{Generated, Generator, Settings};

/// The machines as the standards print them; `-` is where an entity begins.
const ORDER: &str = "-:acknowledged rejected|acknowledged:inProgress pending|\
    inProgress:pending held assessingCancellation completed failed partial|\
    pending:inProgress assessingCancellation cancelled|\
    held:inProgress assessingCancellation cancelled|\
    assessingCancellation:pendingCancellation inProgress pending held|\
    pendingCancellation:cancelled";
const CANCEL: &str = "-:acknowledged accepted|acknowledged:inProgress|accepted:inProgress|\
    inProgress:done terminatedWithError";
const TICKET: &str = "-:acknowledged|acknowledged:inProgress rejected cancelled|\
    inProgress:held pending resolved cancelled|held:inProgress|pending:inProgress cancelled|\
    resolved:closed inProgress resolved";
const BILL: &str = "-:new|new:validated onHold|onHold:validated|validated:sent|\
    sent:partiallyPaid settled|partiallyPaid:settled";
const PAYMENT: &str = "-:pendingAuthorization|\
    pendingAuthorization:authorized denied canceled cancelled failed|\
    authorized:captured canceled cancelled failed|captured:done failed";

fn allows(machine: &str, from: &str, to: &str) -> bool {
    machine
        .split('|')
        .filter_map(|line| line.split_once(':'))
        .any(|(state, next)| state == from && next.split_whitespace().any(|state| state == to))
}

fn day(settings: Settings, events: usize) -> Vec<Generated> {
    Generator::new(settings).take(events).collect()
}

fn without_faults(seed: u64) -> Settings {
    Settings { seed, compression: 20_000.0, faults: FaultRates::NONE, ..Settings::default() }
}

fn parse(generated: &Generated) -> Value {
    serde_json::from_str(&generated.json).unwrap_or_else(|error| panic!("{error}: {}", generated.json))
}

fn instant(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// The resource's name and the resource.
fn resource(event: &Value) -> (&str, &Value) {
    let (name, resource) = event["event"].as_object().unwrap().iter().next().unwrap();
    (name, resource)
}

/// The state in an event of an entity with a machine, spaces trimmed.
fn state(event: &Value) -> Option<(&'static str, String, String)> {
    let (name, resource) = resource(event);
    let machine = match name {
        "productOrder" => ORDER,
        "cancelProductOrder" => CANCEL,
        "troubleTicket" => TICKET,
        "customerBill" => BILL,
        "payment" | "refund" => PAYMENT,
        _ => return None,
    };
    let state = resource.get("state").or_else(|| resource.get("status"))?.as_str()?.trim();
    let id = format!("{name}/{}", resource["id"].as_str().unwrap());
    Some((machine, id, state.to_owned()))
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let settings = || Settings { seed: 42, ..Settings::default() };
    let first = day(settings(), 5_000);
    assert_eq!(first, day(settings(), 5_000));
    assert_ne!(first, day(Settings { seed: 43, ..Settings::default() }, 5_000));
}

#[test]
fn without_faults_every_walk_is_legal_and_every_parent_known() {
    let mut states: HashMap<String, String> = HashMap::new();
    let mut occurred: HashMap<String, i64> = HashMap::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut ids = HashSet::new();
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    let mut due = i64::MIN;
    let mut generator = Generator::new(without_faults(1));
    let mut events: Vec<Generated> = generator.by_ref().take(40_000).collect();
    generator.close();
    events.extend(generator);
    for generated in &events {
        assert_eq!(generated.kind.fault, None);
        assert!(generated.due_at.as_millis() >= due, "publish order");
        due = generated.due_at.as_millis();
        let event = parse(generated);
        assert!(ids.insert(event["eventId"].as_str().unwrap().to_owned()), "event ids are unique");
        assert!((600..3_000).contains(&generated.json.len()), "{}", generated.json.len());
        let (name, entity) = resource(&event);
        let id = format!("{name}/{}", entity["id"].as_str().unwrap());
        let at = instant(&event["timeOccurred"]);
        assert_eq!(instant(&event["eventTime"]), due);
        assert!(at <= due);
        if let Some(before) = occurred.insert(id.clone(), at) {
            assert!(before < at || generated.kind.family == Family::Catalog, "{id}");
        }
        if let Some(party) = entity.get("relatedParty") {
            let party = &party[0];
            let party = party.get("partyOrPartyRole").unwrap_or(party)["id"].as_str().unwrap();
            let kind = if party.starts_with("CUS") { "customer" } else { "partyRole" };
            assert!(known.contains(&format!("{kind}/{party}")), "{party} of {id}");
        }
        if let Some((machine, id, to)) = state(&event) {
            let from = states.insert(id.clone(), to.clone()).unwrap_or_else(|| "-".to_owned());
            assert!(allows(machine, &from, &to), "{id}: {from} -> {to}");
        }
        known.insert(id);
    }
    for (id, state) in &states {
        let name = id.split('/').next().unwrap();
        *ends.entry(format!("{name} {state}")).or_default() += 1;
    }
    for end in [
        "productOrder completed",
        "productOrder cancelled",
        "productOrder failed",
        "productOrder partial",
        "productOrder rejected",
        "cancelProductOrder done",
        "cancelProductOrder terminatedWithError",
        "troubleTicket closed",
        "troubleTicket cancelled",
        "customerBill settled",
        "payment done",
        "payment denied",
        "refund done",
    ] {
        assert!(ends.get(end).is_some_and(|count| *count > 3), "{end}: {ends:?}");
    }
    for unfinished in ["productOrder inProgress", "troubleTicket inProgress", "customerBill sent"] {
        assert_eq!(ends.get(unfinished), None, "closed generators end what they began");
    }
}

#[test]
fn a_denied_cancellation_returns_to_where_it_came_from() {
    let mut before: HashMap<String, Vec<String>> = HashMap::new();
    for generated in day(without_faults(2), 40_000) {
        if let Some((ORDER, id, state)) = state(&parse(&generated)) {
            before.entry(id).or_default().push(state);
        }
    }
    let mut denied = 0;
    for walk in before.values() {
        for window in walk.windows(3).filter(|window| window[1] == "assessingCancellation") {
            if window[2] != "pendingCancellation" {
                assert_eq!(window[0], window[2], "{walk:?}");
                denied += 1;
            }
        }
    }
    assert!(denied > 10);
}

#[test]
fn families_come_in_the_wanted_shares() {
    let settings = Settings { rate: 2_000.0, customers: 100, ..without_faults(3) };
    let events = day(settings, 100_000);
    let mut counts: HashMap<&str, f64> = HashMap::new();
    for generated in &events[10_000..] {
        let group = match generated.kind.family {
            Family::Order => "order",
            Family::Ticket => "ticket",
            Family::Account => "account",
            Family::Customer | Family::Catalog | Family::Partner => "reference",
            Family::Flow => panic!("Floworx speaks for itself"),
        };
        *counts.entry(group).or_default() += 1.0 / 90_000.0;
    }
    for (group, share) in [("order", 0.45), ("ticket", 0.15), ("account", 0.35), ("reference", 0.05)] {
        assert!((counts[group] - share).abs() < 0.03, "{group}: {counts:?}");
    }
    let bytes: usize = events.iter().map(|generated| generated.json.len()).sum();
    assert!((700..1_500).contains(&(bytes / events.len())), "{} bytes each", bytes / events.len());
    let seconds = events[99_999].due_at.millis_since(events[10_000].due_at) as f64 / 1_000.0;
    assert!((1_700.0..2_300.0).contains(&(90_000.0 / seconds)), "{} per second", 90_000.0 / seconds);
}

#[test]
fn faults_are_what_their_labels_say() {
    let faults = FaultRates {
        duplicate: 0.02,
        late: 0.02,
        out_of_order: 0.1,
        before_parent: 0.05,
        reused_event_id: 0.02,
        tolerated: 0.1,
        rejected: 0.05,
    };
    let settings = Settings { faults, compression: 20_000.0, ..Settings::default() };
    let mut seen: HashMap<Fault, u32> = HashMap::new();
    let mut lines: HashSet<String> = HashSet::new();
    let mut keys: HashMap<String, String> = HashMap::new();
    let mut customers: HashSet<String> = HashSet::new();
    let mut latest: HashMap<String, i64> = HashMap::new();
    for generated in day(settings, 60_000) {
        let fault = generated.kind.fault;
        if let Some(fault) = fault {
            *seen.entry(fault).or_default() += 1;
        }
        let json = &generated.json;
        if fault == Some(Fault::BrokenJson) {
            assert!(serde_json::from_str::<Value>(json).is_err());
            continue;
        }
        assert_eq!(json.contains("4111111111111111"), fault == Some(Fault::CardData));
        let event = parse(&generated);
        if generated.kind.fate() == Fate::Rejected {
            let time = event["eventTime"].as_str().unwrap();
            let bad_time = time.parse::<jiff::Timestamp>().is_err();
            let times = [Fault::NaiveTimestamp, Fault::ImpossibleTimestamp].map(Some);
            assert_eq!(bad_time, times.contains(&fault), "{time}");
            assert_eq!(event["eventType"] == "CXJAD", fault == Some(Fault::UnknownEventType));
            continue;
        }
        let key = format!("{}{}{}", event["source"]["id"], event["eventType"], event["eventId"]);
        let payload = event["event"].to_string();
        match keys.get(&key) {
            None => assert!(!matches!(fault, Some(Fault::Duplicate | Fault::ReusedEventId))),
            Some(before) if *before == payload => assert_eq!(fault, Some(Fault::Duplicate)),
            Some(_) => assert_eq!(fault, Some(Fault::ReusedEventId)),
        }
        let repeated = !lines.insert(json.clone());
        assert_eq!(repeated, fault == Some(Fault::Duplicate));
        if generated.kind.fate() != Fate::Applied {
            continue;
        }
        keys.insert(key, payload);
        assert_eq!(event.get("timeOcurred").is_some(), fault == Some(Fault::MisspeltTime));
        let named = event["eventType"].as_str().unwrap();
        let typed = event["@type"].as_str().unwrap();
        assert_eq!(!typed.eq_ignore_ascii_case(named), fault == Some(Fault::TypeMismatch));
        assert_eq!(json.contains("\"EUT\""), fault == Some(Fault::UnknownCurrency));
        assert_eq!(json.contains(" \""), fault == Some(Fault::TrailingSpace));
        let (name, entity) = resource(&event);
        assert_eq!(entity.get("@type").is_none(), fault == Some(Fault::Partial));
        let id = entity["id"].as_str().unwrap();
        if name == "customer" {
            customers.insert(id.to_owned());
        }
        if name == "productOrder" && entity.get("relatedParty").is_some() {
            let party = &entity["relatedParty"][0];
            let party = party.get("partyOrPartyRole").unwrap_or(party)["id"].as_str().unwrap();
            assert_eq!(!customers.contains(party), fault == Some(Fault::BeforeParent), "{id}");
        }
        let at = instant(event.get("timeOccurred").unwrap_or(&event["timeOcurred"]));
        if let Some((_, id, _)) = state(&event) {
            let before = latest.get(&id).copied().unwrap_or(i64::MIN);
            assert_eq!(at < before, fault == Some(Fault::OutOfOrder), "{id}");
            latest.insert(id, at.max(before));
        }
    }
    for fault in Fault::ALL {
        assert!(seen.get(&fault).is_some_and(|count| *count >= 10), "{fault:?}: {seen:?}");
    }
}

#[test]
fn the_readers_take_what_is_to_be_taken_and_refuse_the_rest() {
    let faults = FaultRates { tolerated: 0.1, rejected: 0.05, ..FaultRates::default() };
    for generated in day(Settings { faults, ..Settings::default() }, 30_000) {
        let read = schemas::tmf::read(generated.json.as_bytes(), None, generated.due_at);
        let code = match generated.kind.fault {
            Some(Fault::NaiveTimestamp) => Some(schemas::Code::NaiveTimestamp),
            Some(Fault::ImpossibleTimestamp) => Some(schemas::Code::BadTimestamp),
            Some(Fault::UnknownEventType) => Some(schemas::Code::UnknownEventType),
            Some(Fault::CardData) => Some(schemas::Code::CardData),
            Some(Fault::BrokenJson) => Some(schemas::Code::InvalidJson),
            _ => None,
        };
        match read {
            Ok(event) => {
                assert_eq!(code, None, "{}", generated.json);
                assert_eq!(event.family(), generated.kind.family);
                let flags = &event.envelope().flags;
                let suspects = ["account_unknown", "sla_suspect"];
                assert!(!suspects.iter().any(|flag| flags.iter().any(|one| one == flag)), "{flags:?}");
            }
            Err(error) => assert_eq!(Some(error.code), code, "{error}: {}", generated.json),
        }
    }
}

#[test]
fn the_benchmark_has_nothing_to_refuse_and_a_bounded_memory() {
    let mut generator = Generator::new(Settings::benchmark(50_000, 1));
    let mut most = 0;
    for _ in 0..50_000 {
        let generated = generator.next().unwrap();
        assert_ne!(generated.kind.fate(), Fate::Rejected);
        most = most.max(generator.in_flight());
    }
    assert!(most < 10_000, "{most} in flight");
}

#[test]
fn runs_share_no_entity_and_no_event_id() {
    let ids = |run| -> HashSet<String> {
        let events = day(Settings { run, ..without_faults(5) }, 2_000);
        let id = |generated: &Generated| parse(generated)["eventId"].as_str().unwrap().to_owned();
        events.iter().map(id).collect()
    };
    assert!(ids(0).is_disjoint(&ids(1)));
}
