;; What is left for the next run. The runner of the corpus looks that nothing is left after a run that broke down, and never more
;; than there is room for.

;;; leaves-as-much-as-there-is-room: 64 KiB with its key
;;; ends: told 0
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 1024) "key")
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 3) (i32.const 0x1000) (i32.const 65533) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-a-byte-too-much: and is told
;;; ends: told 1
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 1024) "key")
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 3) (i32.const 0x1000) (i32.const 65534) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-more-than-its-budget: which is less than usual
;;; ends: told 1
;;; budget: state_bytes_max=1000
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 1024) "key")
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 3) (i32.const 0x1000) (i32.const 997) (i32.const 512))
  (if (i32.load8_u (i32.const 512)) (then (unreachable)))
  (call $set (i32.const 1024) (i32.const 3) (i32.const 0x1000) (i32.const 998) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-two-halves-and-a-byte: the sum is bounded
;;; ends: told 1
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 1024) "onetwo")
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 3) (i32.const 0x1000) (i32.const 32765) (i32.const 512))
  (if (i32.load8_u (i32.const 512)) (then (unreachable)))
  (call $set (i32.const 1027) (i32.const 3) (i32.const 0x1000) (i32.const 32766) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-a-million-keys: of four bytes
;;; ends: exhausted host_calls_max
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $check (result i32)
  (local $i i32)
  (loop $again
    ;; Letters, so that it is a text.
    (i32.store (i32.const 1024) (i32.or (i32.const 0x40404040) (i32.and (i32.const 0x0f0f0f0f)
      (i32.mul (local.get $i) (i32.const 0x01010101)))))
    (i32.store8 (i32.const 1025) (i32.or (i32.const 0x40) (i32.and (i32.const 15) (i32.shr_u (local.get $i) (i32.const 4)))))
    (i32.store8 (i32.const 1026) (i32.or (i32.const 0x40) (i32.and (i32.const 15) (i32.shr_u (local.get $i) (i32.const 8)))))
    (i32.store8 (i32.const 1027) (i32.or (i32.const 0x40) (i32.and (i32.const 15) (i32.shr_u (local.get $i) (i32.const 12)))))
    (call $set (i32.const 1024) (i32.const 4) (i32.const 1024) (i32.const 0) (i32.const 512))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $again))
  (i32.const 16))

;;; leaves-something-under-a-path: a key is no path
;;; ends: told 0
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 1024) "../../../etc/passwd")
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 19) (i32.const 1024) (i32.const 19) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-something-under-no-name: an empty key
;;; ends: told 1
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-something-under-a-long-name: 129 bytes
;;; ends: told 1
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $check (result i32)
  (memory.fill (i32.const 1024) (i32.const 0x78) (i32.const 129))
  (call $set (i32.const 1024) (i32.const 129) (i32.const 1024) (i32.const 1) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.load8_u (i32.const 512)))))

;;; leaves-something-and-breaks-down: which leaves nothing
;;; ends: trapped unreachable
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 3) (i32.const 512))
  (unreachable))

;;; looks-for-what-another-left: by its name
;;; ends: told 0
;;; grants: state
(import "@state" "get" (func $get (param i32 i32 i32)))
(data (i32.const 1024) "fitment/disk-space:last")
(func $check (result i32)
  (call $get (i32.const 1024) (i32.const 23) (i32.const 512))
  (call $tell (f64.convert_i32_u (i32.or (i32.load8_u (i32.const 512)) (i32.load8_u (i32.const 516))))))

;;; leaves-more-than-a-call-carries: 2 MiB at once
;;; ends: exhausted host_call_bytes_max
;;; grants: state
(import "@state" "set" (func $set (param i32 i32 i32 i32 i32)))
(memory (export "memory") 64)
(func $check (result i32)
  (call $set (i32.const 1024) (i32.const 3) (i32.const 0x1000) (i32.const 0x200000) (i32.const 512))
  (i32.const 16))
