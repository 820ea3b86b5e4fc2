;; Handles: the contract has none, but a component may make some of its own. The text is the core module; it gets `new`, `drop`
;; and `rep` of one resource, and `drop-other` of another.

;;; leaks-handles: makes a million and drops none
;;; ends: trapped
;;; handles: (nop)
(func $check (result i32)
  (loop $again (drop (call $new (i32.const 7))) (br $again))
  (i32.const 16))

;;; leaks-a-few-handles: they go with the instance
;;; ends: returns
;;; handles: (nop)
(func $check (result i32)
  (local $left i32)
  (local.set $left (i32.const 100))
  (loop $again
    (drop (call $new (i32.const 7)))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (i32.const 16))

;;; leaks-more-handles-than-its-budget: of a hundred that it makes it may hold fifty
;;; ends: trapped
;;; budget: handles_max=50
;;; handles: (nop)
(func $check (result i32)
  (local $left i32)
  (local.set $left (i32.const 100))
  (loop $again
    (drop (call $new (i32.const 7)))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (i32.const 16))

;;; drops-a-handle-twice: the second time it is nobody's
;;; ends: trapped unknown handle
;;; handles: (nop)
(func $check (result i32)
  (local $handle i32)
  (local.set $handle (call $new (i32.const 7)))
  (call $drop (local.get $handle))
  (call $drop (local.get $handle))
  (i32.const 16))

;;; uses-a-handle-after-its-end: what it stood for is gone
;;; ends: trapped unknown handle
;;; handles: (nop)
(func $check (result i32)
  (local $handle i32)
  (local.set $handle (call $new (i32.const 7)))
  (call $drop (local.get $handle))
  (drop (call $rep (local.get $handle)))
  (i32.const 16))

;;; drops-anothers-handle: as if it were of the other type
;;; ends: trapped
;;; handles: (nop)
(func $check (result i32)
  (call $drop-other (call $new (i32.const 7)))
  (i32.const 16))

;;; guesses-a-handle: a small number
;;; ends: trapped unknown handle
;;; handles: (nop)
(func $check (result i32) (drop (call $rep (i32.const 1))) (i32.const 16))

;;; guesses-a-high-handle: the highest number
;;; ends: trapped unknown handle
;;; handles: (nop)
(func $check (result i32) (call $drop (i32.const -1)) (i32.const 16))

;;; turns-in-a-destructor: for ever
;;; ends: exhausted fuel_max
;;; budget: fuel_max=5000000
;;; handles: (loop $again (br $again))
(func $check (result i32) (call $drop (call $new (i32.const 7))) (i32.const 16))

;;; breaks-down-in-a-destructor: at once
;;; ends: trapped unreachable
;;; handles: (unreachable)
(func $check (result i32) (call $drop (call $new (i32.const 7))) (i32.const 16))

;;; makes-and-drops: a million handles one after the other, never two at a time
;;; ends: exhausted fuel_max
;;; budget: fuel_max=20000000
;;; handles: (nop)
(func $check (result i32) (loop $again (call $drop (call $new (i32.const 7))) (br $again)) (i32.const 16))
