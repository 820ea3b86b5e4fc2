//! What is read by programs and hosts of ours: the inspector, and the answers of name servers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::egress::Policy;
use fitment_domain::run::{HostReply, HostRequest, NetAnswer, NetRequest};
use fitment_runner_client::{CallLimits, DeviceHost, Egress, HostCalls as _, HttpHost, NoActs, Secrets, Trust};
use tokio::net::UdpSocket;

use super::super::guest::guest;
use super::super::lab::Lab;
use super::mutate::Mutator;
use super::{Effort, failed};

/// Each costs a process.
const INSPECTIONS: u64 = 150;
const ANSWERS: u64 = 400;

#[tokio::test]
async fn components_of_any_bytes_are_inspected_and_the_inspector_never_dies() {
    let (effort, lab) = (Effort::asked(), Lab::new().await);
    let seeds = ["spins", "asks", "remembers"].map(|name| guest(name).bytes.to_vec());
    let mut mutator = Mutator::new(effort.seed);
    let (mut pool, mut ends, mut tried, mut slowest) = (seeds.to_vec(), BTreeSet::new(), 0, Duration::ZERO);
    while effort.goes_on(tried, INSPECTIONS) {
        let input = mutator.mutated(&pool, &[]);
        let started = Instant::now();
        let inspection = lab.sandbox.inspect(Arc::from(input.as_slice())).await;
        slowest = slowest.max(started.elapsed());
        let rules: BTreeSet<String> = inspection.problems.into_iter().map(|problem| problem.rule).collect();
        // This is what is said of an inspector that ended without an answer.
        if rules.iter().any(|rule| rule.starts_with("inspection")) {
            failed("inspector", &input, &format!("says {rules:?} of"));
        }
        if ends.insert(rules) {
            pool.push(input);
        }
        tried += 1;
    }
    effort.report("inspector", tried, ends.len(), slowest);
}

/// A good answer to the question: its own header and question, and one record that points back to the name.
fn good_answer(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[7] = 1;
    answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    answer
}

#[tokio::test]
async fn answers_of_name_servers_of_any_bytes_are_read_or_refused() {
    let effort = Effort::asked();
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let seed = effort.seed;
    let answering = tokio::spawn(async move {
        let (mut mutator, mut packet) = (Mutator::new(seed), [0; 512]);
        while let Ok((bytes, from)) = server.recv_from(&mut packet).await {
            let good = good_answer(&packet[..bytes]);
            let mut bad = mutator.mutated(&[good], &["\u{202e}", "\0"]);
            bad.truncate(1_400);
            // With its own number it is read at all.
            let number = bad.len().min(2);
            bad[..number].copy_from_slice(&packet[..number]);
            let _ = server.send_to(&bad, from).await;
        }
    });
    let http = HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device)).unwrap();
    let host = DeviceHost::new(Arc::new(http), Arc::new(NoActs));
    let hosts = [format!("example.com:{}", address.port()), format!("127.0.0.1:{}", address.port())];
    let grants = Grants([(Permission::Net, Scope { hosts: hosts.into(), ..Scope::default() })].into());
    let (mut ends, mut tried, mut slowest) = (BTreeSet::new(), 0, Duration::ZERO);
    while effort.goes_on(tried, ANSWERS) {
        let request = NetRequest::Dns {
            name: "example.com".to_owned(),
            record_type: "A".to_owned(),
            server: Some(address.to_string()),
            timeout_ms: 40,
        };
        let limits = CallLimits { remaining_ms: 40, body_bytes_max: 1_000 };
        let started = Instant::now();
        let reply = host.call(HostRequest::Net(request), &grants, limits).await;
        slowest = slowest.max(started.elapsed());
        ends.insert(match reply {
            HostReply::Net(Ok(NetAnswer::Dns { records, .. })) => {
                assert!(records.len() <= 100 && records.iter().all(|r| !r.value.chars().any(char::is_control)));
                format!("{} records", records.len())
            }
            HostReply::Net(Err(fault)) => {
                fault.to_string().chars().filter(char::is_ascii_alphabetic).take(20).collect()
            }
            other => panic!("{other:?}"),
        });
        tried += 1;
    }
    answering.abort();
    effort.report("dns", tried, ends.len(), slowest);
    assert!(ends.len() > 2, "{ends:?}");
}
