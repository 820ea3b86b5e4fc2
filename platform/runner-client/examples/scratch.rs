use fitment_domain::{budget::Budget, bytes::Digest, capability::*, run::*, time::UnixMs, ticket::remote};
use fitment_runner_client::*;
use std::sync::Arc; use std::time::Instant;
fn comp(p: &str) -> ComponentRef { let b = std::fs::read(p).unwrap(); ComponentRef { digest: Digest::of(&b), bytes: b.into() } }
fn spec(cfg: &str, grants: Grants) -> RunSpec { RunSpec { invocation: Invocation::Check, config: cfg.into(), parameters: "{}".into(), grants, budget: Budget::default_for_accessories(), facts: vec![("hostname".into(), Fact::Text("x".into()))], now: UnixMs(1_700_000_000_000) } }
fn metrics() -> Grants { let mut g = Grants::default(); g.0.insert(Permission::Metrics, Scope::default()); g }
fn show(name: &str, t: Instant, r: &RunReport) { let e = format!("{:?}", r.end); println!("{name}: {} ms end={} usage={:?} log={}", t.elapsed().as_millis(), e.chars().take(400).collect::<String>(), r.usage, r.log.len()); }
#[tokio::main] async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let t = Instant::now();
    let sb = Sandbox::start(SandboxConfig { programs_dir: dir.into(), cache_dir: "/tmp/w/rt/cache".into(), mac_key: [7; 32] }).await.unwrap();
    println!("start {} ms {}", t.elapsed().as_millis(), sb.engine_identity());
    let host: Arc<dyn HostCalls> = Arc::new(NoHostCalls);
    let ds = comp("/tmp/w/rt/ds.wasm"); let h = comp("/tmp/w/rt/hostile/fitment-hostile-0.1.0.wasm");
    let t = Instant::now(); println!("{:?}", sb.inspect(ds.bytes.clone()).await); println!("inspect {} ms", t.elapsed().as_millis());
    let t = Instant::now(); let (a, b, c) = tokio::join!(sb.prepare(&ds), sb.prepare(&ds), sb.prepare(&ds)); println!("prepare {:?} {:?} {:?} {} ms", a.unwrap(), b.is_ok(), c.is_ok(), t.elapsed().as_millis());
    let t = Instant::now(); let r = sb.run(&ds, spec("{}", metrics()), host.clone()).await; show("ds", t, &r);
    let t = Instant::now(); let r = sb.run(&ds, spec("{}", Grants::default()), host.clone()).await; show("no grant", t, &r);
    for act in ["ok", "ok", "loop", "memory", "panic", "log", "biglog", "calls", "deep", "many", "bad", "big", "metrics", "what"] {
        let t = Instant::now(); let r = sb.run(&h, spec(&format!("{{\"act\":\"{act}\"}}"), metrics()), host.clone()).await; show(act, t, &r);
    }
    let mut s = spec("{\"act\":\"loop\"}", metrics()); s.budget.fuel_max = 1_000_000;
    let t = Instant::now(); let r = sb.run(&h, s, host.clone()).await; show("fuel", t, &r);
    let mut s = spec("{\"act\":\"loop\"}", metrics()); s.budget.wall_ms_max = 100;  s.budget.fuel_max = u64::MAX;
    let t = Instant::now(); let r = sb.run(&h, s, host.clone()).await; show("wall", t, &r);
    let mut s = spec("{\"act\":\"ok\"}", metrics()); s.budget.memory_bytes_max = 1000;
    let t = Instant::now(); let r = sb.run(&h, s, host.clone()).await; show("tiny memory", t, &r);
    // fairness
    let mut hogs = vec![];
    for _ in 0..63 { let (sb, h, host) = (sb.clone(), h.clone(), host.clone()); hogs.push(tokio::spawn(async move { let mut s = spec("{\"act\":\"loop\"}", metrics()); s.budget.wall_ms_max = 3000; s.budget.fuel_max = u64::MAX; sb.run(&h, s, host).await })); }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for _ in 0..3 { let t = Instant::now(); let r = sb.run(&h, spec("{\"act\":\"ok\"}", metrics()), host.clone()).await; show("beside 63 hogs", t, &r); }
    for (i, x) in hogs.into_iter().enumerate() { let r = x.await.unwrap(); if i % 20 == 0 { println!("hog {:?} {:?}", r.end, r.usage); } }
    // throughput
    for conc in [1usize, 8, 64] {
        let n = 2000; let t = Instant::now(); let mut tasks = vec![];
        for _ in 0..conc { let (sb, h, host) = (sb.clone(), h.clone(), host.clone()); tasks.push(tokio::spawn(async move { for _ in 0..n / conc { let r = sb.run(&h, spec("{\"act\":\"ok\"}", Grants(metrics().0)), host.clone()).await; assert!(matches!(r.end, End::Returned(_))); } })); }
        for x in tasks { x.await.unwrap(); }
        println!("conc {conc}: {} us/run", t.elapsed().as_micros() as usize / n);
    }
    { let n = 1000; let mut v = vec![]; let mut w = vec![]; for _ in 0..n { let t = Instant::now(); let r = sb.run(&ds, spec("{}", metrics()), host.clone()).await; v.push(t.elapsed().as_micros()); w.push(r.usage.wall_us); } v.sort(); w.sort(); println!("ds through client: median {} p99 {} us; in runner wall median {}", v[n / 2], v[n * 99 / 100], w[n / 2]); }
    // http
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(); let port = l.local_addr().unwrap().port();
    tokio::spawn(async move { loop { let (mut s, _) = l.accept().await.unwrap(); tokio::spawn(async move { use tokio::io::*; let mut b = vec![0; 65536]; let n = s.read(&mut b).await.unwrap(); let body = String::from_utf8_lossy(&b[..n]).into_owned(); println!("SERVER GOT {:?}", body.chars().take(300).collect::<String>()); let _ = s.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-echo: s3cr3t-token\r\nconnection: close\r\n\r\n{}", body.len(), body).as_bytes()).await; }); } });
    let origin = format!("http://127.0.0.1:{port}");
    let mut g = Grants::default(); g.0.insert(Permission::Http, Scope { origins: [origin.clone()].into(), secrets: ["token".to_string()].into() });
    let hh = HttpHost::new(Secrets::new().with("token", &origin, "s3cr3t-token".into()).with("other", "https://else", "zzz".into()), &Trust::default()).unwrap();
    let lim = CallLimits { remaining_ms: 3000, body_bytes_max: 4096 };
    let rq = |url: String, hv: HeaderValue| HostRequest::Http(HttpRequest { method: "GET".into(), url, headers: vec![("authorization".into(), hv)], body: None, timeout_ms: 2000, body_bytes_max: 4096 });
    for (u, v) in [(format!("{origin}/a"), HeaderValue::Bearer("token".into())), (format!("{origin}/a"), HeaderValue::Basic("u".into(), "token".into())), (format!("{origin}/a"), HeaderValue::Templated("token {{secret:token}}!".into())), (format!("{origin}/a"), HeaderValue::Bearer("other".into())), ("http://127.0.0.1:1/".into(), HeaderValue::Plain("x".into())), (format!("http://u@127.0.0.1:{port}/"), HeaderValue::Plain("x".into()))] {
        match hh.call(rq(u, v), &g, lim).await { HostReply::Http(r) => println!("{:?}", r.map(|r| (r.status, r.headers, String::from_utf8_lossy(&r.body).into_owned(), r.truncated))) }
    }
    let rt = comp("/tmp/w/rt/rt.wasm"); let hh: Arc<dyn HostCalls> = Arc::new(hh);
    let mut s = spec(&format!("{{\"url\":\"{origin}\",\"token\":\"token\",\"queue\":\"General\"}}"), g.clone()); s.invocation = Invocation::Connector(remote::Call::Describe);
    let t = Instant::now(); let r = sb.run(&rt, s.clone(), hh.clone()).await; show("rt describe", t, &r); println!("{:?}", r.log);
    s.grants = Grants::default(); let r = sb.run(&rt, s, hh.clone()).await; show("rt without http", t, &r);
    // kill
    let pid = String::from_utf8(std::process::Command::new("pgrep").args(["-P", &std::process::id().to_string(), "fitment-runner"]).output().unwrap().stdout).unwrap();
    let hog = { let (sb, h, host) = (sb.clone(), h.clone(), host.clone()); tokio::spawn(async move { let mut s = spec("{\"act\":\"loop\"}", metrics()); s.budget.fuel_max = u64::MAX; sb.run(&h, s, host).await }) };
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    std::process::Command::new("kill").args(["-9", pid.trim()]).status().unwrap();
    println!("killed {} -> {:?}", pid.trim(), hog.await.unwrap().end);
    let t = Instant::now(); let r = sb.run(&h, spec("{\"act\":\"ok\"}", metrics()), host.clone()).await; show("after kill", t, &r);
    // stopped process
    let pid = String::from_utf8(std::process::Command::new("pgrep").args(["-P", &std::process::id().to_string(), "fitment-runner"]).output().unwrap().stdout).unwrap();
    std::process::Command::new("kill").args(["-STOP", pid.trim()]).status().unwrap();
    let mut s = spec("{\"act\":\"ok\"}", metrics()); s.budget.wall_ms_max = 500;
    let t = Instant::now(); let r = sb.run(&h, s, host.clone()).await; show("stopped", t, &r);
    let t = Instant::now(); let r = sb.run(&h, spec("{\"act\":\"ok\"}", metrics()), host.clone()).await; show("after stop", t, &r);
    // tamper
    drop(sb);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for e in std::fs::read_dir("/tmp/w/rt/cache").unwrap() { let p = e.unwrap().path(); let mut b = std::fs::read(&p).unwrap(); let n = b.len(); b[n / 2] ^= 1; std::fs::write(&p, b).unwrap(); }
    let sb = Sandbox::start(SandboxConfig { programs_dir: std::env::args().nth(1).unwrap().into(), cache_dir: "/tmp/w/rt/cache".into(), mac_key: [7; 32] }).await.unwrap();
    let t = Instant::now(); let r = sb.run(&h, spec("{\"act\":\"ok\"}", metrics()), host.clone()).await; show("after tamper", t, &r);
    let bad = ComponentRef { digest: Digest::of(b"x"), bytes: b"x".to_vec().into() };
    let r = sb.run(&bad, spec("{}", metrics()), host.clone()).await; show("garbage", t, &r);
    println!("{:?}", sb.inspect(b"x".to_vec().into()).await);
}
