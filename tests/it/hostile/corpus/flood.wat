;; Calls into the host without end. The bound is on all of them together.

;;; asks-the-time: until it is sent away
;;; ends: exhausted host_calls_max
(import "@clock" "now-ms" (func $now (result i64)))
(func $check (result i32) (loop $again (drop (call $now)) (br $again)) (i32.const 16))

;;; asks-how-long-it-runs: on the other clock
;;; ends: exhausted host_calls_max
(import "@clock" "monotonic-ns" (func $now (result i64)))
(func $check (result i32) (loop $again (drop (call $now)) (br $again)) (i32.const 16))

;;; asks-what-is-left: of its time
;;; ends: exhausted host_calls_max
(import "@run-context" "remaining-ms" (func $remaining (result i32)))
(func $check (result i32) (loop $again (drop (call $remaining)) (br $again)) (i32.const 16))

;;; logs-empty-lines: which are not free either
;;; ends: exhausted host_calls_max
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (loop $again (call $log (i32.const 2) (i32.const 1024) (i32.const 0)) (br $again)) (i32.const 16))

;;; logs-full-lines: 4 KiB each
;;; ends: exhausted host_calls_max
;;; budget: host_calls_max=2000
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32)
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 4096))
  (loop $again (call $log (i32.const 2) (i32.const 0x1000) (i32.const 4096)) (br $again))
  (i32.const 16))

;;; reads-its-configuration: again and again, always at the same place
;;; ends: exhausted host_calls_max
(import "@run-context" "config" (func $config (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
(func $check (result i32) (loop $again (call $config (i32.const 512)) (br $again)) (i32.const 16))

;;; reads-facts: all of them, again and again
;;; ends: exhausted host_calls_max
;;; budget: host_calls_max=2000
;;; on: device
(import "@device" "list-facts" (func $facts (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
(func $check (result i32) (loop $again (call $facts (i32.const 512)) (br $again)) (i32.const 16))

;;; reads-the-processors: again and again
;;; ends: exhausted host_calls_max
;;; budget: host_calls_max=500
;;; grants: metrics
(import "@metrics" "read-cpu" (func $read (param i32)))
(func $check (result i32) (loop $again (call $read (i32.const 512)) (br $again)) (i32.const 16))

;;; reads-every-file-system: each time of the device's own list
;;; ends: exhausted host_calls_max
;;; budget: host_calls_max=100
;;; grants: metrics
(import "@metrics" "read-filesystems" (func $read (param i32)))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
(func $check (result i32) (loop $again (call $read (i32.const 512)) (br $again)) (i32.const 16))

;;; remembers-and-forgets: one key, 10,000 times
;;; ends: exhausted host_calls_max
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $check (result i32)
  (loop $again (call $set (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 3) (i32.const 512)) (br $again))
  (i32.const 16))

;;; asks-for-what-it-never-left: 10,000 times
;;; ends: exhausted host_calls_max
;;; grants: state
(import "@state" "get" (func $get (param i32 i32 i32)))
(func $check (result i32)
  (loop $again (call $get (i32.const 1024) (i32.const 3) (i32.const 512)) (br $again))
  (i32.const 16))

;;; logs-more-than-a-call-carries: a line of 1 MiB and a byte
;;; ends: exhausted host_call_bytes_max
(import "@logging" "log" (func $log (param i32 i32 i32)))
(memory (export "memory") 32)
(func $check (result i32)
  (call $log (i32.const 2) (i32.const 0x1000) (i32.const 0x100001))
  (i32.const 16))

;;; sends-more-than-a-call-carries: a body of 2 MiB to an origin that is granted to nobody
;;; ends: exhausted host_call_bytes_max
;;; grants: http=https://granted.example
(import "@http" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(memory (export "memory") 64)
(data (i32.const 1024) "POSThttps://granted.example/")
(func $check (result i32)
  (call $send (i32.const 1024) (i32.const 4) (i32.const 1028) (i32.const 24) (i32.const 0) (i32.const 0)
    (i32.const 1) (i32.const 0x1000) (i32.const 0x200000) (i32.const 100) (i32.const 512))
  (i32.const 16))

;;; asks-another-server-1000-times: one that it was not granted; what is too much is refused, and it may live on
;;; ends: returns
;;; grants: http=https://granted.example
(import "@http" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 1024) "GET https://another.example/")
(func $check (result i32)
  (local $left i32)
  (local.set $left (i32.const 1000))
  (loop $again
    (call $send (i32.const 1024) (i32.const 3) (i32.const 1028) (i32.const 24) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 512))
    ;; Never an answer.
    (if (i32.eqz (i32.load8_u (i32.const 512))) (then (unreachable)))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (i32.const 16))

;;; sends-a-million-headers: as many as its memory has room for
;;; ends: exhausted host_call_bytes_max
;;; grants: http=https://granted.example
(import "@http" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(memory (export "memory") 500)
(data (i32.const 1024) "GET https://granted.example/")
(func $check (result i32)
  (call $send (i32.const 1024) (i32.const 3) (i32.const 1028) (i32.const 24) (i32.const 0x1000) (i32.const 1000000)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 512))
  (i32.const 16))
