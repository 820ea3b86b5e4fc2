;; What a run reports.

;;; reports-no-number: NaN
;;; ends: fault is not a finite number
;;; on: device
(func $check (result i32) (call $tell (f64.const nan)))

;;; reports-endlessness: as large as numbers get
;;; ends: fault is not a finite number
;;; on: device
(func $check (result i32) (call $tell (f64.const inf)))

;;; reports-nothing-in-words: an empty summary
;;; ends: fault summary must not be empty
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 40) (i32.const 0))
  (local.get $at))

;;; reports-a-novel: a summary of 201 characters
;;; ends: fault summary is longer than 200
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 201))
  (i32.store (i32.const 36) (i32.const 0x1000))
  (i32.store (i32.const 40) (i32.const 201))
  (local.get $at))

;;; reports-two-lines: in a summary
;;; ends: fault control character
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store8 (i32.const 241) (i32.const 10))
  (local.get $at))

;;; reports-text-turned-round: in a summary
;;; ends: fault control character
;;; on: device
(data (i32.const 1024) "paid \e2\80\aetxt.exe")
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 36) (i32.const 1024))
  (i32.store (i32.const 40) (i32.const 15))
  (local.get $at))

;;; reports-a-name-with-a-line-in-it: what a time series would take for a second one
;;; ends: fault control character
;;; on: device
(data (i32.const 1024) "x 1\0ay")
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 96) (i32.const 1024))
  (i32.store (i32.const 100) (i32.const 5))
  (local.get $at))

;;; reports-a-label-with-a-line-in-it: a value that would be two
;;; ends: fault control character
;;; on: device
(data (i32.const 1024) "x\22}\0ay")
(data (i32.const 1040) "\00\04\00\00\01\00\00\00\00\04\00\00\05\00\00\00")
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 120) (i32.const 1040))
  (i32.store (i32.const 124) (i32.const 1))
  (local.get $at))

;;; reports-a-label-of-2-kib: more than a subject has
;;; ends: fault samples.labels is longer than 1024
;;; on: device
(data (i32.const 1040) "\f0\00\00\00\04\00\00\00\00\10\00\00\00\08\00\00")
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 2048))
  (i32.store (i32.const 120) (i32.const 1040))
  (i32.store (i32.const 124) (i32.const 1))
  (local.get $at))

;;; reports-17-labels: of one sample
;;; ends: fault samples.labels holds 17 entries
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 120) (i32.const 0x4000))
  (i32.store (i32.const 124) (i32.const 17))
  (local.get $at))

;;; reports-a-million-labels: as many as its memory has room for
;;; ends: exhausted host_call_bytes_max
;;; on: device
(memory (export "memory") 300)
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 120) (i32.const 0x4000))
  (i32.store (i32.const 124) (i32.const 1000000))
  (local.get $at))

;;; reports-65-samples: of one finding
;;; ends: fault samples holds 65 entries
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 56) (i32.const 0x4000))
  (i32.store (i32.const 60) (i32.const 65))
  (local.get $at))

;;; reports-300-findings: without a word in them
;;; ends: fault 300 findings, at most 256
;;; on: device
(data (i32.const 16) "\00\00\00\00\00\40\00\00\2c\01\00\00")
(func $check (result i32) (i32.const 16))

;;; reports-in-no-unit: a text that no system knows
;;; ends: fault no UCUM code
;;; on: device
(data (i32.const 1024) "per cent")
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (i32.store (i32.const 112) (i32.const 1024))
  (i32.store (i32.const 116) (i32.const 8))
  (local.get $at))

;;; reports-a-subject-of-2-kib: which names an alert
;;; ends: fault subject is longer than 1024
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 2048))
  (i32.store8 (i32.const 72) (i32.const 1))
  (i32.store (i32.const 76) (i32.const 0x1000))
  (i32.store (i32.const 80) (i32.const 2048))
  (local.get $at))

;;; reports-details-of-17-kib: more than somebody reads
;;; ends: fault details is longer than 16384
;;; on: device
(func $check (result i32) (local $at i32)
  (local.set $at (call $tell (f64.const 1)))
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 17000))
  (i32.store8 (i32.const 44) (i32.const 1))
  (i32.store (i32.const 48) (i32.const 0x1000))
  (i32.store (i32.const 52) (i32.const 17000))
  (local.get $at))

;;; reports-600-kib: each finding within its bounds, all together within one call, and beyond a result
;;; ends: exhausted result_bytes_max
;;; on: device
(memory (export "memory") 32)
(data (i32.const 16) "\00\00\00\00\00\00\10\00\25\00\00\00")
(func $check (result i32)
  (local $at i32) (local $number i32)
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 0x4000))
  ;; 37 findings from 0x100000 on, with their subjects at 0x110000.
  (local.set $at (i32.const 0x100000))
  (loop $again
    (i32.store offset=4 (local.get $at) (i32.const 0x1000))
    (i32.store offset=8 (local.get $at) (i32.const 4))
    (i32.store8 offset=12 (local.get $at) (i32.const 1))
    (i32.store offset=16 (local.get $at) (i32.const 0x1000))
    (i32.store offset=20 (local.get $at) (i32.const 0x4000))
    (i32.store offset=32 (local.get $at) (i32.const 0x1000))
    (i32.store offset=36 (local.get $at) (i32.const 4))
    (i32.store8 offset=40 (local.get $at) (i32.const 1))
    (i32.store8 offset=0x110000 (local.get $number) (i32.add (i32.const 0x41) (local.get $number)))
    (i32.store offset=44 (local.get $at) (i32.add (i32.const 0x110000) (local.get $number)))
    (i32.store offset=48 (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 52)))
    (local.set $number (i32.add (local.get $number) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $number) (i32.const 37))))
  (i32.const 16))

;;; says-that-it-could-not: in 576 KiB
;;; ends: exhausted result_bytes_max
;;; on: device
(memory (export "memory") 32)
(data (i32.const 16) "\01\00\00\00\06\00\00\00\00\10\00\00\00\00\09\00")
(func $check (result i32)
  (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 0x90000))
  (i32.const 16))
