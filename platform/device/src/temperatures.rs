//! Temperature sensors.

use crate::Unreadable;

/// One sensor, in degrees Celsius.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperature {
    pub sensor: String,
    pub celsius: f64,
    /// The sensor's own limit.
    pub critical_celsius: Option<f64>,
}

/// Reads the sensors, ordered by name; a machine without any (a virtual one) answers with none.
pub fn read() -> Result<Vec<Temperature>, Unreadable> {
    #[cfg(target_os = "linux")]
    return Ok(crate::linux::temperatures::read(std::path::Path::new("/sys")));
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "temperature sensors" });
}
