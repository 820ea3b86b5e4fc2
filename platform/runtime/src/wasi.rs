//! WASI 0.2 that grants nothing. Foreign toolchains import all of it, used or not: what a guest asks at its start is answered with
//! an empty world (no environment, no arguments, no folders, a closed input), what it writes goes to its log, it may look at the
//! clock, wait within its wall time and take random numbers. Everything else is refused, or ends the run and says what it was.

use std::time::Duration;

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};
use wasmtime::component::{LinkerInstance, ResourceAny, ResourceDynamic, ResourceType, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail};

use fitment_domain::run::LogLevel;

use crate::state::RunState;

/// Random bytes that one call takes at most.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;
/// Bytes that one write takes at most, as WASI's own streams say.
const WRITE_BYTES_MAX: u64 = 4096;

/// Kinds of handles. What is nowhere made has the last.
const POLLABLE: u32 = 0;
const INPUT: u32 = 1;
const OUTPUT: u32 = 2;
const OTHER: u32 = 3;

/// What the representation of an output says: which stream it is.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

type Store<'a> = StoreContextMut<'a, RunState>;
type Answer = fn(&mut Store<'_>, &[Val]) -> Result<Val>;

/// Adds an interface as a component imports it.
pub(crate) fn offer(
    into: &mut LinkerInstance<'_, RunState>,
    interface: &str,
    engine: &Engine,
    instance: &ComponentInstance,
) -> Result<()> {
    for (name, export) in instance.exports(engine) {
        match export.ty {
            ComponentItem::Resource(_) => into.resource(name, ResourceType::host_dynamic(kind(name)), |_, _| Ok(()))?,
            ComponentItem::ComponentFunc(function) => offer_function(into, interface, name, &function)?,
            _ => {}
        }
    }
    Ok(())
}

fn kind(resource: &str) -> u32 {
    match resource {
        "pollable" => POLLABLE,
        "input-stream" => INPUT,
        "output-stream" => OUTPUT,
        _ => OTHER,
    }
}

fn offer_function(
    into: &mut LinkerInstance<'_, RunState>,
    interface: &str,
    name: &str,
    function: &ComponentFunc,
) -> Result<()> {
    if let ("wasi:io/poll", "[method]pollable.block" | "poll") = (interface, name) {
        return into.func_new_async(name, |mut store, _type, arguments, results| {
            Box::new(async move {
                store.data_mut().host_call()?;
                wait(&mut store, arguments, results).await
            })
        });
    }
    let answer = answer(interface, name);
    let refusal = refusal(function);
    let what = format!("{interface} {name}");
    into.func_new(name, move |mut store, _type, arguments, results| {
        store.data_mut().host_call()?;
        let value = match (answer, &refusal) {
            (Some(answer), _) => answer(&mut store, arguments)?,
            (None, Some(refusal)) => refusal.clone(),
            (None, None) => {
                bail!("the accessory called {what}, which no accessory gets: use the contract's own interfaces")
            }
        };
        if let Some(result) = results.first_mut() {
            *result = value;
        }
        Ok(())
    })
}

/// Returns the error by which a function refuses, if it can answer with one.
fn refusal(function: &ComponentFunc) -> Option<Val> {
    let Some(Type::Result(result)) = function.results().next() else { return None };
    let error = match result.err()? {
        Type::Enum(codes) => Val::Enum(codes.names().find(|name| refuses(name))?.to_owned()),
        Type::Variant(codes) => {
            Val::Variant(codes.cases().find(|case| case.ty.is_none() && refuses(case.name))?.name.to_owned(), None)
        }
        _ => return None,
    };
    Some(Val::Result(Err(Some(Box::new(error)))))
}

fn refuses(code: &str) -> bool {
    matches!(code, "access-denied" | "not-permitted" | "HTTP-request-denied")
}

/// Returns what answers a function of the empty world.
fn answer(interface: &str, name: &str) -> Option<Answer> {
    Some(match (interface, name) {
        ("wasi:cli/environment", "get-environment" | "get-arguments")
        | ("wasi:filesystem/preopens", "get-directories") => |_, _| Ok(Val::List(Vec::new())),
        ("wasi:cli/environment", "initial-cwd")
        | ("wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr", _) => {
            |_, _| Ok(Val::Option(None))
        }
        ("wasi:cli/exit", _) => |_, _| bail!("the accessory ended itself by exit: return from the exported function"),
        ("wasi:cli/stdin", _) => |store, _| handle(store, INPUT, 0),
        ("wasi:cli/stdout", _) => |store, _| handle(store, OUTPUT, STDOUT),
        ("wasi:cli/stderr", _) => |store, _| handle(store, OUTPUT, STDERR),
        ("wasi:io/streams", "[method]output-stream.check-write") => |_, _| Ok(ok(Some(Val::U64(WRITE_BYTES_MAX)))),
        ("wasi:io/streams", "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush") => write,
        ("wasi:io/streams", "[method]output-stream.flush" | "[method]output-stream.blocking-flush") => {
            |_, _| Ok(ok(None))
        }
        ("wasi:io/streams", name) if name.ends_with("stream.subscribe") => |store, _| handle(store, POLLABLE, 0),
        ("wasi:io/streams", name) if name.starts_with("[method]") => {
            |_, _| Ok(Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None))))))
        }
        ("wasi:io/poll", "[method]pollable.ready") => |store, arguments| {
            let due_ms = arguments.first().map(|pollable| rep(store, pollable)).transpose()?.unwrap_or(0);
            Ok(Val::Bool(u64::from(due_ms) <= store.data().elapsed_ms()))
        },
        ("wasi:clocks/monotonic-clock", "now") => |store, _| Ok(Val::U64(store.data().guest_monotonic_ns())),
        ("wasi:clocks/monotonic-clock", "resolution") => |_, _| Ok(Val::U64(1_000_000)),
        ("wasi:clocks/monotonic-clock", "subscribe-duration") => |store, arguments| due_in(store, number(arguments)),
        ("wasi:clocks/monotonic-clock", "subscribe-instant") => |store, arguments| {
            let left_ns = number(arguments).saturating_sub(store.data().guest_monotonic_ns());
            due_in(store, left_ns)
        },
        ("wasi:clocks/wall-clock", "now") => |store, _| Ok(time(store.data().guest_now_ms())),
        ("wasi:clocks/wall-clock", "resolution") => |_, _| Ok(time(1)),
        ("wasi:random/random" | "wasi:random/insecure", "get-random-bytes" | "get-insecure-random-bytes") => {
            |_, arguments| {
                let bytes = random(number(arguments))?;
                Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
            }
        }
        ("wasi:random/random" | "wasi:random/insecure", _) => |_, _| Ok(Val::U64(random_number()?)),
        ("wasi:random/insecure-seed", _) => {
            |_, _| Ok(Val::Tuple(vec![Val::U64(random_number()?), Val::U64(random_number()?)]))
        }
        _ => return None,
    })
}

fn ok(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

fn number(arguments: &[Val]) -> u64 {
    match arguments.first() {
        Some(Val::U64(number)) => *number,
        _ => 0,
    }
}

fn handle(store: &mut Store<'_>, kind: u32, rep: u32) -> Result<Val> {
    Ok(Val::Resource(ResourceDynamic::new_own(rep, kind).try_into_resource_any(store)?))
}

fn rep(store: &mut Store<'_>, handle: &Val) -> Result<u32> {
    let Val::Resource(handle) = handle else { bail!("a handle was expected") };
    Ok(ResourceDynamic::try_from_resource_any(ResourceAny::clone(handle), store)?.rep())
}

/// Puts what a guest writes on its streams into its log: a write is a line.
fn write(store: &mut Store<'_>, arguments: &[Val]) -> Result<Val> {
    let [stream, Val::List(bytes)] = arguments else { bail!("a stream and bytes were expected") };
    let level = if rep(store, stream)? == STDERR { LogLevel::Warn } else { LogLevel::Info };
    let bytes: Vec<u8> =
        bytes.iter().filter_map(|byte| if let Val::U8(byte) = byte { Some(*byte) } else { None }).collect();
    let text = String::from_utf8_lossy(&bytes);
    if !text.trim().is_empty() {
        store.data_mut().log.push(level, text.trim_end());
    }
    Ok(ok(None))
}

/// Makes a pollable. Its representation is when it is due, in milliseconds since the run started; no time passes on a simulated
/// device, so there it is due at once.
fn due_in(store: &mut Store<'_>, nanoseconds: u64) -> Result<Val> {
    let state = store.data();
    let due_ms = match state.simulated {
        Some(_) => 0,
        None => state.elapsed_ms().saturating_add(nanoseconds.div_ceil(1_000_000)),
    };
    handle(store, POLLABLE, u32::try_from(due_ms).unwrap_or(u32::MAX))
}

/// Waits until the first of these is due; the run's wall time ends it before, if that is earlier.
async fn wait(store: &mut Store<'_>, arguments: &[Val], results: &mut [Val]) -> Result<()> {
    let pollables = match arguments.first() {
        Some(Val::List(pollables)) => pollables.as_slice(),
        _ => arguments,
    };
    let due_ms = pollables.iter().map(|pollable| rep(store, pollable)).collect::<Result<Vec<u32>>>()?;
    let Some(first_ms) = due_ms.iter().min() else { bail!("a wait for nothing would never end") };
    let left_ms = u64::from(*first_ms).saturating_sub(store.data().elapsed_ms());
    if left_ms > 0 {
        tokio::time::sleep(Duration::from_millis(left_ms)).await;
    }
    if let Some(result) = results.first_mut() {
        let ready = (0_u32..).zip(&due_ms).filter(|(_, due_ms)| *due_ms <= first_ms);
        *result = Val::List(ready.map(|(index, _)| Val::U32(index)).collect());
    }
    Ok(())
}

fn time(milliseconds: u64) -> Val {
    let nanoseconds = u32::try_from(milliseconds % 1_000).unwrap_or(0) * 1_000_000;
    Val::Record(vec![
        ("seconds".to_owned(), Val::U64(milliseconds / 1_000)),
        ("nanoseconds".to_owned(), Val::U32(nanoseconds)),
    ])
}

fn random(bytes: u64) -> Result<Vec<u8>> {
    if bytes > RANDOM_BYTES_MAX {
        bail!("{bytes} random bytes at once are too many, at most {RANDOM_BYTES_MAX}");
    }
    let mut buffer = vec![0; usize::try_from(bytes)?];
    getrandom::fill(&mut buffer)
        .map_err(|error| wasmtime::format_err!("the system gives no random numbers: {error}"))?;
    Ok(buffer)
}

fn random_number() -> Result<u64> {
    let bytes = random(8)?;
    Ok(bytes.into_iter().fold(0, |number, byte| (number << 8) | u64::from(byte)))
}
