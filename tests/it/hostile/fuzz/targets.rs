//! What is fed, with what holds of whatever it accepts.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use fitment_domain::artifact::Offer;
use fitment_domain::budget::Budget;
use fitment_domain::bytes::Digest;
use fitment_domain::capability::{Ceiling, Grants, Permission, Reach, Scope, effective};
use fitment_domain::finding::{Finding, FindingLimits, Health, Sample, check};
use fitment_domain::id::{DeviceId, InstallationId, TenantId};
use fitment_domain::instruction::{Addressee, InstructionSet, Item, SET_TYPE, SetTime, open_set};
use fitment_domain::manifest::{AccessoryName, Kind, Manifest};
use fitment_domain::origin::Origin;
use fitment_domain::package::{PackageLimits, read, with_manifest};
use fitment_domain::reach::{command_is_within, host_is_within, is_well_formed, path_is_within, unit_is_within};
use fitment_domain::run::{
    End, FrameError, FromRunner, HostReply, HostRequest, HttpRequest, HttpResponse, Invocation, NetRequest, Returned,
    RunReport, RunRequest, State, ToRunner, decode_frame, encode_frame, frame_length,
};
use fitment_domain::signature::{Envelope, PublicKey};
use fitment_domain::text::disturbs;
use fitment_domain::time::UnixMs;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Target;

const JSON: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "null", "true", "1e400", "-1", "\\u0000", "\\ud800", "{}", "[[[[[[[[",
    "\u{202e}",
];
const TEXTS: &[&str] = &[
    "/",
    "..",
    "*",
    "**",
    "/**",
    ":",
    "::",
    "[",
    "]",
    "@",
    "#",
    "?",
    "%",
    "://",
    "http://",
    "https://",
    ":443",
    ":80",
    ":+80",
    ":0",
    ":*",
    "*.",
    ".",
    " ",
    "&",
    " & ",
    "\0",
    "\n",
    "config:x",
    "target",
    "\u{202e}",
    "127.0.0.1",
    "[::1]",
    ".service",
];

/// Says where something ended: the words of an error without what is the input's own.
fn end(error: impl std::fmt::Display) -> String {
    error.to_string().chars().filter(char::is_ascii_alphabetic).take(24).collect()
}

fn manifest() -> Manifest {
    let text = json!({
        "name": "fitment/thing", "version": "0.1.0", "kind": "monitor",
        "requires": { "product": ">=0.1", "agent": ">=0.1", "wit": "^0.1.0", "os": ["linux"] },
        "permissions": [
            { "name": "http", "reason": "It asks a server.", "origins": ["https://example.com"], "secrets": ["token"] },
            { "name": "files:read", "reason": "It reads files.", "globs": ["/var/log/**"] },
            { "name": "net", "reason": "It looks there.", "hosts": ["*.example.com:443", "config:hosts"] },
        ],
        "config_schema": { "type": "object", "properties": { "targets": { "type": "array" } } },
        "interval_s": 60, "budget": { "cpu_ms_max": 100 },
    });
    serde_json::from_value(text).unwrap()
}

fn component() -> Vec<u8> {
    wat::parse_str("(component (core module (func) (memory 1)) (core module))").unwrap()
}

pub(super) const PACKAGE: Target = Target {
    name: "package",
    seeds: || {
        let whole = with_manifest(&component(), &manifest()).unwrap();
        vec![whole.clone(), component(), with_manifest(&whole, &manifest()).unwrap()]
    },
    words: JSON,
    read: |bytes| match read(bytes, &PackageLimits::standard()) {
        Ok(package) => {
            assert_eq!(package.digest, Digest::of(bytes));
            format!("{} problems", package.manifest.problems().len())
        }
        Err(error) => end(error),
    },
};

pub(super) const MANIFEST: Target = Target {
    name: "manifest",
    seeds: || vec![serde_json::to_vec(&manifest()).unwrap()],
    words: JSON,
    read: |bytes| match Manifest::from_json(bytes) {
        Err(error) => end(error),
        Ok(manifest) => {
            let problems = manifest.problems();
            let again = serde_json::to_vec(&manifest).unwrap();
            assert_eq!(Manifest::from_json(&again).unwrap(), manifest, "what is written is what was read");
            if problems.is_empty() {
                // What has no problem has all that the doors need of it.
                assert!(manifest.asked().is_ok() && Kind::parse(&manifest.kind).is_ok());
                assert!(manifest.budget.resolve().unwrap().is_within(&Budget::ceiling()));
            }
            problems.first().map_or("good".to_owned(), end)
        }
    },
};

fn request() -> RunRequest {
    let scope = Scope { origins: ["https://a".to_owned()].into(), ..Scope::default() };
    RunRequest {
        optional: [Permission::State].into(),
        run: 7,
        artifact: "key".to_owned(),
        invocation: Invocation::Probe { target: "example.com".to_owned() },
        config: "{}".to_owned(),
        parameters: "{}".to_owned(),
        grants: Grants([(Permission::Http, scope)].into()),
        budget: Budget::default_for_accessories(),
        now: UnixMs(1),
        state: State::from([("key".to_owned(), vec![1, 2, 3].into())]),
        simulated: None,
        warm: None,
    }
}

fn one_finding() -> Finding {
    let sample = Sample { name: "x".into(), value: 1.5, unit: "%".into(), labels: vec![("a".into(), "b".into())] };
    Finding {
        health: Health::Ok,
        summary: "well".into(),
        details: Some("details".into()),
        samples: vec![sample],
        condition: "space".into(),
        subject: Some("/var".into()),
    }
}

/// Decodes; what decodes is encoded in one way.
fn frame<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> String {
    if let Some(Ok(length)) = bytes.first_chunk::<4>().map(|header| frame_length(*header, 1024)) {
        assert!(length <= 1024);
    }
    match decode_frame::<T>(bytes) {
        Ok(message) => {
            let once = encode_frame(&message).unwrap();
            let again: T = decode_frame(&once[4..]).unwrap();
            assert_eq!(encode_frame(&again).unwrap(), once);
            // Which message it is, and how long it is by and by.
            format!("{:?} {}", once.get(4), once.len().ilog2())
        }
        Err(error @ FrameError::Malformed(_)) => end(error),
        Err(error) => panic!("{error}"),
    }
}

fn frames<T: Serialize>(messages: &[T]) -> Vec<Vec<u8>> {
    messages.iter().map(|message| encode_frame(message).unwrap()[4..].to_vec()).collect()
}

pub(super) const TO_RUNNER: Target = Target {
    name: "to-runner",
    seeds: || {
        let answer = HttpResponse {
            status: 200,
            headers: vec![("a".into(), "b".into())],
            body: vec![0; 20],
            truncated: false,
            duration_ms: 1.0,
        };
        frames(&[
            ToRunner::Load { artifact: "key".to_owned(), compiled: vec![1; 40] },
            ToRunner::Unload { artifact: "key".to_owned() },
            ToRunner::Facts(vec![("hostname".to_owned(), fitment_domain::run::Fact::Text("x".to_owned()))]),
            ToRunner::Run(vec![request(), request()]),
            ToRunner::Reply { run: 7, call: 1, reply: HostReply::Http(Ok(answer)) },
        ])
    },
    words: &[],
    read: frame::<ToRunner>,
};

pub(super) const FROM_RUNNER: Target = Target {
    name: "from-runner",
    seeds: || {
        let http = HttpRequest {
            method: "GET".into(),
            url: "https://a/".into(),
            headers: Vec::new(),
            body: Some(vec![1]),
            timeout_ms: 5,
            body_bytes_max: 9,
        };
        let ping = NetRequest::Ping { host: "a".into(), count: 1, timeout_ms: 2 };
        let end = End::Returned(Returned::Findings(vec![one_finding()]));
        let report = RunReport { run: 7, end, usage: Default::default(), log: Vec::new(), state: Some(State::new()) };
        frames(&[
            FromRunner::Ready { engine: "x".to_owned(), lacks: vec!["seccomp".to_owned()] },
            FromRunner::LoadFailed { artifact: "key".to_owned(), reason: "no".to_owned() },
            FromRunner::Call { run: 7, call: 1, request: HostRequest::Http(http) },
            FromRunner::Call { run: 7, call: 2, request: HostRequest::Net(ping) },
            FromRunner::Done(vec![report]),
        ])
    },
    words: &[],
    read: frame::<FromRunner>,
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn me() -> Addressee {
    Addressee { tenant: TenantId::from_random([1; 16]), device: DeviceId::from_random([2; 16]) }
}

fn set() -> InstructionSet {
    let item = Item {
        installation: InstallationId::from_random([4; 16]),
        accessory: AccessoryName::parse("somebody/something").unwrap(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(b"component"),
        statement: Envelope::sign("x", &"statement", &key()).unwrap(),
        development: None,
        publisher_key: PublicKey::of(&key()),
        config: json!({ "a": 1 }),
        interval_s: 60,
        grants: request().grants,
        budget: Budget::default_for_accessories(),
        artifact: Some(Offer { statement: Envelope::sign("x", &"artifact", &key()).unwrap(), build_min: 1 }),
        warm: false,
    };
    let words = json!({
        "tenant": me().tenant, "device": me().device, "time": SetTime { epoch: 1, t: UnixMs(5) },
        "group": "all", "expires": UnixMs(100), "items": [item],
    });
    serde_json::from_value(words).unwrap()
}

pub(super) const ENVELOPE: Target = Target {
    name: "envelope",
    seeds: || vec![Envelope::sign(SET_TYPE, &set(), &key()).unwrap().to_json()],
    words: JSON,
    read: |bytes| match Envelope::from_json(bytes) {
        Err(error) => end(error),
        Ok(envelope) => match open_set(&envelope, &PublicKey::of(&key()), &me(), None, UnixMs(1)) {
            // Whatever was done to the envelope, what opens is what was signed.
            Ok(opened) => {
                assert_eq!(opened, set());
                "opened".to_owned()
            }
            Err(error) => end(error),
        },
    },
};

pub(super) const INSTRUCTIONS: Target = Target {
    name: "instructions",
    seeds: || vec![serde_json::to_vec(&set()).unwrap()],
    words: JSON,
    read: |bytes| {
        // As somebody would who holds the key: the words are anything that is JSON.
        let Ok(words) = serde_json::from_slice::<Value>(bytes) else { return "no JSON".to_owned() };
        let envelope = Envelope::sign(SET_TYPE, &words, &key()).unwrap();
        match open_set(&envelope, &PublicKey::of(&key()), &me(), None, UnixMs(1)) {
            Ok(set) => {
                assert!(set.tenant == me().tenant && set.device == me().device && set.expires >= UnixMs(1));
                format!("{} items", set.items.len())
            }
            Err(error) => end(error),
        }
    },
};

/// Makes findings of bytes: two say how long a text is and of what, or how many there are of something.
struct Making<'a>(&'a [u8]);

impl Making<'_> {
    fn two(&mut self) -> (u8, u8) {
        let (taken, rest) = self.0.split_at(self.0.len().min(2));
        self.0 = rest;
        (taken.first().copied().unwrap_or(1), taken.get(1).copied().unwrap_or(1))
    }

    /// Up to eight times as many letters as a byte counts; sometimes one of them is none.
    fn text(&mut self) -> String {
        const LETTERS: [&str; 12] = ["x", "y", "ü", "世", " ", "\n", "\u{202e}", "\0", "\u{1b}", "🚀", "%", "z"];
        let (count, letter) = self.two();
        let letter = LETTERS[usize::from(letter) % LETTERS.len()];
        format!("{}{letter}", "n".repeat(usize::from(count & 0x1f) << (count >> 5)))
    }

    fn many<T>(&mut self, one: impl Fn(&mut Self) -> T) -> Vec<T> {
        let (count, few) = self.two();
        let count = if few > 8 { count % 4 } else { count };
        (0..count).map(|_| one(self)).collect()
    }

    fn value(&mut self) -> f64 {
        let (number, kind) = self.two();
        match kind {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            _ => f64::from(number),
        }
    }

    fn finding(&mut self) -> Finding {
        let (health, has) = self.two();
        let healths = [Health::Ok, Health::Warning, Health::Critical, Health::Unknown];
        Finding {
            health: healths[usize::from(health) % 4],
            summary: self.text(),
            details: (has & 1 == 0).then(|| self.text()),
            samples: self.many(|made| Sample {
                name: made.text(),
                value: made.value(),
                unit: made.text(),
                labels: made.many(|made| (made.text(), made.text())),
            }),
            condition: self.text(),
            subject: (has & 2 == 0).then(|| self.text()),
        }
    }
}

pub(super) const FINDINGS: Target = Target {
    name: "findings",
    seeds: || vec![vec![9; 40], (0..120).collect(), vec![1; 400]],
    words: &[],
    read: |bytes| {
        let findings = Making(bytes).many(Making::finding);
        let limits = FindingLimits::standard();
        if let Err(error) = check(&findings, &limits) {
            return end(error);
        }
        assert!(findings.len() <= limits.findings_max);
        let mut keys = BTreeSet::new();
        for finding in &findings {
            assert!(keys.insert((&finding.condition, &finding.subject)));
            let samples = finding.samples.iter();
            assert!(samples.clone().all(|sample| sample.value.is_finite()) && samples.len() <= limits.samples_max);
            let names = samples.flat_map(|s| s.labels.iter().flat_map(|(name, value)| [name, value]).chain([&s.name]));
            let lines = names.chain([&finding.summary, &finding.condition]).chain(&finding.subject);
            assert!(lines.into_iter().all(|line| line.len() <= 4 * 1024 && !line.chars().any(disturbs)));
        }
        format!("{} findings", findings.len())
    },
};

/// Three lines: two patterns, and what is asked for.
pub(super) const PATTERNS: Target = Target {
    name: "patterns",
    seeds: || {
        let texts = [
            "/var/log/**\n/var/log/*.log\n/var/log/syslog",
            "/tmp/**\n/tmp/a*/b\n/tmp/ab/../b",
            "nginx*.service\n*x.service\nnginx.service",
            "*.example.com:443\na.example.com:*\na.example.com:443",
            "[::1]:80\n127.0.0.1:*\n[::1]:80",
            "/usr/bin/apt-get -s *\n/usr/bin/apt-get *\n/usr/bin/apt-get -s upgrade",
            "https://a.example.com\nhttps://*.example.com:*\nhttps://a.example.com",
        ];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
    words: TEXTS,
    read: |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split('\n');
        let [one, other, asked] = [(); 3].map(|()| lines.next().unwrap_or_default());
        let within: Vec<String> = Reach::ALL.iter().map(|reach| patterns(*reach, one, other, asked)).collect();
        within.concat()
    },
};

/// Asserts for one part of a scope that what two layers leave is within both of them.
fn patterns(reach: Reach, one: &str, other: &str, asked: &str) -> String {
    if !is_well_formed(reach, one) || !is_well_formed(reach, other) {
        return "-".to_owned();
    }
    let permission = Permission::ALL.into_iter().find(|permission| permission.reach() == Some(reach));
    let Some(permission) = permission else { return "?".to_owned() };
    let grants = |entry: &str| {
        let mut scope = Scope::default();
        scope.part_mut(reach).insert(entry.to_owned());
        Grants([(permission, scope)].into())
    };
    let opens = |grants: &Grants| {
        let Some(part) = grants.scope(permission).map(|scope| scope.part(reach)) else { return false };
        let (host, port) = asked.rsplit_once(':').unwrap_or((asked, ""));
        match reach {
            Reach::Units => unit_is_within(part, asked),
            Reach::Globs => path_is_within(part, asked),
            Reach::Hosts => port.parse().is_ok_and(|port| host_is_within(part, host, port)),
            Reach::Commands => {
                let words: Vec<String> = asked.split(' ').map(str::to_owned).collect();
                command_is_within(part, &words)
            }
            Reach::Origins | Reach::Secrets => false,
        }
    };
    let by = [grants(one), grants(other)].map(|grants| opens(&grants));
    if reach == Reach::Globs && asked.split('/').any(|name| name == ".." || name == ".") {
        assert_eq!(by, [false, false], "{asked}");
    }
    let Ok(left) = effective(&grants(one), [&Ceiling::Only(grants(other))]) else { return "!".to_owned() };
    assert_eq!(opens(&left), by[0] && by[1], "{one} and {other} leave {left:?} for {asked}");
    format!("{}{}", u8::from(by[0]), u8::from(by[1]))
}

pub(super) const ORIGIN: Target = Target {
    name: "origin",
    seeds: || {
        let texts =
            ["https://psa.example.com", "http://rt.example.com:8080/rt?x#y", "http://[::1]:80/", "https://a:443"];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
    words: TEXTS,
    read: |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(origin) = Origin::parse(&text) {
            assert_eq!(Origin::of_url(&text).as_ref(), Ok(&origin), "a permission is the origin of its own text");
        }
        let Ok(origin) = Origin::of_url(&text) else { return "none".to_owned() };
        assert_eq!(Origin::parse(origin.as_str()).as_ref(), Ok(&origin), "its spelling is its own");
        // Whoever dials reads the address with the crate `url`: it must not see another host.
        if let Ok(url) = reqwest::Url::parse(&text) {
            let seen = url.host_str().unwrap_or_default();
            let ours = origin.as_str().split_once("://").unwrap().1;
            let ours = ours.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(ours, |(host, _)| host);
            // It may spell an address in another way, which no permission then is equal to.
            if seen != ours {
                return "another spelling".to_owned();
            }
        }
        origin.as_str().chars().filter(|c| !c.is_alphanumeric()).take(12).collect()
    },
};
