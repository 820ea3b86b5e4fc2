;; A connector that sends one request: to the address in its configuration, with the secret whose name is its parameters.
;; `describe` returns what came back: product is the body, product-version the first header, clock-grain-ms the status.
(module
  (import "fitment:accessory/run-context@0.1.1" "config" (func $config (param i32)))
  (import "fitment:accessory/run-context@0.1.1" "parameters" (func $parameters (param i32)))
  (import "fitment:accessory/http@0.1.1" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  ;; How it asks for the secret: 0 plain (the parameters as they stand), 1 bearer, 2 basic, 3 secret, 4 templated.
  (global $header i32 (i32.const 1))
  (global $top (mut i32) (i32.const 0x10000))
  (memory (export "memory") 4)
  (data (i32.const 0x300) "GET")
  (data (i32.const 0x310) "authorization")
  (data (i32.const 0x320) "somebody")
  (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.and (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "fitment:accessory/ticketing@0.1.1#describe") (result i32)
    (call $config (i32.const 16))
    (call $parameters (i32.const 24))
    (call $write_header)
    (call $send
      (i32.const 0x300) (i32.const 3)
      (i32.load (i32.const 16)) (i32.load (i32.const 20))
      ;; One header, or none where no secret is named.
      (i32.const 64) (i32.ne (i32.load (i32.const 28)) (i32.const 0))
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const -1)
      (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (call $write_fault)) (else (call $write_answer)))
    (i32.const 512))
  (func $write_header
    (i32.store (i32.const 64) (i32.const 0x310))
    (i32.store (i32.const 68) (i32.const 13))
    (i32.store8 (i32.const 72) (global.get $header))
    (i64.store align=4 (i32.const 76) (i64.load (i32.const 24)))
    (if (i32.eq (global.get $header) (i32.const 2))
      (then
        (i32.store (i32.const 76) (i32.const 0x320))
        (i32.store (i32.const 80) (i32.const 8))
        (i64.store align=4 (i32.const 84) (i64.load (i32.const 24))))))
  ;; denied becomes forbidden, every other fault bad-response; after a time-out it waits on.
  (func $write_fault
    (loop $for_ever (br_if $for_ever (i32.eq (i32.load8_u (i32.const 136)) (i32.const 4))))
    (i32.store8 (i32.const 512) (i32.const 1))
    (i32.store8 (i32.const 520) (select (i32.const 11) (i32.const 5) (i32.load8_u (i32.const 136))))
    (i64.store (i32.const 528) (i64.load align=4 (i32.const 140))))
  (func $write_answer
    (i64.store (i32.const 520) (i64.load align=4 (i32.const 148)))
    (if (i32.load (i32.const 144))
      (then
        (i32.store8 (i32.const 528) (i32.const 1))
        (i64.store align=4 (i32.const 532) (i64.load offset=8 align=4 (i32.load (i32.const 140))))))
    (i32.store (i32.const 556) (i32.load16_u (i32.const 136))))
  ;; The contract wants the rest of the core too.
  (func (export "fitment:accessory/ticketing@0.1.1#get-ticket") (param i32 i32) (result i32) (unreachable))
  (func (export "fitment:accessory/ticketing@0.1.1#find-by-external-ref") (param i32 i32) (result i32) (unreachable))
  (func (export "fitment:accessory/ticketing@0.1.1#create-ticket")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "fitment:accessory/ticketing@0.1.1#update-ticket") (param i32) (result i32) (unreachable))
  (func (export "fitment:accessory/ticketing@0.1.1#add-note") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "fitment:accessory/ticketing@0.1.1#list-notes") (param i32 i32 i32 i64 i32 i32 i32) (result i32)
    (unreachable)))
