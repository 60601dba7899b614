//! Random sequences of everything that can happen to leads, from several connections, with the worker and its vendors at
//! work: once an opt-out has been committed, no state shows the lead ready, no purchase about it starts, and no hand-out
//! contains it. Each sequence has a street of its own, so that many run side by side. `EQUITY_SEQUENCES` says how many,
//! `EQUITY_SEED` which.

mod model;
mod steps;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use equity_simulator::vendor::Vendor;
use equity_simulator::world::listing::Copy;
use equity_system_tests::pipeline::{Pipeline, Plan, VENDORS};
use equity_system_tests::session::Session;
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, dumps, ensure, seed};
use fastrand::Rng;

use model::{Model, look};
use steps::{Door, Street};

/// Doors of a street, connections to it, and what each of them does.
const DOORS: usize = 3;
const SESSIONS: usize = 3;
const STEPS: usize = 14;
/// Streets at the same time.
const SIDE_BY_SIDE: usize = 4;

#[test]
fn no_sequence_of_events_brings_an_opt_out_back() -> Outcome {
    let (seed, mut rng) = seed::choose("opt_out_sequences", 55);
    let sequences = usize::try_from(seed::number_from_environment("EQUITY_SEQUENCES", 200))?;
    let mut pipeline = start(seed, sequences)?;
    let streets = streets(&mut pipeline, sequences)?;
    let model = Model::default();
    let counts = Counts::default();
    play(&pipeline, &streets, &model, &mut rng, &counts)?;
    pipeline.finish()?;
    until_true(
        "the campaign tool has been told",
        Duration::from_secs(60),
        || {
            pipeline.db.one("SELECT count(*) = 0 FROM campaign_handouts WHERE delivery IN ('queued', 'sending', 'unclear') OR (delivery = 'accepted' AND recall_asked_at IS NOT NULL AND recalled_at IS NULL)")
        },
    )?;
    look(&mut pipeline.db, &model)?;
    model::check_purchases(&mut pipeline.db, &model)?;
    model::check_handouts(&mut pipeline.db, &model)?;
    println!(
        "{sequences} sequences, {} steps, {} opt-outs, {} looks, {} hand-outs, {} repeats, {} requests to vendors",
        counts.steps.load(Ordering::Relaxed),
        model.len(),
        counts.looks.load(Ordering::Relaxed),
        counts.handed_out.load(Ordering::Relaxed),
        counts.repeats.load(Ordering::Relaxed),
        VENDORS
            .iter()
            .map(|vendor| pipeline.requests(*vendor))
            .sum::<u64>(),
    );
    ensure(
        model.len() >= sequences / 2 && counts.handed_out.load(Ordering::Relaxed) > 0,
        "too little happened to prove anything",
    )?;
    a_restored_copy_knows_them_all(&mut pipeline, &streets, &model, &mut rng)
}

#[derive(Default)]
pub struct Counts {
    steps: AtomicU64,
    looks: AtomicU64,
    repeats: AtomicU64,
    handed_out: AtomicU64,
}

/// A world with doors enough, every vendor and the campaign tool open, and a campaign that the worker feeds.
fn start(seed: u64, sequences: usize) -> Outcome<Pipeline> {
    let plan = Plan::new(seed, sequences * DOORS * 2)
        .setting("max_connections", "80")
        .setting("equity_connect.daily_spend_cap", "100000");
    let mut pipeline = Pipeline::start(plan)?;
    pipeline.open_campaigns()?;
    pipeline.db.run(
        "UPDATE vendors SET daily_spend_cap = NULL;
         INSERT INTO campaigns (name, daily_cap) VALUES ('desk', 1000000);
         INSERT INTO campaigns (name, daily_cap, vendor_campaign_id, fed_by_worker) VALUES ('mail', 1000000, 'c-1', true)",
    )?;
    Ok(pipeline)
}

fn streets(pipeline: &mut Pipeline, count: usize) -> Outcome<Vec<Street>> {
    let mut doors: Vec<Door> = pipeline.simulator().with_office(|office| {
        let mut seen = std::collections::BTreeSet::new();
        let first = office
            .world
            .listings()
            .iter()
            .filter(|listing| listing.copy == Copy::First && seen.insert(listing.property));
        first
            .map(|listing| {
                let place = &office.world.properties()[listing.property].place;
                Door::new(&listing.record_id, &listing.address, &place.state)
            })
            .collect()
    });
    ensure(
        doors.len() >= count * DOORS,
        format!("a world of {} doors", doors.len()),
    )?;
    for door in &mut doors {
        door.hash = pipeline.db.one_with(
            "SELECT compute_addr_hash($1, $2, $3, $4)",
            &[&door.line1, &door.city, &door.state, &door.zip],
        )?;
    }
    Ok(doors
        .chunks(DOORS)
        .take(count)
        .enumerate()
        .map(|(number, doors)| Street::new(number, doors))
        .collect())
}

/// Runs every street's sequence, several side by side, while a checker looks at all of them.
fn play(
    pipeline: &Pipeline,
    streets: &[Street],
    model: &Model,
    rng: &mut Rng,
    counts: &Counts,
) -> Outcome {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let mut players: Vec<(Vec<Session>, Rng)> = Vec::new();
    for _ in 0..SIDE_BY_SIDE {
        let sessions: Vec<Session> = (0..SESSIONS)
            .map(|_| pipeline.another_session())
            .collect::<Outcome<_>>()?;
        players.push((sessions, rng.fork()));
    }
    // What a street does follows from its own number, whoever plays it.
    let seeds: Vec<u64> = streets.iter().map(|_| rng.u64(..)).collect();
    let failure: Mutex<Option<String>> = Mutex::new(None);
    let mut checker = pipeline.another_session()?;
    std::thread::scope(|scope| {
        let running: Vec<_> = players
            .iter_mut()
            .map(|(sessions, _)| {
                let (next, failure, seeds) = (&next, &failure, &seeds);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let (Some(street), Some(seed)) = (streets.get(number), seeds.get(number))
                        else {
                            return;
                        };
                        let played = play_street(sessions, street, *seed, model, counts);
                        if let (Err(error), Ok(mut failure)) = (played, failure.lock()) {
                            failure.get_or_insert(format!("street {number}: {error}"));
                            return;
                        }
                    }
                })
            })
            .collect();
        let watching = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                counts.looks.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = look(&mut checker, model)
                    && let Ok(mut failure) = failure.lock()
                {
                    failure.get_or_insert(error.to_string());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        for player in running {
            let _ = player.join();
        }
        is_over.store(true, Ordering::Relaxed);
        let _ = watching.join();
    });
    match failure.into_inner()? {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

/// One sequence: every connection does its steps, all at the same time.
fn play_street(
    sessions: &mut [Session],
    street: &Street,
    seed: u64,
    model: &Model,
    counts: &Counts,
) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    std::thread::scope(|scope| {
        let playing: Vec<_> = sessions
            .iter_mut()
            .map(|session| {
                let mut rng = rng.fork();
                scope.spawn(move || -> Result<(), String> {
                    for _ in 0..STEPS {
                        counts.steps.fetch_add(1, Ordering::Relaxed);
                        steps::take(session, street, &mut rng, model, counts)
                            .map_err(|error| error.to_string())?;
                    }
                    Ok(())
                })
            })
            .collect();
        playing.into_iter().try_for_each(|player| {
            player
                .join()
                .unwrap_or_else(|_| Err("a player panicked".into()))
        })
    })
    .map_err(|error| format!("seed {seed}: {error}"))
}

/// Dumped and restored, the same values stay opted out, whatever is done in the copy.
fn a_restored_copy_knows_them_all(
    pipeline: &mut Pipeline,
    streets: &[Street],
    model: &Model,
    rng: &mut Rng,
) -> Outcome {
    pipeline.open_vendors(&[])?;
    let file = pipeline.cluster.scratch().join("opt_outs.dump");
    dumps::client(
        &pipeline.cluster,
        "pg_dump",
        &[
            "-Fc",
            "-f",
            &file.display().to_string(),
            pipeline.cluster.database(),
        ],
    )?;
    pipeline
        .cluster
        .connect_to("postgres")?
        .run("CREATE DATABASE copy")?;
    dumps::restore_custom(&pipeline.cluster, "copy", &file)?;
    let mut copy = pipeline.cluster.connect_to("copy")?;
    let same = |db: &mut Session| {
        db.one::<String>("SELECT concat((SELECT md5(string_agg(l::text, '' ORDER BY id)) FROM leads l), (SELECT md5(string_agg(s::text, '' ORDER BY id)) FROM suppressions s),
                                 (SELECT md5(string_agg(h::text, '' ORDER BY id)) FROM campaign_handouts h))")
    };
    ensure(
        same(&mut copy)? == same(&mut pipeline.db)?,
        "the copy differs",
    )?;
    let counts = Counts::default();
    for street in streets.iter().take(60) {
        for _ in 0..6 {
            steps::take(&mut copy, street, rng, model, &counts)?;
        }
        look(&mut copy, model)?;
    }
    // Everybody who opted out comes back as a fresh lead.
    copy.run("DELETE FROM leads")?;
    for value in model.values() {
        copy.client.execute(
            "INSERT INTO leads (addr_hash, emails, phones, status, quality_score)
             SELECT CASE WHEN $1 ~ '^[0-9a-f]{64}$' THEN $1 END, CASE WHEN $1 LIKE '%@%' THEN ARRAY[jsonb_build_object('email', $1)] END,
                    CASE WHEN $1 LIKE '+%' THEN ARRAY[jsonb_build_object('phone', $1)] END, 'contactable', 90",
            &[&value],
        )?;
    }
    let (all, ready): (i64, i64) = (
        copy.one("SELECT count(*) FROM leads")?,
        copy.one("SELECT count(*) FROM vw_campaign_ready_leads")?,
    );
    ensure(
        all > 0 && ready == 0,
        format!("{ready} of {all} opted-out people are ready again in the copy"),
    )?;
    ensure(
        pipeline.under_way(Vendor::Melissa) == 0,
        "the copy called a vendor",
    )
}
