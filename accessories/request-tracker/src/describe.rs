//! Checking a connection before anything depends on it.

use fitment_sdk::http::{Request, percent_encode};
use fitment_sdk::ticketing::{Capabilities, Description, Error};
use serde_json::json;

use crate::client::Client;
use crate::time;
use crate::wire::{CustomFieldKind, Id, Made, Page, Server, User};

/// Checks token, rights and the custom field, in the order in which a person would set them up.
pub(crate) fn describe(client: &Client) -> Result<Description, Error> {
    let server: Server = client.read(client.get("/rt")).map_err(|error| match error {
        Error::NotFound => {
            Error::BadResponse("there is no REST 2.0 interface below `url`: check the address".to_owned())
        }
        other => other,
    })?;
    let account = account(client)?;
    let queues: Page<Id> = client.read(client.get("/queues/all").query("per_page", "1"))?;
    if queues.items.is_empty() {
        return Err(Error::Forbidden(
            "the account sees no queue: give it SeeQueue, ShowTicket, CreateTicket, ModifyTicket, ShowTicketComments, \
             CommentOnTicket, ReplyToTicket, SeeCustomField and ModifyCustomField on the queues it may use"
                .to_owned(),
        ));
    }
    check_reference_field(client)?;
    Ok(Description {
        product: "Request Tracker".to_owned(),
        product_version: Some(server.version.0),
        account,
        capabilities: Capabilities::CREATE
            | Capabilities::UPDATE
            | Capabilities::CHANGE_BOARD
            | Capabilities::INTERNAL_NOTES
            | Capabilities::PUBLIC_NOTES
            | Capabilities::CONDITIONAL_WRITE
            | Capabilities::EXTERNAL_REF_SEARCH,
        clock_grain_ms: time::GRAIN_MS,
    })
}

/// Request Tracker does not say whose token it is. The configuration may; otherwise whatever the account has done does.
fn account(client: &Client) -> Result<Option<String>, Error> {
    let Some(name) = &client.config.account else {
        // Without the kind of object it finds nothing.
        let ours = "ObjectType = 'RT::Ticket' AND Creator = '__CurrentUser__'";
        let request = client.get("/transactions").query("query", ours);
        let done: Page<Made> = client.read(request.query("fields", "Creator").query("per_page", "1"))?;
        return Ok(done.items.into_iter().next().map(|made| made.creator.id.0));
    };
    let mut path = String::from("/user/");
    percent_encode(name, &mut path);
    match client.read::<User>(client.get(&path)) {
        Ok(user) => Ok(Some(user.name.0)),
        Err(Error::NotFound) => Err(Error::invalid_field("account", "Request Tracker has no user of this name")),
        Err(other) => Err(other),
    }
}

/// Without the field a create still answers 201, and the ticket could never be found again.
fn check_reference_field(client: &Client) -> Result<(), Error> {
    let name = &client.config.external_reference_field;
    let query = json!([{ "field": "Name", "value": name }]);
    // A search by JSON is a POST, and still only reads.
    let search =
        client.get("/customfields").query("fields", "LookupType,Disabled").json(&query).map_err(Error::of_read)?;
    let found: Page<CustomFieldKind> = client.read(Request { method: "POST".to_owned(), ..search })?;
    let usable = |field: &CustomFieldKind| field.lookup_type.0 == "RT::Queue-RT::Ticket" && field.disabled.0 != "1";
    if found.items.iter().any(usable) {
        return Ok(());
    }
    Err(Error::invalid_field(
        "external_reference_field",
        format!(
            "the account sees no custom field {name:?} for tickets: make one that takes one line of text, apply it to the \
             queues, and let the account see and modify it"
        ),
    ))
}
