//! A child in a process group of its own, killed as a group. Its pipes are looked at in turn and never waited for: whoever left the group
//! and holds one of them holds nothing of ours.

use std::io::{ErrorKind, Read, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::Unreadable;
use crate::programs::{Bounds, Output};

/// Nothing is looked for by name, but many programs start others.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
const LANG: &str = "C.UTF-8";
/// How long nothing is done when nothing moved.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long the end of the output is waited for when the program has ended: whoever left its group may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

pub(crate) fn run(
    argv: &[String],
    stdin: &[u8],
    bounds: Bounds,
    give_up: &dyn Fn() -> bool,
) -> Result<Output, Unreadable> {
    let Some((program, arguments)) = argv.split_first().filter(|(program, _)| program.starts_with('/')) else {
        return Err(Unreadable::Invalid("a program is named by its absolute path".to_owned()));
    };
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).env("LANG", LANG).current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(program, &error))?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut group = Group { child };
    let mut talk = Talk {
        input: Input::new(input, stdin)?,
        stdout: Kept::new(output, bounds.stdout_bytes_max)?,
        stderr: Kept::new(errors, bounds.stderr_bytes_max)?,
    };
    let status = group.wait(&mut talk, began + bounds.wait_max, give_up)?;
    talk.hear_last_words();
    let exit_code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Talk { stdout, stderr, .. } = talk;
    let truncated = stdout.more || stderr.more;
    Ok(Output { exit_code, stdout: stdout.bytes, stderr: stderr.bytes, truncated, duration_ms })
}

fn not_started(program: &str, error: &std::io::Error) -> Unreadable {
    match error.kind() {
        std::io::ErrorKind::NotFound => Unreadable::NotFound(program.to_owned()),
        std::io::ErrorKind::PermissionDenied => {
            Unreadable::NotPermitted(format!("{program}: the operating system does not allow it ({error})"))
        }
        _ => Unreadable::Failed(format!("{program}: {error}")),
    }
}

/// A program and what it starts, unless that leaves the group; killed when it is dropped.
struct Group {
    child: Child,
}

impl Group {
    /// Waits for the program's end, and ends what it left behind in its group: whoever holds the pipes goes with it.
    fn wait(
        &mut self,
        talk: &mut Talk<'_>,
        deadline: Instant,
        give_up: &dyn Fn() -> bool,
    ) -> Result<ExitStatus, Unreadable> {
        let failed = |error: std::io::Error| Unreadable::Failed(format!("waiting for the program: {error}"));
        while !self.has_ended().map_err(failed)? {
            if Instant::now() >= deadline || give_up() {
                return Err(Unreadable::TimedOut);
            }
            if !talk.moves() {
                thread::sleep(LOOK_EVERY);
            }
        }
        self.kill();
        self.child.wait().map_err(failed)
    }

    fn leader(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Looks without taking the leader away: as long as it is there, its number is nobody else's.
    fn has_ended(&self) -> std::io::Result<bool> {
        let Some(leader) = self.leader() else { return Ok(true) };
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(leader), how)?.is_some())
    }

    fn kill(&self) {
        if let Some(leader) = self.leader() {
            // A group that is gone already is what was wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that was waited for is gone, and its number may be somebody else's.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// What goes to a program and what comes from it. Dropped, all of it is closed.
struct Talk<'a> {
    input: Input<'a>,
    stdout: Kept<std::process::ChildStdout>,
    stderr: Kept<std::process::ChildStderr>,
}

impl Talk<'_> {
    /// Moves what can be moved at once, and returns whether that was anything.
    fn moves(&mut self) -> bool {
        let moved = [self.input.moves(), self.stdout.moves(), self.stderr.moves()];
        moved.contains(&true)
    }

    /// Reads what the program wrote before it ended; whoever left its group and holds a pipe is not waited for.
    fn hear_last_words(&mut self) {
        let until = Instant::now() + LAST_WORDS;
        while (self.stdout.pipe.is_some() || self.stderr.pipe.is_some()) && Instant::now() < until {
            if ![self.stdout.moves(), self.stderr.moves()].contains(&true) {
                thread::sleep(LOOK_EVERY);
            }
        }
    }
}

/// Keeps a pipe from ever making us wait.
fn without_waiting<P: AsFd>(pipe: Option<P>) -> Result<Option<P>, Unreadable> {
    if let Some(pipe) = &pipe {
        let set = fcntl_getfl(pipe).and_then(|flags| fcntl_setfl(pipe, flags | OFlags::NONBLOCK));
        set.map_err(|error| Unreadable::Failed(format!("a pipe of the program: {error}")))?;
    }
    Ok(pipe)
}

/// What a program is given to read; it need not.
struct Input<'a> {
    pipe: Option<ChildStdin>,
    left: &'a [u8],
}

impl<'a> Input<'a> {
    fn new(pipe: Option<ChildStdin>, left: &'a [u8]) -> Result<Self, Unreadable> {
        Ok(Self { pipe: without_waiting(pipe)?, left })
    }

    fn moves(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        if self.left.is_empty() {
            self.pipe = None;
            return false;
        }
        match pipe.write(self.left) {
            Ok(length) => self.left = self.left.get(length..).unwrap_or_default(),
            Err(error) if waits(&error) => return false,
            // A program that ends without reading all of it breaks the pipe, and that is its affair.
            Err(_) => self.pipe = None,
        }
        true
    }
}

/// What a program wrote so far, from its beginning, and whether there was more.
struct Kept<P> {
    pipe: Option<P>,
    bytes: Vec<u8>,
    bytes_max: usize,
    more: bool,
}

impl<P: Read + AsFd> Kept<P> {
    fn new(pipe: Option<P>, bytes_max: usize) -> Result<Self, Unreadable> {
        Ok(Self { pipe: without_waiting(pipe)?, bytes: Vec::new(), bytes_max, more: false })
    }

    fn moves(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        let mut buffer = [0; 16 * 1024];
        match pipe.read(&mut buffer) {
            Ok(length @ 1..) => {
                let taken = length.min(self.bytes_max.saturating_sub(self.bytes.len()));
                self.bytes.extend(buffer.iter().take(taken));
                self.more |= taken < length;
            }
            Err(error) if waits(&error) => return false,
            Ok(0) | Err(_) => self.pipe = None,
        }
        true
    }
}

fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, wait_ms: u64, stdin: &[u8]) -> Result<Output, Unreadable> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        let bounds =
            Bounds { wait_max: Duration::from_millis(wait_ms), stdout_bytes_max: 1_000, stderr_bytes_max: 100 };
        run(&argv, stdin, bounds, &|| false)
    }

    #[test]
    fn a_program_is_given_its_words_and_its_input_and_nothing_else() {
        let output = shell("cat; echo; pwd; env | sort; echo oops >&2; exit 3", 5_000, b"in").expect("it ran");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("in\n/\nLANG=C.UTF-8\n"), "{said}");
        let foreign = said.lines().skip(2).find(|line| {
            !["LANG=", "PATH=", "PWD=", "SHLVL=", "_=", "OLDPWD="].iter().any(|name| line.starts_with(name))
        });
        assert_eq!(foreign, None);
        assert_eq!((output.exit_code, output.stderr.as_slice(), output.truncated), (3, &b"oops\n"[..], false));
        assert_eq!(shell("kill -9 $$", 5_000, b"").expect("it ran").exit_code, 137);
    }

    #[test]
    fn a_program_that_writes_without_end_is_kept_short_and_does_not_wait_for_us() {
        let output = shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2", 5_000, b"").expect("it ran");
        assert_eq!((output.stdout.len(), output.stderr.len(), output.truncated), (1_000, 100, true));
        // It reads nothing of what it is given.
        assert_eq!(shell("exit 0", 5_000, &[b'x'; 1_000_000]).expect("it ran").exit_code, 0);
    }

    #[test]
    fn at_the_end_of_its_time_a_program_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder.path().join("mark");
        let script = format!("(sleep 1; touch {}) & sleep 60", mark.display());
        let began = Instant::now();
        assert!(matches!(shell(&script, 200, b""), Err(Unreadable::TimedOut)));
        // One that ends by itself takes along what it left behind.
        shell(&format!("(sleep 1; touch {}) & exit 0", mark.display()), 5_000, b"").expect("it ran");
        assert!(began.elapsed() < Duration::from_secs(4));
        thread::sleep(Duration::from_millis(1_300));
        assert!(!mark.exists());
        // And whoever asked may lose interest.
        let argv = ["/bin/sleep", "60"].map(str::to_owned);
        let bounds = Bounds { wait_max: Duration::from_secs(60), stdout_bytes_max: 10, stderr_bytes_max: 10 };
        assert!(matches!(run(&argv, b"", bounds, &|| true), Err(Unreadable::TimedOut)));
    }

    #[test]
    fn whoever_leaves_the_group_is_not_waited_for_and_talks_to_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let (left, mark) = (folder.path().join("left"), folder.path().join("mark"));
        // It goes on for three seconds, and notes when nobody reads any more of what it writes.
        let leaver = format!("touch {}; trap '' PIPE; sleep 3; echo late || touch {}", left.display(), mark.display());
        // The program ends once it has left: before, it would be killed with its group.
        let program =
            format!("setsid sh -c \"{leaver}\" & until [ -e {} ]; do sleep 0.01; done; echo now", left.display());
        let began = Instant::now();
        let output = shell(&program, 5_000, &[b'x'; 200_000]).expect("it ran");
        assert_eq!(output.stdout, b"now\n");
        assert!(began.elapsed() < Duration::from_millis(2_900), "{:?}", began.elapsed());
        while !mark.exists() {
            assert!(began.elapsed() < Duration::from_secs(20), "somebody still reads");
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn a_program_is_named_by_its_path() {
        let bounds = Bounds { wait_max: Duration::from_secs(1), stdout_bytes_max: 10, stderr_bytes_max: 10 };
        let run = |program: &str| run(&[program.to_owned()], b"", bounds, &|| false);
        assert!(matches!(run("true"), Err(Unreadable::Invalid(_))));
        assert!(matches!(run("/no/such"), Err(Unreadable::NotFound(_))));
        assert!(matches!(run("/etc/passwd"), Err(Unreadable::NotPermitted(_))));
    }
}
