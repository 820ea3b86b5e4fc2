;; Ends.

;;; breaks-down-at-once: in every run
;;; ends: trapped unreachable
(func $check (result i32) (unreachable))

;;; breaks-down-at-start: before it is called
;;; ends: trapped unreachable
(func $begin (unreachable))
(start $begin)
(func $check (result i32) (i32.const 16))

;;; breaks-down-afterwards: when all is said
;;; ends: trapped unreachable
(func $post (unreachable))
(func $check (result i32) (i32.const 16))

;;; divides-by-nothing: as by mistake
;;; ends: trapped integer divide by zero
(func $check (result i32) (i32.div_u (i32.const 1) (i32.load (i32.const 0x4000))))

;;; overflows: the one division that does
;;; ends: trapped integer overflow
(func $check (result i32) (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 0x4000)) (i32.const 1))))

;;; converts-what-does-not-fit: a number beyond 32 bits
;;; ends: trapped integer overflow
(func $check (result i32)
  (i32.trunc_f64_u (f64.mul (f64.const 1e30) (f64.convert_i32_u (i32.add (i32.const 1) (i32.load (i32.const 0x4000)))))))

;;; says-why-it-panics: as Rust does, before it ends itself
;;; ends: trapped panicked at
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "panicked at src/lib.rs:1: on purpose")
(func $check (result i32)
  (call $log (i32.const 4) (i32.const 1024) (i32.const 36))
  (unreachable))

;;; says-so-with-a-fault: of its own
;;; ends: fault on purpose
;;; on: device
(data (i32.const 16) "\01\00\00\00\06\00\00\00\00\04\00\00\0a\00\00\00")
(data (i32.const 1024) "on purpose")
(func $check (result i32) (i32.const 16))

;;; does-nothing: and comes to its end
;;; ends: returns
(func $check (result i32) (i32.const 16))
