//! What users have today: a plug-in program that is forked for every check.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Failure;
use crate::figures::{Sorted, us};

/// Where Debian's monitoring-plugins lie.
pub(crate) const CHECK_LOAD: &str = "/usr/lib/nagios/plugins/check_load";
const FORKS: usize = 300;

/// Returns the microseconds of each run of `check_load`.
pub(crate) fn measure() -> Result<Sorted, Failure> {
    if !Path::new(CHECK_LOAD).exists() {
        return Err(format!("{CHECK_LOAD} is not there: install monitoring-plugins-basic").into());
    }
    let mut times = Vec::with_capacity(FORKS);
    for _ in 0..FORKS {
        let started = Instant::now();
        let mut command = Command::new(CHECK_LOAD);
        command.args(["-w", "100,100,100", "-c", "200,200,200"]).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status()?;
        times.push(us(u64::try_from(started.elapsed().as_nanos())?));
        if !status.success() {
            return Err(format!("{CHECK_LOAD} ended with {status}").into());
        }
    }
    Ok(Sorted::new(times))
}
