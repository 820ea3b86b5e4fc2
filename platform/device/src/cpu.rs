//! The processors, all of them together.

use std::time::Duration;

use crate::Unreadable;

/// How long a reading may serve as the earlier one of two.
pub const EARLIER_AGE_MAX: Duration = Duration::from_secs(300);
/// Readings that are closer than this say more about the reading than about the machine.
pub const APART_MIN: Duration = Duration::from_millis(200);

/// What the processors have spent since the machine started, in the kernel's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticks {
    pub user: u64,
    pub system: u64,
    pub iowait: u64,
    pub idle: u64,
    /// Everything, also what is in none of the others.
    pub total: u64,
}

/// Shares of all processors between two readings, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    pub busy: f64,
    pub user: f64,
    pub system: f64,
    pub iowait: f64,
}

impl Ticks {
    /// Returns the shares since an earlier reading; none if no tick passed in between.
    pub fn since(&self, earlier: &Ticks) -> Option<Shares> {
        let total = self.total.checked_sub(earlier.total).filter(|ticks| *ticks > 0)?;
        // The kernel may take back some iowait: what would be negative is nothing.
        let share = |now: u64, before: u64| (now.saturating_sub(before) as f64 / total as f64).clamp(0.0, 1.0);
        let resting = share(self.idle, earlier.idle) + share(self.iowait, earlier.iowait);
        Some(Shares {
            busy: (1.0 - resting).clamp(0.0, 1.0),
            user: share(self.user, earlier.user),
            system: share(self.system, earlier.system),
            iowait: share(self.iowait, earlier.iowait),
        })
    }
}

/// Reads what the processors have spent.
pub fn ticks() -> Result<Ticks, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::cpu::ticks();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "processors" });
}

/// Reads how many threads ran or waited for a processor, averaged over 1, 5 and 15 minutes.
pub fn load() -> Result<[f64; 3], Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::cpu::load();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "load" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_between_two_readings() {
        let earlier = Ticks { user: 100, system: 50, iowait: 10, idle: 840, total: 1_000 };
        let later = Ticks { user: 150, system: 60, iowait: 30, idle: 960, total: 1_200 };
        let shares = later.since(&earlier).expect("ticks passed");
        assert_eq!((shares.user, shares.system, shares.iowait), (0.25, 0.05, 0.1));
        assert!((shares.busy - 0.3).abs() < 1e-9);
        assert_eq!(earlier.since(&earlier), None);
        assert_eq!(earlier.since(&later), None);
    }
}
