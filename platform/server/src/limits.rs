//! The layers that limit what accessories may do on a device: the plan of its MSP, and the ceilings of MSP, client and device.

use std::collections::BTreeMap;

use fitment_domain::capability::{Ceiling, Grants};
use fitment_domain::ceiling::{self, Judgement, Layer, Limit, Subject};
use fitment_domain::device::Device;
use fitment_domain::id::{ClientId, DeviceId};
use fitment_domain::manifest::Manifest;
use fitment_domain::matching::Mismatch;
use fitment_domain::tenant::Client;
use fitment_store::{CeilingRow, Plan, StoreError, Tx};

/// Every layer of a tenant, as far as the one who asks sees it.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    plan: Option<Limit>,
    msp: Option<Limit>,
    clients: BTreeMap<ClientId, Limit>,
    devices: BTreeMap<DeviceId, Ceiling>,
}

/// Where the same layers hold: at a client with a ceiling of its own, on a device with one.
pub type Place<'a> = (Option<&'a ClientId>, Option<&'a Device>);

impl Limits {
    /// Reads all of them.
    pub async fn read(tx: &mut Tx) -> Result<Self, StoreError> {
        let ceilings = tx.ceilings().await?;
        let is_of_a_client = |row: &CeilingRow| matches!(row.subject, Subject::Client(_));
        let clients = if ceilings.iter().any(is_of_a_client) { tx.clients().await? } else { Vec::new() };
        Ok(Self::of(tx.tenant_plan().await?, ceilings, &clients))
    }

    /// Reads those of one device.
    pub async fn of_device(tx: &mut Tx, device: &Device) -> Result<Self, StoreError> {
        Self::at_place(tx, Some(&device.client), Some(&device.id)).await
    }

    /// Reads those of a client, or of the MSP alone: what runs on the server hangs on no device.
    pub async fn of_client(tx: &mut Tx, client: Option<&ClientId>) -> Result<Self, StoreError> {
        Self::at_place(tx, client, None).await
    }

    async fn at_place(tx: &mut Tx, client: Option<&ClientId>, device: Option<&DeviceId>) -> Result<Self, StoreError> {
        let ceilings = tx.ceilings_at(client, device).await?;
        let client = match client {
            Some(id) if ceilings.iter().any(|row| row.subject == Subject::Client(id.clone())) => tx.client(id).await?,
            _ => None,
        };
        Ok(Self::of(tx.tenant_plan().await?, ceilings, client.as_slice()))
    }

    fn of(plan: Option<Plan>, ceilings: Vec<CeilingRow>, clients: &[Client]) -> Self {
        let plan = plan.map(|plan| Limit { layer: Layer::Plan(plan.name), ceiling: plan.ceiling });
        let mut limits = Self { plan, ..Self::default() };
        for row in ceilings {
            match row.subject {
                Subject::Msp => limits.msp = Some(Limit { layer: Layer::Msp, ceiling: row.ceiling }),
                Subject::Client(id) => {
                    let name = clients.iter().find(|client| client.id == id).map(|client| client.name.clone());
                    let layer = Layer::Client(name.unwrap_or_else(|| id.to_string()));
                    limits.clients.insert(id, Limit { layer, ceiling: row.ceiling });
                }
                Subject::Device(id) => {
                    limits.devices.insert(id, row.ceiling);
                }
            }
        }
        limits
    }

    /// Returns where a device is: devices of one place are under the same layers.
    pub fn place<'a>(&self, device: &'a Device) -> Place<'a> {
        let client = Some(&device.client).filter(|client| self.clients.contains_key(*client));
        (client, Some(device).filter(|device| self.devices.contains_key(&device.id)))
    }

    /// Returns the layers of a place, the widest first.
    pub fn at(&self, (client, device): Place<'_>) -> Vec<Limit> {
        let client = client.and_then(|client| self.clients.get(client));
        let device = device.and_then(|device| {
            let ceiling = self.devices.get(&device.id)?.clone();
            Some(Limit { layer: Layer::Device(device.name.clone()), ceiling })
        });
        self.plan.iter().chain(&self.msp).chain(client).cloned().chain(device).collect()
    }

    /// Judges what an accessory asks for a client as a whole: what runs on the server hangs on no device.
    pub fn judge_for_client(&self, manifest: &Manifest, asked: &Grants, client: Option<&ClientId>) -> Verdict {
        Verdict::of(manifest, asked, &self.at((client, None)))
    }

    /// Judges what an accessory asks on a device.
    pub fn judge(&self, manifest: &Manifest, asked: &Grants, device: &Device) -> Verdict {
        Verdict::of(manifest, asked, &self.at(self.place(device)))
    }
}

/// What remains of what an accessory asks, and whether it runs with that.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub judgement: Judgement,
    /// Why it does not run; empty if it does.
    pub reasons: Vec<Mismatch>,
}

impl Verdict {
    /// Judges what an accessory asks under these layers.
    pub fn of(manifest: &Manifest, asked: &Grants, limits: &[Limit]) -> Self {
        let why = |why: String| Mismatch::NotPermitted { why };
        let judgement = match ceiling::judge(asked, limits) {
            Ok(judgement) => judgement,
            // Deny by default: what cannot be worked out is not there.
            Err(error) => return Self { judgement: Judgement::default(), reasons: vec![why(error.to_string())] },
        };
        let optional = manifest.optional();
        let needed = judgement.missing.iter().filter(|(permission, _)| !optional.contains(permission));
        Self { reasons: needed.map(|(_, said)| why(said.clone())).collect(), judgement }
    }

    /// Returns what the layers take away, in sentences.
    pub fn taken(&self) -> Vec<String> {
        self.judgement.taken.iter().map(ToString::to_string).collect()
    }
}
