//! The storefront: what there is, what it may do, and on which devices it fits.

pub(super) mod detail;
pub(super) mod install;
pub(super) mod list;
