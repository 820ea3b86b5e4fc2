;; Takes table elements until it gets no more, from two tables.
(module
  ;; 1: a refused growth ends it.
  (global $gives_up i32 (i32.const 0))
  (memory (export "memory") 1)
  (table $one 1 funcref)
  (table $two 1 funcref)
  ;; ok([finding]) at 16; the finding at 32 with one sample at 96, whose value at 104 is what the guest tells.
  (data (i32.const 16) "\00\00\00\00" "\20\00\00\00\01\00\00\00")
  (data (i32.const 36) "\f0\00\00\00\04\00\00\00")
  (data (i32.const 56) "\60\00\00\00\01\00\00\00" "\f0\00\00\00\04\00\00\00")
  (data (i32.const 96) "\f0\00\00\00\04\00\00\00" "\00\00\00\00\00\00\00\00" "\f4\00\00\00\01\00\00\00")
  (data (i32.const 240) "told1")
  (func (export "fitment:accessory/monitor-run@0.1.1#check") (result i32)
    (loop $again
      (br_if $again (i32.ne (table.grow $one (ref.null func) (i32.const 1000)) (i32.const -1))))
    (loop $again
      (br_if $again (i32.ne (table.grow $two (ref.null func) (i32.const 10)) (i32.const -1))))
    (if (global.get $gives_up) (then (unreachable)))
    (f64.store (i32.const 104) (f64.convert_i32_u (i32.add (table.size $one) (table.size $two))))
    (i32.const 16)))
