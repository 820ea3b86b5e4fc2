;; The same again. Every guest of the corpus that ends by its own or by its fuel is run twice, and ends the same way after the same
;; instructions; these look for differences themselves.

;;; makes-numbers-that-are-none: of a NaN only the sign is the processor's own
;;; ends: told 2143289344
(func $check (result i32)
  (call $tell (f64.convert_i32_u (i32.and (i32.const 0x7fffffff)
    (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.const 0)))))))

;;; runs-out-in-the-middle: after as many turns as the fuel was for
;;; ends: exhausted fuel_max
;;; budget: fuel_max=123457
(func $check (result i32)
  (local $i i64)
  (loop $again
    (local.set $i (i64.add (i64.mul (local.get $i) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
    (br_if $again (i64.ne (local.get $i) (i64.const -1))))
  (i32.const 16))

;;; counts-its-own-fuel: by what it had room for
;;; ends: exhausted fuel_max
;;; budget: fuel_max=99999
(func $check (result i32)
  (local $i i32)
  (loop $again
    (local.set $i (i32.add (local.get $i) (i32.const 4)))
    (i32.store (i32.add (i32.const 0x1000) (i32.and (local.get $i) (i32.const 0xffff))) (local.get $i))
    (br $again))
  (i32.const 16))
