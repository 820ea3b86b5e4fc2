//! The judgement: from readings and limits to findings. Pure, so that it is tested without a host.

use fitment_sdk::metrics::Filesystem;
use fitment_sdk::text::{self, Limits};
use fitment_sdk::{Finding, Health};

use crate::config::Config;

/// Judges every file system that the configuration wants, and names the wanted ones that are not there.
pub(crate) fn findings(config: &Config, filesystems: &[Filesystem]) -> Vec<Finding> {
    let wanted = filesystems.iter().filter(|fs| config.wants(&fs.mount, fs.read_only));
    let judged = wanted.flat_map(|fs| [space(config, fs), inodes(config, fs)]).flatten();
    let absent = config
        .exact_mounts()
        .filter(|mount| !config.excludes(mount) && !filesystems.iter().any(|fs| fs.mount == *mount));
    judged.chain(absent.map(missing)).collect()
}

fn space(config: &Config, fs: &Filesystem) -> Option<Finding> {
    let used = fs.total.saturating_sub(fs.free);
    let share = share(used, fs.available)?;
    let by_bytes = if config.critical_free_bytes.is_some_and(|limit| fs.available < limit) {
        Health::Critical
    } else if config.warning_free_bytes.is_some_and(|limit| fs.available < limit) {
        Health::Warning
    } else {
        Health::Ok
    };
    // `unknown` is not among these, so the order of the cases is the order of severity.
    let health = by_share(config, share).max(by_bytes);
    let (mount, full, free) = (text::short(&fs.mount), text::percent(share), text::bytes(fs.available));
    Some(
        Finding::new(health, "space", format!("{mount} is {full} full, {free} free"))
            .subject(text::printable(&fs.mount))
            .sample("used", share, "%")
            .sample("free", fs.available as f64, "By"),
    )
}

/// File systems that make inodes as they go report none at all, and have no such limit.
fn inodes(config: &Config, fs: &Filesystem) -> Option<Finding> {
    let used = fs.inodes_total.saturating_sub(fs.inodes_free);
    let share = share(used, fs.inodes_free)?;
    let (mount, full, free) = (text::short(&fs.mount), text::percent(share), fs.inodes_free);
    Some(
        Finding::new(by_share(config, share), "inodes", format!("{mount} has used {full} of its inodes, {free} free"))
            .subject(text::printable(&fs.mount))
            .sample("inodes_used", share, "%")
            .sample("inodes_free", fs.inodes_free as f64, "1"),
    )
}

fn missing(mount: &str) -> Finding {
    let summary = format!("{} is not mounted, so its space cannot be judged", text::short(mount));
    Finding::unknown("space", summary).subject(text::printable(mount))
}

/// The share in use, in percent, of what an unprivileged user can have: what `df` prints.
fn share(used: u64, available: u64) -> Option<f64> {
    let whole = used.saturating_add(available);
    (whole > 0).then(|| used as f64 * 100.0 / whole as f64)
}

fn by_share(config: &Config, share: f64) -> Health {
    Limits { warning: config.warning_percent, critical: config.critical_percent }.judge(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn mount(mount: &str, free: u64, available: u64) -> Filesystem {
        Filesystem {
            mount: mount.to_owned(),
            device: "/dev/sda1".to_owned(),
            fstype: "ext4".to_owned(),
            total: 100 * GB,
            free,
            available,
            inodes_total: 0,
            inodes_free: 0,
            read_only: false,
        }
    }

    fn config(json: &str) -> Config {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_share_is_that_of_df() {
        // 10 GB free, of which root keeps 5: 90 used of the 95 that others can have.
        let found = findings(&Config::default(), &[mount("/var", 10 * GB, 5 * GB)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "/var is 94.7 % full, 5.0 GB free");
        assert_eq!((found[0].health, found[0].subject.as_deref()), (Health::Critical, Some("/var")));
        assert_eq!(found[0].samples[1].value, 5e9);
    }

    #[test]
    fn the_worse_of_share_and_bytes_decides() {
        let config = config(r#"{"warning_free_bytes": 60000000000, "critical_free_bytes": 1000}"#);
        assert_eq!(findings(&config, &[mount("/", 50 * GB, 50 * GB)])[0].health, Health::Warning);
    }

    #[test]
    fn patterns_choose_and_a_missing_mount_is_unknown() {
        let config = config(r#"{"mounts": ["/", "/srv/*", "/data"], "exclude": ["/srv/tmp*"]}"#);
        let mounts = ["/", "/srv/a", "/srv/tmp1", "/home"].map(|name| mount(name, 50 * GB, 50 * GB));
        let found = findings(&config, &mounts);
        let subjects: Vec<_> = found.iter().map(|f| f.subject.as_deref().unwrap_or("")).collect();
        assert_eq!(subjects, ["/", "/srv/a", "/data"]);
        assert_eq!(found[2].health, Health::Unknown);
    }

    #[test]
    fn inodes_are_judged_where_there_are_any() {
        let full = Filesystem { inodes_total: 1000, inodes_free: 150, ..mount("/", 50 * GB, 50 * GB) };
        let found = findings(&Config::default(), &[full]);
        assert_eq!((found[1].condition.as_str(), found[1].health), ("inodes", Health::Warning));
    }

    #[test]
    fn a_read_only_image_is_left_out() {
        let image = Filesystem { read_only: true, ..mount("/snap/core", 0, 0) };
        assert!(findings(&Config::default(), &[image]).is_empty());
    }
}
