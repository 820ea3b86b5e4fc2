;; Calls where none may be made, and what comes after a break-down.

;;; calls-the-host-from-realloc: while a host function writes its answer
;;; ends: trapped cannot leave component instance
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $config (i32.const 512)) (i32.const 4096))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; calls-the-host-afterwards: in its post-return
;;; ends: trapped cannot leave component instance
(import "@clock" "now-ms" (func $now (result i64)))
(func $post (drop (call $now)))
(func $check (result i32) (i32.const 16))

;;; calls-the-host-at-start: counted like every call
;;; ends: exhausted host_calls_max
;;; budget: host_calls_max=100
(import "@clock" "now-ms" (func $now (result i64)))
(func $begin (loop $again (drop (call $now)) (br $again)))
(start $begin)
(func $check (result i32) (i32.const 16))

;;; calls-itself-from-realloc: its own entry, under a host function
;;; ends: trapped cannot leave component instance
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $check))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; breaks-down-in-the-midst-of-a-call: a text under way, nothing to put it into
;;; ends: trapped unreachable
(import "@run-context" "parameters" (func $parameters (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (drop (memory.grow (i32.const 1)))
  (unreachable))
(func $check (result i32) (call $parameters (i32.const 512)) (i32.const 16))

;;; grows-in-realloc: memory moves under the host's hand
;;; ends: returns
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))
(func $check (result i32)
  (call $config (i32.const 512))
  (call $config (i32.const 512))
  (i32.const 16))
