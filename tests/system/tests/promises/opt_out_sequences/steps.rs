//! What users, importers, vendors, campaign tools and opt-out desks do, one random step at a time.

use std::sync::atomic::Ordering;
use std::time::Instant;

use equity_simulator::world::spelling::Spelled;
use equity_system_tests::Outcome;
use equity_system_tests::session::Session;
use fastrand::Rng;

use super::Counts;
use super::model::Model;

/// A property of the simulated world.
#[derive(Clone)]
pub struct Door {
    pub record_id: String,
    pub line1: String,
    pub city: String,
    pub state: String,
    pub zip: String,
    pub hash: String,
}

impl Door {
    pub fn new(record_id: &str, address: &Spelled, state: &str) -> Self {
        Self {
            record_id: record_id.into(),
            line1: address.street.clone(),
            city: address.city.clone(),
            state: state.into(),
            zip: address.zip.clone(),
            hash: String::new(),
        }
    }
}

/// The doors and people of one sequence.
pub struct Street {
    number: usize,
    doors: Vec<Door>,
}

impl Street {
    pub fn new(number: usize, doors: &[Door]) -> Self {
        Self {
            number,
            doors: doors.to_vec(),
        }
    }

    fn email(&self, person: u32) -> String {
        format!("person{person}.s{}@example.com", self.number)
    }

    fn phone(&self, person: u32) -> String {
        format!("602{}", 2_000_000 + self.number as u32 * 10 + person)
    }

    fn hashes(&self) -> String {
        let hashes: Vec<String> = self
            .doors
            .iter()
            .map(|door| format!("'{}'", door.hash))
            .collect();
        hashes.join(", ")
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What a step does in the database.
enum Step {
    Write(String),
    Claim(&'static str),
    /// The statement, and the values that are opted out by it.
    OptOut(String, Vec<String>),
}

/// Takes one step; an error when what was promised is broken.
pub fn take(
    session: &mut Session,
    street: &Street,
    rng: &mut Rng,
    model: &Model,
    counts: &Counts,
) -> Outcome {
    let step = if rng.u32(0..9) == 0 {
        opt_out(street, rng)
    } else {
        ordinary(street, rng)
    };
    match step {
        Step::Write(sql) => {
            let sql = match (rng.u32(0..4), ordinary(street, rng)) {
                (0, Step::Write(second)) => format!("BEGIN; {sql}; {second}; COMMIT"),
                _ => sql,
            };
            insist(session, counts, |session| session.run(&sql)).map(drop)
        }
        Step::Claim(campaign) => claim(session, campaign, model, counts),
        Step::OptOut(sql, values) => record_opt_out(session, street, (&sql, values), model, counts),
    }
}

fn ordinary(street: &Street, rng: &mut Rng) -> Step {
    let door = &street.doors[rng.usize(0..street.doors.len())];
    let other = &street.doors[rng.usize(0..street.doors.len())];
    let person = rng.u32(1..=5);
    let (email, phone) = (street.email(person), street.phone(person));
    let of = |door: &Door| format!("SELECT id FROM leads WHERE addr_hash = '{}'", door.hash);
    let lead = of(door);
    let (line1, zip) = (quoted(&door.line1), quoted(&door.zip));
    let (city, state) = (quoted(&door.city), quoted(&door.state));
    let point = format!("jsonb_build_object('email', '{email}', 'verified', true)");
    Step::Write(match rng.u32(0..20) {
        0 | 1 => format!(
            "SELECT upsert_lead('batchdata', '{}', p_address_line1 := {line1}, p_city := {city}, p_state := {state}, p_postal_code := {zip}, p_owner_occupied := true)",
            door.record_id
        ),
        2 => format!(
            "SELECT upsert_lead('propstream', p_address_line1 := upper({line1}), p_city := {city}, p_state := {state}, p_postal_code := {zip})"
        ),
        3 | 4 => format!(
            "SELECT * FROM upsert_leads('batchdata', jsonb_build_array(jsonb_build_object('vendor_record_id', '{}', 'address_line1', {line1}, 'city', {city}, 'state', {state}, 'postal_code', {zip}, 'emails', jsonb_build_array({point}))))",
            door.record_id
        ),
        5 => format!(
            "INSERT INTO leads (address_line1, property_city, property_state, property_zip, emails, status, quality_score) VALUES ({line1}, {city}, {state}, {zip}, ARRAY[{point}], 'contactable', 90) ON CONFLICT DO NOTHING"
        ),
        6 => format!("SELECT merge_contact_point(id, 'phone', '{phone}', 'melissa', 80, true, 'mobile') FROM ({lead}) s"),
        7 | 8 => format!("SELECT merge_contact_point(id, 'email', '{email}', 'melissa', 80, true) FROM ({lead}) s"),
        9 => format!("UPDATE leads SET emails = ARRAY[{point}], phones = '{{}}' WHERE addr_hash = '{}'", door.hash),
        10 => format!(
            "UPDATE leads SET status = 'contactable', quality_score = 95, suppressed_at = NULL, suppressed_reason = NULL, campaign_status = 'new' WHERE addr_hash = '{}'",
            door.hash
        ),
        11 => format!("SELECT update_lead_status_from_score(id) FROM ({lead}) s"),
        12 => format!("DELETE FROM leads WHERE addr_hash = '{}'", door.hash),
        13 => format!(
            "SELECT record_campaign_event('{email}', '{}')",
            ["email_opened", "email_bounced", "reply_received"][rng.usize(0..3)]
        ),
        14 => format!("SELECT request_enrichment(id) FROM ({lead}) s"),
        // A refresh: what was bought is old, and is asked for again.
        15 => format!(
            "UPDATE vendor_calls SET answered_at = answered_at - interval '400 days' WHERE state = 'applied' AND lead_id = ({lead});
             SELECT request_enrichment(id) FROM ({lead}) s"
        ),
        16 => format!(
            "UPDATE leads SET last_seen_at = now(), added_to_campaign_at = NULL, status = 'contactable', quality_score = 90 WHERE addr_hash = '{}'",
            door.hash
        ),
        17 if door.hash != other.hash => format!(
            "SELECT merge_leads(a.id, b.id, 'the same') FROM ({lead}) a (id), ({}) b (id)",
            of(other)
        ),
        17 | 18 => format!(
            "SELECT unmerge_leads(max(m.id)) FROM lead_merges m WHERE m.unmerged_at IS NULL AND m.kept_lead_id IN (SELECT id FROM leads WHERE addr_hash IN ({})) HAVING max(m.id) IS NOT NULL",
            street.hashes()
        ),
        _ => return Step::Claim("desk"),
    })
}

fn opt_out(street: &Street, rng: &mut Rng) -> Step {
    let person = rng.u32(1..=5);
    let (email, phone) = (street.email(person), street.phone(person));
    let door = &street.doors[rng.usize(0..street.doors.len())];
    match rng.u32(0..6) {
        0 => Step::OptOut(
            format!(
                "SELECT suppress_contact('email', '{}', 'x')",
                email.to_uppercase()
            ),
            vec![email],
        ),
        1 => Step::OptOut(
            format!("SELECT suppress_contact('phone', '{phone}', 'x')"),
            vec![format!("+1{phone}")],
        ),
        2 => Step::OptOut(
            format!("SELECT suppress_contact('address', '{}', 'x')", door.hash),
            vec![door.hash.clone()],
        ),
        3 => Step::OptOut(
            format!("SELECT record_campaign_event('{email}', 'lead_unsubscribed')"),
            vec![email],
        ),
        // Whatever the lead holds by then, what a vendor found included.
        4 => Step::OptOut(
            format!(
                "SELECT suppress_lead(id, 'x') FROM leads WHERE addr_hash = '{}'",
                door.hash
            ),
            Vec::new(),
        ),
        _ => Step::OptOut(
            format!(
                "SELECT suppress_contact('phone', key, 'x') FROM leads, unnest(contact_keys(phones, emails)) AS key WHERE addr_hash = '{}' AND key LIKE '+%' LIMIT 1",
                door.hash
            ),
            Vec::new(),
        ),
    }
}

/// Opts out, and remembers who is opted out from then on: the values, and the doors that it took along.
fn record_opt_out(
    session: &mut Session,
    street: &Street,
    (sql, values): (&str, Vec<String>),
    model: &Model,
    counts: &Counts,
) -> Outcome {
    let taken = format!(
        "SELECT addr_hash FROM leads WHERE suppressed_at IS NOT NULL AND addr_hash IN ({})",
        street.hashes()
    );
    let done = insist(session, counts, |session| {
        session.run(&format!("BEGIN; {sql}"))?;
        let doors = session.column::<String>(&taken)?;
        session.run("COMMIT")?;
        Ok(doors)
    })?;
    let there: f64 = session.one("SELECT extract(epoch FROM clock_timestamp())::float8")?;
    let mut values = values;
    values.extend(done.unwrap_or_default());
    model.opted_out(values, there);
    Ok(())
}

fn claim(session: &mut Session, campaign: &str, model: &Model, counts: &Counts) -> Outcome {
    let asked = Instant::now();
    let sql = format!(
        "SELECT array_remove(contact_keys(l.phones, l.emails) || l.addr_hash
                             || ARRAY(SELECT e ->> 'email' FROM jsonb_array_elements(c.emails) e) || ARRAY(SELECT p ->> 'phone' FROM jsonb_array_elements(c.phones) p), NULL)
         FROM claim_campaign_leads('{campaign}', 2) c JOIN leads l USING (id)"
    );
    let claimed = insist(session, counts, |session| {
        session.column::<Vec<String>>(&sql)
    })?;
    for held in claimed.unwrap_or_default() {
        counts.handed_out.fetch_add(1, Ordering::Relaxed);
        if let Some(value) = model.broken(&held, asked) {
            return Err(format!("a lead with the opted-out value {value} was handed out").into());
        }
    }
    Ok(())
}

/// Repeats what the database asks to be repeated; None: it makes no sense now (the lead is gone, the merge undone).
fn insist<T>(
    session: &mut Session,
    counts: &Counts,
    mut work: impl FnMut(&mut Session) -> Outcome<T>,
) -> Outcome<Option<T>> {
    for _ in 0..30 {
        let error = match work(session) {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error.to_string(),
        };
        session.run("ROLLBACK")?;
        let is = |codes: &[&str]| codes.iter().any(|code| error.starts_with(code));
        if is(&["P0002", "02000", "55000", "23505", "22023"]) {
            return Ok(None);
        }
        if !is(&["40P01", "40001"]) {
            return Err(error.into());
        }
        counts.repeats.fetch_add(1, Ordering::Relaxed);
    }
    Err("repeated in vain".into())
}
