//! Finds its way in a JSON schema: references, alternatives, types.

use serde_json::{Map, Value};
use toml::de::DeValue;

/// The root of a schema, which references point into.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a>(pub(super) &'a Value);

impl<'a> Schema<'a> {
    /// The schema that applies to a value of this type, references and alternatives followed.
    pub(super) fn branch(self, schema: &'a Value, json_type: &str) -> Option<&'a Value> {
        let schema = self.target(schema);
        match schema.get("anyOf").and_then(Value::as_array) {
            Some(branches) => branches
                .iter()
                .find_map(|branch| self.branch(branch, json_type)),
            None => self.types(schema).contains(&json_type).then_some(schema),
        }
    }

    /// The types that a schema accepts, in JSON's words. There is no null in TOML.
    pub(super) fn types<'s>(self, schema: &'s Value) -> Vec<&'s str>
    where
        'a: 's,
    {
        let schema = self.target(schema);
        let branches = schema.get("anyOf").and_then(Value::as_array);
        let mut types: Vec<&str> = match (branches, schema.get("type")) {
            (Some(branches), _) => branches
                .iter()
                .flat_map(|branch| self.types(branch))
                .collect(),
            (None, Some(Value::String(one))) => vec![one],
            (None, Some(Value::Array(many))) => many.iter().filter_map(Value::as_str).collect(),
            // Words that have docs are a `oneOf` of constants.
            (None, _) if schema.get("oneOf").is_some() => vec!["string"],
            (None, _) => vec![],
        };
        types.retain(|&name| name != "null");
        types
    }

    /// Follows `$ref`, and an optional value to what it is when there.
    pub(super) fn target<'s>(self, schema: &'s Value) -> &'s Value
    where
        'a: 's,
    {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = name.trim_start_matches('#');
            return self
                .0
                .pointer(pointer)
                .map_or(schema, |found| self.target(found));
        }
        let branches = schema.get("anyOf").and_then(Value::as_array);
        match branches.map(Vec::as_slice) {
            Some([one, null]) if null.get("type").and_then(Value::as_str) == Some("null") => {
                self.target(one)
            }
            _ => schema,
        }
    }
}

/// The keys that a table may have.
pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// The type of a value in JSON's words.
pub(super) fn json_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "datetime",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}
