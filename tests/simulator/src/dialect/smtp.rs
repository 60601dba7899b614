//! The mail servers of the world's domains, as one: what a client says line by line, and what it hears.
//!
//! Mailboxes are the world's. Catch-all domains take everybody. A slow mailbox is greylisted: so many times the same
//! sender is put off. No mail is ever taken; that DATA was tried is remembered, for tests to ask.

use std::collections::HashMap;

use crate::office::Office;
use crate::world::property::Mailbox;

/// What the servers remember.
#[derive(Debug, Default)]
pub struct MailServer {
    /// By sender and recipient: how often they were put off.
    put_off: HashMap<(String, String), u32>,
    /// How often a client tried to hand a mail over.
    pub data_commands: u64,
    /// How often each recipient was named.
    pub named: HashMap<String, u32>,
}

/// One connection.
#[derive(Debug, Default)]
pub struct Conversation {
    greeted: bool,
    sender: Option<String>,
}

/// What the server says to a line, and whether it hangs up.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    pub hangs_up: bool,
}

impl Said {
    fn line(text: &str) -> Self {
        Self {
            text: format!("{text}\r\n"),
            hangs_up: false,
        }
    }
}

/// The first line of a connection.
pub const GREETING: &str = "220 mx.example.com ESMTP ready\r\n";

impl Conversation {
    /// Answers one line.
    pub fn hear(&mut self, office: &mut Office, line: &str) -> Said {
        let line = line.trim_end();
        let upper = line.to_ascii_uppercase();
        if upper.starts_with("EHLO ") {
            self.greeted = true;
            return Said::line("250-mx.example.com\r\n250-SIZE 10485760\r\n250 8BITMIME");
        }
        if upper == "QUIT" {
            return Said {
                hangs_up: true,
                ..Said::line("221 2.0.0 Bye")
            };
        }
        if upper == "DATA" {
            office.mail.data_commands += 1;
            return Said::line("554 5.5.1 No mail is taken here");
        }
        match (mailbox(line, "MAIL FROM:"), mailbox(line, "RCPT TO:")) {
            (Some(_), _) if !self.greeted => Said::line("503 5.5.1 EHLO first"),
            (Some(sender), _) if sender.contains('@') => {
                self.sender = Some(sender);
                Said::line("250 2.1.0 Ok")
            }
            (Some(_), _) => Said::line("501 5.1.7 Bad sender address"),
            (None, Some(recipient)) => match &self.sender {
                Some(sender) => Said::line(&answer(office, sender, &recipient)),
                None => Said::line("503 5.5.1 MAIL first"),
            },
            (None, None) => Said::line("502 5.5.2 Command not recognized"),
        }
    }
}

fn mailbox(line: &str, command: &str) -> Option<String> {
    let given = line.get(..command.len())?;
    if !given.eq_ignore_ascii_case(command) {
        return None;
    }
    let inner = line[command.len()..]
        .trim()
        .strip_prefix('<')?
        .strip_suffix('>')?;
    Some(inner.to_lowercase())
}

fn answer(office: &mut Office, sender: &str, recipient: &str) -> String {
    *office.mail.named.entry(recipient.to_owned()).or_default() += 1;
    let (_, domain) = recipient.rsplit_once('@').unwrap_or(("", recipient));
    let known = office.world.email(recipient);
    let (mailbox, slow) = known.map_or((Mailbox::Invalid, false), |email| {
        (email.mailbox, email.slow)
    });
    if slow {
        let key = (sender.to_owned(), recipient.to_owned());
        let times = office.mail.put_off.entry(key).or_default();
        if *times < office.settings.pending_polls {
            *times += 1;
            return "450 4.7.1 Greylisted, please try again in 10 minutes".into();
        }
    }
    if office.world.is_catch_all(domain) {
        return "250 2.1.5 Ok".into();
    }
    match mailbox {
        Mailbox::Valid => "250 2.1.5 Ok".into(),
        _ => "550-5.1.1 The account that you tried to reach\r\n550 5.1.1 does not exist".into(),
    }
}
