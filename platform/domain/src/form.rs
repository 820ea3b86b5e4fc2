//! A form from a configuration schema: the fields that a person fills in, and what stands in those that are left empty.

use serde::Serialize;
use serde_json::{Map, Value};

/// The most fields that a form shows; what a schema describes beyond them is set as JSON.
const FIELDS_MAX: usize = 200;
/// Objects in objects in objects are set as JSON.
const DEPTH_MAX: usize = 3;

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Where its value goes in the configuration; a path goes down by dots.
    pub name: String,
    pub title: String,
    pub description: String,
    /// `text`, `number`, `integer`, `flag`, `choice`, `list` or `json`.
    pub kind: &'static str,
    pub required: bool,
    /// Whether it may be left empty.
    pub nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What can be chosen; empty unless the kind is `choice`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_min: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_max: Option<u64>,
    /// A regular expression that a text has to match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What a list holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<&'static str>,
}

/// Returns the fields of a schema, in the order of their names: a schema's own order is lost in JSON.
pub fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(schema, "", 0, &mut found);
    found.truncate(FIELDS_MAX);
    found
}

fn collect(schema: &Value, prefix: &str, depth: usize, found: &mut Vec<Field>) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if property["properties"].is_object() && depth + 1 < DEPTH_MAX {
            collect(property, &path, depth + 1, found);
        } else {
            found.push(field(path, name, property, required(name)));
        }
    }
}

fn field(path: String, name: &str, property: &Value, required: bool) -> Field {
    let text = |key: &str| property[key].as_str().map(str::to_owned);
    let choices = property["enum"].as_array().cloned().unwrap_or_default();
    let (kind, nullable) = if choices.is_empty() { kind(property) } else { ("choice", choices.contains(&Value::Null)) };
    let is_list = kind == "list";
    Field {
        name: path,
        title: text("title").unwrap_or_else(|| name.replace(['_', '-'], " ")),
        description: text("description").unwrap_or_default(),
        kind,
        required,
        nullable,
        default: property.get("default").cloned(),
        choices: choices.into_iter().filter(|choice| !choice.is_null()).collect(),
        minimum: property["minimum"].as_f64().or(property["exclusiveMinimum"].as_f64()),
        maximum: property["maximum"].as_f64().or(property["exclusiveMaximum"].as_f64()),
        length_min: property[if is_list { "minItems" } else { "minLength" }].as_u64(),
        length_max: property[if is_list { "maxItems" } else { "maxLength" }].as_u64(),
        pattern: text("pattern"),
        items: is_list.then(|| self::kind(&property["items"]).0),
    }
}

/// Returns how a value is entered, and whether it may be left empty. What fits no widget is JSON.
fn kind(property: &Value) -> (&'static str, bool) {
    let all: Vec<&str> = match &property["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let nullable = all.contains(&"null");
    let rest: Vec<&str> = all.into_iter().filter(|kind| *kind != "null").collect();
    let kind = match rest.as_slice() {
        ["string"] => "text",
        ["number"] => "number",
        ["integer"] => "integer",
        ["boolean"] => "flag",
        ["array"] => "list",
        _ => "json",
    };
    (kind, nullable)
}

/// Fills in the schema's defaults where the configuration says nothing. Anything that is no object stays as it is.
pub fn with_defaults(schema: &Value, config: Value) -> Value {
    let Value::Object(mut config) = config else { return config };
    fill(schema, &mut config, 0);
    Value::Object(config)
}

fn fill(schema: &Value, config: &mut Map<String, Value>, depth: usize) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let (None, Some(default)) = (config.get(name), property.get("default")) {
            config.insert(name.clone(), default.clone());
        }
        if depth < DEPTH_MAX
            && let Some(Value::Object(inner)) = config.get_mut(name)
        {
            fill(property, inner, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({ "type": "object", "required": ["url"], "properties": {
            "url": { "title": "Address", "type": "string", "pattern": "^https?://", "maxLength": 300 },
            "level": { "enum": ["low", "high"], "default": "low" },
            "share": { "type": ["number", "null"], "minimum": 0, "maximum": 100, "default": null },
            "mounts": { "type": "array", "items": { "type": "string" }, "maxItems": 3 },
            "retry": { "type": "object", "properties": { "times": { "type": "integer", "default": 3 } } },
            "odd": { "type": ["string", "integer"] },
        }})
    }

    #[test]
    fn a_form_has_a_field_for_each_value() {
        let fields = fields(&schema());
        let kinds: Vec<(&str, &str)> = fields.iter().map(|f| (f.name.as_str(), f.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("level", "choice"),
                ("mounts", "list"),
                ("odd", "json"),
                ("retry.times", "integer"),
                ("share", "number"),
                ("url", "text")
            ]
        );
        let of = |name: &str| fields.iter().find(|f| f.name == name).unwrap();
        assert!(of("url").required && !of("level").required && of("share").nullable);
        assert_eq!((of("mounts").items, of("mounts").length_max), (Some("text"), Some(3)));
        assert_eq!((of("share").minimum, of("share").maximum), (Some(0.0), Some(100.0)));
        assert_eq!(of("level").choices, [json!("low"), json!("high")]);
    }

    #[test]
    fn what_is_left_empty_gets_its_default_and_nothing_else_changes() {
        let filled = with_defaults(&schema(), json!({ "level": "high", "retry": {} }));
        assert_eq!(filled, json!({ "level": "high", "retry": { "times": 3 }, "share": null }));
        assert_eq!(with_defaults(&schema(), json!([])), json!([]));
    }
}
