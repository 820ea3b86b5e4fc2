//! Closes alerts that nobody would clear any more: whoever looked is gone, or a person decided. Their tickets follow as they do
//! when a condition clears: closed here and there, unless somebody works on them.

use fitment_domain::alert::{AlertState, Closing, Track};
use fitment_domain::device::Device;
use fitment_domain::id::{DeviceId, InstallationId};
use fitment_domain::time::UnixMs;
use fitment_store::{AlertRow, Tx};

use crate::observe::{ObserveError, cleared};

/// Closes an alert, and its ticket by the rules of tickets.
pub async fn close(tx: &mut Tx, alert: AlertRow, why: &Closing, now: UnixMs) -> Result<AlertRow, ObserveError> {
    let was_open = alert.track.state == AlertState::Open;
    let closed = AlertRow { track: Track::new(), closed: Some(now), closed_because: Some(why.words()), ..alert };
    tx.put_alert(&closed).await?;
    if was_open {
        cleared(tx, &closed, now).await?;
    }
    Ok(closed)
}

/// Closes what an installation that is removed leaves behind.
pub async fn of_installation(tx: &mut Tx, installation: &InstallationId, now: UnixMs) -> Result<(), ObserveError> {
    for alert in tx.live_alerts_of(installation).await? {
        close(tx, alert, &Closing::InstallationRemoved, now).await?;
    }
    Ok(())
}

/// Closes what a device that is revoked or retired leaves behind.
pub async fn of_device(tx: &mut Tx, device: &DeviceId, why: &Closing, now: UnixMs) -> Result<(), ObserveError> {
    for alert in tx.live_alerts_on(device).await? {
        close(tx, alert, why, now).await?;
    }
    Ok(())
}

/// Closes what installations leave behind that no longer mean this device, because it moved or because they did.
pub async fn of_uncovered(tx: &mut Tx, device: &Device, now: UnixMs) -> Result<(), ObserveError> {
    let alerts = tx.live_alerts_on(&device.id).await?;
    if alerts.is_empty() {
        return Ok(());
    }
    let installations = tx.installations().await?;
    for alert in alerts {
        let looks = installations.iter().find(|i| i.id == alert.key.installation);
        if !looks.is_some_and(|i| i.target.covers(&device.client, &device.location, &device.id)) {
            close(tx, alert, &Closing::NotCovered, now).await?;
        }
    }
    Ok(())
}
