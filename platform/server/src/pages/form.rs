//! Forms from a JSON Schema: a control for each field, what was entered kept when something is wrong, and the problem beside
//! the field that it is about.

use fitment_domain::form::{Field, fields};
use serde_json::{Map, Number, Value, json};

use super::devices::plain as in_words;
use super::fields::Fields;
use crate::problem::Problem;

/// Before the names of the settings' controls, so that they meet no other field of the page.
const PREFIX: &str = "set.";

/// Devices that are named one by one when a form is refused because of them.
const LEFT_OUT_MAX: usize = 20;

/// One control of a form.
pub(super) struct Control {
    /// The name of the control in the form.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) hint: String,
    pub(super) kind: &'static str,
    pub(super) required: bool,
    pub(super) value: String,
    pub(super) checked: bool,
    pub(super) choices: Vec<Choice>,
    pub(super) minimum: String,
    pub(super) maximum: String,
    pub(super) problem: Option<String>,
    /// Where the value goes in the configuration.
    path: String,
}

/// One thing to choose.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) chosen: bool,
}

/// Makes the controls of a schema, with the values of a configuration, or the defaults where it says nothing.
pub(super) fn controls(schema: &Value, config: &Value) -> Vec<Control> {
    let one = |field: Field| {
        let value = at(config, &field.name).or(field.default.as_ref()).cloned().unwrap_or(Value::Null);
        let (text, checked) = (written(field.kind, &value), value == Value::Bool(true));
        control(field, text, checked)
    };
    fields(schema).into_iter().map(one).collect()
}

/// Returns what each setting is called, and what it is set to, in people's words.
pub(super) fn read_out(schema: &Value, config: &Value) -> Vec<(String, String)> {
    let one = |field: Field| {
        let value = at(config, &field.name).or(field.default.as_ref());
        let value = value.filter(|value| **value != json!("")).map_or_else(|| in_words(&Value::Null), in_words);
        (field.title, value)
    };
    fields(schema).into_iter().map(one).collect()
}

/// Makes the controls again, with what was entered.
pub(super) fn entered(schema: &Value, given: &Fields) -> Vec<Control> {
    let one = |field: Field| {
        let text = given.text(&format!("{PREFIX}{}", field.name)).to_owned();
        let checked = !text.is_empty();
        control(field, text, checked)
    };
    fields(schema).into_iter().map(one).collect()
}

fn control(field: Field, value: String, checked: bool) -> Control {
    let number = |bound: Option<f64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
    let choices = field.choices.iter().map(plain).map(|choice| Choice { chosen: choice == value, value: choice });
    Control {
        name: format!("{PREFIX}{}", field.name),
        choices: choices.collect(),
        title: field.title,
        hint: field.description,
        kind: field.kind,
        required: field.required,
        minimum: number(field.minimum),
        maximum: number(field.maximum),
        value,
        checked,
        problem: None,
        path: field.name,
    }
}

/// Reads what was entered as a configuration. What cannot be what its field wants stays a text: the schema then says so.
pub(super) fn configuration(schema: &Value, given: &Fields) -> Value {
    let mut config = Map::new();
    for field in fields(schema) {
        let text = given.text(&format!("{PREFIX}{}", field.name)).replace("\r\n", "\n");
        let text = text.trim();
        let value = match field.kind {
            "flag" => Some(Value::Bool(!text.is_empty())),
            _ if text.is_empty() && field.nullable => Some(Value::Null),
            _ if text.is_empty() && !(field.required && field.kind == "text") => None,
            "choice" => field.choices.iter().find(|choice| plain(choice) == text).cloned().or(Some(text.into())),
            "number" | "integer" => Some(numeric(text)),
            "list" => Some(Value::Array(
                text.lines().map(str::trim).filter(|l| !l.is_empty()).map(|line| entry(line, field.items)).collect(),
            )),
            "json" => Some(serde_json::from_str(text).unwrap_or_else(|_| text.into())),
            _ => Some(text.into()),
        };
        if let Some(value) = value {
            put(&mut config, &field.name, value);
        }
    }
    Value::Object(config)
}

/// Puts each part of a refusal beside the control that it is about; returns the rest.
pub(super) fn blame(controls: &mut [Control], root: &str, detail: &str) -> Vec<String> {
    let mut rest = Vec::new();
    for part in detail.split("; ") {
        let about = |control: &&mut Control| {
            let named = format!("{root}.{}", control.path);
            part.split_once(&named).is_some_and(|(_, after)| after.starts_with([':', '.']))
        };
        match controls.iter_mut().find(about) {
            // What stands before the last name is known: it is this field of this accessory.
            Some(control) => {
                let named = format!("{root}.{}", control.path);
                let words = part.split_once(&named).map(|(_, after)| after.trim_start_matches([':', '.', ' ']));
                control.problem = words.map(str::to_owned);
            }
            None => rest.push(part.to_owned()),
        }
    }
    match controls.iter().filter(|control| control.problem.is_some()).count() {
        0 => {}
        1 => rest.insert(0, "Not done: 1 field below needs another value.".to_owned()),
        many => rest.insert(0, format!("Not done: {many} fields below need other values.")),
    }
    rest
}

/// Says of each device that a refusal names why it was left out.
pub(super) fn left_out(problem: &Problem) -> Vec<String> {
    let devices = problem.member("devices").and_then(Value::as_array).into_iter().flatten();
    let said = |device: &Value| {
        let reasons = device["reasons"].as_array().into_iter().flatten().map(in_words).collect::<Vec<_>>().join("; ");
        format!("{}: {reasons}", device["name"].as_str().unwrap_or_default())
    };
    devices.take(LEFT_OUT_MAX).map(said).collect()
}

fn numeric(text: &str) -> Value {
    let whole = text.parse::<i64>().ok().map(Number::from);
    let number = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or_else(|| text.into(), Value::Number)
}

fn entry(line: &str, items: Option<&'static str>) -> Value {
    match items {
        Some("text") => line.into(),
        Some("number" | "integer") => numeric(line),
        _ => serde_json::from_str(line).unwrap_or_else(|_| line.into()),
    }
}

fn at<'a>(config: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(config, |value, name| value.get(name))
}

fn put(config: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(config.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            if let Value::Object(inner) = config.entry(first).or_insert_with(|| Value::Object(Map::new())) {
                put(inner, rest, value);
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn written(kind: &str, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => String::new(),
        ("flag", _) => "yes".to_owned(),
        ("list", Value::Array(many)) => many.iter().map(plain).collect::<Vec<_>>().join("\n"),
        ("json", value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, value) => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({ "type": "object", "required": ["url"], "properties": {
            "url": { "type": "string" }, "level": { "enum": ["low", "high"], "default": "low" },
            "share": { "type": ["number", "null"], "default": null }, "mounts": { "type": "array", "items": { "type": "string" } },
            "retry": { "type": "object", "properties": { "times": { "type": "integer", "default": 3 } } },
            "loud": { "type": "boolean", "default": true },
        }})
    }

    #[test]
    fn what_is_entered_becomes_a_configuration() {
        let given = Fields::parse(
            b"set.url=https%3A%2F%2Fx&set.level=high&set.share=2.5&set.mounts=%2Fa%0D%0A%2Fb&set.retry.times=5",
        );
        let wanted = json!({ "url": "https://x", "level": "high", "share": 2.5, "mounts": ["/a", "/b"], "retry": { "times": 5 }, "loud": false });
        assert_eq!(configuration(&schema(), &given), wanted);
        let given = Fields::parse(b"set.retry.times=many&set.loud=yes");
        assert_eq!(
            configuration(&schema(), &given),
            json!({ "url": "", "share": null, "retry": { "times": "many" }, "loud": true })
        );
    }

    #[test]
    fn defaults_are_filled_in_and_problems_stand_beside_their_fields() {
        let mut controls = controls(&schema(), &json!({ "retry": { "times": 7 } }));
        let value =
            |controls: &[Control], name: &str| controls.iter().find(|c| c.name == name).map(|c| c.value.clone());
        assert_eq!(value(&controls, "set.retry.times").as_deref(), Some("7"));
        assert_eq!(value(&controls, "set.level").as_deref(), Some("low"));
        let rest = blame(&mut controls, "config", "config.retry.times: -1 is too small; config: something else");
        assert_eq!(rest, ["Not done: 1 field below needs another value.", "config: something else"]);
        let blamed: Vec<&Control> = controls.iter().filter(|c| c.problem.is_some()).collect();
        assert_eq!((blamed.len(), blamed[0].name.as_str()), (1, "set.retry.times"));
        assert_eq!(blamed[0].problem.as_deref(), Some("-1 is too small"));
    }
}
