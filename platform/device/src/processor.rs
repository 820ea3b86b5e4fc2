//! What this machine's processor can do beyond its architecture's beginnings.

/// Returns whether the processor has an extension, by the name that Rust gives it. What is not asked for here is not there.
pub fn has(extension: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    return match extension {
        "sse3" => std::arch::is_x86_feature_detected!("sse3"),
        "ssse3" => std::arch::is_x86_feature_detected!("ssse3"),
        "sse4.1" => std::arch::is_x86_feature_detected!("sse4.1"),
        "sse4.2" => std::arch::is_x86_feature_detected!("sse4.2"),
        "popcnt" => std::arch::is_x86_feature_detected!("popcnt"),
        _ => false,
    };
    #[cfg(not(target_arch = "x86_64"))]
    return {
        let _ = extension;
        false
    };
}
