//! What a Linux machine tells of itself: `/proc`, `/sys`, `/etc/os-release` and `uname`.

use std::fs;
use std::path::Path;

use fitment_domain::run::Fact;

use super::addresses;

const FACT_CHARS_MAX: usize = 255;
const DMI: &str = "/sys/class/dmi/id";

/// Reads the facts; one that cannot be read is left out.
pub(crate) fn read() -> Vec<(String, Fact)> {
    let uname = rustix::system::uname();
    let release = os_release();
    let of_release =
        |names: &[&str]| release.as_deref().and_then(|text| names.iter().find_map(|name| value(text, name)));
    let texts = [
        ("hostname", Some(uname.nodename().to_string_lossy().into_owned())),
        ("kernel", Some(uname.release().to_string_lossy().into_owned())),
        ("os.name", of_release(&["ID"])),
        // Rolling distributions have no VERSION_ID; their BUILD_ID or name says what they are.
        ("os.version", of_release(&["VERSION_ID", "BUILD_ID", "PRETTY_NAME"])),
        ("machine-id", first_line("/etc/machine-id")),
        ("serial", dmi("product_serial").or_else(|| first_line("/sys/firmware/devicetree/base/serial-number"))),
        ("vendor", dmi("sys_vendor")),
        ("model", dmi("product_name").or_else(|| first_line("/sys/firmware/devicetree/base/model"))),
        ("init", first_line("/proc/1/comm")),
        ("virtualisation", Some(virtualisation())),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, Fact::Text(clean(&text?)?))));
    let numbers = [
        ("cpu.count", std::thread::available_parallelism().ok().map(|count| count.get() as f64)),
        ("memory.bytes", line_number("/proc/meminfo", "MemTotal:").map(|kibibytes| kibibytes * 1024.0)),
        ("boot.time-ms", line_number("/proc/stat", "btime ").map(|seconds| seconds * 1000.0)),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, Fact::Number(number?))));
    let addresses = Some(addresses::read()).filter(|all| !all.is_empty()).map(|all| ("addresses", Fact::Many(all)));
    texts.chain(numbers).chain(addresses).map(|(name, fact)| (name.to_owned(), fact)).collect()
}

fn first_line(path: &str) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().next().map(str::to_owned)
}

fn dmi(name: &str) -> Option<String> {
    first_line(&format!("{DMI}/{name}"))
}

/// Returns the first number of the line that begins so.
fn line_number(path: &str, beginning: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(beginning))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Says whether this is a container or a virtual machine, and of which kind.
fn virtualisation() -> String {
    let container = first_line("/run/systemd/container").or_else(|| {
        let marks = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
        marks.into_iter().find(|(mark, _)| Path::new(mark).exists()).map(|(_, kind)| kind.to_owned())
    });
    if let Some(kind) = container.as_deref().and_then(clean) {
        return kind;
    }
    let vendor = dmi("sys_vendor").unwrap_or_default();
    let machines = [
        ("QEMU", "kvm"),
        ("KVM", "kvm"),
        ("Amazon EC2", "kvm"),
        ("Google", "kvm"),
        ("VMware", "vmware"),
        ("innotek", "oracle"),
        ("Xen", "xen"),
        ("Microsoft Corporation", "microsoft"),
        ("Parallels", "parallels"),
    ];
    // Microsoft makes machines of metal too; their model is not called so.
    let virtual_machine = machines.iter().find(|(name, kind)| {
        vendor.starts_with(name) && (*kind != "microsoft" || dmi("product_name").is_some_and(|p| p.contains("Virtual")))
    });
    virtual_machine.map_or("none", |(_, kind)| kind).to_owned()
}

fn os_release() -> Option<String> {
    ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| fs::read_to_string(path).ok())
}

fn value(release: &str, name: &str) -> Option<String> {
    let raw = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    let raw = raw.trim();
    let unquoted = ['"', '\''].iter().find_map(|q| raw.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(raw);
    if unquoted.is_empty() { None } else { Some(unquoted.to_owned()) }
}

/// Returns a text that people can read; none if nothing is left of it.
fn clean(text: &str) -> Option<String> {
    let clean: String = text.trim().chars().filter(|c| !c.is_control()).take(FACT_CHARS_MAX).collect();
    if clean.is_empty() { None } else { Some(clean) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_quoted_and_an_unquoted_version() {
        assert_eq!(value("NAME=\"Debian\"\nVERSION_ID=\"12\"\n", "VERSION_ID").as_deref(), Some("12"));
        assert_eq!(value("ID=arch\nBUILD_ID=rolling\n", "BUILD_ID").as_deref(), Some("rolling"));
        assert_eq!(value("VERSION_ID=\"\"\n", "VERSION_ID"), None);
    }

    #[test]
    fn this_machine_tells_what_every_linux_tells() {
        let facts = read();
        for name in ["hostname", "kernel", "cpu.count", "memory.bytes", "boot.time-ms", "init", "virtualisation"] {
            assert!(facts.iter().any(|(fact, _)| fact == name), "{name}: {facts:?}");
        }
    }
}
