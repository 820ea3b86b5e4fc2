//! Passwords come through a pipe or a variable, never on the command line, where others could read them.

use std::env;
use std::io::{self, IsTerminal as _};

use crate::failure::Failure;
use crate::files;

const PASSWORD_BYTES_MAX: usize = 4 * 1024;

/// Reads a password from standard input, or from a variable.
pub fn read(from_stdin: bool, variable: &str) -> Result<String, Failure> {
    if !from_stdin {
        return env::var(variable).map_err(|_| {
            Failure::environment(format!(
                "the password is missing: pipe it in with --password-stdin, or set {variable}"
            ))
        });
    }
    let [password] = lines()?;
    Ok(password)
}

/// Reads as many lines from standard input as are wanted: a password each.
pub fn lines<const N: usize>() -> Result<[String; N], Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::environment(
            "passwords are read from a pipe or a file; a terminal would show them: fitment … < FILE",
        ));
    }
    let text = files::read_stdin(PASSWORD_BYTES_MAX)?;
    let lines: Vec<String> =
        text.trim_end_matches(['\r', '\n']).split('\n').map(|l| l.trim_end_matches('\r').to_owned()).collect();
    let found = lines.len();
    match <[String; N]>::try_from(lines) {
        Ok(lines) if lines.iter().all(|line| !line.is_empty()) => Ok(lines),
        Ok(_) => Err(Failure::environment("standard input holds no password")),
        Err(_) => Err(Failure::environment(format!(
            "standard input must hold {N} lines, one for each password; it holds {found}"
        ))),
    }
}
