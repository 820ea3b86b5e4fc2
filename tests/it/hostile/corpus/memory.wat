;; Memory and tables.

;;; grows-page-by-page: takes what it gets and writes to it; what it gets is its budget
;;; ends: told 4194304
;;; budget: memory_bytes_max=4194304
(func $check (result i32)
  (local $old i32)
  (loop $again
    (local.set $old (memory.grow (i32.const 1)))
    (if (i32.ne (local.get $old) (i32.const -1))
      (then
        (memory.fill (i32.shl (local.get $old) (i32.const 16)) (i32.const 170) (i32.const 0x10000))
        (br $again))))
  (call $tell (f64.convert_i64_u (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))))

;;; grows-at-once: to all that 32 bits can name
;;; ends: told -1
(func $check (result i32) (call $tell (f64.convert_i32_s (memory.grow (i32.const 65519)))))

;;; grows-by-more-than-there-is: a number of pages that overflows
;;; ends: told -1
(func $check (result i32) (call $tell (f64.convert_i32_s (memory.grow (i32.const -1)))))

;;; gives-up-without-memory: as most programs do
;;; ends: exhausted memory_bytes_max
;;; budget: memory_bytes_max=4194304
(func $check (result i32)
  (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable)))
  (i32.const 16))

;;; begins-with-too-much: within the ceiling, beyond its budget
;;; ends: exhausted memory_bytes_max
(memory (export "memory") 1000)
(func $check (result i32) (i32.const 16))

;;; begins-with-two-memories: neither too large, together beyond its budget
;;; ends: exhausted memory_bytes_max
;;; budget: memory_bytes_max=4194304
(memory (export "memory") 40)
(memory $other 40)
(func $check (result i32) (i32.const 16))

;;; grows-two-memories: the sum is bounded
;;; ends: told 64
;;; budget: memory_bytes_max=4194304
(memory (export "memory") 1)
(memory $other 1)
(func $check (result i32)
  (loop $again (br_if $again (i32.ne (memory.grow 0 (i32.const 1)) (i32.const -1))))
  (loop $again (br_if $again (i32.ne (memory.grow $other (i32.const 1)) (i32.const -1))))
  (call $tell (f64.convert_i32_u (i32.add (memory.size 0) (memory.size $other)))))

;;; writes-all-of-its-memory: again and again
;;; ends: exhausted cpu_ms_max
;;; budget: memory_bytes_max=33554432 fuel_max=max cpu_ms_max=150
(memory (export "memory") 512)
(func $check (result i32)
  (loop $again (memory.fill (i32.const 0x1000) (i32.const 170) (i32.const 0x1ff0000)) (br $again))
  (i32.const 16))

;;; brings-data-for-another-place: at 1 GiB
;;; ends: trapped out of bounds memory access
(data (i32.const 0x40000000) "here")
(func $check (result i32) (i32.const 16))

;;; brings-data-across-the-end: of its memory
;;; ends: trapped out of bounds memory access
(memory (export "memory") 1)
(data (i32.const 0xfffe) "here")
(func $check (result i32) (i32.const 16))

;;; takes-more-of-a-segment-than-there-is: out of a passive one
;;; ends: trapped out of bounds memory access
(data $some "four")
(func $check (result i32)
  (memory.init $some (i32.const 0x1000) (i32.const 2) (i32.const 3))
  (i32.const 16))

;;; takes-a-dropped-segment: which has no bytes any more
;;; ends: trapped out of bounds memory access
(data $some "four")
(func $check (result i32)
  (data.drop $some)
  (memory.init $some (i32.const 0x1000) (i32.const 0) (i32.const 1))
  (i32.const 16))

;;; reads-beyond-its-memory: one byte
;;; ends: trapped out of bounds memory access
(memory (export "memory") 1)
(func $check (result i32) (i32.load8_u (i32.const 0x10000)))

;;; reads-far-beyond-its-memory: the highest address with the highest offset
;;; ends: trapped out of bounds memory access
(func $check (result i32) (i32.load offset=0xffffffff (i32.const -1)))

;;; writes-across-the-end: with eight bytes of which one is within
;;; ends: trapped out of bounds memory access
(memory (export "memory") 1)
(func $check (result i32) (i64.store (i32.const 0xffff) (i64.const -1)) (i32.const 16))

;;; writes-a-vector-beyond: 16 bytes at the last of them
;;; ends: trapped out of bounds memory access
(memory (export "memory") 1)
(func $check (result i32) (v128.store (i32.const 0xfff1) (v128.const i64x2 -1 -1)) (i32.const 16))

;;; fills-more-than-there-is: all bytes that 32 bits can count, each paid for before it is looked whether they are there
;;; ends: exhausted fuel_max
(func $check (result i32) (memory.fill (i32.const 1) (i32.const 1) (i32.const -1)) (i32.const 16))

;;; reads-beyond-after-a-growth-that-failed: the bounds are the old ones
;;; ends: exhausted memory_bytes_max
;;; budget: memory_bytes_max=1048576
(func $check (result i32)
  (drop (memory.grow (i32.const 1)))
  (i32.load (i32.const 0x100000)))

;;; grows-a-table-by-far: 2^31 elements, each paid for before it is looked whether there is room
;;; ends: exhausted fuel_max
(table $t 1 funcref)
(func $check (result i32) (call $tell (f64.convert_i32_s (table.grow $t (ref.null func) (i32.const 0x80000000)))))

;;; grows-a-table-bit-by-bit: what it gets is its budget
;;; ends: told 50000
(table $t 0 funcref)
(func $check (result i32)
  (loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 10)) (i32.const -1))))
  (call $tell (f64.convert_i32_u (table.size $t))))

;;; gives-up-without-a-table: as a program would that keeps its callbacks there
;;; ends: exhausted table_elements_max
(table $t 0 funcref)
(func $check (result i32)
  (if (i32.eq (table.grow $t (ref.null func) (i32.const 50001)) (i32.const -1)) (then (unreachable)))
  (i32.const 16))

;;; reads-beyond-its-table: the first element that is not there
;;; ends: trapped table
(table $t 4 funcref)
(func $check (result i32) (drop (table.get $t (i32.const 4))) (i32.const 16))

;;; calls-what-is-not-there: a null of the table
;;; ends: trapped uninitialized element
(type $nothing (func))
(table $t 4 funcref)
(func $check (result i32) (call_indirect (type $nothing) (i32.const 0)) (i32.const 16))

;;; calls-with-another-type: a function as if it took something else
;;; ends: trapped indirect call type mismatch
(type $other (func (param i64 i64) (result f64)))
(func $tiny)
(table funcref (elem $tiny))
(func $check (result i32) (drop (call_indirect (type $other) (i64.const 1) (i64.const 2) (i32.const 0))) (i32.const 16))

;;; brings-elements-for-another-place: beyond its table
;;; ends: trapped out of bounds table access
(table $t 1 funcref)
(func $tiny)
(elem (table $t) (i32.const 100) func $tiny)
(func $check (result i32) (i32.const 16))
