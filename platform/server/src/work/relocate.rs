//! Puts the devices of a client where its networks say, after those changed.

use fitment_domain::id::{ClientId, TenantId};
use fitment_domain::tenant::Scope;

use super::{JobError, Next};
use crate::app::App;
use crate::locate::{self, Tables};

/// Looks at every device of the client, one transaction each: agents need not wait for all of them.
pub async fn run(app: &App, tenant: &TenantId, client: &ClientId) -> Result<Next, JobError> {
    let scope = Scope::Tenant(tenant.clone());
    let devices = app.store.read(scope.clone()).await?.devices_of_client(client).await?;
    let mut moved = 0_usize;
    for device in devices.iter().filter(|device| device.location_by_hand.is_none()) {
        let mut tx = app.store.begin(scope.clone()).await?;
        let tables = Tables::of(&mut tx, client).await?;
        let Some(mut device) = tx.device(&device.id).await? else { continue };
        if locate::settle_by(&mut tx, &mut device, &tables, app.now()).await? {
            moved += 1;
        }
        tx.commit().await?;
    }
    tracing::info!(%client, devices = devices.len(), moved, "devices were located anew");
    app.wake.notify_one();
    Ok(Next::Done)
}
