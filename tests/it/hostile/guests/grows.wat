;; Takes memory until it gets no more, from two memories, and writes to all of it.
(module
  ;; 1: a refused growth ends it, as it ends most programs.
  (global $gives_up i32 (i32.const 0))
  (memory $one (export "memory") 1)
  (memory $two 1)
  ;; ok([finding]) at 16; the finding at 32 with one sample at 96, whose value at 104 is what the guest tells.
  (data (i32.const 16) "\00\00\00\00" "\20\00\00\00\01\00\00\00")
  (data (i32.const 36) "\f0\00\00\00\04\00\00\00")
  (data (i32.const 56) "\60\00\00\00\01\00\00\00" "\f0\00\00\00\04\00\00\00")
  (data (i32.const 96) "\f0\00\00\00\04\00\00\00" "\00\00\00\00\00\00\00\00" "\f4\00\00\00\01\00\00\00")
  (data (i32.const 240) "told1")
  (func (export "fitment:accessory/monitor-run@0.1.1#check") (result i32)
    (local $old i32)
    (loop $again
      (local.set $old (memory.grow $one (i32.const 16)))
      (if (i32.ne (local.get $old) (i32.const -1))
        (then
          (memory.fill $one (i32.shl (local.get $old) (i32.const 16)) (i32.const 170) (i32.const 0x100000))
          (br $again))))
    (loop $again
      (local.set $old (memory.grow $two (i32.const 1)))
      (if (i32.ne (local.get $old) (i32.const -1))
        (then
          (memory.fill $two (i32.shl (local.get $old) (i32.const 16)) (i32.const 170) (i32.const 0x10000))
          (br $again))))
    (if (global.get $gives_up) (then (unreachable)))
    (f64.store $one (i32.const 104)
      (f64.convert_i64_u (i64.mul (i64.const 65536)
        (i64.extend_i32_u (i32.add (memory.size $one) (memory.size $two))))))
    (i32.const 16)))
