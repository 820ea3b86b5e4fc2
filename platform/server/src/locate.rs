//! Puts devices where the evidence says that they stand, and enqueues what follows from it.

use std::net::IpAddr;

use fitment_domain::device::{Device, fact};
use fitment_domain::id::ClientId;
use fitment_domain::location::{Evidence, Network, Place, decide};
use fitment_domain::run::Fact;
use fitment_domain::time::UnixMs;
use fitment_store::Tx;

use crate::closing;
use crate::job;
use crate::observe::ObserveError;

/// What a client's devices are located by.
pub struct Tables {
    places: Vec<Place>,
    networks: Vec<Network>,
}

impl Tables {
    /// Reads the tables of a client.
    pub async fn of(tx: &mut Tx, client: &ClientId) -> Result<Self, ObserveError> {
        Ok(Self { places: tx.places(client).await?, networks: tx.networks(client).await? })
    }
}

/// Returns the addresses of a device: those that it reports, and the one from which it connects.
fn addresses(device: &Device) -> Vec<IpAddr> {
    let reported = match device.facts.0.get(fact::ADDRESSES) {
        Some(Fact::Many(many)) => many.as_slice(),
        _ => &[],
    };
    reported.iter().chain(&device.peer).filter_map(|text| text.parse().ok()).collect()
}

/// Decides anew where a device stands, and keeps the device, whatever else of it changed. If it moved, its new set is enqueued,
/// and alerts of installations that do not mean it any more are closed. Returns whether it moved.
pub async fn settle(tx: &mut Tx, device: &mut Device, now: UnixMs) -> Result<bool, ObserveError> {
    let home = tx.location(&device.home).await?;
    let client = home.map_or_else(|| device.client.clone(), |home| home.client);
    let tables = Tables::of(tx, &client).await?;
    settle_by(tx, device, &tables, now).await
}

/// Does so with tables that are at hand: those of the client of the device's zero certificate.
pub async fn settle_by(tx: &mut Tx, device: &mut Device, tables: &Tables, now: UnixMs) -> Result<bool, ObserveError> {
    let addresses = addresses(device);
    let evidence = Evidence {
        hand: device.location_by_hand.as_ref(),
        claimed: device.facts.text(fact::LOCATION),
        addresses: &addresses,
        home: &device.home,
    };
    let (location, source) = decide(&evidence, &tables.places, &tables.networks);
    let moved = location != device.location;
    if moved {
        let there = tx.location(&location).await?;
        device.client = there.map_or_else(|| device.client.clone(), |there| there.client);
        device.location = location;
    }
    device.location_source = source;
    tx.update_device(device).await?;
    if moved {
        tracing::info!(device = %device.id, location = %device.location, source = source.as_str(), "a device is located");
        closing::of_uncovered(tx, device, now).await?;
        job::assign(tx, &device.id, now).await?;
    }
    Ok(moved)
}
