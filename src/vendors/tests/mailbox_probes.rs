use serde_json::json;

use super::smtp_probe::read;
use super::*;

const PRODUCT: Product = Product::SmtpProbe;

fn pat() -> [Item; 1] {
    [item("call-1", Subject::Email("pat@example.com".into()))]
}

fn probe(base_url: &str, options: &Value, items: &[Item]) -> Result<MailboxProbe, BuildError> {
    let account = Account {
        base_url,
        key: &Secret::none(),
        options,
    };
    request(PRODUCT, &account, items).map(|request| match request {
        Request::Mailbox(probe) => probe,
        Request::Http(_) => panic!("a mail server does not speak HTTP"),
    })
}

fn options() -> Value {
    json!({"mail_from": "probe@sender.example.net"})
}

/// The judgement of what the decoy and the mailbox were told.
fn told(decoy: Option<(u16, &str)>, recipient: (u16, &str)) -> Reply {
    let reply = |(code, text): (u16, &str)| json!({"code": code, "text": text});
    let body = json!({"decoy": decoy.map(reply), "recipient": reply(recipient)});
    receive(
        PRODUCT,
        &Value::Null,
        &pat(),
        &answer(200, body.to_string().as_bytes()),
    )
}

fn verdict(recipient: (u16, &str)) -> EmailVerdict {
    let told = parts(told(Some((550, "5.1.1 no such user")), recipient));
    read(&told[0].body).expect("readable")
}

#[test]
fn a_probe_names_a_decoy_that_stays_the_same() {
    let one = probe("smtp://mx", &options(), &pat()).expect("built");
    assert_eq!(one.email, "pat@example.com");
    assert_eq!(one.helo, "sender.example.net");
    assert_eq!(one.server, None);
    let (local, domain) = one.decoy.split_once('@').expect("an address");
    assert_eq!((local.len(), domain), (15, "example.com"));
    // Greylisting remembers sender and recipient: another decoy would be greylisted for ever.
    assert_eq!(one, probe("smtp://mx", &options(), &pat()).expect("built"));
    assert!(!format!("{one:?}").contains("pat"));
}

#[test]
fn only_mail_exchangers_and_this_machine_are_asked() {
    let local = probe("smtp://127.0.0.1:2525", &options(), &pat()).expect("built");
    assert_eq!(local.server, Some(("127.0.0.1".into(), 2525)));
    for base in [
        "smtp://mail.example.com:25",
        "smtp://10.0.0.1:25",
        "https://mx",
        "smtp://127.0.0.1",
        "mx",
        "",
    ] {
        assert!(probe(base, &options(), &pat()).is_err(), "{base}");
    }
}

#[test]
fn a_probe_needs_a_sender_of_ones_own() {
    for sender in [
        json!(null),
        json!("probe"),
        json!("probe@localhost"),
        json!("a b@example.com"),
        json!("a@example.com>\r\nDATA"),
    ] {
        let built = probe("smtp://mx", &json!({"mail_from": sender}), &pat());
        assert!(matches!(built, Err(BuildError::Account { .. })), "{sender}");
    }
}

#[test]
fn what_would_break_out_of_a_command_is_not_asked_about() {
    for email in [
        "pat",
        "@example.com",
        "a>b@example.com",
        "pa t@example.com",
        "pat\r\n@example.com",
        "p\u{e4}t@example.com",
    ] {
        let items = [item("call-1", Subject::Email(email.into()))];
        let built = probe("smtp://mx", &options(), &items);
        assert!(matches!(built, Err(BuildError::Item { .. })), "{email}");
    }
}

#[test]
fn codes_are_read_together_with_their_text() {
    for (code, text, expected) in [
        (250, "2.1.5 Ok", EmailVerdict::Verified),
        (251, "will forward", EmailVerdict::Verified),
        (252, "cannot verify", EmailVerdict::Unknown),
        (
            450,
            "4.2.1 The user is receiving mail at a rate that prevents delivery",
            EmailVerdict::Verified,
        ),
        (452, "Insufficient storage", EmailVerdict::MailboxFull),
        (
            452,
            "4.2.2 The email account is over quota",
            EmailVerdict::MailboxFull,
        ),
        (552, "5.2.2 Mailbox full", EmailVerdict::MailboxFull),
        (
            550,
            "5.1.1 The account does not exist",
            EmailVerdict::Invalid,
        ),
        (550, "5.1.10 Recipient not found", EmailVerdict::Invalid),
        (550, "No such user here", EmailVerdict::Invalid),
        (550, "5.2.1 mailbox disabled", EmailVerdict::Invalid),
        (554, "5.7.1 Relay access refused", EmailVerdict::Unknown),
        (
            550,
            "Requested action not taken: mailbox unavailable",
            EmailVerdict::Unknown,
        ),
        (530, "5.5.1 Authentication required", EmailVerdict::Unknown),
    ] {
        assert_eq!(verdict((code, text)), expected, "{code} {text}");
    }
}

#[test]
fn temporary_refusals_are_asked_again_for_nothing() {
    for (code, text) in [
        (450, "4.7.1 Greylisted"),
        (451, "try later"),
        (421, "closing"),
        (452, "4.3.1 system storage"),
    ] {
        let told = parts(told(Some((550, "5.1.1 no such user")), (code, text)));
        assert!(told[0].pending, "{code} {text}");
    }
    // A yes, while the decoy is put off, may be a yes to everything.
    assert!(parts(told(Some((450, "Greylisted")), (250, "Ok")))[0].pending);
    let unreachable = json!({"problem": "unreachable"}).to_string();
    let reply = receive(
        PRODUCT,
        &Value::Null,
        &pat(),
        &answer(200, unreachable.as_bytes()),
    );
    assert!(parts(reply)[0].pending);
    assert!(has_question(PRODUCT));
}

#[test]
fn who_takes_everything_proves_nothing() {
    let told = parts(told(Some((250, "Ok")), (250, "Ok")));
    assert_eq!(read(&told[0].body), Ok(EmailVerdict::CatchAll));
}

#[test]
fn a_domain_that_takes_no_mail_has_no_mailboxes() {
    let body = json!({"problem": "no_mail_host"});
    assert_eq!(read(&body), Ok(EmailVerdict::Invalid));
}

#[test]
fn a_refusal_of_this_machine_stops_the_probe_and_blames_no_mailbox() {
    for (code, text) in [
        (
            550,
            "5.7.1 Service unavailable; client host blocked using Spamhaus",
        ),
        (554, "5.7.1 access denied"),
        (550, "Your IP is on our blacklist"),
        (
            450,
            "4.7.25 Client host rejected: cannot find your reverse hostname",
        ),
    ] {
        let reply = told(Some((550, "5.1.1 no such user")), (code, text));
        let Reply::Blocked { reason } = reply else {
            panic!("{code} {text}: {reply:?}")
        };
        assert!(
            reason.starts_with("a mail server refuses mail from this machine"),
            "{reason}"
        );
    }
    let body =
        json!({"refusal": {"code": 554, "text": "5.7.1 poor reputation of pat@example.com"}});
    let reply = receive(
        PRODUCT,
        &Value::Null,
        &pat(),
        &answer(200, body.to_string().as_bytes()),
    );
    assert!(matches!(reply, Reply::Blocked { reason } if !reason.contains("pat@")));
}
