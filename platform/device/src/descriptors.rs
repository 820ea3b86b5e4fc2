//! What a program was itself started with: open files of whoever started it.

/// Closes every descriptor but the three streams. Called first of all, while nothing of the program's own is open and it has one thread.
pub fn close_inherited() {
    #[cfg(target_os = "linux")]
    crate::linux::descriptors::close_beyond_streams();
}

/// Returns the descriptors that are open beyond the three streams.
pub fn beyond_streams() -> Vec<i32> {
    #[cfg(target_os = "linux")]
    return crate::linux::descriptors::beyond_streams();
    #[cfg(not(target_os = "linux"))]
    return Vec::new();
}
