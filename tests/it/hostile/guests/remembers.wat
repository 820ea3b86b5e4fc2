;; Leaves something in every place that it can write to, and tells what it found there.
(module
  ;; 1: looks once more after it wrote.
  (global $looks_again i32 (i32.const 0))
  ;; 1: breaks down after it wrote.
  (global $breaks i32 (i32.const 0))
  (memory (export "memory") 32)
  (table $slots 8 funcref)
  (global $kept (mut i32) (i32.const 0))
  (elem declare func $bits)
  ;; ok([finding]) at 16; the finding at 32 with one sample at 96, whose value at 104 is what the guest tells.
  (data (i32.const 16) "\00\00\00\00" "\20\00\00\00\01\00\00\00")
  (data (i32.const 36) "\f0\00\00\00\04\00\00\00")
  (data (i32.const 56) "\60\00\00\00\01\00\00\00" "\f0\00\00\00\04\00\00\00")
  (data (i32.const 96) "\f0\00\00\00\04\00\00\00" "\00\00\00\00\00\00\00\00" "\f4\00\00\00\01\00\00\00")
  (data (i32.const 240) "told1")
  ;; All bits of 3 MiB, 1 MiB of them grown, and of the variable; and whether the table holds something.
  (func $bits (result i64)
    (local $at i32) (local $found i64)
    (local.set $at (i32.const 0x10000))
    (loop $again
      (local.set $found (i64.or (local.get $found) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 0x300000))))
    (local.set $found (i64.or (local.get $found) (i64.extend_i32_u (global.get $kept))))
    (i64.or (local.get $found) (i64.extend_i32_u (i32.eqz (ref.is_null (table.get $slots (i32.const 7)))))))
  (func (export "fitment:accessory/monitor-run@0.1.1#check") (result i32)
    (local $found i64)
    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
    (local.set $found (call $bits))
    (memory.fill (i32.const 0x10000) (i32.const 170) (i32.const 0x2f0000))
    (global.set $kept (i32.const 1))
    (table.set $slots (i32.const 7) (ref.func $bits))
    (if (global.get $breaks) (then (unreachable)))
    (if (global.get $looks_again) (then (local.set $found (call $bits))))
    (f64.store (i32.const 104) (f64.convert_i64_u (local.get $found)))
    (i32.const 16)))
