//! WebAssembly by hand: small components that no tool of ours makes.

/// The header of a component.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// The header of a core module; alone it is a whole, empty one.
pub(crate) const MODULE: &[u8] = b"\0asm\x01\0\0\0";

// Sections of a component, by the numbers of the binary format.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const NESTED: u8 = 4;
const INSTANCE: u8 = 5;
const ALIAS: u8 = 6;

fn leb128(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb128(body.len()), body].concat()
}

/// Instantiates a component by its number, without arguments, so many times.
fn instances(component: u8, count: u8) -> Vec<u8> {
    let one = [0, component, 0];
    section(INSTANCE, &[&[count][..], &one.repeat(usize::from(count))].concat())
}

/// Returns an empty component.
pub(crate) fn empty() -> Vec<u8> {
    COMPONENT.to_vec()
}

/// Returns a chain of nested components, each of which instantiates the one before twice: a kilobyte whose compilation
/// takes time and memory that double with every link.
pub(crate) fn doubling(links: u8) -> Vec<u8> {
    let first = [COMPONENT, &section(CORE_MODULE, MODULE), &section(CORE_INSTANCE, &[1, 0, 0, 0])].concat();
    let mut out = [COMPONENT, &section(NESTED, &first)].concat();
    for before in 0..links {
        // One component, outer, one level up, by its number there.
        let alias = section(ALIAS, &[1, 4, 2, 1, before]);
        out.extend(section(NESTED, &[COMPONENT, &alias, &instances(0, 2)].concat()));
    }
    out.extend(instances(links, 1));
    out
}

/// Returns a component whose one module has so many empty functions.
pub(crate) fn many_functions(count: usize) -> Vec<u8> {
    let types = section(1, &[1, 0x60, 0, 0]);
    let functions = section(3, &[leb128(count), vec![0; count]].concat());
    let code = section(10, &[leb128(count), [2, 0, 0x0b].repeat(count)].concat());
    let module = [MODULE, &types, &functions, &code].concat();
    [COMPONENT, &section(CORE_MODULE, &module)].concat()
}
