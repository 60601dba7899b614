//! The verifiers behind one interface: mail servers asked directly, and mobile networks; the next one only where the
//! first could not tell.

use std::time::Duration;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::{Email, Line, Mailbox, Phone};
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, ledger, seed};

use crate::circuit::{two_verifiers, with_phones};

const SOURCES: [Vendor; 2] = [Vendor::Melissa, Vendor::BatchdataSkipTrace];

/// A pipeline that verifies everything it finds, with these verifiers, for so many doors.
fn verifying(name: &str, usual: u64, verifiers: &[Vendor]) -> Outcome<Pipeline> {
    let (seed, _) = seed::choose(name, usual);
    let plan = Plan::new(seed, 80).setting("equity_connect.enrichment_goal", "complete");
    let mut pipeline = Pipeline::start(plan)?;
    pipeline.open_vendors(&[&SOURCES, verifiers].concat())?;
    Ok(pipeline)
}

/// Value, verified, result, by whom.
type Check = (String, bool, Option<String>, Option<String>);

/// What the check of each stored contact point came to.
fn checks(pipeline: &mut Pipeline, kind: &str) -> Outcome<Vec<Check>> {
    let rows = pipeline.db.rows(&format!(
        "SELECT p ->> '{kind}', COALESCE((p ->> 'verified')::boolean, false), p ->> 'check_result', p ->> 'checked_by'
         FROM leads, unnest({kind}s) AS p WHERE suppressed_at IS NULL"
    ))?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
            ))
        })
        .collect()
}

fn mailbox(pipeline: &Pipeline, address: &str) -> Option<Email> {
    pipeline
        .simulator()
        .with_office(|office| office.world.email(address).cloned())
}

#[test]
fn mail_servers_are_asked_directly_and_no_mail_is_sent() -> Outcome {
    let mut pipeline = verifying("smtp", 60, &[Vendor::SmtpProbe, Vendor::InstantlyVerify])?;
    pipeline.enrich_doors(60)?;
    pipeline.finish()?;
    let checked = checks(&mut pipeline, "email")?;
    let mut seen = (0, 0, 0, 0);
    for (address, verified, result, by) in &checked {
        let email = mailbox(&pipeline, address).ok_or("an e-mail that nobody has")?;
        let expected = match email.mailbox {
            Mailbox::Valid => (true, "verified"),
            Mailbox::Invalid => (false, "invalid"),
            Mailbox::CatchAll => (false, "catch_all"),
        };
        ensure(
            (*verified, result.as_deref()) == (expected.0, Some(expected.1))
                && by.as_deref() == Some("smtp_probe"),
            format!(
                "{:?}, slow: {}: {verified} {result:?} by {by:?}",
                email.mailbox, email.slow
            ),
        )?;
        match email.mailbox {
            Mailbox::Valid => seen.0 += 1,
            Mailbox::Invalid => seen.1 += 1,
            Mailbox::CatchAll => seen.2 += 1,
        }
        seen.3 += usize::from(email.slow);
    }
    ensure(
        seen.0 > 5 && seen.1 > 1 && seen.3 > 2,
        format!("too few kinds of mailbox: {seen:?}"),
    )?;
    // Nobody was asked who costs money, and no server was handed a mail.
    ensure(
        pipeline.requests(Vendor::InstantlyVerify) == 0,
        "the second verifier was asked",
    )?;
    let mails = pipeline
        .simulator()
        .with_office(|office| office.mail.data_commands);
    ensure(mails == 0, format!("{mails} mails were sent"))?;
    // Greylisting is waited for by polls; it is no failed attempt.
    let greylisted: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE vendor = 'smtp_probe' AND polls >= 2")?;
    let failed: i64 = pipeline.db.one("SELECT count(*) FROM dlq")?;
    ensure(
        greylisted > 0 && failed == 0,
        format!("{greylisted} were greylisted, {failed} steps failed"),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_full_mailbox_and_a_closing_server_are_told_apart() -> Outcome {
    let mut pipeline = verifying("full_mailbox", 61, &[Vendor::SmtpProbe])?;
    // Every mailbox of one domain is full; the first server that is called hangs up.
    pipeline.fault(Rule {
        status: Some(552),
        request: Some("@mail.example.com>".into()),
        ..Rule::new(Vendor::SmtpProbe, Kind::Status)
    });
    pipeline.fault(Rule {
        status: Some(421),
        times: Some(1),
        ..Rule::new(Vendor::SmtpProbe, Kind::Status)
    });
    pipeline.enrich_doors(60)?;
    pipeline.finish()?;
    let mut full = 0;
    for (address, verified, result, _) in checks(&mut pipeline, "email")? {
        if address.ends_with("@mail.example.com") {
            full += 1;
            ensure(
                !verified && result.as_deref() == Some("mailbox_full"),
                format!("a full mailbox: {verified} {result:?}"),
            )?;
        } else {
            ensure(
                result.is_some_and(|result| result != "mailbox_full"),
                "a mailbox is not full",
            )?;
        }
    }
    ensure(full > 2, format!("{full} mailboxes were full"))
}

#[test]
fn a_refused_sender_stops_the_probe_and_another_verifier_takes_over() -> Outcome {
    let mut pipeline = verifying(
        "blocked_sender",
        62,
        &[Vendor::SmtpProbe, Vendor::InstantlyVerify],
    )?;
    pipeline.fault(Rule {
        status: Some(554),
        ..Rule::new(Vendor::SmtpProbe, Kind::Status)
    });
    pipeline.enrich_doors(40)?;
    until_true("the probe is stopped", Duration::from_secs(30), || {
        pipeline.db.one("SELECT count(*) = 1 FROM vendors WHERE name = 'smtp_probe' AND paused_until = 'infinity'")
    })?;
    let told: Option<String> = pipeline.db.one("SELECT problem FROM worker_status()")?;
    ensure(
        told.as_ref().is_some_and(|told| {
            told.contains("smtp_probe")
                && told.contains("a mail server refuses mail from this machine")
        }),
        format!("worker_status() says {told:?}"),
    )?;
    pipeline.finish()?;
    // Those that were asked by then wait for another try.
    pipeline.db.run("UPDATE dlq SET retry_after = now() WHERE retry_after IS NOT NULL; UPDATE vendors SET position = position WHERE name = 'smtp_probe'")?;
    pipeline.wait_for_work(|db| db.one("SELECT count(*) = 0 FROM dlq"))?;
    pipeline.finish()?;
    let checked = checks(&mut pipeline, "email")?;
    let by_instantly = checked
        .iter()
        .filter(|(.., by)| by.as_deref() == Some("instantly_verify"))
        .count();
    ensure(
        by_instantly > 5 && by_instantly == checked.len(),
        format!(
            "{by_instantly} of {} e-mails were verified by the other verifier",
            checked.len()
        ),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn mobile_networks_are_asked_first_and_the_carrier_only_where_they_cannot_tell() -> Outcome {
    let mut pipeline = verifying("hlr", 63, &[Vendor::HlrLookup, Vendor::SignalwireLookup])?;
    pipeline.db.run("UPDATE vendors SET position = CASE name WHEN 'hlr_lookup' THEN 1 ELSE 2 END WHERE name IN ('hlr_lookup', 'signalwire_lookup')")?;
    pipeline.enrich_doors(60)?;
    pipeline.finish()?;
    let mut seen = (0, 0, 0);
    for (number, verified, result, by) in checks(&mut pipeline, "phone")? {
        let Some(phone) = phone(&pipeline, &number) else {
            continue;
        };
        let told = (verified, result.as_deref(), by.as_deref());
        let expected = match phone.line {
            Line::Mobile if phone.live => (true, Some("mobile"), Some("hlr_lookup")),
            Line::Mobile => (false, Some("invalid"), Some("hlr_lookup")),
            Line::Voip if phone.line_is_told => (true, Some("voip"), Some("signalwire_lookup")),
            _ => continue,
        };
        // A number that must not be called, or was known to be a landline, is not checked.
        if told.2.is_none() {
            continue;
        }
        ensure(
            told == expected,
            format!("{:?}, live: {}: {told:?}", phone.line, phone.live),
        )?;
        match (phone.line, phone.live) {
            (Line::Voip, _) => seen.2 += 1,
            (_, true) => seen.0 += 1,
            (_, false) => seen.1 += 1,
        }
    }
    ensure(
        seen.0 > 5 && seen.1 > 0 && seen.2 > 0,
        format!("too few kinds of phones: {seen:?}"),
    )?;
    // Free answers (no coverage) are free, the rest is paid once.
    for vendor in [Vendor::HlrLookup, Vendor::SignalwireLookup] {
        let (spent, billed) = (
            ledger::spent(&mut pipeline.db, vendor)?,
            ledger::billed(&pipeline, vendor),
        );
        ensure(
            spent == billed && billed > 0,
            format!("{}: spent {spent}, billed {billed}", vendor.name()),
        )?;
    }
    ledger::check(&mut pipeline)
}

fn phone(pipeline: &Pipeline, number: &str) -> Option<Phone> {
    let national = number.strip_prefix("+1")?;
    pipeline
        .simulator()
        .with_office(|office| office.world.phone(national).map(|(_, phone)| phone.clone()))
}

#[test]
fn an_empty_hlr_account_pauses_it_although_it_answers_200() -> Outcome {
    let mut pipeline = verifying("hlr_empty", 64, &[Vendor::HlrLookup])?;
    pipeline
        .simulator()
        .with_office(|office| office.empty_accounts.insert(Vendor::HlrLookup));
    pipeline.enrich_doors(30)?;
    until_true("the vendor is paused", Duration::from_secs(30), || {
        pipeline.db.one("SELECT count(*) = 1 FROM vendors WHERE name = 'hlr_lookup' AND paused_until = 'infinity' AND paused_reason LIKE '%credit%'")
    })?;
    pipeline
        .simulator()
        .with_office(|office| office.empty_accounts.remove(&Vendor::HlrLookup));
    pipeline.db.run("SELECT resume_vendor('hlr_lookup')")?;
    pipeline.finish()?;
    ensure(
        ledger::billed(&pipeline, Vendor::HlrLookup) > 0,
        "nothing was asked after the vendor was resumed",
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn what_a_disabled_verifier_gives_back_goes_to_the_next() -> Outcome {
    let mut pipeline = two_verifiers("disabled_verifier", 65)?;
    pipeline
        .simulator()
        .set_latency(Vendor::SignalwireLookup, Duration::from_secs(5));
    pipeline.fault(Rule {
        status: Some(429),
        ..Rule::new(Vendor::SignalwireLookup, Kind::Status)
    });
    with_phones(&mut pipeline, 12)?;
    until_true("the first is asked", Duration::from_secs(30), || {
        Ok(pipeline.under_way(Vendor::SignalwireLookup) == 8)
    })?;
    pipeline.open_vendors(&[Vendor::HlrLookup])?;
    let by_next = "SELECT count(*) FROM vendor_calls WHERE vendor = 'hlr_lookup'";
    until_true("the next is asked", Duration::from_secs(30), || {
        Ok(pipeline.db.one::<i64>(by_next)? == 4)
    })?;
    ensure(
        pipeline.under_way(Vendor::SignalwireLookup) == 8,
        "the first answered before the worker knew that it is disabled",
    )?;
    pipeline.finish()?;
    let asked: i64 = pipeline.db.one(by_next)?;
    ensure(
        asked == 12,
        format!("the next was asked about {asked} of 12"),
    )
}

#[test]
fn a_number_that_fails_for_ever_is_parked_and_holds_up_no_other() -> Outcome {
    let mut pipeline = two_verifiers("broken_number", 66)?;
    pipeline.open_vendors(&[Vendor::HlrLookup])?;
    pipeline
        .simulator()
        .with_office(|office| office.broken_numbers.insert("12132000003".into()));
    with_phones(&mut pipeline, 10)?;
    pipeline.finish()?;
    let tries: i32 = pipeline
        .db
        .one("SELECT current_setting('equity_connect.max_attempts')::integer")?;
    for attempt in 1..=tries {
        let waits: bool = pipeline.db.one(&format!(
            "SELECT count(*) = 1 AND bool_and(attempts = {attempt} AND (retry_after IS NULL) = ({attempt} = {tries})) FROM dlq WHERE kind = 'job'"
        ))?;
        ensure(
            waits,
            format!("after try {attempt}: {}", pipeline.state_of_things()?),
        )?;
        // The worker sleeps until the time that it knows: a notice of new work makes it look again.
        pipeline.db.run("UPDATE dlq SET retry_after = now() WHERE retry_after IS NOT NULL; UPDATE vendors SET position = position WHERE name = 'hlr_lookup'")?;
        if attempt < tries {
            pipeline.wait_for_work(|db| {
                db.one(&format!(
                    "SELECT count(*) = 1 FROM dlq WHERE attempts > {attempt}"
                ))
            })?;
        }
    }
    let released: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vendor_calls WHERE state = 'released'")?;
    let paused: bool = pipeline
        .db
        .one("SELECT pauses > 0 FROM vendors WHERE name = 'hlr_lookup'")?;
    ensure(
        released == i64::from(tries) && !paused,
        format!("{released} rows released for {tries} tries, paused: {paused}"),
    )?;
    ledger::check(&mut pipeline)
}

#[test]
fn a_domain_that_blocks_the_probe_does_not_stop_it_again_at_once() -> Outcome {
    let mut pipeline = verifying("blocked_by_one", 67, &[Vendor::SmtpProbe])?;
    pipeline
        .db
        .run("UPDATE vendors SET max_in_flight = 1 WHERE name = 'smtp_probe'")?;
    pipeline.fault(Rule {
        status: Some(554),
        request: Some("@mail.example.com>".into()),
        times: Some(1),
        ..Rule::new(Vendor::SmtpProbe, Kind::Status)
    });
    pipeline.enrich_doors(20)?;
    until_true("the probe is stopped", Duration::from_secs(30), || {
        pipeline.db.one("SELECT count(*) = 1 FROM vendors WHERE name = 'smtp_probe' AND paused_until = 'infinity'")
    })?;
    // The mailbox is out of the way: its lead waits for another try.
    until_true("its lead waits", Duration::from_secs(10), || {
        pipeline.db.one("SELECT count(*) = 1 FROM dlq WHERE kind = 'job' AND attempts = 1 AND retry_after > now()")
    })?;
    pipeline.db.run("SELECT resume_vendor('smtp_probe')")?;
    pipeline.finish()?;
    let checked = checks(&mut pipeline, "email")?;
    let told = checked.iter().filter(|(_, _, result, _)| result.is_some());
    ensure(told.count() > 5, "the resumed probe asked nobody")
}
