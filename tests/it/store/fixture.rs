//! An MSP with a device, a publisher with a release, and the values that they are made of.

use std::sync::atomic::{AtomicU64, Ordering};

use fitment_domain::alert::{AlertKey, AlertState, Track};
use fitment_domain::bytes::Digest;
use fitment_domain::capability::Grants;
use fitment_domain::device::{Device, Facts, Origin};
use fitment_domain::finding::Health;
use fitment_domain::id::*;
use fitment_domain::installation::{Installation, Target};
use fitment_domain::manifest::{AccessoryName, Manifest};
use fitment_domain::mapping::Category;
use fitment_domain::release::Publication;
use fitment_domain::tenant::{AccountKind, Client, Location, Role, Scope};
use fitment_domain::ticket::{Delivery, SOURCE_AUTOMATIC, TicketState};
use fitment_domain::time::UnixMs;
use fitment_domain::validation::Report;
use fitment_store::{Account, AlertRow, EnrolOutcome, Release, Store, TicketRow, Zero};
use sqlx::Row as _;

pub(crate) const NOW: UnixMs = UnixMs(1_800_000_000_000);

/// Returns bytes that no call returned before.
pub(crate) fn fresh() -> [u8; 16] {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    u128::from(COUNT.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}

/// Runs a query of one number.
pub(crate) async fn scalar(connection: &mut sqlx::AnyConnection, sql: &str) -> i64 {
    let statement = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
    statement.fetch_one(connection).await.unwrap().get::<i64, _>(0)
}

pub(crate) fn account(kind: AccountKind, email: &str) -> Account {
    Account {
        id: AccountId::from_random(fresh()),
        kind,
        role: Role::Owner,
        all_clients: true,
        created: NOW,
        disabled: None,
        email: email.to_owned(),
        password_hash: "$argon2id$".to_owned(),
        tenant: (kind == AccountKind::Msp).then(|| TenantId::from_random(fresh())),
        publisher: (kind == AccountKind::Publisher).then(|| PublisherId::from_random(fresh())),
    }
}

/// Makes a publisher.
pub(crate) async fn publisher(store: &Store, name: &str) -> PublisherId {
    let account = account(AccountKind::Publisher, &format!("{name}@publisher.example"));
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    tx.insert_account(&account, name).await.unwrap();
    tx.commit().await.unwrap();
    account.publisher.unwrap()
}

pub(crate) fn release(publisher: &PublisherId, accessory: &str, version: &str) -> Release {
    let manifest = serde_json::json!({
        "name": accessory, "version": version, "kind": "monitor",
        "requires": { "product": "*", "wit": "*", "agent": "*" }, "config_schema": { "type": "object" },
    });
    Release {
        id: ReleaseId::from_random(fresh()),
        publisher: publisher.clone(),
        accessory: AccessoryName::parse(accessory).unwrap(),
        version: version.parse().unwrap(),
        kind: "monitor".to_owned(),
        digest: Digest::of(&fresh()),
        listing_digest: Digest::of(&fresh()),
        state: Publication::InReview,
        manifest: Manifest::from_json(manifest.to_string().as_bytes()).unwrap(),
        report: Report::default(),
        uploaded: NOW,
        approved: None,
        notice: None,
        quarantined: false,
        development: None,
    }
}

/// An MSP with a client, a location, an enrolled device, an installation and a category.
#[derive(Debug, Clone)]
pub(crate) struct Msp {
    pub(crate) tenant: TenantId,
    pub(crate) client: ClientId,
    pub(crate) location: LocationId,
    pub(crate) zero: ZeroId,
    pub(crate) device: DeviceId,
    pub(crate) installation: InstallationId,
    pub(crate) category: CategoryId,
    pub(crate) release: ReleaseId,
}

impl Msp {
    /// Makes one, and a publisher of its own.
    pub(crate) async fn new(store: &Store, name: &str) -> Self {
        let account = account(AccountKind::Msp, &format!("{name}@msp.example"));
        let mut tx = store.begin(Scope::Platform).await.unwrap();
        tx.insert_account(&account, name).await.unwrap();
        tx.commit().await.unwrap();

        let publisher = publisher(store, &format!("publisher-{name}")).await;
        let release = release(&publisher, &format!("publisher-{name}/disk-space"), "1.0.0");
        let mut tx = store.begin(Scope::Publisher(publisher)).await.unwrap();
        tx.insert_release(&release).await.unwrap();
        tx.commit().await.unwrap();

        let msp = Self {
            tenant: account.tenant.unwrap(),
            client: ClientId::from_random(fresh()),
            location: LocationId::from_random(fresh()),
            zero: ZeroId::from_random(fresh()),
            device: DeviceId::from_random(fresh()),
            installation: InstallationId::from_random(fresh()),
            category: CategoryId::from_random(fresh()),
            release: release.id.clone(),
        };
        msp.fill(store, &release).await;
        msp
    }

    async fn fill(&self, store: &Store, release: &Release) {
        let mut tx = store.begin(self.scope()).await.unwrap();
        tx.insert_client(&Client { id: self.client.clone(), name: "Client".to_owned() }).await.unwrap();
        let location = Location { id: self.location.clone(), client: self.client.clone(), name: "Office".to_owned() };
        tx.insert_location(&location).await.unwrap();
        tx.insert_zero(&self.zero_of(self.zero.clone(), 5)).await.unwrap();
        let enrolled =
            tx.enrol_device(&self.zero, "key of the first", &self.device_of(self.device.clone()), false, NOW).await;
        assert_eq!(enrolled.unwrap(), EnrolOutcome::New);
        tx.insert_installation(&self.installation_of(release)).await.unwrap();
        let category = Category {
            id: self.category.clone(),
            name: "Disk Drive".to_owned(),
            description: String::new(),
            board: "Alerts".to_owned(),
            priority: Some("50".to_owned()),
        };
        tx.insert_category(&category).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }

    pub(crate) fn zero_of(&self, id: ZeroId, uses_max: i64) -> Zero {
        Zero {
            serial: format!("serial of {id}"),
            id,
            client: self.client.clone(),
            location: self.location.clone(),
            uses_max,
            uses: 0,
            expires: NOW.plus_ms(1_000),
            revoked: None,
            created: NOW,
        }
    }

    pub(crate) fn device_of(&self, id: DeviceId) -> Device {
        let home = Location { id: self.location.clone(), client: self.client.clone(), name: "Location".to_owned() };
        let name = format!("host of {id}");
        Device::new(id, name, &home, Facts::default(), Origin::Agent, NOW)
    }

    fn installation_of(&self, release: &Release) -> Installation {
        Installation {
            budget: fitment_domain::budget::BudgetAsked::default(),
            id: self.installation.clone(),
            release: release.id.clone(),
            accessory: release.accessory.clone(),
            version: release.version.clone(),
            target: Target::Device(self.device.clone()),
            config: serde_json::json!({ "free_percent_min": 10.5 }),
            interval_s: 60,
            grants: Grants::default(),
            warm: false,
            installed: NOW,
        }
    }

    pub(crate) fn alert(&self, subject: &str) -> AlertRow {
        AlertRow {
            id: AlertId::from_random(fresh()),
            key: AlertKey {
                installation: self.installation.clone(),
                device: self.device.clone(),
                condition: "space".to_owned(),
                subject: subject.to_owned(),
            },
            track: Track { state: AlertState::Open, bad_streak: 2, good_streak: 0, occurrences: 2 },
            health: Health::Critical,
            summary: "disk is full".to_owned(),
            opened: Some(NOW),
            closed: None,
            closed_because: None,
            last_seen: NOW,
        }
    }

    pub(crate) fn ticket(&self, number: i64, alert: Option<AlertId>) -> TicketRow {
        TicketRow {
            id: TicketId::from_random(fresh()),
            number,
            alert,
            device: Some(self.device.clone()),
            source: SOURCE_AUTOMATIC.to_owned(),
            category: self.category.clone(),
            board: "Alerts".to_owned(),
            priority: None,
            summary: "disk is full".to_owned(),
            description: "only 3 % are free".to_owned(),
            state: TicketState::Open,
            occurrences: 1,
            created: NOW,
            updated: NOW,
            connection: None,
            delivery: Delivery::default(),
            external_number: None,
            external_url: None,
            external_status: None,
            problem: None,
            chosen_by: None,
        }
    }
}
