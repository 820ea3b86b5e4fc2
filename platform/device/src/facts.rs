//! Facts about the device, by the names that the contract documents.

use fitment_domain::run::Fact;

/// Reads the facts of this device, ordered by name; a fact that cannot be read is left out.
pub fn read(agent_version: &str) -> Vec<(String, Fact)> {
    let mut facts = vec![
        ("agent.version".to_owned(), Fact::Text(agent_version.to_owned())),
        ("arch".to_owned(), Fact::Text(std::env::consts::ARCH.to_owned())),
        ("os.family".to_owned(), Fact::Text(std::env::consts::OS.to_owned())),
    ];
    #[cfg(target_os = "linux")]
    facts.extend(crate::linux::facts::read());
    facts.sort_by(|left, right| left.0.cmp(&right.0));
    facts
}
