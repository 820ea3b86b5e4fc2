//! What the walk over a component counts.

/// Counts over a component and everything nested in it.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pub(super) functions: u64,
    pub(super) body_bytes_max: u64,
    pub(super) locals_max: u64,
    pub(super) br_table_targets_max: u64,
    pub(super) modules: u64,
    pub(super) components: u64,
    pub(super) nesting: u64,
    pub(super) component_instances: u64,
    pub(super) core_instances: u64,
    pub(super) memories: u64,
    pub(super) memory_bytes_min: u64,
    pub(super) tables: u64,
    pub(super) table_elements_min: u64,
    pub(super) elements: u64,
    pub(super) canonical_functions: u64,
    pub(super) types: u64,
    pub(super) custom_bytes: u64,
    pub(super) core_module_imports: u64,
    pub(super) foreign_imports: u64,
    pub(super) start_functions: u64,
}
