;; The stack.

;;; recurses: a function that calls itself
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(func $down (param i32) (result i32) (i32.add (i32.const 1) (call $down (local.get 0))))
(func $check (result i32) (drop (call $down (i32.const 0))) (i32.const 16))

;;; recurses-in-turn: two functions that call each other
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(func $one (param i32) (result i32) (i32.add (i32.const 1) (call $other (local.get 0))))
(func $other (param i32) (result i32) (i32.add (i32.const 1) (call $one (local.get 0))))
(func $check (result i32) (drop (call $one (i32.const 0))) (i32.const 16))

;;; recurses-through-a-table: where no compiler sees it
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(type $step (func (param i32) (result i32)))
(table funcref (elem $down))
(func $down (type $step) (i32.add (i32.const 1) (call_indirect (type $step) (local.get 0) (i32.const 0))))
(func $check (result i32) (drop (call $down (i32.const 0))) (i32.const 16))

;;; recurses-in-realloc: under a host function
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(import "@run-context" "config" (func $config (param i32)))
(func $down (param i32) (result i32) (i32.add (i32.const 1) (call $down (local.get 0))))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $down (i32.const 0)))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; recurses-at-start: while it is instantiated
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(func $down (param i32) (result i32) (i32.add (i32.const 1) (call $down (local.get 0))))
(func $begin (drop (call $down (i32.const 0))))
(start $begin)
(func $check (result i32) (i32.const 16))

;;; recurses-afterwards: in its post-return
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(func $down (param i32) (result i32) (i32.add (i32.const 1) (call $down (local.get 0))))
(func $post (drop (call $down (i32.const 0))))
(func $check (result i32) (i32.const 16))

;;; recurses-with-many-values: frames of the largest number of arguments that are usual
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max
(func $down (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
  (i64.add (local.get 15)
    (call $down (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7) (local.get 8)
      (local.get 9) (local.get 10) (local.get 11) (local.get 12) (local.get 13) (local.get 14) (local.get 15)
      (i64.add (local.get 0) (i64.const 1)))))
(func $check (result i32)
  (drop (call $down (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
    (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15)))
  (i32.const 16))

;;; calls-the-host-from-the-bottom: with as much stack used as there is
;;; ends: trapped call stack exhausted
;;; budget: fuel_max=max host_calls_max=10000
(import "@logging" "log" (func $log (param i32 i32 i32)))
(import "@run-context" "remaining-ms" (func $remaining (result i32)))
(global $depth (mut i32) (i32.const 0))
(func $down (param i32) (result i32)
  (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
  (if (i32.gt_u (global.get $depth) (i32.const 8000)) (then (drop (call $remaining))))
  (i32.add (i32.const 1) (call $down (local.get 0))))
(func $check (result i32) (drop (call $down (i32.const 0))) (i32.const 16))

;;; recurses-beyond-its-stack: to a depth that twice or three times as much would hold
;;; ends: trapped call stack exhausted
(func $down (param i32) (result i32)
  (if (result i32) (i32.eqz (local.get 0))
    (then (i32.const 0))
    (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
(func $check (result i32) (drop (call $down (i32.const 40000))) (i32.const 16))

;;; recurses-a-little: what comes back needs no help
;;; ends: returns
(func $down (param i32) (result i32)
  (if (result i32) (i32.eqz (local.get 0))
    (then (i32.const 0))
    (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
(func $check (result i32) (drop (call $down (i32.const 1000))) (i32.const 16))
