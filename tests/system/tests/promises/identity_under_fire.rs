//! One property is one lead, whoever imports it, in whatever order, spelling and company, and whoever is killed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use equity_simulator::dice::{Dice, Purpose};
use equity_simulator::world::property::Property;
use equity_simulator::world::spelling::LastLine;
use equity_system_tests::cluster::Cluster;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::session::Session;
use equity_system_tests::{Outcome, ensure, seed, truth};
use fastrand::Rng;
use serde_json::{Value, json};

const CONNECTIONS: usize = 16;
const SOURCE: &str = "list";

/// The keys of a property, as one file writes them.
fn keys(property: &Property) -> Value {
    let mak = property
        .mak
        .clone()
        .unwrap_or_else(|| format!("77{:08}", property.index));
    json!({
        "mak": mak, "apn": property.apn, "county_fips": property.place.county_fips,
        "vendor_record_id": format!("v{}", property.index),
    })
}

/// A record of these keys only.
fn of(keys: &Value, names: &[&str]) -> Value {
    let named = names
        .iter()
        .map(|name| ((*name).to_owned(), keys[*name].clone()));
    Value::Object(named.collect())
}

/// The records about one property: a whole one, respelled ones, and ones that know a single key.
fn records(property: &Property, seed: u64) -> Vec<Value> {
    let keys = keys(property);
    let place = &property.place;
    let ending = LastLine {
        city: &place.city,
        zip: &place.zip,
        plus4: &property.plus4,
    };
    let mut dice = Dice::new(seed, Purpose::Noise, property.index as u64);
    let mut all = vec![
        of(&keys, &["mak"]),
        of(&keys, &["vendor_record_id"]),
        of(&keys, &["apn", "county_fips"]),
    ];
    let more: [&[&str]; 4] = [
        &["mak", "apn", "county_fips", "vendor_record_id"],
        &["vendor_record_id"],
        &["apn", "county_fips"],
        &["mak"],
    ];
    for (n, names) in more.iter().enumerate() {
        let spelled = match n {
            0 => property.line.spelled(&place.city, &place.zip),
            _ => property.line.respelled(&ending, &mut dice),
        };
        let mut record = of(&keys, names);
        record["address_line1"] = json!(spelled.street);
        record["city"] = json!(spelled.city);
        record["state"] = json!(place.state);
        record["postal_code"] = json!(spelled.zip);
        record["owner_last_name"] = json!(property.owner.last);
        record["phones"] = json!([{"phone": format!("602555{:04}", property.index % 10000)}]);
        all.push(record);
    }
    all
}

/// Records that go to the server together.
enum Step {
    One(Value),
    Page(Vec<Value>),
}

fn shuffled(records: &[Value], rng: &mut Rng) -> Vec<Step> {
    let mut records = records.to_vec();
    rng.shuffle(&mut records);
    let mut steps = Vec::new();
    while !records.is_empty() {
        let size = rng.usize(1..=40).min(records.len());
        let page: Vec<Value> = records.split_off(records.len() - size);
        if rng.bool() {
            steps.push(Step::Page(page));
        } else {
            steps.extend(page.into_iter().map(Step::One));
        }
    }
    steps
}

const ONE: &str = "SELECT upsert_lead($1, r ->> 'vendor_record_id', p_address_line1 := r ->> 'address_line1', p_city := r ->> 'city',
    p_state := r ->> 'state', p_postal_code := r ->> 'postal_code', p_apn := r ->> 'apn', p_mak := r ->> 'mak',
    p_county_fips := r ->> 'county_fips', p_owner_last_name := r ->> 'owner_last_name')::text, 'stored' FROM (SELECT $2::jsonb) AS t (r)";

const PAGE: &str =
    "SELECT lead_id::text, COALESCE(error, 'stored') FROM upsert_leads($1, $2::jsonb)";

fn take(session: &mut Session, step: &Step) -> Result<(), postgres::Error> {
    let (sql, value) = match step {
        Step::One(record) => (ONE, record.clone()),
        Step::Page(records) => (PAGE, Value::Array(records.clone())),
    };
    for row in session.client.query(sql, &[&SOURCE, &value])? {
        let outcome: String = row.get(1);
        assert_eq!(outcome, "stored", "a record was rejected");
    }
    Ok(())
}

/// Said by the server, or found out by a connection that is gone.
fn was_killed(error: &postgres::Error) -> bool {
    error.code().is_none_or(|code| code.code() == "57P01")
}

/// Takes all steps, each again after its session was killed; how often that was.
fn import(cluster: &Cluster, steps: &[Step]) -> Outcome<usize> {
    let mut session = reconnect(cluster)?;
    let mut killed = 0;
    for step in steps {
        loop {
            match take(&mut session, step) {
                Ok(()) => break,
                Err(error) if was_killed(&error) => {
                    killed += 1;
                    session = reconnect(cluster)?;
                }
                Err(error) => return Err(format!("{error:?}").into()),
            }
        }
    }
    Ok(killed)
}

/// A new session, which may be killed before it is ready.
fn reconnect(cluster: &Cluster) -> Outcome<Session> {
    for _ in 0..20 {
        if let Ok(session) = cluster.connect() {
            return Ok(session);
        }
    }
    cluster.connect()
}

const VICTIM: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state = 'active' ORDER BY random() LIMIT 1";

#[test]
fn sixteen_imports_of_one_file_in_other_words_make_one_lead_each() -> Outcome {
    let (seed, mut rng) = seed::choose("identity_under_fire", 60);
    let kills = seed::number_from_environment("EQUITY_KILLS", 40);
    let mut pipeline = Pipeline::bare(Plan::new(seed, 60))?;
    pipeline.install()?;
    let properties = pipeline
        .simulator()
        .with_office(|office| office.world.properties().to_vec());
    let file: Vec<Value> = properties
        .iter()
        .flat_map(|property| records(property, seed))
        .collect();
    let mut killer = pipeline.another_session()?;
    let all_steps: Vec<Vec<Step>> = (0..CONNECTIONS)
        .map(|_| shuffled(&file, &mut rng))
        .collect();
    let (running, shared) = (AtomicUsize::new(CONNECTIONS), &pipeline.cluster);
    let killed: usize = std::thread::scope(|scope| -> Outcome<usize> {
        let importers: Vec<_> = all_steps
            .iter()
            .map(|steps| {
                let running = &running;
                scope.spawn(move || {
                    let killed = import(shared, steps).map_err(|error| error.to_string());
                    running.fetch_sub(1, Ordering::Relaxed);
                    killed
                })
            })
            .collect();
        for _ in 0..kills {
            if running.load(Ordering::Relaxed) == 0 {
                break;
            }
            killer.run(VICTIM)?;
            std::thread::sleep(Duration::from_millis(rng.u64(10..80)));
        }
        let mut killed = 0;
        for importer in importers {
            killed += importer.join().map_err(|_| "an importer panicked")??;
        }
        Ok(killed)
    })?;
    println!(
        "identity_under_fire: {} records, {killed} kills",
        file.len() * CONNECTIONS
    );
    ensure(killed > 0, "nobody was killed")?;
    check(&mut pipeline, &properties)?;
    // Once more, one by one: everything is known, by whatever key.
    for record in &file {
        take(&mut pipeline.db, &Step::One(record.clone()))?;
    }
    check(&mut pipeline, &properties)
}

fn check(pipeline: &mut Pipeline, properties: &[Property]) -> Outcome {
    let deadlocks: i64 = pipeline
        .db
        .one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")?;
    let log = pipeline.cluster.log()?;
    ensure(
        deadlocks == 0 && !log.contains("deadlock detected"),
        format!("{deadlocks} deadlocks"),
    )?;
    ensure(
        !log.contains("terminated by signal"),
        "a server process crashed",
    )?;
    let doors = truth::doors_of_leads(&mut pipeline.db)?;
    let mut wrong = Vec::new();
    for property in properties {
        let keys = keys(property);
        let line = property.line.standard();
        let place = &property.place;
        let one: i64 = pipeline.db.one_with(
            "SELECT count(*) FROM leads WHERE mak = $1 AND apn = $2 AND county_fips = $3 AND vendor_record_id = $4
                 AND addr_hash = compute_addr_hash($5, $6, $7, $8) AND last_name = $9 AND cardinality(phones) = 1",
            &[
                &keys["mak"].as_str(),
                &keys["apn"].as_str(),
                &keys["county_fips"].as_str(),
                &keys["vendor_record_id"].as_str(),
                &line,
                &place.city,
                &place.state,
                &place.zip,
                &property.owner.last,
            ],
        )?;
        if one != 1 || doors.get(&property.door_key()) != Some(&1) {
            wrong.push(format!("{} ({one})", property.door_key()));
        }
    }
    let leads: i64 = pipeline.db.one("SELECT count(*) FROM leads")?;
    let pairs: i64 = pipeline
        .db
        .one("SELECT count(*) FROM lead_matches WHERE verdict IS NULL")?;
    ensure(
        wrong.is_empty() && leads == i64::try_from(properties.len())? && pairs == 0,
        format!(
            "{leads} leads of {} properties, {pairs} pairs to review, wrong: {:?}",
            properties.len(),
            &wrong[..wrong.len().min(5)]
        ),
    )
}
