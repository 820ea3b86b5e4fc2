//! Files, ports and other processes, by landlock(7): what is not named here is closed, also to whoever runs as root.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::Needs;

/// The newest kernel interface that is understood; an older kernel gives what it has.
const NEWEST: ABI = ABI::V9;
/// From here on ports, and from there on signals and abstract sockets are closed too.
const PORTS: ABI = ABI::V4;
const SCOPES: ABI = ABI::V6;

/// What readings read: figures of the kernel, names of accounts, apt's and dpkg's lists. What does not exist is left out. A rule is
/// about the file that is there now: dpkg puts another in the place of its status, so its folder is named.
const READ: [&str; 6] = ["/proc", "/sys/class", "/sys/devices", "/etc/passwd", "/var/lib/apt/lists", "/var/lib/dpkg"];
/// Closes everything else, and returns what this kernel leaves open.
pub(super) fn close(needs: Needs) -> Vec<String> {
    match restrict(needs) {
        Ok((_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented)) => {
            vec!["landlock (this kernel has none, or has it switched off)".to_owned()]
        }
        Ok((RulesetStatus::NotEnforced, _)) => vec!["landlock (it was not enforced)".to_owned()],
        Ok((_, LandlockStatus::Available { effective_abi, .. })) => {
            let mut open = Vec::new();
            if effective_abi < PORTS {
                open.push("landlock for ports (the kernel is older than 6.7)".to_owned());
            }
            if effective_abi < SCOPES {
                open.push("landlock for signals and abstract sockets (the kernel is older than 6.12)".to_owned());
            }
            open
        }
        Err(error) => vec![format!("landlock ({error})")],
    }
}

fn restrict(needs: Needs) -> Result<(RulesetStatus, LandlockStatus), RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    if needs == Needs::Device {
        let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        rules = rules.add_rules(path_beneath_rules(READ, reading))?;
    }
    let status = rules.restrict_self()?;
    Ok((status.ruleset, status.landlock))
}
