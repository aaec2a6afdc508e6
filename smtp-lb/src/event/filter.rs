//! Which events a follower asks for; pure.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::model::Event;
use super::schema::{self, Value};

/// A condition on one field, as `src_ip=192.0.2.0/24` or `action!=accept`. `event` is the kind of event.
/// A value may begin or end with `*`. Numbers compare with `<` and `>`, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    field: String,
    operator: Operator,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Less,
    More,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Network(IpNet),
    Number(u64),
    Text {
        text: String,
        open_start: bool,
        open_end: bool,
    },
}

/// What is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There is no operator.
    #[error("`{0}` is no condition: write FIELD=VALUE, FIELD!=VALUE, FIELD<NUMBER or FIELD>NUMBER")]
    Operator(String),
    /// No event has the field.
    #[error("no event has a field `{0}`; `smtp-lb events schema` lists them")]
    Field(String),
    /// `<` and `>` are for numbers.
    #[error("`{0}` is not a number")]
    Number(String),
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let at = text.find(['=', '<', '>', '!']);
        let (field, rest) = at.map_or((text, ""), |at| text.split_at(at));
        let (operator, value) = [
            ("!=", Operator::IsNot),
            ("=", Operator::Is),
            ("<", Operator::Less),
            (">", Operator::More),
        ]
        .into_iter()
        .find_map(|(sign, operator)| Some((operator, rest.strip_prefix(sign)?)))
        .ok_or_else(|| FilterError::Operator(text.to_owned()))?;
        let field = field.trim();
        if field != "event" && !schema::is_known(field) {
            return Err(FilterError::Field(field.to_owned()));
        }
        let value = value.trim();
        let wanted = match operator {
            Operator::Less | Operator::More => {
                let number = value.parse();
                Wanted::Number(number.map_err(|_| FilterError::Number(value.to_owned()))?)
            }
            Operator::Is | Operator::IsNot => wanted(value),
        };
        Ok(Self {
            field: field.to_owned(),
            operator,
            wanted,
        })
    }
}

fn wanted(value: &str) -> Wanted {
    let network = value.parse::<IpNet>().ok();
    if let Some(network) = network.or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from)) {
        return Wanted::Network(network);
    }
    let (open_start, text) = value
        .strip_prefix('*')
        .map_or((false, value), |rest| (true, rest));
    let (open_end, text) = text
        .strip_suffix('*')
        .map_or((false, text), |rest| (true, rest));
    Wanted::Text {
        text: text.to_owned(),
        open_start: open_start || (value == "*"),
        open_end,
    }
}

impl Filter {
    /// Does the event meet the condition? One that has no such field does not, whatever the operator.
    #[must_use]
    pub fn admits(&self, event: &Event) -> bool {
        if self.field == "event" {
            return self.judge(&Value::Name(schema::name(&event.kind)));
        }
        let mut admitted = false;
        schema::each(&event.kind, |field, value| {
            if field.name == self.field {
                admitted = self.judge(&value);
            }
        });
        admitted
    }

    fn judge(&self, value: &Value<'_>) -> bool {
        match self.operator {
            Operator::Is => self.is(value),
            Operator::IsNot => !self.is(value),
            Operator::Less | Operator::More => {
                let (Value::Number(value), Wanted::Number(wanted)) = (value, &self.wanted) else {
                    return false;
                };
                if self.operator == Operator::Less {
                    value < wanted
                } else {
                    value > wanted
                }
            }
        }
    }

    fn is(&self, value: &Value<'_>) -> bool {
        match &self.wanted {
            Wanted::Network(network) => match value {
                Value::Address(address) => network.contains(address),
                other => {
                    other.to_string() == network.to_string()
                        || other.to_string() == network.addr().to_string()
                }
            },
            Wanted::Number(wanted) => *value == Value::Number(*wanted),
            Wanted::Text {
                text,
                open_start,
                open_end,
            } => {
                let value = value.to_string();
                match (open_start, open_end) {
                    (false, false) => value == *text,
                    (true, false) => value.ends_with(text.as_str()),
                    (false, true) => value.starts_with(text.as_str()),
                    (true, true) => value.contains(text.as_str()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::samples;
    use super::*;

    #[test]
    fn conditions() {
        let packet = samples::packet("drop", "mx");
        let table = [
            ("event=firewall", true),
            ("event!=firewall", false),
            ("action=drop", true),
            ("action!=drop", false),
            ("rule=no-*", true),
            ("rule=*spam*", true),
            ("rule=*mers", true),
            ("rule=no", false),
            ("src_ip=192.0.2.7", true),
            ("src_ip=192.0.2.0/24", true),
            ("src_ip!=192.0.2.0/24", false),
            ("src_ip=2001:db8::/32", false),
            ("dest_port=25", true),
            ("dest_port<25", false),
            ("src_port>1024", true),
            ("pool=mail", false),
            ("pool!=mail", false),
        ];
        for (text, admitted) in table {
            let filter: Filter = text.parse().unwrap();
            assert_eq!(filter.admits(&packet), admitted, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition() {
        let table = [
            ("action", FilterError::Operator("action".into())),
            ("colour=red", FilterError::Field("colour".into())),
            ("dest_port>x", FilterError::Number("x".into())),
            ("", FilterError::Operator(String::new())),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<Filter>(), Err(error), "{text}");
        }
    }
}
