//! The Rust records and the Avro files agree, and what is written is read again.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::Family;
use crate::registry::{SCHEMAS, SchemaEntry, schema_by_name};

/// Does the same with each record type.
macro_rules! for_each_record {
    ($check:ident $(, $argument:expr)*) => {
        $check::<OrderEvent>($($argument),*);
        $check::<FlowEvent>($($argument),*);
        $check::<TicketEvent>($($argument),*);
        $check::<AccountEvent>($($argument),*);
        $check::<CustomerEvent>($($argument),*);
        $check::<CatalogEvent>($($argument),*);
        $check::<PartnerEvent>($($argument),*);
        $check::<LifecycleFact>($($argument),*);
        $check::<BillingRecord>($($argument),*);
        $check::<FloworxCommand>($($argument),*);
        $check::<PartnerDelivery>($($argument),*);
        $check::<DeliveryOutcome>($($argument),*);
        $check::<SlaState>($($argument),*);
        $check::<SlaDegradation>($($argument),*);
        $check::<SlaViolation>($($argument),*);
        $check::<DeadLetter>($($argument),*);
        $check::<KpiWindow>($($argument),*);
        $check::<BurnRate>($($argument),*);
        $check::<SlaPrediction>($($argument),*);
        $check::<SlaEscalation>($($argument),*);
        $check::<Scorecard>($($argument),*);
    };
}

/// Makes values that follow an Avro schema, by a row of choices.
struct Maker<'c> {
    choices: &'c [u32],
    at: usize,
    /// Named types: Avro defines one where it is first used, which a value may leave out.
    named: Map<String, Value>,
    /// Leave out what has a default.
    minimal: bool,
    /// Put this in place of every enum's symbol.
    symbol: Option<&'static str>,
}

impl<'c> Maker<'c> {
    fn new(choices: &'c [u32]) -> Self {
        Self { choices, at: 0, named: Map::new(), minimal: false, symbol: None }
    }

    /// A value of a whole schema.
    fn make_root(&mut self, schema: &Value) -> Value {
        self.define(schema);
        self.make(schema)
    }

    fn define(&mut self, schema: &Value) {
        match schema {
            Value::Object(definition) => {
                let named = definition.contains_key("fields") || definition.contains_key("symbols");
                if let (true, Some(Value::String(name))) = (named, definition.get("name")) {
                    self.named.insert(name.clone(), schema.clone());
                }
                definition.values().for_each(|inner| self.define(inner));
            }
            Value::Array(elements) => elements.iter().for_each(|inner| self.define(inner)),
            _ => {}
        }
    }

    /// The next choice; the row begins again at its end.
    fn choose(&mut self) -> u32 {
        self.at += 1;
        self.choices.get((self.at - 1) % self.choices.len().max(1)).copied().unwrap_or_default()
    }

    fn make(&mut self, schema: &Value) -> Value {
        match schema {
            Value::String(name) => match name.as_str() {
                "string" => json!(["", "plain", "ünï\u{1f600}", "\"quoted\"\n"][self.choose() as usize % 4]),
                "long" => json!(i64::from(self.choose()) * 1_000_003 - 7),
                "int" => json!(self.choose() as i32),
                "boolean" => json!(self.choose() % 2 == 1),
                name => {
                    let definition = self.named.get(name).expect("types are defined before use").clone();
                    self.make(&definition)
                }
            },
            // Every union of these schemas is an optional value.
            Value::Array(branches) => {
                assert_eq!(branches.len(), 2);
                assert_eq!(branches[0], "null");
                if self.choose() % 4 == 3 { Value::Null } else { self.make(&branches[1]) }
            }
            Value::Object(definition) => self.make_complex(definition),
            other => panic!("no schema: {other}"),
        }
    }

    fn make_complex(&mut self, definition: &Map<String, Value>) -> Value {
        match definition["type"].as_str().expect("a type's name") {
            "record" => {
                let mut record = Map::new();
                for field in definition["fields"].as_array().expect("fields") {
                    let value = self.make(&field["type"]);
                    if !(self.minimal && field.get("default").is_some()) {
                        record.insert(field["name"].as_str().expect("a name").to_owned(), value);
                    }
                }
                Value::Object(record)
            }
            "enum" => {
                let symbols = definition["symbols"].as_array().expect("symbols");
                let chosen = &symbols[self.choose() as usize % symbols.len()];
                self.symbol.map_or_else(|| chosen.clone(), |symbol| json!(symbol))
            }
            "array" => (0..self.choose() % 3).map(|_| self.make(&definition["items"])).collect(),
            "map" => {
                let mut entries = Map::new();
                for at in 0..self.choose() % 3 {
                    entries.insert(format!("field{at}"), self.make(&definition["values"]));
                }
                Value::Object(entries)
            }
            plain => self.make(&json!(plain)),
        }
    }
}

fn schema_of<T: Schema>() -> Value {
    let entry = schema_by_name(T::NAME).expect("each record is in the table");
    serde_json::from_str(entry.avsc).expect("the file is JSON")
}

/// Through the struct and through the frame, nothing is lost or added.
fn round_trip<T: Schema>(choices: &[u32]) {
    let value = Maker::new(choices).make_root(&schema_of::<T>());
    let record: T = serde_json::from_value(value.clone()).expect("a value of the schema is a record");
    assert_eq!(serde_json::to_value(&record).expect("JSON"), value, "{}: fields of file and struct differ", T::NAME);
    let frame = encode(&record);
    let again: T = decode(&frame).expect("its own frame");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), value, "{}", T::NAME);
    assert_eq!(to_json(&frame).expect("its own frame"), value, "{}", T::NAME);
}

fn minimal_round_trip<T: Schema>() {
    let mut maker = Maker { minimal: true, ..Maker::new(&[0]) };
    let value = maker.make_root(&schema_of::<T>());
    let record: T = serde_json::from_value(value).expect("what has a default may be missing");
    let again: T = decode(&encode(&record)).expect("its own frame");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), serde_json::to_value(&record).expect("JSON"));
}

/// A record written before the fields with defaults existed is read by today's struct.
fn reads_older_writers<T: Schema>() {
    let schema = schema_of::<T>();
    let mut older = schema.clone();
    let fields = older["fields"].as_array_mut().expect("fields");
    // Types defined in a field that goes would be missing later, so only plain ones go.
    let defines_type = |field: &Value| field["type"].to_string().contains("\"name\"");
    fields.retain(|field| field.get("default").is_none() || defines_type(field));
    let compiled: serde_avro_fast::Schema = older.to_string().parse().expect("still a schema");
    let value = Maker { minimal: true, ..Maker::new(&[0]) }.make_root(&older);
    let record: T = serde_json::from_value(value).expect("the rest has defaults");
    let mut trimmed = serde_json::to_value(&record).expect("JSON");
    let kept: BTreeSet<&str> =
        older["fields"].as_array().expect("fields").iter().filter_map(|field| field["name"].as_str()).collect();
    trimmed.as_object_mut().expect("a record").retain(|name, _| kept.contains(name.as_str()));
    let datum = serde_avro_fast::to_datum_vec(&trimmed, &mut SerializerConfig::new(&compiled)).expect("an older datum");
    let read: T = serde_avro_fast::from_datum_slice(&datum, &compiled).expect("defaults fill in");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), serde_json::to_value(&record).expect("JSON"));
}

/// The struct's enums have the file's symbols and no others, or `encode` could fail.
fn symbols_agree<T: Schema>() {
    let schema = schema_of::<T>();
    let mut maker = Maker { symbol: Some("no_such_symbol"), ..Maker::new(&[1]) };
    let mut value = maker.make_root(&schema);
    // The error names the variants the struct has; mend that place and look for the next.
    for _ in 0..maker.named.len() * 4 {
        let Err(error) = serde_json::from_value::<T>(value.clone()) else { return };
        let error = error.to_string();
        let listed = error.strip_prefix("unknown variant `no_such_symbol`, expected ").expect("an enum's error");
        let variants: BTreeSet<&str> = listed.split('`').skip(1).step_by(2).collect();
        let definition = maker.named.values().find(|definition| {
            definition["symbols"]
                .as_array()
                .is_some_and(|symbols| symbols.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>() == variants)
        });
        assert!(definition.is_some(), "{}: no enum of the file has exactly {variants:?}", T::NAME);
        assert!(mend_first(&mut value, variants.first().expect("a variant")));
    }
    panic!("{}: enums without end", T::NAME);
}

/// Replaces the first unknown symbol that deserialisation meets.
fn mend_first(value: &mut Value, symbol: &str) -> bool {
    match value {
        Value::String(text) if text == "no_such_symbol" => {
            symbol.clone_into(text);
            true
        }
        Value::Array(elements) => elements.iter_mut().any(|element| mend_first(element, symbol)),
        Value::Object(fields) => fields.iter_mut().any(|(_, field)| mend_first(field, symbol)),
        _ => false,
    }
}

fn id_is_in_the_table<T: Schema>() {
    let entry = schema_by_name(T::NAME).expect("each record is in the table");
    assert_eq!(entry.id, T::ID, "{} is written with its newest schema", T::NAME);
    assert_eq!(schema_of::<T>()["name"], T::NAME);
}

#[test]
fn files_and_structs_agree_on_fields() {
    for_each_record!(round_trip, &[1, 2, 5, 6, 9, 13]);
    for_each_record!(minimal_round_trip);
}

#[test]
fn files_and_structs_agree_on_symbols() {
    for_each_record!(symbols_agree);
}

#[test]
fn records_of_older_writers_are_read() {
    for_each_record!(reads_older_writers);
}

#[test]
fn ids_are_those_of_the_table() {
    for_each_record!(id_is_in_the_table);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_record_survives_its_frame(choices in prop::collection::vec(any::<u32>(), 1..64)) {
        for_each_record!(round_trip, &choices);
    }

    #[test]
    fn broken_frames_are_errors(choices in prop::collection::vec(any::<u32>(), 1..8), at: prop::sample::Index, bits in 1u8..) {
        let value = Maker::new(&choices).make_root(&schema_of::<OrderEvent>());
        let record: OrderEvent = serde_json::from_value(value).expect("a value of the schema is a record");
        let mut frame = encode(&record);
        let cut = at.index(frame.len());
        prop_assert!(decode::<OrderEvent>(&frame[..cut]).is_err());
        // A changed byte may still be a record; it must not be a panic.
        frame[cut] ^= bits;
        let _ = decode::<OrderEvent>(&frame);
        let _ = to_json(&frame);
    }
}

#[test]
fn violations_of_earlier_versions_are_read() {
    let value = Maker::new(&[1, 2, 5]).make_root(&schema_of::<SlaViolation>());
    let made: SlaViolation = serde_json::from_value(value).expect("a value of the schema is a record");
    let newest =
        SlaViolation { withdrawn: true, version: 1, replaces: None, tolerance_ms: 0, unit: "ms".into(), ..made };
    let mut frame = encode(&newest);
    // Each version ends earlier than the one after it, and the id says so: the second before the
    // version and what it replaces, the tolerance and the unit, six bytes here, the first before
    // `withdrawn`.
    frame.truncate(frame.len() - 6);
    frame[1..5].copy_from_slice(&16u32.to_be_bytes());
    assert_eq!(decode::<SlaViolation>(&frame), Ok(newest.clone()));
    frame.pop();
    frame[1..5].copy_from_slice(&14u32.to_be_bytes());
    assert_eq!(decode::<SlaViolation>(&frame), Ok(SlaViolation { withdrawn: false, ..newest }));
}

#[test]
fn commands_of_when_only_orders_had_flows_are_read() {
    let value = Maker::new(&[1, 2, 5]).make_root(&schema_of::<FloworxCommand>());
    let made: FloworxCommand = serde_json::from_value(value).expect("a value of the schema is a record");
    let order =
        FloworxCommand { entity_kind: "order".to_owned(), family: Family::Order, cause: "fact".to_owned(), ..made };
    let mut frame = encode(&order);
    // The kind, the family and the cause are its last bytes.
    frame.truncate(frame.len() - (1 + 5) - 1 - (1 + 4));
    frame[1..5].copy_from_slice(&10u32.to_be_bytes());
    assert_eq!(decode::<FloworxCommand>(&frame), Ok(order));
}

#[test]
fn foreign_frames_are_named() {
    assert_eq!(decode::<OrderEvent>(b""), Err(DecodeError::NotFramed));
    assert_eq!(decode::<OrderEvent>(&[1, 0, 0, 0, 1]), Err(DecodeError::NotFramed));
    assert_eq!(decode::<OrderEvent>(&[0, 0, 0, 0, 99]), Err(DecodeError::UnknownSchema(99)));
    let wrong = DecodeError::WrongSchema { id: 3, found: "TicketEvent", wanted: "OrderEvent" };
    assert_eq!(wrong.code(), Code::UnknownSchemaId);
    assert_eq!(decode::<OrderEvent>(&[0, 0, 0, 0, 3]), Err(wrong));
    assert_eq!(decode::<OrderEvent>(&[0, 0, 0, 0, 1, 2]), Err(DecodeError::BadDatum("OrderEvent")));
}

/// Every named type and every field says what it is, and every time says that it is one.
fn check_docs(entry: &SchemaEntry, schema: &Value) {
    match schema {
        Value::Object(definition) => {
            if definition.contains_key("name") {
                let doc = definition.get("doc").and_then(Value::as_str).unwrap_or_default();
                assert!(doc.ends_with('.') && doc.len() > 5, "{}: {} has no doc", entry.file, definition["name"]);
                let name = definition["name"].as_str().unwrap_or_default();
                let is_time =
                    name.ends_with("_at") || name.ends_with("_date") || name.ends_with("_time") || name == "at";
                if is_time {
                    assert!(schema.to_string().contains("timestamp-millis"), "{}: {name}", entry.file);
                }
            }
            definition.values().for_each(|inner| check_docs(entry, inner));
        }
        Value::Array(elements) => elements.iter().for_each(|inner| check_docs(entry, inner)),
        _ => {}
    }
}

#[test]
fn every_field_has_a_doc() {
    for entry in &SCHEMAS {
        let schema: Value = serde_json::from_str(entry.avsc).expect("JSON");
        assert_eq!(schema["namespace"], "jcms.hub.v1", "{}", entry.file);
        check_docs(entry, &schema);
    }
}

/// A second implementation of Avro takes the files, and finds each able to read itself and its
/// version without the fields that have defaults.
#[test]
fn files_are_avro_and_evolve_backward() {
    use apache_avro::{Schema as Avro, schema_compatibility::SchemaCompatibility};
    for entry in &SCHEMAS {
        let newer = Avro::parse_str(entry.avsc).expect("Avro");
        let mut older: Value = serde_json::from_str(entry.avsc).expect("JSON");
        let fields = older["fields"].as_array_mut().expect("fields");
        fields.retain(|field| field.get("default").is_none() || field["type"].to_string().contains("\"name\""));
        let older = Avro::parse_str(&older.to_string()).expect("Avro");
        assert!(SchemaCompatibility::can_read(&newer, &newer).is_ok(), "{}", entry.file);
        assert!(SchemaCompatibility::can_read(&older, &newer).is_ok(), "{}", entry.file);
    }
}
