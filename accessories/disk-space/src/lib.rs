//! Warns before a file system fills up: reads the file systems, judges each, reports one finding per mount and condition.

mod config;
mod judge;

use config::Config;
use fitment_sdk::{Context, Fault, Finding, Monitor, metrics};

struct DiskSpace;

impl Monitor for DiskSpace {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        config.check()?;
        Ok(judge::findings(&config, &metrics::filesystems()?))
    }
}

fitment_sdk::export!(DiskSpace as monitor);
