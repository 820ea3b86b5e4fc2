//! Runs tests through cargo and reads from their output what passed, failed and was skipped.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::progress::Reporter;
use crate::shell;
use crate::workspace::Workspace;

/// What a test that leaves itself out prints: `SKIPPED: <test>: <reason>`.
const SKIPPED: &str = "SKIPPED: ";
/// Stories start servers: more threads than this make a small machine slower, not faster.
const TEST_THREADS: &str = "4";

/// One test: the test program that holds it, and its path in there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) program: String,
    pub(crate) path: String,
}

/// What became of the tests of all runs so far.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) passed: BTreeSet<Test>,
    pub(crate) failed: BTreeSet<Test>,
    /// With the reason, where one was given.
    pub(crate) skipped: Vec<(Test, String)>,
}

impl Results {
    /// Runs `cargo test` with `arguments`, which may end with `--` and words for the test programs.
    pub(crate) fn run(
        &mut self,
        workspace: &Workspace,
        arguments: &[&str],
        log: &str,
        quick: bool,
        reporter: &mut Reporter,
    ) -> Result<String> {
        let (options, words) =
            arguments.split_at(arguments.iter().position(|word| *word == "--").unwrap_or(arguments.len()));
        let mut command = workspace.cargo();
        command.arg("test").arg("--no-fail-fast").args(options);
        if workspace.ci {
            command.arg("--locked");
        }
        // Without --show-output, what a passing test prints is dropped, and with it that it skipped itself.
        command.args(["--", "--show-output", "--test-threads", TEST_THREADS]).args(words.iter().skip(1));
        if quick {
            command.env("FITMENT_TEST_QUICK", "1");
        }
        // Another slice of the generated components with every commit.
        command.env("FITMENT_SMITH_FIRST", (workspace.number() % 10_000).to_string());
        let mut reading = Reading::default();
        let finished = shell::run(command, &workspace.logs()?.join(log), |line| {
            reading.line(line);
            match line.trim_start().strip_prefix("Compiling ") {
                Some(krate) => reporter.says(krate),
                None => reporter.says(&reading.results.summary()),
            }
        })?;
        let mut run = reading.end();
        let summary = run.summary();
        let failed: Vec<String> = run.failed.iter().map(|test| format!("{}: {}", test.program, test.path)).collect();
        self.passed.append(&mut run.passed);
        self.failed.append(&mut run.failed);
        self.skipped.append(&mut run.skipped);
        if !failed.is_empty() {
            bail!("{}\n{summary}; {}", failed.join("\n"), finished.tail());
        }
        // No test is named when it is the build that fails, or a test that ends the whole test program.
        finished.ok("cargo test")?;
        Ok(summary)
    }

    /// Says the three counts in words.
    pub(crate) fn summary(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed.len(), self.failed.len(), self.skipped.len())
    }
}

/// Reads the lines of one `cargo test` run.
#[derive(Default)]
struct Reading {
    program: String,
    results: Results,
    said_skipped: Vec<(String, String, String)>,
}

impl Reading {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if let Some(program) = running(text) {
            self.program = program;
        } else if let Some(said) = text.strip_prefix(SKIPPED) {
            let (test, reason) = said.split_once(": ").unwrap_or((said, "no reason given"));
            self.said_skipped.push((self.program.clone(), test.to_owned(), reason.to_owned()));
        } else if let Some((path, verdict)) = text.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            let path = path.strip_suffix(" - should panic").unwrap_or(path).to_owned();
            let test = Test { program: self.program.clone(), path };
            match verdict.split_once(',').map_or((verdict, ""), |(word, reason)| (word, reason.trim())) {
                ("ok", _) => drop(self.results.passed.insert(test)),
                ("FAILED", _) => drop(self.results.failed.insert(test)),
                ("ignored", reason) => self.results.skipped.push((test, format!("ignored: {reason}"))),
                _ => {}
            }
        }
    }

    /// Takes the tests that said so from the passed ones.
    fn end(mut self) -> Results {
        for (program, name, reason) in self.said_skipped {
            let tail = format!("::{name}");
            let hit = self
                .results
                .passed
                .iter()
                .find(|test| test.program == program && (test.path == name || test.path.ends_with(&tail)));
            if let Some(test) = hit.cloned() {
                self.results.passed.remove(&test);
                self.results.skipped.push((test, reason));
            } else if !self
                .results
                .skipped
                .iter()
                .any(|(test, _)| test.program == program && (test.path == name || test.path.ends_with(&tail)))
            {
                self.results.skipped.push((Test { program, path: name }, reason));
            }
        }
        self.results
    }
}

/// Reads the test program's name from what cargo says before it runs one.
fn running(line: &str) -> Option<String> {
    if let Some(krate) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{} (documentation)", krate.trim()));
    }
    let path = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?.1;
    let file = path.rsplit('/').next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _hash)| name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
        Running unittests src/lib.rs (target/debug/deps/fitment_domain-0123456789abcdef)\n\
        test bytes::tests::bounds ... ok\n\
        test bytes::tests::refuses - should panic ... ok\n\
        Running it/main.rs (/t/debug/deps/it-aa11)\n\
        test real::tracker ... ok\n\
        test story::slow ... ignored, takes an hour\n\
        test story::bad ... FAILED\n\
        ---- real::tracker stdout ----\n\
        SKIPPED: tracker: no server\n\
        test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";

    fn read() -> Results {
        let mut reading = Reading::default();
        OUTPUT.lines().for_each(|line| reading.line(line));
        reading.end()
    }

    #[test]
    fn a_test_that_skipped_itself_has_not_passed() {
        let results = read();
        assert_eq!(results.summary(), "2 passed, 1 failed, 2 skipped");
        assert!(results.skipped.iter().any(|(test, reason)| test.path == "real::tracker" && reason == "no server"));
        assert!(
            results
                .skipped
                .iter()
                .any(|(test, reason)| test.path == "story::slow" && reason == "ignored: takes an hour")
        );
    }

    #[test]
    fn tests_belong_to_the_program_that_ran_them() {
        let results = read();
        let paths: Vec<_> = results.passed.iter().map(|test| (test.program.as_str(), test.path.as_str())).collect();
        assert_eq!(paths, [("fitment_domain", "bytes::tests::bounds"), ("fitment_domain", "bytes::tests::refuses")]);
        assert!(results.failed.iter().all(|test| test.program == "it" && test.path == "story::bad"));
    }
}
