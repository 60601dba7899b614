//! What a paid answer teaches about a lead: contact points, keys, flags, and how a check ended.

use pgrx::Uuid;

use crate::contact::point::{self, CheckOutcome, CheckResult, NewPoint};
use crate::contact::{Contact, Kind, PhoneType};
use crate::error::Error;
use crate::store::calls::Answered;
use crate::store::leads::Lead;
use crate::store::{Db, matches};
use crate::vendors::instantly_verify::{self, EmailVerdict};
use crate::vendors::signalwire_lookup::{self, PhoneVerdict};
use crate::vendors::{Enrichment, Product, Subject, Unreadable, batchdata_skip_trace, melissa};

/// What an answer says beside what it writes into the lead.
#[derive(Default)]
pub struct Lesson {
    /// How a verification ended; None for other answers.
    pub verified: Option<bool>,
    /// The lead's mak, and the other lead that has it.
    pub same_mak: Option<(String, Uuid)>,
}

impl Lesson {
    fn checked(verified: bool) -> Self {
        Self {
            verified: Some(verified),
            ..Self::default()
        }
    }
}

/// Reads the answer into `lead` (not stored yet).
pub fn learn(
    db: &mut Db<'_>,
    answer: &Answered,
    lead: &mut Lead,
    now: &str,
) -> Result<Lesson, Error> {
    let body = &answer.answer;
    match answer.product {
        Product::Melissa => enrich(
            db,
            lead,
            &melissa::read(body).map_err(unreadable)?,
            "melissa",
            now,
        ),
        Product::BatchdataSkipTrace => enrich(
            db,
            lead,
            &batchdata_skip_trace::read(body).map_err(unreadable)?,
            "batchdata",
            now,
        ),
        Product::InstantlyVerify => Ok(Lesson::checked(check_email(
            lead,
            answer,
            instantly_verify::read(body).map_err(unreadable)?,
            now,
        ))),
        Product::SignalwireLookup => Ok(Lesson::checked(check_phone(
            lead,
            answer,
            &signalwire_lookup::read(body).map_err(unreadable)?,
            now,
        ))),
        Product::BatchdataSearch => Ok(Lesson::default()),
    }
}

fn unreadable(problem: Unreadable) -> Error {
    Error::bad_syntax(
        format!("the paid answer cannot be read: {problem}"),
        "After an upgrade that reads it, call retry_dlq().",
    )
}

fn enrich(
    db: &mut Db<'_>,
    lead: &mut Lead,
    found: &Enrichment,
    source: &str,
    now: &str,
) -> Result<Lesson, Error> {
    let mut lesson = Lesson::default();
    for phone in &found.phones {
        let mut flags = serde_json::Map::new();
        for (name, flag) in [("dnc", phone.dnc), ("tcpa", phone.tcpa)] {
            if let Some(flag) = flag {
                flags.insert(name.into(), flag.into());
            }
        }
        if phone.dnc.is_some() {
            flags.insert("dnc_checked_at".into(), now.into());
        }
        let phone_type = phone.phone_type.map(PhoneType::lenient);
        add_point(
            lead,
            Kind::Phone,
            &phone.number,
            (source, phone.score),
            phone_type,
            flags,
            now,
        );
    }
    for email in &found.emails {
        let unusable = email
            .hints
            .iter()
            .any(|hint| matches!(*hint, "invalid" | "disposable" | "spam_trap"));
        if !unusable {
            add_point(
                lead,
                Kind::Email,
                &email.email,
                (source, email.score),
                None,
                serde_json::Map::new(),
                now,
            );
        }
    }
    if let Some(mak) = found.mak.as_deref().filter(|_| lead.mak.is_none()) {
        match matches::owner_of_mak(db, mak)? {
            Some(other) if other != lead.id => lesson.same_mak = Some((mak.to_string(), other)),
            _ => lead.mak = Some(mak.to_string()),
        }
    }
    lead.owner_occupied = lead.owner_occupied.or(found.owner_occupied);
    for (reason, flag) in [("deceased", found.deceased), ("litigator", found.litigator)] {
        if flag == Some(true) && lead.suppressed_reason.is_none() {
            lead.suppressed_reason = Some(reason.to_string());
        }
    }
    Ok(lesson)
}

/// Adds a found contact point; one that cannot be a phone or an e-mail is left in the ledger's answer only.
fn add_point(
    lead: &mut Lead,
    kind: Kind,
    value: &str,
    (source, score): (&str, Option<u8>),
    phone_type: Option<PhoneType>,
    flags: serde_json::Map<String, serde_json::Value>,
    now: &str,
) {
    let Ok(contact) = Contact::parse(kind, value) else {
        return;
    };
    let new = NewPoint {
        contact,
        source: source.to_string(),
        score: score.map(f64::from),
        verified: false,
        phone_type,
        flags,
        seen_at: now.to_string(),
    };
    match kind {
        Kind::Phone => point::merge(&mut lead.phones, &new),
        Kind::Email => point::merge(&mut lead.emails, &new),
    };
}

fn check_email(lead: &mut Lead, answer: &Answered, verdict: EmailVerdict, now: &str) -> bool {
    let (outcome, result) = match verdict {
        EmailVerdict::Verified => (CheckOutcome::Passed, "verified"),
        EmailVerdict::Invalid => (CheckOutcome::Failed, "invalid"),
        EmailVerdict::CatchAll => (CheckOutcome::Inconclusive, "catch_all"),
        EmailVerdict::Pending => (CheckOutcome::Inconclusive, "unknown"),
    };
    if let Some(Subject::Email(value)) = &answer.subject
        && let Ok(contact) = Contact::parse(Kind::Email, value)
    {
        let check = CheckResult {
            checked_by: answer.product.name(),
            outcome,
            result,
            phone_type: None,
            checked_at: now,
        };
        point::record_check(&mut lead.emails, &contact, &check);
    }
    outcome == CheckOutcome::Passed
}

fn check_phone(lead: &mut Lead, answer: &Answered, verdict: &PhoneVerdict, now: &str) -> bool {
    let (outcome, result) = match (verdict.valid, verdict.phone_type) {
        (false, _) => (CheckOutcome::Failed, "invalid"),
        (true, Some(line)) => (CheckOutcome::Passed, line),
        // A number that exists on a line of unknown type proves nothing about reaching a mobile.
        (true, None) => (CheckOutcome::Inconclusive, "unknown"),
    };
    if let Some(Subject::Phone(value)) = &answer.subject
        && let Ok(contact) = Contact::parse(Kind::Phone, value)
    {
        let phone_type = verdict.phone_type.map(PhoneType::lenient);
        let check = CheckResult {
            checked_by: answer.product.name(),
            outcome,
            result,
            phone_type,
            checked_at: now,
        };
        point::record_check(&mut lead.phones, &contact, &check);
    }
    outcome == CheckOutcome::Passed
}
