;; What belongs to others.

;;; finds-memory-of-before: all that it did not write is nothing, in every run
;;; ends: told 0
(memory (export "memory") 64)
(func $check (result i32)
  (local $at i32) (local $found i64)
  (local.set $at (i32.const 0x1000))
  (loop $again
    (local.set $found (i64.or (local.get $found) (i64.load (local.get $at))))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $again (i32.lt_u (local.get $at) (i32.const 0x400000))))
  (memory.fill (i32.const 0x1000) (i32.const 170) (i32.const 0x3ff000))
  (call $tell (f64.convert_i64_u (local.get $found))))

;;; finds-a-variable-of-before: it begins anew
;;; ends: told 7
(global $kept (mut i32) (i32.const 7))
(func $check (result i32)
  (local $found i32)
  (local.set $found (global.get $kept))
  (global.set $kept (i32.const 8))
  (call $tell (f64.convert_i32_u (local.get $found))))

;;; reads-the-machine: without having been granted it
;;; ends: refused metrics
;;; ungranted: metrics
(import "@metrics" "read-memory" (func $read (param i32)))
(func $check (result i32) (call $read (i32.const 512)) (i32.const 16))

;;; reads-services: without having been granted them
;;; ends: refused services:read
;;; ungranted: services:read
(import "@services" "list-services" (func $read (param i32)))
(func $check (result i32) (call $read (i32.const 512)) (i32.const 16))

;;; reads-files: without having been granted any
;;; ends: refused files:read
;;; ungranted: files:read=/etc/**
(import "@files" "stat" (func $read (param i32 i32 i32)))
(func $check (result i32) (call $read (i32.const 1024) (i32.const 0) (i32.const 512)) (i32.const 16))

;;; reads-packages: without having been granted them
;;; ends: refused packages
;;; ungranted: packages
(import "@packages" "list-pending" (func $read (param i32)))
(func $check (result i32) (call $read (i32.const 512)) (i32.const 16))

;;; looks-at-machines: without having been granted any
;;; ends: refused net
;;; ungranted: net=granted.example:443
(import "@net" "ping" (func $ping (param i32 i32 i32 i32 i32)))
(func $check (result i32)
  (call $ping (i32.const 1024) (i32.const 0) (i32.const 1) (i32.const 10) (i32.const 512))
  (i32.const 16))

;;; keeps-a-state: without having been granted it
;;; ends: refused state
;;; ungranted: state
(import "@state" "get" (func $get (param i32 i32 i32)))
(func $check (result i32) (call $get (i32.const 1024) (i32.const 1) (i32.const 512)) (i32.const 16))

;;; asks-servers: without having been granted one
;;; ends: refused http
;;; ungranted: http=https://granted.example
(import "@http" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(func $check (result i32)
  (call $send (i32.const 1024) (i32.const 0) (i32.const 1024) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 512))
  (i32.const 16))

;;; reads-the-runners-own-memory: through a file of its own process
;;; ends: told 1
;;; grants: files:read=/tmp/none/**
(import "@files" "read" (func $read (param i32 i32 i64 i32 i32)))
(data (i32.const 1024) "/proc/self/mem")
(func $check (result i32)
  (call $read (i32.const 1024) (i32.const 14) (i64.const 0x10000) (i32.const 100) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; reads-the-runners-environment: by a way round
;;; ends: told 1
;;; grants: files:read=/tmp/none/**
(import "@files" "read" (func $read (param i32 i32 i64 i32 i32)))
(data (i32.const 1024) "/tmp/none/../../proc/self/environ")
(func $check (result i32)
  (call $read (i32.const 1024) (i32.const 33) (i64.const 0) (i32.const 100) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; lists-the-whole-disk: from the top
;;; ends: told 1
;;; grants: files:read=/tmp/none/**
(import "@files" "list-directory" (func $list (param i32 i32 i32)))
(data (i32.const 1024) "/")
(func $check (result i32)
  (call $list (i32.const 1024) (i32.const 1) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; reads-a-path-with-a-nul: of which a system sees the first half
;;; ends: told 1
;;; grants: files:read=/tmp/none/**
(import "@files" "stat" (func $stat (param i32 i32 i32)))
(data (i32.const 1024) "/etc/passwd\00/tmp/none/x")
(func $check (result i32)
  (call $stat (i32.const 1024) (i32.const 23) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; reaches-another-machine: which it was not granted
;;; ends: told 1
;;; grants: net=granted.example:443
(import "@net" "tcp" (func $tcp (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 1024) "127.0.0.1")
(func $check (result i32)
  (call $tcp (i32.const 1024) (i32.const 9) (i32.const 22) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 100) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))
