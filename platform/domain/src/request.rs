//! Work that somebody asks of a device: one order, signed, for one run.

use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, TenantId, TransactionId};
use crate::instruction::{Addressee, BadInstruction, Item};
use crate::signature::{Envelope, PublicKey, Signer};
use crate::time::UnixMs;

/// The payload type of an order.
pub const ORDER_TYPE: &str = "application/vnd.fitment.order+json";

/// One run of one script on one device, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub transaction: TransactionId,
    /// What runs, and within what; its interval means nothing here.
    pub item: Item,
    /// Validated against the accessory's parameters schema.
    pub parameters: serde_json::Value,
    pub made: UnixMs,
    /// After this time it is not started any more.
    pub deliver_by: UnixMs,
}

/// Opens an order for a device. Whether it ran before is the device's own memory.
pub fn open_order(envelope: &Envelope, key: &PublicKey, me: &Addressee, now: UnixMs) -> Result<Order, BadInstruction> {
    let order: Order = envelope.open(ORDER_TYPE, &[(Signer::Platform, *key)])?;
    if order.tenant != me.tenant || order.device != me.device {
        return Err(BadInstruction::NotForMe);
    }
    if order.deliver_by < now {
        return Err(BadInstruction::Expired(order.deliver_by));
    }
    Ok(order)
}
