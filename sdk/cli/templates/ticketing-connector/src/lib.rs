//! Keeps tickets in a system of yours. `describe` is written; the other functions say that they are not, until you write them.

use fitment_sdk::http::Request;
use fitment_sdk::ticketing::{
    Capabilities, Description, Error, NewNote, NewTicket, NotesPage, Ticket, TicketPatch, TicketingConnector,
};
use fitment_sdk::Context;

#[derive(serde::Deserialize)]
struct Config {
    url: String,
}

/// What the system says of itself.
#[derive(serde::Deserialize)]
struct About {
    product: String,
    version: String,
}

struct Accessory;

impl TicketingConnector for Accessory {
    fn describe(ctx: &Context) -> Result<Description, Error> {
        let config: Config = ctx.config().map_err(Error::of_read)?;
        let response = Request::get(format!("{}/about", config.url)).bearer("token").send().map_err(Error::of_read)?;
        if response.status == 401 {
            return Err(Error::AuthFailed("the token is refused".to_owned()));
        }
        let about: About = response.json().map_err(|fault| Error::BadResponse(fault.to_text()))?;
        Ok(Description {
            product: about.product,
            product_version: Some(about.version),
            account: None,
            capabilities: Capabilities::empty(),
            clock_grain_ms: 1000,
        })
    }

    fn get(_ctx: &Context, _ticket: &str) -> Result<Ticket, Error> {
        not_written("get-ticket")
    }

    fn find(_ctx: &Context, _external_ref: &str) -> Result<Option<Ticket>, Error> {
        not_written("find-by-external-ref")
    }

    fn create(_ctx: &Context, _ticket: &NewTicket) -> Result<Ticket, Error> {
        not_written("create-ticket")
    }

    fn update(_ctx: &Context, _id: &str, _patch: &TicketPatch, _expected: Option<&str>) -> Result<Ticket, Error> {
        not_written("update-ticket")
    }

    fn add_note(_ctx: &Context, _ticket: &str, _note: &NewNote) -> Result<(), Error> {
        not_written("add-note")
    }

    fn list_notes(_: &Context, _ticket: &str, _since: Option<u64>, _cursor: Option<&str>) -> Result<NotesPage, Error> {
        not_written("list-notes")
    }
}

fn not_written<T>(function: &str) -> Result<T, Error> {
    Err(Error::Unsupported(format!("{function} is not written yet")))
}

fitment_sdk::export!(Accessory as ticketing_connector);
