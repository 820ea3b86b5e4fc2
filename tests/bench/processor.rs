//! Time on the processor that another process has spent.

use std::path::Path;

use crate::Failure;

/// Returns the nanoseconds that the threads of a process have spent, those that ended left out.
pub(crate) fn spent_ns(pid: u32) -> Result<u64, Failure> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let spent = text.split_whitespace().next().ok_or("an empty schedstat")?;
        sum += spent.parse::<u64>()?;
    }
    Ok(sum)
}

/// Returns the process of this name that this one started.
pub(crate) fn child(name: &str) -> Result<u32, Failure> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let children = std::fs::read_to_string(task?.path().join("children"))?;
        for pid in children.split_whitespace() {
            let command = std::fs::read(format!("/proc/{pid}/cmdline"))?;
            let program = command.split(|byte| *byte == 0).next().unwrap_or_default();
            if Path::new(&*String::from_utf8_lossy(program)).file_name().is_some_and(|file| file == name) {
                return Ok(pid.parse()?);
            }
        }
    }
    Err(format!("no {name} was started").into())
}
