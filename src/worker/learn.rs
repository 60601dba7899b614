//! What a paid answer teaches about a lead: contact points, keys, flags, and how a check ended.

use pgrx::Uuid;
use serde_json::Value;

use crate::contact::point::{self, CheckOutcome, CheckResult, NewPoint};
use crate::contact::{Contact, Kind, PhoneType};
use crate::error::Error;
use crate::store::calls::Answered;
use crate::store::leads::Lead;
use crate::store::{Db, matches};
use crate::vendors::{
    EmailVerdict, Enrichment, PhoneVerdict, Product, Service, Subject, Unreadable,
    batchdata_skip_trace, hlr_lookup, instantly_verify, melissa, signalwire_lookup, smtp_probe,
};
use crate::waterfall;

/// What an answer taught beside what it writes into the lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// How a verification ended; None for other answers.
    pub verified: Option<bool>,
    /// E-mails and phones: those worth checking that an enrichment brought, or the one that a check made earn points.
    pub new_points: Option<(usize, usize)>,
    /// The lead's mak, and the other lead that has it.
    pub same_mak: Option<(String, Uuid)>,
}

/// Reads the answer into `lead` (not stored yet).
pub fn learn(
    db: &mut Db<'_>,
    answer: &Answered,
    lead: &mut Lead,
    now: &str,
) -> Result<Learned, Error> {
    let body = &answer.answer;
    match answer.product {
        Product::Melissa => enrich(
            db,
            lead,
            &melissa::read(body).map_err(unreadable)?,
            "melissa",
            now,
        ),
        Product::BatchdataSkipTrace => {
            let found = batchdata_skip_trace::read(body).map_err(unreadable)?;
            enrich(db, lead, &found, "batchdata", now)
        }
        Product::InstantlyVerify | Product::SmtpProbe => {
            let verdict = match answer.product {
                Product::SmtpProbe => smtp_probe::read(body),
                _ => instantly_verify::read(body),
            };
            Ok(check_email(lead, answer, verdict.map_err(unreadable)?, now))
        }
        Product::SignalwireLookup | Product::HlrLookup => {
            let verdict = match answer.product {
                Product::HlrLookup => hlr_lookup::read(body),
                _ => signalwire_lookup::read(body),
            };
            Ok(check_phone(
                lead,
                answer,
                &verdict.map_err(unreadable)?,
                now,
            ))
        }
        Product::BatchdataSearch => Ok(Learned::default()),
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
) -> Result<Learned, Error> {
    let before = worth_checking(lead);
    let mut same_mak = None;
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
            Some(other) if other != lead.id => same_mak = Some((mak.to_string(), other)),
            _ => lead.mak = Some(mak.to_string()),
        }
    }
    lead.owner_occupied = lead.owner_occupied.or(found.owner_occupied);
    for (reason, flag) in [("deceased", found.deceased), ("litigator", found.litigator)] {
        if flag == Some(true) && lead.suppressed_reason.is_none() {
            lead.suppressed_reason = Some(reason.to_string());
        }
    }
    let after = worth_checking(lead);
    Ok(Learned {
        verified: None,
        new_points: Some((
            after.0.saturating_sub(before.0),
            after.1.saturating_sub(before.1),
        )),
        same_mak,
    })
}

/// How many of the lead's e-mails and phones a verifier could be asked about.
fn worth_checking(lead: &Lead) -> (usize, usize) {
    let count = |kind, points: &[Value]| waterfall::worth_checking(kind, points).len();
    (
        count(Kind::Email, &lead.emails),
        count(Kind::Phone, &lead.phones),
    )
}

/// Adds a found contact point; one that cannot be a phone or an e-mail is left in the ledger's answer only.
fn add_point(
    lead: &mut Lead,
    kind: Kind,
    value: &str,
    (source, score): (&str, Option<u8>),
    phone_type: Option<PhoneType>,
    flags: serde_json::Map<String, Value>,
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

fn check_email(lead: &mut Lead, answer: &Answered, verdict: EmailVerdict, now: &str) -> Learned {
    let (outcome, result) = match verdict {
        EmailVerdict::Verified => (CheckOutcome::Passed, "verified"),
        EmailVerdict::Invalid => (CheckOutcome::Failed, "invalid"),
        EmailVerdict::CatchAll => (CheckOutcome::Inconclusive, "catch_all"),
        EmailVerdict::MailboxFull => (CheckOutcome::Inconclusive, "mailbox_full"),
        EmailVerdict::Unknown | EmailVerdict::Pending => (CheckOutcome::Inconclusive, "unknown"),
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
    checked(outcome, (1, 0))
}

fn check_phone(lead: &mut Lead, answer: &Answered, verdict: &PhoneVerdict, now: &str) -> Learned {
    let (outcome, result) = match (verdict.service, verdict.phone_type) {
        (Service::Out, _) => (CheckOutcome::Failed, "invalid"),
        (Service::In, Some(line)) => (CheckOutcome::Passed, line),
        (Service::Absent, _) => (CheckOutcome::Inconclusive, "absent"),
        // A number that exists on a line of unknown type proves nothing about reaching a mobile.
        (Service::In, None) | (Service::Unknown, _) => (CheckOutcome::Inconclusive, "unknown"),
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
    // A landline that works earns nothing.
    let is_mobile = matches!(verdict.phone_type, Some("mobile" | "voip"));
    checked(outcome, (0, usize::from(is_mobile)))
}

fn checked(outcome: CheckOutcome, earns: (usize, usize)) -> Learned {
    let passed = outcome == CheckOutcome::Passed;
    Learned {
        verified: Some(passed),
        new_points: Some(if passed { earns } else { (0, 0) }),
        ..Learned::default()
    }
}
