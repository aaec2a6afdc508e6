//! Words for people out of a JSON schema.

use serde_json::Value;
use toml::de::DeValue;

/// A JSON type with its article, in TOML's words.
pub(super) fn type_name(json_type: &str) -> &'static str {
    match json_type {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "an array",
        _ => "a table",
    }
}

/// The type that was found, with its article.
pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The only words that a string may be; none: any text.
pub(super) fn words(schema: &Value) -> Vec<&str> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().filter_map(Value::as_str).collect();
    }
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return vec![word];
    }
    let branches = schema.get("oneOf").and_then(Value::as_array);
    branches.into_iter().flatten().flat_map(words).collect()
}

/// The schema's own example, as TOML.
pub(super) fn example(schema: &Value) -> Option<String> {
    // JSON and TOML write strings, numbers and arrays of them alike.
    schema
        .get("examples")?
        .get(0)
        .map(|value| value.to_string().replace("\",\"", "\", \""))
}

/// What a value may look like, as TOML.
pub(super) fn sample(schema: &Value) -> String {
    if let Some(example) = example(schema) {
        return example;
    }
    if let Some(word) = words(schema).first() {
        return format!("\"{word}\"");
    }
    let types = schema.get("type");
    let named = |name: &str| match types {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(many)) => many.iter().any(|one| one == name),
        _ => false,
    };
    if named("integer") {
        let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(1);
        least.max(1).to_string()
    } else if named("boolean") {
        "true".to_owned()
    } else if named("array") {
        "[…]".to_owned()
    } else {
        "\"…\"".to_owned()
    }
}

/// `"a"`, `"b"` or `"c"`.
pub(super) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("`\"{word}\"`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
