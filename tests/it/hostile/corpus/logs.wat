;; Lines. What is kept of them is one line each, without anything that moves a cursor or turns text round; the runner of the corpus
;; looks at every line of every guest.

;;; logs-escapes: clears the screen, sets the title, writes a link
;;; ends: returns
;;; logs: 1
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "a\1b[2J\1b]0;owned\07\1b]8;;http://x\1b\5c")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 31)) (i32.const 16))

;;; logs-a-second-record: with the end of the first
;;; ends: returns
;;; logs: 1
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "ok\22}\0d\0a{\22level\22:\22error\22}")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 24)) (i32.const 16))

;;; logs-nuls: where C would end
;;; ends: returns
;;; logs: 1
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32) (call $log (i32.const 2) (i32.const 0x4000) (i32.const 1000)) (i32.const 16))

;;; logs-text-turned-round: U+202E and what belongs to it
;;; ends: returns
;;; logs: 1
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "paid \e2\80\aetxt.exe\e2\80\ac \e2\81\a6x\e2\81\a9")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 26)) (i32.const 16))

;;; logs-other-ends-of-lines: U+2028, U+2029, U+0085
;;; ends: returns
;;; logs: 1
(import "@logging" "log" (func $log (param i32 i32 i32)))
(data (i32.const 1024) "a\e2\80\a8b\e2\80\a9c\c2\85d")
(func $check (result i32) (call $log (i32.const 2) (i32.const 1024) (i32.const 12)) (i32.const 16))

;;; logs-across-the-cut: characters of three bytes where a line is cut
;;; ends: returns
;;; logs: 1
(import "@logging" "log" (func $log (param i32 i32 i32)))
(func $check (result i32)
  (local $at i32)
  (local.set $at (i32.const 0x1000))
  (loop $again
    (i32.store (local.get $at) (i32.const 0x00ac82e2))
    (local.set $at (i32.add (local.get $at) (i32.const 3)))
    (br_if $again (i32.lt_u (local.get $at) (i32.const 0x4000))))
  (call $log (i32.const 2) (i32.const 0x1000) (i32.const 12288))
  (i32.const 16))
