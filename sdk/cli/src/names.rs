//! Names of functions: what a trap's backtrace is read by. Everything else that a linker names is left out.

use wasmparser::{KnownCustom, Name, Parser, Payload};

use crate::componentize::{append_section, append_size};

/// Longer names, of nested generic types, are cut: their beginning says where they are.
const NAME_CHARS_MAX: usize = 80;
/// The subsection of functions, in the custom section `name` of the core specification's appendix.
const FUNCTIONS: u8 = 1;

/// Returns the module with the names of its functions as people write them, and no other names. A module whose names do not read
/// stays as it is: the component's own check says what is wrong.
pub fn of_functions_alone(module: &[u8]) -> Vec<u8> {
    named(module).unwrap_or_else(|| module.to_vec())
}

fn named(module: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut names, mut from) = (Vec::with_capacity(module.len()), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload.ok()? else { continue };
        let KnownCustom::Name(reader) = section.as_known() else { continue };
        for subsection in reader {
            let Name::Function(functions) = subsection.ok()? else { continue };
            for function in functions {
                let function = function.ok()?;
                names.push((function.index, readable(function.name)));
            }
        }
        let contents = section.range();
        // The section's id and size stand before its contents.
        let begin = header(module, contents.start, contents.len())?;
        kept.extend_from_slice(module.get(from..begin)?);
        from = contents.end;
    }
    kept.extend_from_slice(module.get(from..)?);
    if names.is_empty() {
        return Some(kept);
    }
    let mut list = Vec::new();
    append_size(&mut list, names.len());
    for (index, name) in names {
        append_size(&mut list, usize::try_from(index).ok()?);
        append_size(&mut list, name.len());
        list.extend_from_slice(name.as_bytes());
    }
    let mut contents = vec![FUNCTIONS];
    append_size(&mut contents, list.len());
    contents.extend_from_slice(&list);
    append_section(&mut kept, "name", &contents);
    Some(kept)
}

/// Returns where the header of a custom section begins: its id, and its size in one to five bytes, which linkers fill up.
fn header(module: &[u8], contents: usize, size: usize) -> Option<usize> {
    let begins = |bytes: &usize| {
        let (Some(begin), Some(at)) = (contents.checked_sub(bytes + 1), contents.checked_sub(*bytes)) else {
            return false;
        };
        let Some(size_bytes) = module.get(at..contents) else { return false };
        let read = size_bytes.iter().rev().fold(0_usize, |size, byte| (size << 7) | usize::from(byte & 0x7f));
        let goes_on = size_bytes.iter().rev().skip(1).all(|byte| byte & 0x80 != 0);
        let ends = size_bytes.last().is_some_and(|byte| byte & 0x80 == 0);
        module.get(begin) == Some(&0) && read == size && goes_on && ends
    };
    (1..=5).find(begins).and_then(|bytes| contents.checked_sub(bytes + 1))
}

fn readable(name: &str) -> String {
    // Without the hash at the end of a name, which says nothing to anybody.
    format!("{:#}", rustc_demangle::demangle(name)).chars().take(NAME_CHARS_MAX).collect()
}
