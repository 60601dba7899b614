//! SMTP probe: asks a domain's own mail server whether it would take mail for a mailbox. No mail is sent.
//!
//! Two recipients are named: one that cannot exist, and the mailbox. A server that takes both takes everything
//! (catch-all), and proves nothing. A reply code must be read together with its text: 550 alone is ambiguous, and
//! a refusal of *our* address says nothing about the mailbox. Temporary refusals (greylisting) are asked again
//! later, with the same sender and the same recipients, because that is what greylisting waits for.
//! Large providers take everything or refuse to say: a first source, before one that knows more.
//!
//! `base_url` is `smtp://mx` (each domain's own mail exchanger) or `smtp://host:port` of a server on this machine's
//! loopback address. Options: `mail_from` (text, an address of a domain of yours; needed), `helo` (text, this
//! machine's host name; without it the sender's domain). There is no key.
//!
//! Sources: RFC 5321, 3463, 6647, 7505; phrases as seen in the wild.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::exchange::{Account, BuildError};
use super::found::Unreadable;
use super::{EmailVerdict, Item, Part, Reply, judge};

/// What the network thread shall ask, and whom.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxProbe {
    pub email: String,
    /// A mailbox of the same domain that cannot exist; the same one whenever this mailbox is asked about.
    pub decoy: String,
    /// Host and port; None: the mail exchanger of the domain.
    pub server: Option<(String, u16)>,
    pub mail_from: String,
    pub helo: String,
}

/// Hides whom it asks about.
impl fmt::Debug for MailboxProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxProbe")
            .field("server", &self.server)
            .field("helo", &self.helo)
            .finish_non_exhaustive()
    }
}

/// What happened, as it is stored: the replies to the two recipients, or why there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialogue {
    /// Why no server could be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The refusal of something before the first recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<SmtpReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoy: Option<SmtpReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<SmtpReply>,
}

/// Why no server could be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The domain does not exist, or says that it takes no mail.
    NoMailHost,
    /// The name could not be looked up, the server not be reached, or it broke off.
    Unreachable,
}

/// A server's reply: its code and the text of all its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpReply {
    pub code: u16,
    pub text: String,
}

pub(super) fn request(account: &Account<'_>, item: &Item) -> Result<MailboxProbe, BuildError> {
    let email = item.email()?;
    let (is_ascii, is_quoted) = (email.is_ascii(), email.contains(['<', '>', '"', '\\']));
    if !is_ascii || is_quoted {
        return Err(BuildError::item(
            &item.id,
            "this mailbox cannot be named in SMTP",
        ));
    }
    let mail_from = account
        .text_option("mail_from")?
        .filter(|sender| is_sender(sender))
        .ok_or_else(|| {
            BuildError::account("option mail_from must be an e-mail address of a domain of yours")
        })?;
    let helo = account
        .text_option("helo")?
        .unwrap_or_else(|| domain(mail_from));
    if !helo.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BuildError::account("option helo must be a host name"));
    }
    Ok(MailboxProbe {
        email: email.into(),
        decoy: format!("{}@{}", decoy(email), domain(email)),
        server: server(account.base_url)?,
        mail_from: mail_from.into(),
        helo: helo.into(),
    })
}

fn domain(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn is_sender(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    text.bytes().all(plain)
        && matches!(text.split_once('@'), Some((local, domain)) if !local.is_empty() && domain.contains('.'))
}

/// Fifteen letters and digits that nobody has for a name.
fn decoy(email: &str) -> String {
    let digest = Sha256::digest(format!("no such mailbox\0{}", email.to_ascii_lowercase()));
    let letters = b"abcdefghijklmnopqrstuvwxyz234567";
    digest
        .iter()
        .take(15)
        .map(|byte| char::from(letters[usize::from(byte % 32)]))
        .collect()
}

fn server(base_url: &str) -> Result<Option<(String, u16)>, BuildError> {
    let wrong = || {
        BuildError::account(
            "base_url must be smtp://mx, or smtp://host:port of this machine's loopback address",
        )
    };
    let url = Url::parse(base_url.trim()).map_err(|_| wrong())?;
    match (url.scheme(), url.host_str(), url.port()) {
        ("smtp", Some("mx"), None) => Ok(None),
        ("smtp", Some(host @ ("localhost" | "127.0.0.1" | "[::1]")), Some(port)) => {
            Ok(Some((host.trim_matches(['[', ']']).into(), port)))
        }
        _ => Err(wrong()),
    }
}

pub(super) fn receive(items: &[Item], body: Value) -> Reply {
    let ([item], Ok(dialogue)) = (items, serde_json::from_value::<Dialogue>(body.clone())) else {
        return Reply::Doubtful {
            reason: "no dialogue with a mail server".into(),
        };
    };
    let finding = finding(&dialogue);
    if let Finding::SenderRefused(text) = finding {
        return Reply::Blocked {
            reason: judge::reason("a mail server refuses mail from this machine", text, items),
        };
    }
    Reply::Answered(vec![Part {
        item_id: item.id.clone(),
        units: 1,
        matched: matches!(finding, Finding::Settled(verdict) if verdict != EmailVerdict::Unknown),
        pending: finding == Finding::AskLater,
        body,
    }])
}

/// Reads a stored answer.
pub fn read(body: &Value) -> Result<EmailVerdict, Unreadable> {
    let dialogue: Dialogue = serde_json::from_value(body.clone())
        .map_err(|_| Unreadable::because("the answer is no dialogue with a mail server"))?;
    Ok(match finding(&dialogue) {
        Finding::Settled(verdict) => verdict,
        Finding::AskLater => EmailVerdict::Pending,
        Finding::SenderRefused(_) => EmailVerdict::Unknown,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding<'a> {
    Settled(EmailVerdict),
    AskLater,
    /// Our address or name is refused, with these words.
    SenderRefused(&'a str),
}

fn finding(dialogue: &Dialogue) -> Finding<'_> {
    match dialogue.problem {
        Some(Problem::NoMailHost) => return Finding::Settled(EmailVerdict::Invalid),
        Some(Problem::Unreachable) if dialogue.recipient.is_none() => return Finding::AskLater,
        _ => {}
    }
    let refused = [&dialogue.refusal, &dialogue.decoy, &dialogue.recipient]
        .into_iter()
        .flatten()
        .find(|reply| meaning(reply) == Meaning::SenderRefused);
    if let Some(reply) = refused {
        return Finding::SenderRefused(&reply.text);
    }
    if let Some(refusal) = &dialogue.refusal {
        return if refusal.code < 500 {
            Finding::AskLater
        } else {
            Finding::Settled(EmailVerdict::Unknown)
        };
    }
    let Some(recipient) = &dialogue.recipient else {
        return Finding::AskLater;
    };
    let decoy = dialogue.decoy.as_ref().map(meaning);
    match (meaning(recipient), decoy) {
        (Meaning::Accepted, Some(Meaning::Accepted)) => Finding::Settled(EmailVerdict::CatchAll),
        // Without a word about the decoy, a yes may be a yes to everything.
        (Meaning::Accepted, None | Some(Meaning::Later)) => Finding::AskLater,
        (Meaning::Accepted | Meaning::Busy, _) => Finding::Settled(EmailVerdict::Verified),
        (Meaning::NoMailbox, _) => Finding::Settled(EmailVerdict::Invalid),
        (Meaning::Full, _) => Finding::Settled(EmailVerdict::MailboxFull),
        (Meaning::Later, _) => Finding::AskLater,
        (Meaning::Unclear | Meaning::SenderRefused, _) => Finding::Settled(EmailVerdict::Unknown),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Accepted,
    /// The mailbox is there and gets more mail than it may.
    Busy,
    NoMailbox,
    Full,
    Later,
    SenderRefused,
    Unclear,
}

const NO_MAILBOX: [&str; 9] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such mailbox",
    "does not exist",
    "doesn't exist",
    "mailbox not found",
    "recipient rejected",
    "unrouteable",
];
const CLOSED: [&str; 2] = ["disabled", "inactive"];
const FULL: [&str; 4] = [
    "mailbox full",
    "mailbox is full",
    "over quota",
    "quota exceeded",
];
const SENDER: [&str; 9] = [
    "blocked",
    "blacklist",
    "blocklist",
    "block list",
    "spamhaus",
    "access denied",
    "poor reputation",
    "reverse hostname",
    "reverse dns",
];

fn meaning(reply: &SmtpReply) -> Meaning {
    let text = reply.text.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let status = enhanced(&text);
    let ends =
        |subject: u16, detail: u16| status.is_some_and(|(_, s, d)| (s, d) == (subject, detail));
    match reply.code {
        250 | 251 => Meaning::Accepted,
        252 => Meaning::Unclear,
        400..=599 if says(&["receiving mail at a rate"]) => Meaning::Busy,
        400..=599 if ends(2, 2) || says(&FULL) => Meaning::Full,
        452 | 552 if status.is_none() => Meaning::Full,
        500..=599 if ends(1, 1) || ends(1, 10) || says(&NO_MAILBOX) => Meaning::NoMailbox,
        500..=599 if ends(2, 1) || says(&CLOSED) => Meaning::NoMailbox,
        400..=599 if ends(7, 25) || says(&SENDER) => Meaning::SenderRefused,
        500..=599 if status.is_some_and(|(_, s, _)| s == 7) && !says(&["relay"]) => {
            Meaning::SenderRefused
        }
        400..=499 => Meaning::Later,
        _ => Meaning::Unclear,
    }
}

/// The enhanced status code (RFC 3463) at the beginning of a text: `5.1.1`.
fn enhanced(text: &str) -> Option<(u16, u16, u16)> {
    let first = text.split_whitespace().next()?;
    let mut numbers = first.split('.').map(|part| part.parse().ok());
    match (
        numbers.next()?,
        numbers.next()?,
        numbers.next()?,
        numbers.next(),
    ) {
        (Some(class @ (2 | 4 | 5)), Some(subject), Some(detail), None) => {
            Some((class, subject, detail))
        }
        _ => None,
    }
}
