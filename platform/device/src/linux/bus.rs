//! Questions to systemd over the system bus.

use std::path::Path;
use std::time::{Duration, Instant};

use rustbus::connection::{Error, Timeout};
use rustbus::message_builder::MarshalledMessage;
use rustbus::{MessageBuilder, MessageType, RpcConn};

use crate::Unreadable;

const NAME: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const PATH: &str = "/org/freedesktop/systemd1";

/// A connection to systemd that ends at a deadline.
pub(super) struct Systemd {
    connection: RpcConn,
    deadline: Instant,
}

impl Systemd {
    /// Connects; `unsupported` where systemd is not what runs the machine.
    pub(super) fn connect(wait_max: Duration) -> Result<Self, Unreadable> {
        // What sd_booted(3) looks at.
        if !Path::new("/run/systemd/system").is_dir() {
            return Err(Unreadable::Unsupported("systemd is not running".to_owned()));
        }
        let deadline = Instant::now() + wait_max;
        let connection = RpcConn::system_conn(Timeout::Duration(wait_max)).map_err(|error| match error {
            Error::PathDoesNotExist(path) => Unreadable::Unsupported(format!("the system bus is not running ({path})")),
            other => failed(other),
        })?;
        let mut systemd = Self { connection, deadline };
        // Signals are kept only while somebody waits for one.
        systemd.connection.set_filter(Box::new(|message| message.typ != MessageType::Call));
        Ok(systemd)
    }

    fn left(&self) -> Result<Timeout, Unreadable> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Unreadable::TimedOut) } else { Ok(Timeout::Duration(left)) }
    }

    /// Prepares a call of the manager.
    pub(super) fn manager(member: &str) -> MarshalledMessage {
        MessageBuilder::new().call(member).with_interface(MANAGER).on(PATH).at(NAME).build()
    }

    /// Prepares the question for one property of an object.
    pub(super) fn property(object: &str, interface: &str, name: &str) -> Result<MarshalledMessage, Unreadable> {
        let mut call = MessageBuilder::new().call("Get").with_interface(PROPERTIES).on(object).at(NAME).build();
        call.body.push_param2(interface, name).map_err(|e| failed(e.into()))?;
        Ok(call)
    }

    /// Asks and waits for the answer; what systemd or the bus refuses comes back in its own words.
    pub(super) fn ask(&mut self, mut call: MarshalledMessage) -> Result<MarshalledMessage, Unreadable> {
        let left = self.left()?;
        let sent = self.connection.send_message(&mut call).map_err(failed)?;
        let serial = sent.write(left).map_err(|(context, error)| {
            context.force_finish();
            failed(error)
        })?;
        let left = self.left()?;
        let answer = self.connection.wait_response(serial, left).map_err(failed)?;
        if answer.typ != MessageType::Error {
            return Ok(answer);
        }
        let name = answer.dynheader.error_name.clone().unwrap_or_default();
        let words: String = answer.body.parser().get::<String>().unwrap_or_default().chars().take(400).collect();
        Err(match name.rsplit('.').next().unwrap_or_default() {
            "NoSuchUnit" | "FileNotFound" | "UnknownObject" => Unreadable::NotFound(words),
            "AccessDenied" | "InteractiveAuthorizationRequired" => {
                Unreadable::Failed(format!("the service manager does not let this account do it: {words}"))
            }
            _ => Unreadable::Failed(format!("the service manager refused: {words} ({name})")),
        })
    }

    /// Asks the bus and systemd to tell when jobs end.
    pub(super) fn subscribe(&mut self) -> Result<(), Unreadable> {
        let rule = format!("type='signal',sender='{NAME}',interface='{MANAGER}',member='JobRemoved'");
        self.ask(rustbus::standard_messages::add_match(&rule))?;
        self.ask(Self::manager("Subscribe"))?;
        Ok(())
    }

    /// Waits until a job is removed, and returns its result.
    pub(super) fn job_result(&mut self, job: &str) -> Result<String, Unreadable> {
        loop {
            let left = self.left()?;
            let signal = self.connection.wait_signal(left).map_err(failed)?;
            if signal.dynheader.member.as_deref() != Some("JobRemoved") {
                continue;
            }
            let removed = signal.body.parser().get4::<u32, rustbus::wire::ObjectPath<String>, String, String>();
            let (_, path, _, result) = removed.map_err(|e| failed(e.into()))?;
            if path.as_ref() == job {
                return Ok(result);
            }
        }
    }
}

/// Says what became of the conversation.
pub(super) fn failed(error: Error) -> Unreadable {
    match error {
        Error::TimedOut => Unreadable::TimedOut,
        other => Unreadable::Failed(format!("the system bus: {other}")),
    }
}
