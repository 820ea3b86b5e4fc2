//! Names and addresses that lead where nobody may go, and servers that mean harm. Names are answered and dials are noted here, and
//! every dial ends at a server of the test's own: no packet leaves for any address that is named below.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::egress::Policy;
use fitment_domain::run::{Fault, HeaderValue, HostReply, HostRequest, HttpRequest, HttpResponse, NetRequest};
use fitment_runner_client::{
    CallLimits, DeviceHost, Egress, HostCalls, HttpHost, NoActs, Resolver, Secrets, Trust, Way,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a name leads, look by look; the last answer stays.
#[derive(Default)]
struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut all = self.0.lock().unwrap();
        let answers = all.get_mut(host).unwrap_or_else(|| panic!("nobody told where {host} leads"));
        let next = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(next) })
    }
}

/// Notes who is dialled, and leads everybody to one port of the loopback.
struct Recorded {
    dialled: Mutex<Vec<String>>,
    port: u16,
}

impl Way for Recorded {
    fn towards(&self, address: SocketAddr) -> SocketAddr {
        self.dialled.lock().unwrap().push(address.ip().to_string());
        ([127, 0, 0, 1], self.port).into()
    }
}

/// A host under a policy whose names and dials are this test's own.
struct Desk {
    http: Arc<HttpHost>,
    way: Arc<Recorded>,
    /// Whether it is the installation that names what is granted, and not the package alone.
    named_here: bool,
}

impl Desk {
    fn new(policy: Policy, port: u16, names: &[(&str, &[&[&str]])]) -> Self {
        let address = |text: &&str| text.parse().unwrap();
        let answers = |answers: &&[&[&str]]| answers.iter().map(|one| one.iter().map(address).collect()).collect();
        let names = names.iter().map(|(name, all)| ((*name).to_owned(), answers(all))).collect();
        let way = Arc::new(Recorded { dialled: Mutex::default(), port });
        let egress = Egress::with(policy, Arc::new(Names(Mutex::new(names))), Arc::clone(&way) as Arc<dyn Way>);
        let http = HttpHost::new(Secrets::new(), &Trust::default(), egress).unwrap();
        Self { http: Arc::new(http), way, named_here: true }
    }

    fn host(&self, grants: &Grants) -> DeviceHost {
        let named = if self.named_here { grants.clone() } else { Grants::default() };
        DeviceHost::new(Arc::clone(&self.http), Arc::new(NoActs)).naming(named)
    }

    fn dialled(&self) -> Vec<String> {
        self.way.dialled.lock().unwrap().clone()
    }

    async fn send(&self, request: HttpRequest, grants: &Grants) -> Result<HttpResponse, Fault> {
        match self.host(grants).call(HostRequest::Http(request), grants, LIMITS).await {
            HostReply::Http(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Asks an address whose origin was granted word for word.
    async fn get(&self, url: &str) -> Result<HttpResponse, Fault> {
        self.send(get(url), &http(url)).await
    }

    async fn look(&self, request: NetRequest, entry: &str) -> Result<(), Fault> {
        let scope = Scope { hosts: [entry.to_owned()].into(), ..Scope::default() };
        let grants = Grants([(Permission::Net, scope)].into());
        match self.host(&grants).call(HostRequest::Net(request), &grants, LIMITS).await {
            HostReply::Net(answer) => answer.map(|_| ()),
            other => panic!("{other:?}"),
        }
    }
}

const LIMITS: CallLimits = CallLimits { remaining_ms: 30_000, body_bytes_max: 1024 * 1024 };
const SOMEWHERE: &str = "9.9.9.9";

fn get(url: &str) -> HttpRequest {
    let (method, url) = ("GET".to_owned(), url.to_owned());
    HttpRequest { method, url, headers: Vec::new(), body: None, timeout_ms: 30_000, body_bytes_max: 64 * 1024 }
}

fn http(origin: &str) -> Grants {
    Grants([(Permission::Http, Scope { origins: [origin.to_owned()].into(), ..Scope::default() })].into())
}

fn server() -> Policy {
    Policy::Server { also: Vec::new() }
}

/// What a server writes, part by part, each after a while; nothing more ends the connection.
type Writes = Arc<dyn Fn(usize) -> Option<(Duration, Vec<u8>)> + Send + Sync>;

/// Starts a server that reads the head of a request and then writes.
async fn serve(writes: Writes) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let writes = Arc::clone(&writes);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
                for part in 0.. {
                    let Some((wait, bytes)) = writes(part) else { return };
                    tokio::time::sleep(wait).await;
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

async fn serve_once(text: impl Into<Vec<u8>>) -> u16 {
    let text = text.into();
    serve(Arc::new(move |part| (part == 0).then(|| (Duration::ZERO, text.clone())))).await
}

async fn well_behaved() -> u16 {
    serve_once("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await
}

#[track_caller]
fn assert_barred(answer: &Result<impl std::fmt::Debug, Fault>, words: &str) {
    match answer {
        Err(Fault::Denied(said)) if said.contains(words) => {}
        other => panic!("not barred with {words:?}: {other:?}"),
    }
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_is_checked_again() {
    let port = well_behaved().await;
    let there = "http://rebind.example.com";
    for (policy, second) in [(Policy::Device, "127.0.0.1"), (server(), "10.0.0.1"), (server(), "::ffff:127.0.0.1")] {
        let desk = Desk::new(policy, port, &[("rebind.example.com", &[&[SOMEWHERE], &[second]])]);
        assert_eq!(desk.get(there).await.map(|answer| answer.status), Ok(200));
        assert_barred(&desk.get(there).await, "rebind.example.com leads to a ");
        assert_eq!(desk.dialled(), [SOMEWHERE], "then {second}");
    }
    // Among several addresses only those are dialled that may be.
    let desk = Desk::new(server(), port, &[("rebind.example.com", &[&["127.0.0.1", "fe80::1", SOMEWHERE]])]);
    assert!(desk.get(there).await.is_ok());
    assert_eq!(desk.dialled(), [SOMEWHERE]);
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_connector_reaches_no_closed_address_however_it_is_written() {
    let port = well_behaved().await;
    // What a name leads to, by CNAME or at once: the resolver tells the last address either way.
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fd00::1",
        "fd00:ec2::254",
    ] {
        let desk = Desk::new(server(), port, &[("inside.example.com", &[&[address]])]);
        assert_barred(&desk.get("http://inside.example.com").await, "inside.example.com leads to ");
        let literal = if address.contains(':') { format!("http://[{address}]") } else { format!("http://{address}") };
        let answer = desk.get(&literal).await;
        assert!(matches!(answer, Err(Fault::Denied(_))), "{literal}: {answer:?}");
        assert_eq!(desk.dialled(), [""; 0], "{address}");
    }
    let desk = Desk::new(server(), port, &[("localhost.", &[&["127.0.0.1"]]), ("localhost", &[&["::1"]])]);
    for odd in [
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.1",
        "http://localhost.",
        "http://localhost",
        "http://example.com@127.0.0.1",
        "http://example.com:80@169.254.169.254",
    ] {
        let answer = desk.get(odd).await;
        assert!(matches!(answer, Err(Fault::Denied(_) | Fault::Invalid(_))), "{odd}: {answer:?}");
    }
    assert_eq!(desk.dialled(), [""; 0]);
}

// proves C3 (only what was granted)
#[tokio::test]
async fn networks_that_the_operator_named_are_open_and_metadata_never_is() {
    let port = well_behaved().await;
    let networks = ["127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "::/0"];
    let also = Policy::Server { also: networks.map(|network| network.parse().unwrap()).to_vec() };
    let desk = Desk::new(also, port, &[("rt.example.com", &[&["127.0.0.9"], &["10.0.0.1"]])]);
    assert!(desk.get("http://rt.example.com").await.is_ok());
    assert_barred(&desk.get("http://rt.example.com").await, "--connections-may-reach");
    for metadata in ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"] {
        let answer = desk.get(&format!("http://{metadata}")).await;
        assert!(matches!(answer, Err(Fault::Denied(_))), "{metadata}: {answer:?}");
    }
    assert_eq!(desk.dialled(), ["127.0.0.9"]);
}

// proves C3 (only what was granted)
#[tokio::test]
async fn an_accessory_on_a_device_reaches_closed_addresses_only_by_their_own_names() {
    let port = well_behaved().await;
    let desk = Desk::new(
        Policy::Device,
        port,
        &[
            ("printer.example.com", &[&["10.0.0.9"]]),
            ("rebound.example.com", &[&["127.0.0.1"]]),
            ("cable.example.com", &[&["169.254.7.7"]]),
            ("cloud.example.com", &[&["169.254.169.254"]]),
            ("localhost", &[&["127.0.0.1"]]),
        ],
    );
    for open in ["http://printer.example.com", "http://localhost", "http://127.0.0.1", "http://169.254.7.7"] {
        assert!(desk.get(open).await.is_ok(), "{open}");
    }
    assert_eq!(desk.dialled(), ["10.0.0.9", "127.0.0.1", "127.0.0.1", "169.254.7.7"]);
    for closed in [
        "http://rebound.example.com",
        "http://cable.example.com",
        "http://cloud.example.com",
        "http://169.254.169.254",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        // A grant that hides an address in another spelling opens nothing.
        "http://2130706433",
        "http://0x7f.1",
        "http://0xa9fea9fe",
    ] {
        let answer = desk.get(closed).await;
        assert!(matches!(answer, Err(Fault::Denied(_))), "{closed}: {answer:?}");
    }
    assert_eq!(desk.dialled().len(), 4, "nothing else was dialled: {:?}", desk.dialled());
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_name_that_the_package_alone_names_leads_into_no_network_of_the_device() {
    let port = well_behaved().await;
    let names: &[(&str, &[&[&str]])] = &[
        ("printer.example.com", &[&["10.0.0.9"]]),
        ("api.example.com", &[&[SOMEWHERE]]),
        ("localhost", &[&["127.0.0.1"]]),
    ];
    let here = Desk::new(Policy::Device, port, names);
    let tcp = || NetRequest::Tcp {
        host: "printer.example.com".to_owned(),
        port: 80,
        send: None,
        read_bytes_max: 0,
        timeout_ms: 5_000,
    };
    assert!(here.get("http://printer.example.com").await.is_ok());
    assert_eq!(here.look(tcp(), "printer.example.com:80").await, Ok(()));
    assert_eq!(here.dialled(), ["10.0.0.9", "10.0.0.9"]);

    // The same host of the same device: a connection that another accessory left open is not used either.
    let published = Desk { named_here: false, ..here };
    assert_barred(&published.get("http://printer.example.com").await, "leads to a private address");
    assert_barred(&published.look(tcp(), "printer.example.com:80").await, "configuration");
    assert_eq!(published.dialled().len(), 2);
    // What is public, and what says itself where it leads, is open.
    for open in ["http://api.example.com", "http://10.0.0.9", "http://localhost"] {
        assert!(published.get(open).await.is_ok(), "{open}");
    }
}

/// A name server whose answers over UDP are cut.
async fn name_server() -> u16 {
    let (udp, tcp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let port = tcp.local_addr().unwrap().port();
    let answer = |question: &[u8], cut: u8| {
        let mut answer = question.to_vec();
        answer[2] |= 0x80 | cut;
        answer
    };
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            udp.send_to(&answer(&buffer[..length], 0b10), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question, 0);
            stream.write_all(&[&(answer.len() as u16).to_be_bytes()[..], &answer].concat()).await.unwrap();
        }
    });
    port
}

// proves C3 (only what was granted)
#[tokio::test]
async fn name_servers_are_asked_on_the_same_way_out_each_time() {
    let desk = Desk::new(Policy::Device, name_server().await, &[]);
    let dns = |server: Option<&str>| NetRequest::Dns {
        name: "a.example.com".to_owned(),
        record_type: "A".to_owned(),
        server: server.map(str::to_owned),
        timeout_ms: 5_000,
    };
    let both = |server: &str| {
        Grants(
            [(
                Permission::Net,
                Scope { hosts: ["a.example.com:*".to_owned(), server.to_owned()].into(), ..Scope::default() },
            )]
            .into(),
        )
    };
    let ask = async |server: Option<&str>, grants: Grants| match desk
        .host(&grants)
        .call(HostRequest::Net(dns(server)), &grants, LIMITS)
        .await
    {
        HostReply::Net(answer) => answer.map(|_| ()),
        other => panic!("{other:?}"),
    };
    // The datagram, and the connection because its answer was cut.
    assert_eq!(ask(Some("10.0.0.9:53"), both("10.0.0.9:53")).await, Ok(()));
    assert_eq!(desk.dialled(), ["10.0.0.9", "10.0.0.9"]);
    // A pattern names no address: whoever wrote it did not say where it leads.
    assert_barred(&ask(Some("10.0.0.9:53"), both("*.0.0.9:53")).await, "a private address");
    assert_barred(&ask(Some("127.0.0.9:53"), both("*.0.0.9:53")).await, "a loopback address");
    assert_eq!(desk.dialled().len(), 2);
    // The machine's own name server is dialled here too, wherever it is; a machine without one has none to ask.
    let asked = ask(None, both("10.0.0.9:53")).await;
    let here = std::fs::read_to_string("/etc/resolv.conf").is_ok_and(|text| text.contains("nameserver "));
    assert_eq!((asked.is_ok(), desk.dialled().len()), if here { (true, 4) } else { (false, 2) }, "{asked:?}");
}

// proves C3 (only what was granted)
#[tokio::test]
async fn looks_at_other_machines_take_the_same_way_out() {
    let port = well_behaved().await;
    let closed = ["10.0.0.9", "127.0.0.1", "169.254.169.254", "::1"];
    for address in closed {
        let names: &[(&str, &[&[&str]])] = &[("a.example.com", &[&[address]]), ("127.1", &[&["127.0.0.1"]])];
        let desk = Desk::new(Policy::Device, port, names);
        let host = || "a.example.com".to_owned();
        // A pattern was granted: whoever has the domain says where its names lead.
        let tcp = NetRequest::Tcp { host: host(), port: 80, send: None, read_bytes_max: 0, timeout_ms: 500 };
        assert_barred(&desk.look(tcp, "*.example.com:80").await, "a.example.com leads to ");
        let tls = NetRequest::Tls { host: host(), port: 443, server_name: None, timeout_ms: 500 };
        assert_barred(&desk.look(tls, "*.example.com:443").await, "a.example.com leads to ");
        let ping = NetRequest::Ping { host: host(), count: 1, timeout_ms: 500 };
        assert_barred(&desk.look(ping, "*.example.com:*").await, "a.example.com leads to ");
        let odd = NetRequest::Ping { host: "127.1".to_owned(), count: 1, timeout_ms: 500 };
        assert_barred(&desk.look(odd, "127.1:*").await, "127.1 leads to ");
        assert_eq!(desk.dialled(), [""; 0], "{address}");
    }
    let desk = Desk::new(Policy::Device, port, &[]);
    let metadata = || "169.254.169.254".to_owned();
    let tcp = NetRequest::Tcp { host: metadata(), port: 80, send: None, read_bytes_max: 0, timeout_ms: 500 };
    assert_barred(&desk.look(tcp, "169.254.169.254:80").await, "metadata");
    let server = Some("169.254.169.254:53".to_owned());
    let dns = NetRequest::Dns { name: metadata(), record_type: "A".to_owned(), server, timeout_ms: 500 };
    assert_barred(&desk.look(dns, "169.254.169.254:*").await, "metadata");
    assert_eq!(desk.dialled(), [""; 0]);

    let tcp =
        NetRequest::Tcp { host: "10.0.0.9".to_owned(), port: 80, send: None, read_bytes_max: 0, timeout_ms: 5_000 };
    assert_eq!(desk.look(tcp, "10.0.0.9:80").await, Ok(()));
    assert_eq!(desk.dialled(), ["10.0.0.9"]);
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_redirect_to_a_closed_address_is_an_answer_and_nobody_goes_there() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n";
    let port = serve_once(answer).await;
    let desk = Desk::new(server(), port, &[("a.example.com", &[&[SOMEWHERE]])]);
    assert_eq!(desk.get("http://a.example.com").await.map(|answer| answer.status), Ok(302));
    assert_eq!(desk.dialled(), [SOMEWHERE]);
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn an_answer_that_trickles_is_ended() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let second = Duration::from_secs(1);
    let body = serve(Arc::new(move |part| {
        Some(if part == 0 { (Duration::ZERO, head.into()) } else { (second, b"x".to_vec()) })
    }));
    let heads = serve(Arc::new(move |part| Some((second, head.as_bytes()[part..=part].to_vec()))));
    let desk = Desk::new(server(), body.await, &[("a.example.com", &[&[SOMEWHERE]])]);
    let begun = Instant::now();
    assert_eq!(desk.get("http://a.example.com").await, Err(Fault::TimedOut));
    assert!((4..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());

    let desk = Desk::new(server(), heads.await, &[("a.example.com", &[&[SOMEWHERE]])]);
    let request = HttpRequest { timeout_ms: 1_500, ..get("http://a.example.com") };
    assert_eq!(desk.send(request, &http("http://a.example.com")).await, Err(Fault::TimedOut));
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn answers_that_are_made_to_harm_are_cut_or_refused() {
    let ask = async |port: u16| {
        let desk = Desk::new(server(), port, &[("a.example.com", &[&[SOMEWHERE]])]);
        desk.get("http://a.example.com").await
    };
    // In parts without an end.
    let chunk = [b"1000\r\n".to_vec(), vec![b'x'; 4096], b"\r\n".to_vec()].concat();
    let endless = serve(Arc::new(move |part| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        Some((Duration::ZERO, if part == 0 { head.to_vec() } else { chunk.clone() }))
    }));
    let answer = ask(endless.await).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (64 * 1024, true));

    // What is packed stays packed: these bytes would be a gigabyte.
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].repeat(100);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    let answer = ask(serve_once([head.into_bytes(), packed.clone()].concat()).await).await.unwrap();
    assert_eq!(answer.body, packed);
    assert!(answer.headers.contains(&("content-encoding".to_owned(), "gzip".to_owned())), "{:?}", answer.headers);

    let many: String = (0..10_000).map(|i| format!("x-{i}: y\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(200 * 1024));
    for bad in [many, large, "content-length: 2\r\ncontent-length: 3\r\n".to_owned()] {
        let answer = ask(serve_once(format!("HTTP/1.1 200 OK\r\n{bad}\r\nok!")).await).await;
        assert!(matches!(answer, Err(Fault::Failed(_))), "{answer:?}");
    }
}

// proves C3 (bounds of host calls)
#[tokio::test]
async fn an_oversized_request_is_refused_before_anybody_is_dialled() {
    let desk = Desk::new(server(), 9, &[("a.example.com", &[&[SOMEWHERE]])]);
    let header = |value: String| vec![("x-a".to_owned(), HeaderValue::Plain(value))];
    let many = (0..65).map(|i| (format!("x-{i}"), HeaderValue::Plain("y".to_owned()))).collect();
    for headers in [header("y".repeat(65 * 1024)), header("a\r\nhost: b".to_owned()), many] {
        let answer =
            desk.send(HttpRequest { headers, ..get("http://a.example.com") }, &http("http://a.example.com")).await;
        assert!(matches!(answer, Err(Fault::Invalid(_))), "{answer:?}");
    }
    let body = Some(vec![0; 1024 * 1024 + 1]);
    let answer = desk.send(HttpRequest { body, ..get("http://a.example.com") }, &http("http://a.example.com")).await;
    assert_eq!(answer, Err(Fault::Exhausted("http_body_bytes_max".to_owned())));
    assert_eq!(desk.dialled(), [""; 0]);
}
