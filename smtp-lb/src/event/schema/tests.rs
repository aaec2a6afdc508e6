use serde_json::Value as Json;

use super::super::format::{json, samples};
use super::*;
use crate::config::plan::FieldList;

/// Every kind is tried; each field is of its type, and what may be left out says so.
#[test]
fn events_are_as_the_schema_has_them() {
    let mut tried = Vec::new();
    for event in samples::all() {
        let kind = of(&event.kind);
        tried.push(kind.event);
        let mut rest = kind.fields.iter();
        each(&event.kind, |field, value| {
            let next = rest.by_ref().find(|it| *it == field || !it.optional);
            assert_eq!(next, Some(field), "in the order of the schema");
            assert_eq!(field.get(&event.kind), Some(value));
            let kind = match value {
                Value::Name(_) => FieldType::Name,
                Value::Text(_) => FieldType::Text,
                Value::Number(_) => FieldType::Number,
                Value::Flag(_) => FieldType::Flag,
                Value::Address(_) => FieldType::Address,
            };
            assert_eq!(field.kind, kind, "{}", field.name);
        });
        assert!(
            rest.all(|field| field.optional),
            "{} lacks fields",
            kind.event
        );
    }
    for kind in KINDS {
        assert!(tried.contains(&kind.event), "no sample of {}", kind.event);
    }
}

/// The model, as it is serialised elsewhere, has the same fields.
#[test]
fn fields_are_those_of_the_model() {
    for event in samples::all() {
        let Json::Object(mut object) = serde_json::to_value(&event).unwrap() else {
            panic!("{event:?}");
        };
        let mut line = Vec::new();
        json::encode(&event, &mut line);
        let mut record: Json = serde_json::from_slice(&line).unwrap();
        record.as_object_mut().unwrap().remove("time").unwrap();
        assert_eq!(Json::Object(object.clone()), record);
        assert_eq!(object.remove("event").unwrap(), name(&event.kind));
        each(&event.kind, |field, value| {
            let json = match object
                .remove(field.name)
                .unwrap_or_else(|| panic!("{}", field.name))
            {
                Json::String(text) => text,
                other => other.to_string(),
            };
            assert_eq!(json, value.to_string(), "{}", field.name);
        });
        assert!(object.is_empty(), "{object:?}");
    }
}

/// No kind has two fields of one name, in any format.
#[test]
fn names_are_told_apart() {
    for kind in KINDS {
        let mut names: Vec<_> = kind.fields.iter().map(|field| field.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), kind.fields.len(), "{}", kind.event);
        let in_cef: Vec<_> = kind.in_cef().map(|field| field.cef().to_string()).collect();
        let mut told_apart = in_cef.clone();
        told_apart.sort_unstable();
        told_apart.dedup();
        assert_eq!(told_apart.len(), in_cef.len(), "{}: {in_cef:?}", kind.event);
    }
}

/// Who reads records holds them against a file of a version.
#[test]
fn the_file_is_what_is_in_force() {
    let text = serde_json::to_string_pretty(&schema()).unwrap();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let name = format!("../schema/events-{VERSION}.json");
    samples::compare(&name, include_str!("events-1.json"), &lines);
}

/// The configuration knows the names that the format has.
#[test]
fn names_of_lists_are_those_of_the_configuration() {
    let names: Vec<_> = AfmName::ALL.iter().map(|known| known.name).collect();
    assert_eq!(names, FieldList::KNOWN);
    for known in AfmName::ALL {
        let firewall = &KINDS[0];
        assert!(known.from.is_empty() || firewall.fields.iter().any(|it| it.name == known.from));
    }
}
