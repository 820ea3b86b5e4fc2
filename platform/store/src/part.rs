//! The narrower scope: what somebody sees who is there for some of an MSP's clients. Decided in SQL, so that no list is read
//! and then cut, and no count tells of what was cut.
//!
//! The first two values of a statement that is narrowed are those of `Tx::part`.

/// Narrows to rows whose column names a client that the person is there for.
macro_rules! within {
    ($client:literal) => {
        concat!(
            "($2 = '' or ",
            $client,
            " in (select client_id from account_clients where tenant_id = $1 and account_id = $2))"
        )
    };
}

/// Narrows to rows whose column names a device of such a client. A row without a device belongs to no client.
macro_rules! on_device_within {
    ($device:literal) => {
        concat!(
            "($2 = '' or ",
            $device,
            " in (select id from devices where tenant_id = $1 and client_id in \
             (select client_id from account_clients where tenant_id = $1 and account_id = $2)))"
        )
    };
}

/// Narrows to installations that reach devices of such a client: their targets as the store writes them.
macro_rules! target_within {
    ($target:literal) => {
        concat!(
            "($2 = '' or ",
            $target,
            " = '\"all\"' \
             or ",
            $target,
            " in (select '{\"client\":\"' || client_id || '\"}' from account_clients \
               where tenant_id = $1 and account_id = $2) \
             or ",
            $target,
            " in (select '{\"location\":\"' || id || '\"}' from locations where tenant_id = $1 \
               and client_id in (select client_id from account_clients where tenant_id = $1 and account_id = $2)) \
             or ",
            $target,
            " in (select '{\"device\":\"' || id || '\"}' from devices where tenant_id = $1 \
               and client_id in (select client_id from account_clients where tenant_id = $1 and account_id = $2)))"
        )
    };
}

pub(crate) use {on_device_within, target_within, within};
