//! `/proc/stat` and `/proc/loadavg`, proc(5).

use super::kept::Kept;
use crate::Unreadable;
use crate::cpu::Ticks;

const STAT: &str = "/proc/stat";
const LOADAVG: &str = "/proc/loadavg";
/// What is asked most often stays open: opening costs three times what reading does (measured).
static LOADAVG_OPEN: Kept = Kept::new(LOADAVG);

pub(crate) fn ticks() -> Result<Ticks, Unreadable> {
    let text = std::fs::read_to_string(STAT).map_err(|source| Unreadable::Io { what: STAT, source })?;
    parse_stat(&text).ok_or(Unreadable::Malformed { what: STAT, field: "cpu" })
}

pub(crate) fn load() -> Result<[f64; 3], Unreadable> {
    let text = LOADAVG_OPEN.read().map_err(|source| Unreadable::Io { what: LOADAVG, source })?;
    parse_load(&text).ok_or(Unreadable::Malformed { what: LOADAVG, field: "three averages" })
}

/// `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guests are counted in user already.
fn parse_stat(text: &str) -> Option<Ticks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let figures: Vec<u64> = line.split_whitespace().map_while(|figure| figure.parse().ok()).collect();
    let at = |index: usize| figures.get(index).copied().unwrap_or(0);
    (figures.len() >= 4).then(|| Ticks {
        user: at(0) + at(1),
        system: at(2) + at(5) + at(6),
        idle: at(3),
        iowait: at(4),
        total: figures.iter().take(8).sum(),
    })
}

fn parse_load(text: &str) -> Option<[f64; 3]> {
    let mut figures = text.split_whitespace().map(|figure| figure.parse::<f64>().ok());
    Some([figures.next()??, figures.next()??, figures.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_of_all_processors() {
        let ticks = parse_stat("cpu  10 2 30 400 5 6 7 8 9 1\ncpu0 1 1 1 1\n").expect("a line");
        assert_eq!(ticks, Ticks { user: 12, system: 43, iowait: 5, idle: 400, total: 468 });
        assert_eq!(parse_stat("cpu 1 2\n"), None);
        assert_eq!(parse_load("0.50 1.25 2.00 3/456 789\n"), Some([0.5, 1.25, 2.0]));
        assert_eq!(parse_load("0.50\n"), None);
    }

    #[test]
    fn this_machine_has_spent_some_time() {
        assert!(ticks().expect("/proc/stat").total > 0);
        assert!(load().expect("/proc/loadavg").iter().all(|load| *load >= 0.0));
    }
}
