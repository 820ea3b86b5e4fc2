//! The names of facts, and what each of them says.

use serde::Serialize;

pub const HOSTNAME: &str = "hostname";
pub const OS_FAMILY: &str = "os.family";
pub const OS_NAME: &str = "os.name";
pub const OS_VERSION: &str = "os.version";
pub const KERNEL: &str = "kernel";
pub const ARCH: &str = "arch";
pub const CPU_COUNT: &str = "cpu.count";
pub const MEMORY_BYTES: &str = "memory.bytes";
pub const BOOT_TIME_MS: &str = "boot.time-ms";
pub const ADDRESSES: &str = "addresses";
pub const SERIAL: &str = "serial";
pub const MACHINE_ID: &str = "machine-id";
pub const VENDOR: &str = "vendor";
pub const MODEL: &str = "model";
pub const VIRTUALISATION: &str = "virtualisation";
pub const INIT: &str = "init";
pub const LOCATION: &str = "location";
pub const AGENT_VERSION: &str = "agent.version";
pub const SANDBOX_LACKS: &str = "sandbox.lacks";
pub const SANDBOX_TARGET: &str = "sandbox.target";
pub const SANDBOX_BUILD: &str = "sandbox.build";

/// The shape of a fact's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    Text,
    Number,
    Flag,
    Many,
}

/// What is known of a fact by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Described {
    pub name: &'static str,
    pub shape: Shape,
    pub meaning: &'static str,
    pub example: &'static str,
}

const fn text(name: &'static str, meaning: &'static str, example: &'static str) -> Described {
    Described { name, shape: Shape::Text, meaning, example }
}

const fn number(name: &'static str, meaning: &'static str, example: &'static str) -> Described {
    Described { name, shape: Shape::Number, meaning, example }
}

/// Every fact that agents report. A fact that a machine does not tell is left out, never guessed.
pub const DESCRIBED: &[Described] = &[
    text(HOSTNAME, "The name that the machine gives itself.", "web-01"),
    text(OS_FAMILY, "`linux`, `windows` or `macos`; requirements on `os` are compared with it.", "linux"),
    text(OS_NAME, "The distribution, as its os-release calls itself.", "debian"),
    text(OS_VERSION, "The version of the distribution.", "12"),
    text(KERNEL, "The release of the kernel.", "6.1.0-18-amd64"),
    text(ARCH, "The processor architecture; requirements on `arch` are compared with it.", "x86_64"),
    number(CPU_COUNT, "Processors that programs can run on.", "8"),
    number(MEMORY_BYTES, "Memory that the kernel manages, in bytes.", "16777216000"),
    number(BOOT_TIME_MS, "When the machine started, in milliseconds since 1970.", "1767225600000"),
    Described {
        name: ADDRESSES,
        shape: Shape::Many,
        meaning: "Its IP addresses, without loopback and link-local ones; at most 20.",
        example: "10.1.2.3, 2001:db8::3",
    },
    text(SERIAL, "The serial number that its maker gave it; readable by an agent that runs as root.", "CZC1234567"),
    text(MACHINE_ID, "The machine id of the installed system; a new installation has a new one.", "4c1f…"),
    text(VENDOR, "Who made the machine, or which virtual machine it is.", "Dell Inc."),
    text(MODEL, "What its maker calls it.", "OptiPlex 7090"),
    text(VIRTUALISATION, "`none`, a kind of container such as `docker`, or a virtual machine such as `kvm`.", "kvm"),
    text(INIT, "The first process: what starts and stops services.", "systemd"),
    text(LOCATION, "What the agent was told with `--location`: a location, or client/location.", "Bakery/Oven room"),
    text(AGENT_VERSION, "The version of the agent; requirements on `agent` are compared with it.", "0.1.0"),
    Described {
        name: SANDBOX_LACKS,
        shape: Shape::Many,
        meaning: "What its kernel lacks of the confinement of accessories; left out where that is whole, or nothing ran yet.",
        example: "landlock (this kernel has none, or has it switched off)",
    },
    text(
        SANDBOX_TARGET,
        "For which machines code must be compiled so that it runs here; left out where none is compiled for such.",
        "x86_64-linux-v2",
    ),
    number(SANDBOX_BUILD, "The number of the compiler of accessories; code of another one is not taken.", "1"),
];

/// Returns what is documented of a fact; none for one that people made up.
pub fn described(name: &str) -> Option<&'static Described> {
    DESCRIBED.iter().find(|fact| fact.name == name)
}
