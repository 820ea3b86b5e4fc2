//! What a sample costs on disk and to write: chunks as the server writes them, beside one row per sample, in the same run.

use std::path::Path;
use std::time::Instant;

use fitment_domain::id::{DeviceId, InstallationId, TenantId};
use fitment_domain::series::SeriesKey;
use fitment_domain::series::points::Point;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{NewSample, ObjectsConfig, Store};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::Failure;
use crate::figures::{machine, number};

const ACCESSORIES: u8 = 9;
const SAMPLES: usize = 3;
const START: UnixMs = UnixMs(1_800_000_000_000);

fn id<T>(make: impl Fn([u8; 16]) -> T, number: usize) -> T {
    make((number as u128 + 1).to_be_bytes())
}

/// The samples of one device's minute: a percentage with one decimal, a whole number of bytes, and a load that is neither.
fn minute(device: usize, minute: usize) -> Vec<NewSample> {
    let mut samples = Vec::new();
    for accessory in 0..usize::from(ACCESSORIES) {
        let noise = ((minute * 7 + device * 13 + accessory * 29) % 97) as f64;
        let values = [
            ("used", 40.0 + (noise / 10.0).floor() / 10.0, "%"),
            ("free", 1e9 + noise * 4096.0, "By"),
            ("load", (noise + 1.0).ln(), "1"),
        ];
        for (name, value, unit) in values {
            let key = SeriesKey {
                device: id(DeviceId::from_random, device),
                installation: id(InstallationId::from_random, accessory),
                condition: "measure".to_owned(),
                subject: String::new(),
                name: name.to_owned(),
                labels: Vec::new(),
                unit: unit.to_owned(),
            };
            let at = START.plus_ms(minute as u64 * 60_000 + (noise as u64 * 31) % 900);
            samples.push(NewSample { key, point: Point { at, value } });
        }
    }
    samples
}

async fn prepare(url: &str, tenant: &TenantId, devices: usize) -> Result<AnyConnection, Failure> {
    let mut raw = AnyConnection::connect(url).await?;
    raw.execute("pragma foreign_keys = off").await?;
    raw.execute("pragma synchronous = full").await?;
    for device in 0..devices {
        let sql = "insert into devices (tenant_id, id, name, client_id, location_id, facts, enrolled, last_seen) values ($1, $2, '', '', '', '{}', 0, 0)";
        let device = id(DeviceId::from_random, device);
        sqlx::query(sql).bind(tenant.as_str()).bind(device.as_str()).execute(&mut raw).await?;
    }
    for accessory in 0..usize::from(ACCESSORIES) {
        let sql = "insert into installations (tenant_id, id, release_id, accessory, version, target, config, interval_s, grants, installed) \
                   values ($1, $2, '', '', '', '', '', 60, '', 0)";
        let installation = id(InstallationId::from_random, accessory);
        sqlx::query(sql).bind(tenant.as_str()).bind(installation.as_str()).execute(&mut raw).await?;
    }
    raw.execute("create table naive (tenant_id TEXT not null, series_id TEXT not null, at BIGINT not null, value DOUBLE PRECISION not null, primary key (tenant_id, series_id, at))").await?;
    Ok(raw)
}

/// Writes a batch as one row per sample, with one statement.
async fn naive(raw: &mut AnyConnection, tenant: &TenantId, samples: &[NewSample]) -> Result<(), Failure> {
    let rows: Vec<String> = (0..samples.len())
        .map(|row| format!("(${}, ${}, ${}, ${})", row * 4 + 1, row * 4 + 2, row * 4 + 3, row * 4 + 4))
        .collect();
    let sql = format!(
        "insert into naive (tenant_id, series_id, at, value) values {} on conflict do nothing",
        rows.join(", ")
    );
    let mut statement = sqlx::query(sqlx::AssertSqlSafe(sql));
    for sample in samples {
        let id = sample.key.id(tenant).to_string();
        statement =
            statement.bind(tenant.as_str().to_owned()).bind(id).bind(sample.point.at.0).bind(sample.point.value);
    }
    statement.execute(raw).await?;
    Ok(())
}

async fn bytes_of(raw: &mut AnyConnection, names: &str) -> Result<f64, Failure> {
    use sqlx::Row as _;
    let sql = format!(
        "select coalesce(sum(pgsize), 0) as bytes from dbstat where name in (select name from sqlite_master where tbl_name in ({names}))"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(raw).await?;
    Ok(row.get::<i64, _>("bytes") as f64)
}

async fn run(folder: &Path, devices: usize, minutes: usize) -> Result<Value, Failure> {
    let url = format!("sqlite://{}", folder.join("db.sqlite").display());
    let store = Store::open(&url, ObjectsConfig::Folder(folder.join("objects"))).await?;
    let tenant = id(TenantId::from_random, 0);
    let mut raw = prepare(&url, &tenant, devices).await?;
    let (mut chunked_ms, mut naive_ms) = (0.0, 0.0);
    for at in 0..minutes {
        for device in 0..devices {
            let samples = minute(device, at);
            let begun = Instant::now();
            let mut tx = store.begin(Scope::Tenant(tenant.clone())).await?;
            tx.record_samples(&samples, START.plus_ms(at as u64 * 60_000)).await?;
            tx.commit().await?;
            chunked_ms += begun.elapsed().as_secs_f64() * 1_000.0;
            let begun = Instant::now();
            naive(&mut raw, &tenant, &samples).await?;
            naive_ms += begun.elapsed().as_secs_f64() * 1_000.0;
        }
    }
    let batches = (devices * minutes) as f64;
    let count = batches * f64::from(ACCESSORIES) * SAMPLES as f64;
    let (chunked, rows) =
        (bytes_of(&mut raw, "'series_chunks', 'series'").await? / count, bytes_of(&mut raw, "'naive'").await? / count);
    println!(
        "{devices} devices x {ACCESSORIES} accessories x {SAMPLES} samples x {minutes} minutes: N = {count}; SQLite, synchronous = full; {}",
        machine()
    );
    println!("                        bytes per sample   ms per batch of {}", usize::from(ACCESSORIES) * SAMPLES);
    println!("hourly chunks           {chunked:>16.1}   {:>8.2}", chunked_ms / batches);
    println!("one row per sample      {rows:>16.1}   {:>8.2}", naive_ms / batches);
    println!(
        "(bytes are pages on disk with their indexes; an hour that has only begun is dearer per sample than a full one)"
    );
    Ok(json!({
        "n": count, "devices": devices, "minutes": minutes,
        "chunk_bytes_per_sample": number(chunked), "row_bytes_per_sample": number(rows),
        "chunk_batch_ms": number(chunked_ms / batches), "row_batch_ms": number(naive_ms / batches),
    }))
}

/// Takes the figures in a folder of its own.
pub(crate) fn measure(devices: usize, minutes: usize) -> Result<Value, Failure> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(folder.path(), devices, minutes))
}
