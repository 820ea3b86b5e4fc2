//! The corpus on a whole platform.
