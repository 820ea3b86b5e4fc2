//! What this machine's processor can do beyond its architecture's beginnings.

/// Returns whether the processor has an extension, by the name that Rust gives it. What is not asked for here is not there.
#[cfg(target_arch = "x86_64")]
pub fn has(extension: &str) -> bool {
    match extension {
        "sse3" => std::arch::is_x86_feature_detected!("sse3"),
        "ssse3" => std::arch::is_x86_feature_detected!("ssse3"),
        "sse4.1" => std::arch::is_x86_feature_detected!("sse4.1"),
        "sse4.2" => std::arch::is_x86_feature_detected!("sse4.2"),
        "popcnt" => std::arch::is_x86_feature_detected!("popcnt"),
        _ => false,
    }
}

/// Returns whether the processor has an extension. No target of compiled code asks for one here.
#[cfg(not(target_arch = "x86_64"))]
pub fn has(_extension: &str) -> bool {
    false
}
