//! `/proc/self/mountinfo`, proc(5).

/// One line: where what is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) mount: String,
    pub(super) device: String,
    pub(super) fstype: String,
}

/// Reads the lines in the order of mounting; what does not parse is left out.
pub(super) fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(line).collect()
}

/// `36 35 98:0 /root /mount options optional… - fstype device super-options`
fn line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mount = left.split(' ').nth(4)?;
    let mut right = right.split(' ');
    let fstype = right.next()?;
    let device = right.next()?;
    Some(Mount { mount: unescape(mount), device: unescape(device), fstype: unescape(fstype) })
}

/// The kernel writes space, tab, line feed and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1..at + 4).and_then(octal)) {
            (b'\\', Some(decoded)) => {
                plain.push(decoded);
                at += 4;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let value = digits.iter().try_fold(0u32, |value, digit| match digit {
        b'0'..=b'7' => Some(value * 8 + u32::from(digit - b'0')),
        _ => None,
    })?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_octal_escapes_and_skips_what_is_no_line() {
        let text = "36 35 98:0 / /mnt/my\\040disk rw,noatime shared:1 master:2 - ext4 /dev/sd\\134a rw\nnonsense\n";
        let mounts = parse(text);
        assert_eq!(
            mounts,
            [Mount { mount: "/mnt/my disk".to_owned(), device: "/dev/sd\\a".to_owned(), fstype: "ext4".to_owned() }]
        );
        assert_eq!(unescape("a\\9b\\04"), "a\\9b\\04");
    }
}
