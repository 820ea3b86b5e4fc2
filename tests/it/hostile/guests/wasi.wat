;; Built as foreign toolchains build: it imports WASI, asks for the environment, writes a line, waits, and asks for a folder.
(module
  (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $folders (param i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.6" "create-tcp-socket" (func $socket (param i32 i32)))
  (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello from WASI\n")
  ;; Nanoseconds that it waits.
  (global $nanoseconds i64 (i64.const 20000000))
  ;; Whether it ends itself by exit.
  (global $exits i32 (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "fitment:accessory/monitor-run@0.1.1#check") (result i32)
    (call $environment (i32.const 128))
    (if (i32.load (i32.const 132)) (then unreachable))
    (call $folders (i32.const 128))
    (if (i32.load (i32.const 132)) (then unreachable))
    (call $write (call $stdout) (i32.const 64) (i32.const 16) (i32.const 128))
    (call $block (call $after (global.get $nanoseconds)))
    ;; A socket is refused with the code that stands for it.
    (call $socket (i32.const 0) (i32.const 128))
    (if (i32.eqz (i32.load8_u (i32.const 128))) (then unreachable))
    (if (global.get $exits) (then (call $exit (i32.const 0))))
    (i32.store (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (i32.const 0))
    (i32.store (i32.const 24) (i32.const 0))
    (i32.const 16)))
