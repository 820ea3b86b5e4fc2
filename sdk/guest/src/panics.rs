//! Panics that can be read.

/// Sends the message of a panic to the accessory's log: the host itself only sees that the run trapped.
pub(crate) fn tell() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| crate::log::error(&panic.to_string())));
}
