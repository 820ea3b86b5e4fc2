//! Configuration of an installation or a connection, and secrets, as they are given on the command line.

use std::path::Path;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::files;

const CONFIG_BYTES_MAX: usize = 256 * 1024;
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What the command line says about configuration.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// The configuration: a JSON object, or a file that holds one
    #[arg(long, value_name = "FILE|JSON")]
    config: Option<String>,
    /// One value of the configuration; dots go into objects, what is no JSON is a text
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Returns whether the command line says anything about configuration.
pub fn says_something(arguments: &Arguments) -> bool {
    arguments.config.is_some() || !arguments.set.is_empty()
}

/// Returns the configuration: the file first, then each `--set` over it.
pub fn config(arguments: &Arguments) -> Result<Value, Failure> {
    config_over(Value::Object(Map::new()), arguments)
}

/// Returns the configuration that is there with the command line's over it: a file replaces it, each `--set` a value of it.
pub fn config_over(before: Value, arguments: &Arguments) -> Result<Value, Failure> {
    let mut config = match arguments.config.as_deref() {
        None => before,
        Some(text) if text.trim_start().starts_with('{') => parse("--config", text)?,
        Some(file) => parse(file, &files::read_text(Path::new(file), CONFIG_BYTES_MAX)?)?,
    };
    assign(&mut config, "--set", &arguments.set)?;
    Ok(config)
}

/// Returns the parameters of one run: each `--param` is one value.
pub fn parameters(assignments: &[String]) -> Result<Value, Failure> {
    let mut parameters = Value::Object(Map::new());
    assign(&mut parameters, "--param", assignments)?;
    Ok(parameters)
}

fn assign(object: &mut Value, flag: &str, assignments: &[String]) -> Result<(), Failure> {
    for assignment in assignments {
        let (key, text) = assignment
            .split_once('=')
            .filter(|(key, _)| !key.is_empty() && !key.split('.').any(str::is_empty))
            .ok_or_else(|| {
                Failure::environment(format!(
                    "{flag} {assignment:?}: write key=value, such as {flag} warning_percent=80"
                ))
            })?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        put(object, flag, key, value)?;
    }
    Ok(())
}

fn parse(name: &str, text: &str) -> Result<Value, Failure> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| Failure::environment(format!("{name} is no JSON: {e}")))?;
    if value.is_object() { Ok(value) } else { Err(Failure::environment(format!("{name} must hold a JSON object"))) }
}

fn put(config: &mut Value, flag: &str, key: &str, value: Value) -> Result<(), Failure> {
    let mut place = config;
    for part in key.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let object = place.as_object_mut();
        let object = object.ok_or_else(|| {
            Failure::environment(format!("{flag} {key}: {part:?} would be a member of something that is no object"))
        })?;
        place = object.entry(part).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

/// Reads secrets named as `name=@FILE` or `name=-`. The values never stand on the command line, where other accounts see them.
pub fn secrets(arguments: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut secrets = Map::new();
    let mut stdin_taken = false;
    for argument in arguments {
        let (name, source) = argument.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(bad_secret)?;
        let value = match (source, source.strip_prefix('@')) {
            (_, Some(file)) => files::read_text(Path::new(file), SECRET_BYTES_MAX)?,
            ("-", None) if stdin_taken => {
                return Err(Failure::environment("--secret: only one secret can come from standard input"));
            }
            ("-", None) => {
                stdin_taken = true;
                files::read_stdin(SECRET_BYTES_MAX)?
            }
            _ => return Err(bad_secret()),
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return Err(Failure::environment(format!("secret {name} is empty")));
        }
        if secrets.insert(name.to_owned(), Value::String(value.to_owned())).is_some() {
            return Err(Failure::environment(format!("secret {name} is given twice")));
        }
    }
    Ok(secrets)
}

// The argument may be a secret by mistake, so it is not repeated.
fn bad_secret() -> Failure {
    Failure::environment(
        "--secret: write NAME=@FILE, or NAME=- for standard input; a secret never stands on the command line",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(pairs: &[&str]) -> Result<Value, Failure> {
        config(&Arguments {
            config: Some(r#"{"a": 1, "deep": {"x": true}}"#.to_owned()),
            set: pairs.iter().map(|p| (*p).to_owned()).collect(),
        })
    }

    #[test]
    fn single_values_go_over_the_whole() {
        let got = set(&["a=2", "deep.y=[1]", "new.z=text", "q=\"3\""]).ok();
        assert_eq!(got, Some(json!({"a": 2, "deep": {"x": true, "y": [1]}, "new": {"z": "text"}, "q": "3"})));
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for bad in ["a", "=1", "a..b=1", "a.b=1"] {
            assert!(set(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
        let refused = secrets(&["token=hunter2".to_owned()])
            .map_or_else(|refusal| refusal.to_string(), |_| "hunter2 was taken".to_owned());
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
