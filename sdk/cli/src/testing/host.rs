//! Answers host calls from the fixture: nothing leaves this machine, and nothing on it changes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fitment_domain::act::{Act, Done, Output};
use fitment_domain::capability::{Grants, Permission};
use fitment_domain::origin::Origin;
use fitment_domain::run::{
    Certificate, DnsRecord, Fault, HostReply, HostRequest, HttpRequest, HttpResponse, NetAnswer, NetRequest, Told,
};
use fitment_domain::time::UnixMs;
use fitment_domain::{act, reach};
use fitment_runner_client::{CallLimits, HostCalls};
use futures_util::future::BoxFuture;

use super::answers::{Answers, HttpAnswer, Tls};

/// The network and the broker of a simulated device.
pub struct SimulatedHost {
    answers: Answers,
    /// How often each request was made: several answers to one are given in turn, the last one from then on.
    asked: Mutex<HashMap<(String, String), usize>>,
    heard: Mutex<Heard>,
}

/// What an accessory said to the world around it.
#[derive(Debug, Default)]
pub struct Heard {
    /// Requests and changes, in turn.
    pub asked: Vec<String>,
    /// What a script says while it runs.
    pub told: Vec<Told>,
}

impl SimulatedHost {
    pub fn new(answers: Answers) -> Self {
        Self { answers, asked: Mutex::default(), heard: Mutex::default() }
    }

    /// Returns what the run said.
    pub fn heard(&self) -> Heard {
        std::mem::take(&mut *self.listen())
    }

    fn listen(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn http(&self, request: &HttpRequest, grants: &Grants) -> Result<HttpResponse, Fault> {
        let origin = Origin::of_url(&request.url).map_err(|e| Fault::Invalid(e.to_string()))?;
        let granted = grants.scope(Permission::Http).is_some_and(|scope| {
            scope.origins.iter().any(|granted| Origin::parse(granted).is_ok_and(|granted| granted == origin))
        });
        if !granted {
            return Err(Fault::Denied(format!("http to {}", origin.as_str())));
        }
        let (method, url) = (&request.method, &request.url);
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
        self.listen().asked.push(format!("{method} {url} {body}").trim_end().to_owned());
        let fits = |answer: &&HttpAnswer| answer.method.eq_ignore_ascii_case(method) && answer.url == *url;
        let answers: Vec<&HttpAnswer> = self.answers.http.iter().filter(fits).collect();
        let answer = answers.get(self.turn(method, url)).or(answers.last());
        let answer = answer.ok_or_else(|| lacks(&format!("http answer to {method} {url}")))?;
        failed(answer.fault.as_ref())?;
        let kept = usize::try_from(request.body_bytes_max).unwrap_or(usize::MAX).min(answer.body.len());
        Ok(HttpResponse {
            status: answer.status,
            headers: answer.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
            body: answer.body.as_bytes()[..kept].to_vec(),
            truncated: kept < answer.body.len(),
            duration_ms: answer.duration_ms,
        })
    }

    fn turn(&self, method: &str, url: &str) -> usize {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry((method.to_uppercase(), url.to_owned())).or_default();
        *times += 1;
        *times - 1
    }

    fn net(&self, request: &NetRequest) -> Result<NetAnswer, Fault> {
        let net = &self.answers.net;
        match request {
            NetRequest::Tcp { host, port, read_bytes_max, .. } => {
                let found = net.tcp.iter().find(|answer| answer.host == *host && answer.port == *port);
                let answer = found.ok_or_else(|| lacks(&format!("net.tcp answer for {host}:{port}")))?;
                failed(answer.fault.as_ref())?;
                let kept = usize::try_from(*read_bytes_max).unwrap_or(usize::MAX).min(answer.read.len());
                Ok(NetAnswer::Tcp {
                    timing: answer.timing.clone().into(),
                    read: answer.read.as_bytes()[..kept].to_vec(),
                })
            }
            NetRequest::Tls { host, port, .. } => {
                let found = net.tls.iter().find(|answer| answer.host == *host && answer.port == *port);
                tls(found.ok_or_else(|| lacks(&format!("net.tls answer for {host}:{port}")))?)
            }
            NetRequest::Dns { name, record_type, .. } => {
                let fits = |answer: &&super::answers::Dns| {
                    answer.name == *name && answer.record_type.eq_ignore_ascii_case(record_type)
                };
                let found = net.dns.iter().find(fits);
                let answer = found.ok_or_else(|| lacks(&format!("net.dns answer for {record_type} of {name}")))?;
                failed(answer.fault.as_ref())?;
                let record = |value: &String| DnsRecord {
                    record_type: answer.record_type.clone(),
                    value: value.clone(),
                    ttl_s: answer.ttl_s,
                };
                Ok(NetAnswer::Dns {
                    duration_ms: answer.duration_ms,
                    records: answer.values.iter().map(record).collect(),
                })
            }
            NetRequest::Ping { host, .. } => {
                let found = net.ping.iter().find(|answer| answer.host == *host);
                let answer = found.ok_or_else(|| lacks(&format!("net.ping answer for {host}")))?;
                failed(answer.fault.as_ref())?;
                Ok(NetAnswer::Ping(answer.times_ms.iter().map(|ms| (*ms >= 0.0).then_some(*ms)).collect()))
            }
        }
    }

    fn act(&self, act: &Act, grants: &Grants) -> Result<Done, Fault> {
        act::check(act, grants)?;
        let said = act.to_string();
        self.listen().asked.push(said.clone());
        let answer = self.answers.acts.iter().find(|answer| answer.act == said);
        let answer = answer.ok_or_else(|| lacks(&format!("acts entry {said:?}")))?;
        failed(answer.fault.as_ref())?;
        Ok(match act {
            Act::RemoveFile { .. } => Done::Removed(answer.bytes.unwrap_or(0)),
            Act::Run { .. } => Done::Ran(Output {
                exit_code: answer.exit_code,
                stdout: answer.stdout.clone().into_bytes(),
                stderr: answer.stderr.clone().into_bytes(),
                ..Output::default()
            }),
            Act::ControlService { .. } | Act::WriteFile { .. } => Done::Nothing,
        })
    }
}

fn tls(answer: &Tls) -> Result<NetAnswer, Fault> {
    failed(answer.fault.as_ref())?;
    let one = |certificate: &super::answers::CertificateWritten| Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        names: certificate.names.clone(),
        not_before: UnixMs(certificate.not_before_ms),
        not_after: UnixMs(certificate.not_after_ms),
        sha256: certificate.sha256.clone(),
    };
    Ok(NetAnswer::Tls {
        timing: answer.timing.clone().into(),
        chain: answer.chain.iter().map(one).collect(),
        problem: answer.problem.clone(),
    })
}

fn lacks(what: &str) -> Fault {
    Fault::Unsupported(format!("fixture has no {what}"))
}

fn failed(fault: Option<&Fault>) -> Result<(), Fault> {
    fault.map_or(Ok(()), |fault| Err(fault.clone()))
}

impl HostCalls for SimulatedHost {
    fn told(&self, told: Told) {
        self.listen().told.push(told);
    }

    fn call<'a>(&'a self, request: HostRequest, grants: &'a Grants, _limits: CallLimits) -> BoxFuture<'a, HostReply> {
        Box::pin(async move {
            match &request {
                HostRequest::Http(request) => HostReply::Http(self.http(request, grants)),
                HostRequest::Net(request) => HostReply::Net(within(request, grants).and_then(|()| self.net(request))),
                HostRequest::Act(act) => HostReply::Act(self.act(act, grants)),
                // A simulated device's own readings hold everything that can be seen of it.
                HostRequest::Look(_) => HostReply::Look(Err(lacks("such reading"))),
            }
        })
    }
}

/// Refuses what a real device would refuse.
fn within(request: &NetRequest, grants: &Grants) -> Result<(), Fault> {
    let hosts = grants.scope(Permission::Net).map(|scope| &scope.hosts);
    let granted = hosts.is_some_and(|hosts| match request {
        NetRequest::Tcp { host, port, .. } | NetRequest::Tls { host, port, .. } => {
            reach::host_is_within(hosts, host, *port)
        }
        NetRequest::Dns { name: host, .. } | NetRequest::Ping { host, .. } => {
            reach::host_is_within_at_any_port(hosts, host)
        }
    });
    if granted { Ok(()) } else { Err(Fault::Denied(Permission::Net.name().to_owned())) }
}
