//! Open descriptors, as `/proc` lists them.

use std::os::fd::RawFd;

/// The last of the three streams.
const LAST_STREAM: RawFd = 2;
/// How far it is looked where `/proc` is not mounted: as far as systems let a program open files unless it asks for more.
const UNLISTED_MAX: RawFd = 1_024;

pub(crate) fn beyond_streams() -> Vec<RawFd> {
    let candidates: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(listed) => listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect(),
        Err(_) => (0..UNLISTED_MAX).collect(),
    };
    // The one through which they were listed is among them, and gone.
    candidates.into_iter().filter(|number| *number > LAST_STREAM && is_open(*number)).collect()
}

#[expect(unsafe_code, reason = "a number that was inherited has no owner in Rust")]
fn is_open(number: RawFd) -> bool {
    // SAFETY: it is asked about and not kept; a number that is not open is an error.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_getfd(borrowed).is_ok()
}

#[expect(unsafe_code, reason = "a number that was inherited has no owner in Rust")]
pub(crate) fn close_beyond_streams() {
    for number in beyond_streams() {
        // SAFETY: it is open, and nothing in this program owns it: nothing was opened yet.
        unsafe { rustix::io::close(number) };
    }
}
