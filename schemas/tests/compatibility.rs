//! BACKWARD: what was written by a released schema is read by the one that stands in its place now.
//!
//! `released/` holds the files of the last release. A release copies `avro/` there; nothing else
//! changes it.

use apache_avro::{
    Schema,
    schema_compatibility::{Compatibility, SchemaCompatibility},
};

use schemas::registry::{SCHEMAS, schema_by_name};

/// Why a record written by `released` may not be read by `current`, if so.
fn fault(released: &str, current: &str) -> Option<String> {
    let parse = |text: &str| Schema::parse_str(text).unwrap();
    match SchemaCompatibility::can_read(&parse(released), &parse(current)) {
        Ok(Compatibility::Full) => None,
        Ok(Compatibility::Partial) => Some("only some of the records can be read".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// The released file of this name.
fn released(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("released").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_released_schema_is_read_by_the_current_one() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    let mut seen = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        // By its text: a version that was replaced since lies under another name.
        let text = released(&file);
        let entry = SCHEMAS.iter().find(|entry| entry.avsc == text);
        let entry = entry.unwrap_or_else(|| panic!("{file} was released and is no longer listed, or was changed"));
        let current = schema_by_name(entry.name).unwrap();
        assert_eq!(fault(&text, current.avsc), None, "{file}, released, by {}", current.file);
        seen.push(entry.id);
    }
    assert!(!seen.is_empty(), "this test read the wrong folder");
    for entry in SCHEMAS.iter().filter(|entry| !seen.contains(&entry.id)) {
        let newest = schema_by_name(entry.name).unwrap();
        assert_eq!(entry.id, newest.id, "{} is neither released nor the newest of its record", entry.file);
    }
}

#[test]
fn a_field_without_default_is_refused_and_one_with_it_is_not() {
    let old = released("sla_state.avsc");
    let with = |field: serde_json::Value| {
        let mut schema: serde_json::Value = serde_json::from_str(&old).unwrap();
        schema["fields"].as_array_mut().unwrap().push(field);
        schema.to_string()
    };
    let bad = with(serde_json::json!({ "name": "added_later", "type": "string" }));
    assert!(fault(&old, &bad).is_some(), "an incompatible change went through");
    let good = with(serde_json::json!({ "name": "added_later", "type": "string", "default": "" }));
    assert_eq!(fault(&old, &good), None);
}

#[test]
fn another_type_of_a_field_is_refused() {
    let old = released("sla_state.avsc");
    let mut schema: serde_json::Value = serde_json::from_str(&old).unwrap();
    schema["fields"][0]["type"] = "boolean".into();
    assert!(fault(&old, &schema.to_string()).is_some());
}
