;; Time on the processor.

;;; turns: for ever
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(func $check (result i32) (loop $again (br $again)) (i32.const 16))

;;; turns-on: for ever, with more instructions than time
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $check (result i32) (loop $again (br $again)) (i32.const 16))

;;; turns-at-start: before anything of it is called
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(func $begin (loop $again (br $again)))
(start $begin)
(func $check (result i32) (i32.const 16))

;;; turns-at-start-on: before anything of it is called, with more instructions than time
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $begin (loop $again (br $again)))
(start $begin)
(func $check (result i32) (i32.const 16))

;;; turns-in-realloc: while the host waits for a place for its answer
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) (i32.const 4096))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; turns-in-realloc-on: the same, with more instructions than time
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) (i32.const 4096))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; turns-afterwards: when its answer is taken already, in its post-return
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(func $post (loop $again (br $again)))
(func $check (result i32) (i32.const 16))

;;; calls-tiny-functions: bodies of one instruction
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $tiny)
(func $two (call $tiny) (call $tiny))
(func $four (call $two) (call $two))
(func $check (result i32) (loop $again (call $four) (call $four) (br $again)) (i32.const 16))

;;; computes-with-vectors: 128 bits at a time
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $check (result i32)
  (local $v v128)
  (loop $again
    (local.set $v (i32x4.mul (i32x4.add (local.get $v) (v128.const i32x4 1 2 3 4)) (v128.const i32x4 5 6 7 8)))
    (br $again))
  (i32.const 16))

;;; computes-roots: the dearest instructions there are
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $check (result i32)
  (local $x f64)
  (local.set $x (f64.const 2))
  (loop $again (local.set $x (f64.sqrt (f64.div (local.get $x) (f64.const 1.1)))) (br $again))
  (i32.const 16))

;;; branches-by-table: with an index that changes
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(func $check (result i32)
  (local $i i32)
  (loop $again
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (block $a (block $b (block $c (br_table $a $b $c (i32.rem_u (local.get $i) (i32.const 3))))))
    (br $again))
  (i32.const 16))

;;; calls-in-its-own-place: a tail call needs no stack
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(func $on (param i32) (result i32) (return_call $on (i32.add (local.get 0) (i32.const 1))))
(func $check (result i32) (drop (call $on (i32.const 0))) (i32.const 16))

;;; calls-through-a-table: one table, one type
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
(type $nothing (func))
(func $tiny)
(table funcref (elem $tiny))
(func $check (result i32) (loop $again (call_indirect (type $nothing) (i32.const 0)) (br $again)) (i32.const 16))

;;; copies-memory: half a MiB with one instruction
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $check (result i32)
  (loop $again (memory.copy (i32.const 0x1000) (i32.const 0x2000) (i32.const 0x80000)) (br $again))
  (i32.const 16))

;;; fills-a-table: 10,000 elements with one instruction
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(table $t 10000 funcref)
(func $check (result i32)
  (loop $again (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000)) (br $again))
  (i32.const 16))

;;; grows-by-nothing: each time the limiter is asked
;;; ends: exhausted cpu_ms_max
;;; budget: fuel_max=max cpu_ms_max=60
(func $check (result i32) (loop $again (drop (memory.grow (i32.const 0))) (br $again)) (i32.const 16))

;;; turns-a-little: what is within the bounds is nobody's business
;;; ends: returns
(func $check (result i32)
  (local $left i32)
  (local.set $left (i32.const 100000))
  (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (i32.const 16))
