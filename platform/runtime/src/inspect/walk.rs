//! One pass over the sections of a component, at every depth. It allocates nothing that the bytes could blow up.

use wasmparser::{
    BinaryReaderError, ComponentTypeRef, ElementItems, ElementSectionReader, FunctionBody, MemorySectionReader,
    Operator, Parser, Payload, TableSectionReader,
};

use super::structure::Structure;

type Result<T> = std::result::Result<T, BinaryReaderError>;

const WASM_PAGE_BYTES: u64 = 64 * 1024;

/// Walks the component and counts.
pub(super) fn walk(bytes: &[u8]) -> Result<Structure> {
    let mut seen = Structure::default();
    // Whether each open level is a component; the outermost is.
    let mut open: u64 = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => {
                open += 1;
                seen.nesting = seen.nesting.max(open);
            }
            Payload::End(_) => open = open.saturating_sub(1),
            Payload::ModuleSection { .. } => seen.modules += 1,
            Payload::ComponentSection { .. } => seen.components += 1,
            Payload::ComponentImportSection(imports) if open == 1 => {
                for import in imports {
                    outer_import(&mut seen, import?.ty);
                }
            }
            Payload::ComponentStartSection { .. } => seen.start_functions += 1,
            Payload::CodeSectionEntry(body) => function(&mut seen, &body)?,
            Payload::MemorySection(memories) => memory(&mut seen, memories)?,
            Payload::TableSection(tables) => table(&mut seen, tables)?,
            Payload::ElementSection(elements) => element(&mut seen, elements)?,
            other => count(&mut seen, &other),
        }
    }
    Ok(seen)
}

fn count(seen: &mut Structure, payload: &Payload<'_>) {
    match payload {
        Payload::FunctionSection(functions) => seen.functions += u64::from(functions.count()),
        Payload::InstanceSection(instances) => seen.core_instances += u64::from(instances.count()),
        Payload::ComponentInstanceSection(instances) => seen.component_instances += u64::from(instances.count()),
        Payload::ComponentCanonicalSection(canonical) => seen.canonical_functions += u64::from(canonical.count()),
        Payload::ComponentTypeSection(types) => seen.types += u64::from(types.count()),
        Payload::CoreTypeSection(types) => seen.types += u64::from(types.count()),
        Payload::CustomSection(custom) => seen.custom_bytes += custom.data().len() as u64,
        _ => {}
    }
}

fn outer_import(seen: &mut Structure, import: ComponentTypeRef) {
    match import {
        ComponentTypeRef::Instance(_) | ComponentTypeRef::Type(_) => {}
        ComponentTypeRef::Module(_) => seen.core_module_imports += 1,
        ComponentTypeRef::Func(_) | ComponentTypeRef::Value(_) | ComponentTypeRef::Component(_) => {
            seen.foreign_imports += 1
        }
    }
}

fn function(seen: &mut Structure, body: &FunctionBody<'_>) -> Result<()> {
    seen.body_bytes_max = seen.body_bytes_max.max(body.as_bytes().len() as u64);
    let mut locals = 0u64;
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    seen.locals_max = seen.locals_max.max(locals);
    for operator in body.get_operators_reader()? {
        if let Operator::BrTable { targets } = operator? {
            seen.br_table_targets_max = seen.br_table_targets_max.max(u64::from(targets.len()));
        }
    }
    Ok(())
}

fn memory(seen: &mut Structure, memories: MemorySectionReader<'_>) -> Result<()> {
    for memory in memories {
        let bytes = memory?.initial.saturating_mul(WASM_PAGE_BYTES);
        seen.memories += 1;
        seen.memory_bytes_min = seen.memory_bytes_min.saturating_add(bytes);
    }
    Ok(())
}

fn table(seen: &mut Structure, tables: TableSectionReader<'_>) -> Result<()> {
    for table in tables {
        seen.tables += 1;
        seen.table_elements_min = seen.table_elements_min.saturating_add(table?.ty.initial);
    }
    Ok(())
}

fn element(seen: &mut Structure, elements: ElementSectionReader<'_>) -> Result<()> {
    for element in elements {
        seen.elements += match element?.items {
            ElementItems::Functions(items) => u64::from(items.count()),
            ElementItems::Expressions(_, items) => u64::from(items.count()),
        };
    }
    Ok(())
}
