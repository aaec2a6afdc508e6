//! Holds the TOML tree against the JSON schema: unknown and missing keys, types, words, bounds.

mod describe;
mod schema;

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use self::describe::{example, one_of, sample, type_name};
use self::schema::{Schema, json_type, properties};
use super::diagnostic::{Diagnostic, Report, Reported, quote};
use super::{raw, suggest};

/// The JSON schema of a configuration file.
pub(crate) fn schema() -> Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<raw::Config>()
        .to_value()
}

/// What was taken out of the tree, so that its lack is not told as a second error.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// Dotted paths of keys, as `firewall.policy`.
    paths: HashSet<String>,
    /// Where the names of elements are written that lack something now.
    elements: HashSet<usize>,
    /// There once something was reported.
    reported: Option<Reported>,
}

impl Pruned {
    /// Whether elements of this section, or names of them, were taken out.
    pub(crate) fn section(&self, section: &str) -> Result<(), Reported> {
        let own = format!("{section}.name");
        let parent = section
            .split_once('.')
            .map_or(section, |(parent, _)| parent);
        self.none_if(
            [section, &own, parent]
                .iter()
                .any(|path| self.paths.contains(*path)),
        )
    }

    /// Whether anything was taken out of the element whose name is written here.
    pub(crate) fn element(&self, name: &Range<usize>) -> Result<(), Reported> {
        self.none_if(self.elements.contains(&name.start))
    }

    /// Proof that what is missing was reported.
    pub(crate) fn anything(&self) -> Option<Reported> {
        self.reported
    }

    fn none_if(&self, pruned: bool) -> Result<(), Reported> {
        match self.reported {
            Some(reported) if pruned => Err(reported),
            _ => Ok(()),
        }
    }
}

/// Reports all that does not fit the schema and takes it out of the tree, so that the rest can
/// be checked further.
pub(crate) fn prune(tree: &mut Spanned<DeTable<'_>>, report: &mut Report) -> Pruned {
    let schema = schema();
    let mut walk = Walk {
        root: Schema(&schema),
        report,
        pruned: Pruned::default(),
    };
    let span = tree.span();
    walk.table(tree.get_mut(), &span, &schema, "");
    walk.pruned
}

/// The root schema and what was found so far. `path` is the dotted path of a value, as
/// `firewall.policy`.
struct Walk<'a> {
    root: Schema<'a>,
    report: &'a mut Report,
    pruned: Pruned,
}

/// Whether a value may stay, whatever was taken out of its inside.
type Stays = Result<(), Reported>;

impl<'a> Walk<'a> {
    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, schema: &'a Value, path: &str) -> Stays {
        let span = value.span();
        let Some(schema) = self.root.branch(schema, json_type(value.get_ref())) else {
            return Err(self.wrong_type(value, schema, path));
        };
        match value.get_mut() {
            DeValue::Table(table) => {
                self.table(table, &span, schema, path);
                Ok(())
            }
            DeValue::Array(items) => {
                self.count(items.len(), &span, schema, path)?;
                self.items(items, schema, path);
                Ok(())
            }
            DeValue::String(word) => self.word(word, &span, schema, path),
            DeValue::Integer(number) => self.number(number, &span, schema, path),
            DeValue::Boolean(_) | DeValue::Float(_) | DeValue::Datetime(_) => Ok(()),
        }
    }

    fn items(&mut self, items: &mut DeArray<'_>, schema: &'a Value, path: &str) {
        let Some(inner) = schema.get("items") else {
            return;
        };
        for mut item in std::mem::replace(items, DeArray::new()) {
            let stays = if self.root.branch(inner, json_type(item.get_ref())).is_some() {
                self.value(&mut item, inner, path)
            } else {
                let key = last(path);
                let (list, found) = (self.wanted(inner), describe::found(item.get_ref()));
                Err(self.report.error(Diagnostic::new(
                    item.span(),
                    format!("each of `{key}` must be {list}, not {found}"),
                    format!("write as `{key} = {}`", sample(schema)),
                )))
            };
            match stays {
                Ok(()) => items.push(item),
                Err(reported) => self.took(path, reported),
            }
        }
    }

    /// The types that a schema accepts, for people.
    fn wanted(&self, schema: &Value) -> String {
        let names: Vec<&str> = self.root.types(schema).into_iter().map(type_name).collect();
        names.join(" or ")
    }

    fn table(
        &mut self,
        table: &mut DeTable<'_>,
        span: &Range<usize>,
        schema: &'a Value,
        path: &str,
    ) {
        self.missing(table, span, schema, path);
        let name = table.get("name").map(|name| name.span().start);
        for (key, mut value) in std::mem::take(table) {
            let inner = join(path, key.get_ref());
            let stays = self
                .key(&key, schema, path)
                .and_then(|schema| self.value(&mut value, schema, &inner));
            match stays {
                Ok(()) => {
                    table.insert(key, value);
                }
                Err(reported) => {
                    self.took(&inner, reported);
                    self.pruned.elements.extend(name);
                }
            }
        }
    }

    fn took(&mut self, path: &str, reported: Reported) {
        self.pruned.reported = Some(reported);
        if !self.report.is_full() {
            self.pruned.paths.insert(path.to_owned());
        }
    }

    /// The schema of a key, or an error that names the one meant.
    fn key(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        schema: &'a Value,
        path: &str,
    ) -> Result<&'a Value, Reported> {
        let known = properties(schema);
        let name: &str = key.get_ref();
        if let Some(schema) = known.and_then(|known| known.get(name)) {
            return Ok(schema);
        }
        let known = || known.into_iter().flat_map(Map::keys).map(String::as_str);
        let place = if path.is_empty() {
            String::new()
        } else {
            format!(" in `{path}`")
        };
        let help = match suggest::nearest(name, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", suggest::list(known())),
        };
        let message = format!("unknown key {}{place}", quote(name));
        Err(self
            .report
            .error(Diagnostic::new(key.span(), message, help)))
    }

    fn missing(&mut self, table: &DeTable<'_>, span: &Range<usize>, schema: &'a Value, path: &str) {
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if table.contains_key(key) {
                continue;
            }
            let schema = properties(schema).and_then(|known| known.get(key));
            let value = schema.map_or_else(String::new, |schema| sample(self.root.target(schema)));
            let reported = self.report.error(Diagnostic::new(
                span.clone(),
                format!("`{key}` is missing from `{path}`"),
                format!("add `{key} = {value}`"),
            ));
            self.took(&join(path, key), reported);
        }
    }

    fn word(&mut self, word: &str, span: &Range<usize>, schema: &Value, path: &str) -> Stays {
        let words = describe::words(schema);
        if words.is_empty() || words.contains(&word) {
            return Ok(());
        }
        let known = words.iter().copied();
        let help = match suggest::nearest(word, known.clone()) {
            Some(meant) => format!("did you mean `\"{meant}\"`?"),
            None => format!("write {}", one_of(known)),
        };
        let message = format!("unknown word {} for `{}`", quote(word), last(path));
        Err(self
            .report
            .error(Diagnostic::new(span.clone(), message, help)))
    }

    fn number(
        &mut self,
        number: &DeInteger<'_>,
        span: &Range<usize>,
        schema: &Value,
        path: &str,
    ) -> Stays {
        let bound = |key, default| schema.get(key).and_then(Value::as_i64).unwrap_or(default);
        let bounds: RangeInclusive<i64> = bound("minimum", i64::MIN)..=bound("maximum", i64::MAX);
        let value = i64::from_str_radix(number.as_str(), number.radix());
        if value.is_ok_and(|value| bounds.contains(&value)) {
            return Ok(());
        }
        let message = format!(
            "{} is out of bounds for `{}`",
            quote(&number.to_string()),
            last(path)
        );
        let help = format!("write a number from {} to {}", bounds.start(), bounds.end());
        Err(self
            .report
            .error(Diagnostic::new(span.clone(), message, help)))
    }

    fn count(&mut self, len: usize, span: &Range<usize>, schema: &Value, path: &str) -> Stays {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        if u64::try_from(len).is_ok_and(|len| len >= least) {
            return Ok(());
        }
        let key = last(path);
        let sample = example(schema).map_or_else(String::new, |sample| format!(", as `{sample}`"));
        // An optional key's type is nullable.
        let optional = schema.get("type").is_some_and(Value::is_array);
        let or = if optional {
            format!(", or leave `{key}` out")
        } else {
            String::new()
        };
        let help = format!("name at least one{sample}{or}");
        Err(self.report.error(Diagnostic::new(
            span.clone(),
            format!("`{key}` is empty"),
            help,
        )))
    }

    fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, schema: &Value, path: &str) -> Reported {
        let key = last(path);
        let wanted = self.root.types(schema);
        let found = describe::found(value.get_ref());
        let message = format!("`{key}` must be {}, not {found}", self.wanted(schema));
        let target = self.root.target(schema);
        let help = match value.get_ref() {
            DeValue::Table(_) if wanted.contains(&"array") => {
                format!("write `[[{path}]]` above each, in double brackets")
            }
            DeValue::Array(_) if wanted.contains(&"object") => {
                format!("write `[{path}]`, in single brackets, once")
            }
            DeValue::String(text) if wanted.contains(&"integer") && text.parse::<u64>().is_ok() => {
                format!("write `{key} = {text}`, without quotes")
            }
            DeValue::String(text) if wanted.contains(&"boolean") => {
                let yes = ["true", "yes", "on", "1", "enabled"].contains(&&**text);
                format!("write `{key} = {yes}`")
            }
            DeValue::String(text) if wanted.contains(&"array") => {
                format!("write {}", quote(&format!("{key} = [\"{text}\"]")))
            }
            _ => format!("write `{key} = {}`", sample(target)),
        };
        self.report
            .error(Diagnostic::new(value.span(), message, help))
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
