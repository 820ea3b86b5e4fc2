//! Temperature sensors.

pub use fitment_domain::reading::Temperature;

use crate::Unreadable;

/// Reads the sensors, ordered by name; a machine without any (a virtual one) answers with none.
pub fn read() -> Result<Vec<Temperature>, Unreadable> {
    #[cfg(target_os = "linux")]
    return Ok(crate::linux::temperatures::read(std::path::Path::new("/sys")));
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "temperature sensors" });
}
