;; Writes log lines without end, each with what would clear a terminal.
(module
  (import "fitment:accessory/logging@0.1.1" "log" (func $log (param i32 i32 i32)))
  ;; Lines until it returns after all; -1 are more than anybody waits for.
  (global $lines i64 (i64.const -1))
  ;; Bytes of each line.
  (global $bytes i32 (i32.const 200))
  (memory (export "memory") 64)
  (func (export "fitment:accessory/monitor-run@0.1.1#check") (result i32)
    (local $left i64)
    (local.set $left (global.get $lines))
    (memory.fill (i32.const 1024) (i32.const 0x78) (i32.const 0x3f0000))
    ;; a ESC [ 2 J LF LF LF
    (i64.store (i32.const 1024) (i64.const 0x0a0a0a4a325b1b61))
    (loop $again
      ;; The last line begins with z.
      (if (i64.eq (local.get $left) (i64.const 1)) (then (i32.store8 (i32.const 1024) (i32.const 0x7a))))
      (call $log (i32.const 2) (i32.const 1024) (global.get $bytes))
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (br_if $again (i64.ne (local.get $left) (i64.const 0))))
    ;; Zeros stand there: ok([]).
    (i32.const 16)))
