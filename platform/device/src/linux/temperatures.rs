//! `/sys/class/hwmon`, and `/sys/class/thermal` where there is none: most thermal zones are hwmon sensors under another name.

use std::path::{Path, PathBuf};

use crate::temperatures::Temperature;

const SENSORS_MAX: usize = 256;

/// Reads all sensors below a `/sys`.
pub(crate) fn read(sys: &Path) -> Vec<Temperature> {
    let mut found = hwmon(&sys.join("class/hwmon"));
    if found.is_empty() {
        found = thermal(&sys.join("class/thermal"));
    }
    found.sort_by(|left, right| left.sensor.cmp(&right.sensor));
    found.truncate(SENSORS_MAX);
    found
}

fn hwmon(folder: &Path) -> Vec<Temperature> {
    let mut found = Vec::new();
    for chip in entries(folder) {
        let chip_name = text(&chip.join("name")).unwrap_or_else(|| name(&chip));
        for input in entries(&chip) {
            let file = name(&input);
            let Some(sensor) = file.strip_suffix("_input").filter(|sensor| sensor.starts_with("temp")) else {
                continue;
            };
            let Some(celsius) = celsius(&input) else { continue };
            let label = text(&chip.join(format!("{sensor}_label"))).unwrap_or_else(|| sensor.to_owned());
            found.push(Temperature {
                sensor: format!("{chip_name} {label}"),
                celsius,
                critical: celsius_above_zero(&chip.join(format!("{sensor}_crit"))),
            });
        }
    }
    found
}

fn thermal(folder: &Path) -> Vec<Temperature> {
    let zones = entries(folder).into_iter().filter(|zone| name(zone).starts_with("thermal_zone"));
    let read = zones.filter_map(|zone| {
        Some(Temperature {
            sensor: text(&zone.join("type")).unwrap_or_else(|| name(&zone)),
            celsius: celsius(&zone.join("temp"))?,
            critical: critical_trip(&zone),
        })
    });
    read.collect()
}

fn critical_trip(zone: &Path) -> Option<f64> {
    let critical = entries(zone).into_iter().find(|path| {
        let file = name(path);
        file.starts_with("trip_point_") && file.ends_with("_type") && text(path).as_deref() == Some("critical")
    })?;
    celsius_above_zero(&critical.with_file_name(name(&critical).replace("_type", "_temp")))
}

/// Sensors that are not wired write 0 or less as their limit.
fn celsius_above_zero(path: &Path) -> Option<f64> {
    celsius(path).filter(|limit| *limit > 0.0)
}

fn celsius(path: &Path) -> Option<f64> {
    let thousandths: f64 = text(path)?.parse().ok()?;
    Some(thousandths / 1_000.0)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(80).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::testing::write;
    use super::*;

    #[test]
    fn chips_come_first_and_zones_where_there_are_none() {
        let sys = tempfile::tempdir().expect("a folder");
        write(sys.path(), "class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
        write(sys.path(), "class/thermal/thermal_zone0/temp", "41000\n");
        write(sys.path(), "class/thermal/thermal_zone0/trip_point_1_type", "critical\n");
        write(sys.path(), "class/thermal/thermal_zone0/trip_point_1_temp", "100000\n");
        let zone = Temperature { sensor: "x86_pkg_temp".to_owned(), celsius: 41.0, critical: Some(100.0) };
        assert_eq!(read(sys.path()), [zone]);

        write(sys.path(), "class/hwmon/hwmon0/name", "coretemp\n");
        write(sys.path(), "class/hwmon/hwmon0/temp1_input", "42500\n");
        write(sys.path(), "class/hwmon/hwmon0/temp1_label", "Core 0\n");
        write(sys.path(), "class/hwmon/hwmon0/temp1_crit", "0\n");
        write(sys.path(), "class/hwmon/hwmon0/fan1_input", "1200\n");
        let core = Temperature { sensor: "coretemp Core 0".to_owned(), celsius: 42.5, critical: None };
        assert_eq!(read(sys.path()), [core]);
    }
}
