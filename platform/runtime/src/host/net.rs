//! `net`: the supervisor looks, after it has checked the hosts again; this process opens no connection.

use fitment_domain::run::{self, HostReply, HostRequest, NetAnswer, NetRequest};

use crate::contract::offered::net::{Certificate, DnsAnswer, DnsRecord, Host, Timing, TlsAnswer};
use crate::contract::offered::types::Fault;
use crate::state::RunState;

impl Host for RunState {
    async fn tcp(
        &mut self,
        host: String,
        port: u16,
        send: Option<Vec<u8>>,
        read_at_most: u32,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<(Timing, Vec<u8>), Fault>> {
        self.host_call()?;
        let bytes_max = u32::try_from(self.budget.host_call_bytes_max / 2).unwrap_or(u32::MAX);
        let read_bytes_max = read_at_most.min(bytes_max);
        let timeout_ms = self.wait_ms(timeout_ms);
        let answer = self.look(NetRequest::Tcp { host, port, send, read_bytes_max, timeout_ms }).await;
        Ok(answer.and_then(|answer| match answer {
            NetAnswer::Tcp { timing, read } => Ok((timing.into(), read)),
            _ => Err(mixed_up()),
        }))
    }

    async fn tls(
        &mut self,
        host: String,
        port: u16,
        server_name: Option<String>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<TlsAnswer, Fault>> {
        self.host_call()?;
        let timeout_ms = self.wait_ms(timeout_ms);
        let answer = self.look(NetRequest::Tls { host, port, server_name, timeout_ms }).await;
        Ok(answer.and_then(|answer| match answer {
            NetAnswer::Tls { timing, chain, problem } => {
                Ok(TlsAnswer { timing: timing.into(), chain: chain.into_iter().map(Into::into).collect(), problem })
            }
            _ => Err(mixed_up()),
        }))
    }

    async fn dns(
        &mut self,
        name: String,
        record_type: String,
        server: Option<String>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<DnsAnswer, Fault>> {
        self.host_call()?;
        let timeout_ms = self.wait_ms(timeout_ms);
        let answer = self.look(NetRequest::Dns { name, record_type, server, timeout_ms }).await;
        Ok(answer.and_then(|answer| match answer {
            NetAnswer::Dns { duration_ms, records } => {
                Ok(DnsAnswer { duration_ms, records: records.into_iter().map(Into::into).collect() })
            }
            _ => Err(mixed_up()),
        }))
    }

    async fn ping(
        &mut self,
        host: String,
        count: u32,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<Option<f64>>, Fault>> {
        self.host_call()?;
        let timeout_ms = self.wait_ms(timeout_ms);
        let answer = self.look(NetRequest::Ping { host, count, timeout_ms }).await;
        Ok(answer.and_then(|answer| match answer {
            NetAnswer::Ping(times_ms) => Ok(times_ms),
            _ => Err(mixed_up()),
        }))
    }
}

impl RunState {
    async fn look(&mut self, request: NetRequest) -> Result<NetAnswer, Fault> {
        self.outside_call()?;
        match self.supervisor.call(self.run, HostRequest::Net(request)).await {
            Some(HostReply::Net(answer)) => answer.map_err(Fault::from),
            _ => Err(Fault::Failed("the supervisor did not answer".to_owned())),
        }
    }
}

fn mixed_up() -> Fault {
    Fault::Failed("the supervisor answered something else".to_owned())
}

impl From<run::NetTiming> for Timing {
    fn from(timing: run::NetTiming) -> Self {
        let run::NetTiming { resolve_ms, connect_ms, total_ms, address } = timing;
        Self { resolve_ms, connect_ms, total_ms, address }
    }
}

impl From<run::Certificate> for Certificate {
    fn from(certificate: run::Certificate) -> Self {
        // A certificate from before 1970 is as expired as one from 1970.
        let ms = |time: fitment_domain::time::UnixMs| u64::try_from(time.0).unwrap_or(0);
        Self {
            subject: certificate.subject,
            issuer: certificate.issuer,
            names: certificate.names,
            not_before_ms: ms(certificate.not_before),
            not_after_ms: ms(certificate.not_after),
            sha256: certificate.sha256,
        }
    }
}

impl From<run::DnsRecord> for DnsRecord {
    fn from(record: run::DnsRecord) -> Self {
        Self { record_type: record.record_type, value: record.value, ttl_s: record.ttl_s }
    }
}
