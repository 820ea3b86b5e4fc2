;; Time that passes.

;;; outlives-its-time: computes beyond it
;;; ends: exhausted wall_ms_max
;;; budget: fuel_max=max cpu_ms_max=max wall_ms_max=120
(func $check (result i32) (loop $again (br $again)) (i32.const 16))

;;; waits-by-asking-the-time: until its time is over or its calls are
;;; ends: exhausted
;;; budget: fuel_max=max cpu_ms_max=max wall_ms_max=120
(import "@clock" "now-ms" (func $now (result i64)))
(func $check (result i32)
  (local $until i64)
  (local.set $until (i64.add (call $now) (i64.const 3600000)))
  (loop $again (br_if $again (i64.lt_u (call $now) (local.get $until))))
  (i32.const 16))

;;; measures-less-than-a-millisecond: the clock has none
;;; ends: told 0
(import "@clock" "monotonic-ns" (func $now (result i64)))
(func $check (result i32)
  (local $left i32) (local $odd i64)
  (local.set $left (i32.const 1000))
  (loop $again
    (local.set $odd (i64.or (local.get $odd) (i64.rem_u (call $now) (i64.const 1000000))))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $tell (f64.convert_i64_u (local.get $odd))))

;;; catches-the-clock-going-back: it never does
;;; ends: told 0
(import "@clock" "monotonic-ns" (func $now (result i64)))
(func $check (result i32)
  (local $left i32) (local $before i64) (local $after i64) (local $back i32)
  (local.set $left (i32.const 4000))
  (loop $again
    (local.set $after (call $now))
    (local.set $back (i32.add (local.get $back) (i64.lt_u (local.get $after) (local.get $before))))
    (local.set $before (local.get $after))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $tell (f64.convert_i32_u (local.get $back))))

;;; wins-time: what is left never grows
;;; ends: told 0
(import "@run-context" "remaining-ms" (func $remaining (result i32)))
(func $check (result i32)
  (local $left i32) (local $before i32) (local $after i32) (local $won i32)
  (local.set $left (i32.const 4000))
  (local.set $before (i32.const -1))
  (loop $again
    (local.set $after (call $remaining))
    (local.set $won (i32.add (local.get $won) (i32.gt_u (local.get $after) (local.get $before))))
    (local.set $before (local.get $after))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $tell (f64.convert_i32_u (local.get $won))))
