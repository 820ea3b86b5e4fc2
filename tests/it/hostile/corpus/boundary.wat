;; Values that cross between guest and host.

;;; logs-4-gib: a text of all addresses
;;; ends: stopped
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 2) (i32.const 0) (i32.const -1)) (i32.const 16))

;;; logs-round-the-end: address and length that overflow
;;; ends: trapped out of bounds
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 2) (i32.const 0xfffffff0) (i32.const 0x20)) (i32.const 16))

;;; logs-across-the-end: one byte too many
;;; ends: trapped out of bounds
(import "@logging" "log" (func $log (param i32 i32 i32)))
(memory (export "memory") 1)
(func $check (result i32) (call $log (i32.const 2) (i32.const 0xfff0) (i32.const 17)) (i32.const 16))

;;; logs-nothing-at-the-very-end: no byte, after the last one
;;; ends: returns
(import "@logging" "log" (func $log (param i32 i32 i32)))
(memory (export "memory") 1)
(func $check (result i32) (call $log (i32.const 2) (i32.const 0x10000) (i32.const 0)) (i32.const 16))

;;; logs-no-utf-8: bytes that never stand in a text
;;; ends: trapped utf-8
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "\ff\fe\fd")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 3)) (i32.const 16))

;;; logs-half-a-character: cut in two
;;; ends: trapped utf-8
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "\f0\9f\98")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 3)) (i32.const 16))

;;; logs-a-lone-surrogate: as three bytes
;;; ends: trapped utf-8
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "\ed\a0\80")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 3)) (i32.const 16))

;;; logs-an-overlong-nul: two bytes for what one says
;;; ends: trapped utf-8
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "\c0\80")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 2)) (i32.const 16))

;;; logs-at-a-level-that-is-none: a case beyond the last
;;; ends: trapped
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 5) (i32.const 1024) (i32.const 3)) (i32.const 16))

;;; logs-utf-16-at-an-odd-place: units of two bytes
;;; ends: trapped not aligned
;;; encoding: utf16
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 2) (i32.const 1025) (i32.const 3)) (i32.const 16))

;;; logs-a-lone-surrogate-in-utf-16: the first half of a pair
;;; ends: trapped
;;; encoding: utf16
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "\00\d8")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 1)) (i32.const 16))

;;; logs-1e9-units-of-utf-16: twice as many bytes
;;; ends: stopped
;;; encoding: utf16
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 1000000000)) (i32.const 16))

;;; logs-as-latin-1-or-utf-16: with the mark of one and the length of nobody
;;; ends: stopped
;;; encoding: compact-utf16
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 0xffffffff)) (i32.const 16))

;;; wants-its-answer-nowhere: beyond its memory
;;; ends: trapped out of bounds
(import "@run-context" "config" (func $config (param i32)))
(func $check (result i32) (call $config (i32.const -4)) (i32.const 16))

;;; wants-its-answer-at-an-odd-place: of words
;;; ends: trapped not aligned
(import "@run-context" "config" (func $config (param i32)))
(func $check (result i32) (call $config (i32.const 513)) (i32.const 16))

;;; gives-no-place: realloc returns 0, where nothing of its own stands
;;; ends: returns
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; gives-a-place-beyond-its-memory: realloc returns the last address
;;; ends: trapped beyond end of memory
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const -1))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; gives-an-odd-place: realloc for words
;;; ends: trapped not aligned
;;; on: device
(import "@device" "list-facts" (func $facts (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4097))
(func $check (result i32) (call $facts (i32.const 512)) (i32.const 16))

;;; gives-one-place-for-everything: what the host writes overlaps
;;; ends: returns
;;; on: device
(import "@device" "list-facts" (func $facts (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
(func $check (result i32) (call $facts (i32.const 512)) (i32.const 16))

;;; breaks-down-in-realloc: while the host writes its answer
;;; ends: trapped unreachable
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
(func $check (result i32) (call $config (i32.const 512)) (i32.const 16))

;;; answers-nowhere: beyond its memory
;;; ends: trapped
;;; on: device
(func $check (result i32) (i32.const -16))

;;; answers-at-an-odd-place: of words
;;; ends: trapped not aligned
;;; on: device
(func $check (result i32) (i32.const 17))

;;; answers-neither-well-nor-ill: a result with a third case
;;; ends: trapped
;;; on: device
(data (i32.const 16) "\02")
(func $check (result i32) (i32.const 16))

;;; answers-with-a-fault-that-is-none: a variant beyond its last case
;;; ends: trapped
;;; on: device
(data (i32.const 16) "\01\00\00\00\63")
(func $check (result i32) (i32.const 16))

;;; answers-with-1e9-findings: a list longer than all memory
;;; ends: stopped
;;; on: device
(data (i32.const 16) "\00\00\00\00\00\10\00\00\00\ca\9a\3b")
(func $check (result i32) (i32.const 16))

;;; answers-with-a-list-that-overflows: as many as make zero bytes in 32 bits
;;; ends: stopped
;;; on: device
(data (i32.const 16) "\00\00\00\00\00\10\00\00\00\00\00\40")
(func $check (result i32) (i32.const 16))

;;; answers-with-findings-across-the-end: of which the first is within
;;; ends: trapped
;;; on: device
(memory (export "memory") 1)
(data (i32.const 16) "\00\00\00\00\c8\ff\00\00\02\00\00\00")
(func $check (result i32) (i32.const 16))

;;; has-neither-details-nor-none: an option with a third case
;;; ends: trapped
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store8 (i32.const 44) (i32.const 2))
  (local.get $at))

;;; has-a-health-that-is-none: an enum beyond its last case
;;; ends: trapped
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store8 (i32.const 32) (i32.const 200))
  (local.get $at))

;;; has-a-summary-of-no-text: bytes that are no UTF-8
;;; ends: trapped utf-8
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store8 (i32.const 240) (i32.const 0xff))
  (local.get $at))

;;; has-capabilities-beyond-the-last: flags with all bits of their bytes, of which nine mean something
;;; ends: returns
;;; on: server
(func $describe (result i32)
  (i32.store (i32.const 520) (i32.const 1024))
  (i32.store (i32.const 524) (i32.const 3))
  (i32.store16 (i32.const 552) (i32.const 0xffff))
  (i32.const 512))

;;; describes-at-an-odd-place: of double words
;;; ends: trapped not aligned
;;; on: server
(func $describe (result i32) (i32.const 516))

;;; describes-with-an-error-that-is-none: a variant beyond its last case
;;; ends: trapped
;;; on: server
(data (i32.const 512) "\01\00\00\00\00\00\00\00\7f")
(func $describe (result i32) (i32.const 512))
