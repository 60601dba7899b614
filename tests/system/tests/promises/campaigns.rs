//! Campaigns fed by the worker: each ready lead once, best first, up to the cap, whatever happens on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use equity_simulator::dialect::instantly_campaigns::Handouts;
use equity_simulator::faults::{Kind, Rule};
use equity_simulator::settings::EventOrder;
use equity_simulator::vendor::Vendor;
use equity_system_tests::cluster::signal;
use equity_system_tests::pipeline::{Pipeline, Plan};
use equity_system_tests::wait::until_true;
use equity_system_tests::{Outcome, ensure, seed};
use serde_json::json;

const CAMPAIGN: &str = "6f1f2a7e-0000-4000-8000-000000000001";
const PATIENCE: Duration = Duration::from_secs(60);

/// A pipeline with `leads` ready leads, the campaign tool enabled, and no campaign yet.
fn ready(plan: Plan, leads: u32) -> Outcome<Pipeline> {
    let mut pipeline = Pipeline::bare(plan)?;
    pipeline.install()?;
    pipeline.open_campaigns()?;
    add_ready(&mut pipeline, 1, leads)?;
    pipeline.arm()?;
    Ok(pipeline)
}

fn add_ready(pipeline: &mut Pipeline, from: u32, to: u32) -> Outcome {
    pipeline.db.run(&format!(
        "INSERT INTO leads (addr_hash, first_name, emails, status, quality_score)
         SELECT 'house ' || n, 'Pat', ARRAY[jsonb_build_object('email', 'owner' || n || '@example.com', 'verified', true)], 'contactable', 60 + n % 41
         FROM generate_series({from}, {to}) n"
    ))
}

fn feed(pipeline: &mut Pipeline, cap: u32) -> Outcome {
    pipeline.db.run(&format!(
        "INSERT INTO campaigns (name, vendor_campaign_id, daily_cap, fed_by_worker) VALUES ('phx', '{CAMPAIGN}', {cap}, true)"
    ))
}

/// Waits until this many hand-outs ended like that.
fn wait_for(pipeline: &mut Pipeline, delivery: &str, count: i64) -> Outcome {
    let sql = format!("SELECT count(*) FROM campaign_handouts WHERE delivery = '{delivery}'");
    until_true(&format!("{count} hand-outs are {delivery}"), PATIENCE, || {
        Ok(pipeline.db.one::<i64>(&sql)? == count)
    })
    .map_err(|error| {
        let all = pipeline.db.one::<String>(
            "SELECT concat(jsonb_object_agg(delivery, n), (SELECT jsonb_agg(d) FROM (SELECT error, retry_after, attempts FROM dlq LIMIT 3) d),
                           (SELECT to_jsonb(s) FROM worker_status() s), (SELECT paused_reason FROM vendors WHERE name = 'instantly_campaign'))
             FROM (SELECT delivery, count(*) AS n FROM campaign_handouts GROUP BY 1) h",
        );
        format!("{error}: {}", all.unwrap_or_default()).into()
    })
}

fn handouts(pipeline: &Pipeline) -> BTreeMap<String, Handouts> {
    pipeline
        .simulator()
        .with_office(|office| office.campaigns.handouts.clone())
}

#[test]
fn the_worker_feeds_the_best_leads_once_and_the_cap_is_exact() -> Outcome {
    let (seed, _) = seed::choose("feeding", 60);
    let mut pipeline = ready(Plan::new(seed, 1), 600)?;
    pipeline
        .db
        .run("UPDATE vendors SET batch_size = 70 WHERE name = 'instantly_campaign'")?;
    // Reachable by phone only: nothing for a tool that writes mails.
    pipeline.db.run(
        "INSERT INTO leads (addr_hash, phones, status, quality_score) VALUES ('x', ARRAY['{\"phone\": \"+16025550100\", \"verified\": true}'::jsonb], 'contactable', 100)",
    )?;
    feed(&mut pipeline, 450)?;
    wait_for(&mut pipeline, "accepted", 450)?;
    let (worst, left): (i32, i32) = (
        pipeline
            .db
            .one("SELECT min(score) FROM campaign_handouts")?,
        pipeline.db.one(
            "SELECT max(quality_score)::integer FROM vw_campaign_ready_leads WHERE cardinality(emails) > 0",
        )?,
    );
    ensure(
        worst >= left,
        format!("a lead of {worst} went out before one of {left}"),
    )?;
    let there = handouts(&pipeline);
    ensure(
        there.len() == 450
            && there
                .values()
                .all(|one| one.created == 1 && one.offered == 1),
        format!("the tool has {} addresses, not 450 once each", there.len()),
    )?;
    let stamped: i64 = pipeline.db.one(&format!(
        "SELECT count(*) FROM leads l JOIN campaign_handouts h ON h.lead_id = l.id
         WHERE l.campaign_status = 'active' AND l.instantly_campaign_id = '{CAMPAIGN}' AND l.added_to_campaign_at IS NOT NULL AND h.vendor_lead_id IS NOT NULL"
    ))?;
    ensure(stamped == 450, format!("{stamped} leads are stamped"))?;
    // The cap is raised: the rest follows, and an SQL caller shares the same cap.
    pipeline
        .db
        .run("UPDATE campaigns SET daily_cap = 520; SELECT count(*) FROM claim_campaign_leads('phx', 20)")?;
    until_true("the cap is used up", PATIENCE, || {
        pipeline.db.one("SELECT count(*) = 520 FROM campaign_handouts WHERE delivery IN ('accepted', 'by_caller')")
    })?;
    std::thread::sleep(Duration::from_millis(1500));
    let all: i64 = pipeline.db.one("SELECT count(*) FROM campaign_handouts")?;
    ensure(all == 520, format!("{all} hand-outs under a cap of 520"))
}

#[test]
fn whom_the_tool_leaves_out_is_found_out() -> Outcome {
    let (seed, _) = seed::choose("left_out", 61);
    let mut pipeline = ready(Plan::new(seed, 1), 20)?;
    pipeline.simulator().with_office(|office| {
        let campaigns = &mut office.campaigns;
        campaigns.blocked.push("owner1@example.com".into());
        campaigns.blocked.push("owner2@example.com".into());
        for (email, campaign) in [
            ("owner3@example.com", "another"),
            ("owner4@example.com", CAMPAIGN),
        ] {
            campaigns
                .leads
                .push(equity_simulator::dialect::instantly_campaigns::Lead {
                    id: format!("there-{email}"),
                    campaign: campaign.into(),
                    email: email.into(),
                    given: serde_json::Map::new(),
                });
        }
    });
    // The same person owns another house; and one address is none that the tool takes.
    pipeline.db.run(
        "INSERT INTO leads (addr_hash, emails, status, quality_score) VALUES
             ('second house', ARRAY['{\"email\": \"owner5@example.com\", \"verified\": true}'::jsonb], 'contactable', 60),
             ('third house', ARRAY['{\"email\": \"owner@[127.0.0.1]\", \"verified\": true}'::jsonb], 'contactable', 99)",
    )?;
    feed(&mut pipeline, 250)?;
    let deliveries: &str = "SELECT string_agg(delivery || n, ' ' ORDER BY delivery) FROM (SELECT delivery, count(*) AS n FROM campaign_handouts GROUP BY 1) h";
    until_true("every hand-out has ended", PATIENCE, || {
        pipeline.db.one("SELECT count(*) >= 21 AND bool_and(delivery NOT IN ('queued', 'sending', 'unclear')) FROM campaign_handouts")
    })
    .map_err(|error| format!("{error}: {:?}", pipeline.db.one::<String>(deliveries)))?;
    let mut of = |email: &str| -> Outcome<String> {
        pipeline.db.one(&format!(
            "SELECT string_agg(delivery || ' ' || campaign_status, ', ' ORDER BY h.id) FROM campaign_handouts h JOIN leads l ON l.id = lead_id WHERE emails[1] ->> 'email' = '{email}'"
        ))
    };
    for (email, expected) in [
        ("owner1@example.com", "blocked do_not_contact"),
        ("owner2@example.com", "blocked do_not_contact"),
        ("owner3@example.com", "skipped paused"),
        ("owner4@example.com", "accepted active"),
        ("owner5@example.com", "accepted active, skipped paused"),
        ("owner6@example.com", "accepted active"),
    ] {
        let found = of(email)?;
        ensure(
            found == expected,
            format!("{email} is {found}, not {expected}"),
        )?;
    }
    let twice: Vec<_> = handouts(&pipeline)
        .into_iter()
        .filter(|(_, one)| one.created > 1)
        .collect();
    ensure(twice.is_empty(), format!("created twice: {twice:?}"))
}

/// Waits until nothing is left to do for the hand-outs.
fn end_hand_outs(pipeline: &mut Pipeline) -> Outcome {
    until_true("every hand-out has ended", PATIENCE * 2, || {
        pipeline.db.one("SELECT count(*) = 800 AND bool_and(delivery NOT IN ('queued', 'sending', 'unclear') AND (recall_asked_at IS NULL OR recalled_at IS NOT NULL)) FROM campaign_handouts")
    })
    .map_err(|error| {
        let all = pipeline.db.one::<String>("SELECT jsonb_object_agg(delivery, n)::text || (SELECT to_jsonb(s)::text FROM worker_status() s) FROM (SELECT delivery, count(*) AS n FROM campaign_handouts GROUP BY 1) h");
        format!("{error}: {all:?}").into()
    })
}

#[test]
fn kill_9_over_a_request_neither_loses_nor_doubles_a_lead() -> Outcome {
    let (seed, mut rng) = seed::choose("kill_campaign", 62);
    let kills = seed::number_from_environment("EQUITY_KILLS", 6).min(60);
    let mut pipeline = ready(Plan::new(seed, 1).latency(Duration::from_millis(150)), 900)?;
    pipeline
        .db
        .run("UPDATE vendors SET batch_size = 12 WHERE name = 'instantly_campaign'")?;
    pipeline.fault(Rule {
        probability: Some(0.15),
        ..Rule::new(Vendor::InstantlyCampaign, Kind::ResetAfterBill)
    });
    feed(&mut pipeline, 800)?;
    let mut struck = 0;
    for _ in 0..kills {
        let worker = pipeline.wait_for_worker()?;
        if rng.u8(0..4) > 0 {
            // Over a request, at some point of it.
            let _ = pipeline.wait_for_request(Vendor::InstantlyCampaign);
        }
        std::thread::sleep(Duration::from_millis(rng.u64(0..150)));
        struck += u32::from(pipeline.under_way(Vendor::InstantlyCampaign) > 0);
        signal(worker, libc::SIGKILL)?;
        pipeline.wait_for_crash(worker)?;
        // One of those that were handed out opts out while nobody looks.
        pipeline.db.run("SELECT suppress_lead(lead_id, 'x') FROM campaign_handouts WHERE delivery IN ('sending', 'accepted') ORDER BY id DESC LIMIT 1")?;
    }
    pipeline
        .simulator()
        .with_faults(equity_simulator::faults::Faults::clear);
    pipeline
        .db
        .run("SELECT resume_vendor('instantly_campaign')")?;
    end_hand_outs(&mut pipeline)?;
    // Hand-outs that were struck too often are parked: a person puts them back.
    pipeline.db.run(
        "SELECT retry_dlq(array_agg(id)) FROM dlq WHERE kind = 'handout' HAVING count(*) > 0",
    )?;
    end_hand_outs(&mut pipeline)?;
    println!("{struck} of {kills} kills struck over a request");
    let twice: i64 = pipeline
        .db
        .one("SELECT count(*) - count(DISTINCT lead_id) FROM campaign_handouts")?;
    let accepted: Vec<String> = pipeline.db.column(
        "SELECT emails[1] ->> 'email' FROM leads l JOIN campaign_handouts h ON h.lead_id = l.id WHERE delivery = 'accepted' ORDER BY 1",
    )?;
    let mut there = pipeline.simulator().with_office(|office| {
        let emails = office.campaigns.leads.iter().map(|lead| lead.email.clone());
        emails.collect::<Vec<_>>()
    });
    there.sort();
    ensure(twice == 0, format!("{twice} leads were handed out twice"))?;
    ensure(
        accepted == there,
        format!(
            "{} leads are accepted here and {} are there",
            accepted.len(),
            there.len()
        ),
    )?;
    let doubled = handouts(&pipeline)
        .values()
        .filter(|one| one.created > 1)
        .count();
    ensure(
        doubled == 0,
        format!("{doubled} addresses were created twice"),
    )?;
    let barred: i64 = pipeline.db.one("SELECT count(*) FROM leads l JOIN campaign_handouts h ON h.lead_id = l.id WHERE suppressed_at IS NOT NULL AND delivery = 'accepted'")?;
    ensure(
        barred == 0,
        format!("{barred} opted-out leads are still in a campaign"),
    )
}

#[test]
fn an_opt_out_after_the_hand_out_reaches_the_tool() -> Outcome {
    let (seed, _) = seed::choose("recall", 63);
    let mut pipeline = ready(Plan::new(seed, 1), 6)?;
    // Before it is sent: it never leaves.
    pipeline
        .db
        .run("UPDATE vendors SET paused_until = 'infinity' WHERE name = 'instantly_campaign'")?;
    feed(&mut pipeline, 250)?;
    pipeline.db.run(&format!(
        "INSERT INTO campaign_handouts (lead_id, campaign, score, verified, delivery, vendor_campaign_id)
         SELECT id, 'phx', 60, '[]', 'queued', '{CAMPAIGN}' FROM leads WHERE addr_hash = 'house 1';
         UPDATE leads SET added_to_campaign_at = now(), campaign_status = 'queued' WHERE addr_hash = 'house 1';
         SELECT suppress_contact('email', 'owner1@example.com', 'x');
         SELECT resume_vendor('instantly_campaign')"
    ))?;
    wait_for(&mut pipeline, "accepted", 5)?;
    wait_for(&mut pipeline, "unsent", 1)?;
    ensure(
        !handouts(&pipeline).contains_key("owner1@example.com"),
        "an opted-out lead was sent",
    )?;
    // After it was sent, by whatever road: taken out. One that the tool told of itself stays in its books.
    pipeline.db.run(
        "SELECT suppress_contact('address', addr_hash, 'x') FROM leads WHERE false;
         UPDATE leads SET suppressed_at = now(), suppressed_reason = 'deceased' WHERE addr_hash = 'house 2';
         SELECT forget_contact('email', 'owner3@example.com');
         SELECT record_campaign_event('owner4@example.com', 'lead_unsubscribed')",
    )?;
    wait_for(&mut pipeline, "recalled", 2)?;
    until_true("nothing is left to recall", PATIENCE, || {
        pipeline
            .db
            .one("SELECT count(*) = 0 FROM vw_campaign_recalls")
    })?;
    let there = handouts(&pipeline);
    let removed: Vec<&str> = there
        .iter()
        .filter(|(_, one)| one.removed == 1)
        .map(|(email, _)| email.as_str())
        .collect();
    ensure(
        removed == ["owner2@example.com", "owner3@example.com"],
        format!("removed: {removed:?}"),
    )?;
    // Handed to an SQL caller: a person must tell the tool.
    add_ready(&mut pipeline, 7, 7)?;
    pipeline
        .db
        .run("UPDATE campaigns SET fed_by_worker = false")?;
    add_ready(&mut pipeline, 8, 8)?;
    pipeline.db.run("SELECT * FROM claim_campaign_leads('phx', 5); SELECT suppress_contact('email', 'owner8@example.com', 'x')")?;
    let listed: i64 = pipeline
        .db
        .one("SELECT count(*) FROM vw_campaign_recalls WHERE needs_a_person")?;
    ensure(listed == 1, format!("{listed} are listed for a person"))
}

#[test]
fn what_the_tool_refuses_waits_in_dlq_and_a_bad_key_pauses() -> Outcome {
    let (seed, _) = seed::choose("refused_campaign", 64);
    let mut pipeline = ready(Plan::new(seed, 1), 3)?;
    let rule = |status: u16, times: u64| Rule {
        status: Some(status),
        times: Some(times),
        request: Some("leads/add".into()),
        ..Rule::new(Vendor::InstantlyCampaign, Kind::Status)
    };
    pipeline.fault(rule(401, 1));
    feed(&mut pipeline, 250)?;
    until_true("the tool is paused", PATIENCE, || {
        pipeline.db.one("SELECT COALESCE(paused_until = 'infinity', false) FROM vendors WHERE name = 'instantly_campaign'")
    })?;
    // A refusal of the whole request, then of each lead alone.
    pipeline.fault(rule(400, 4));
    pipeline
        .db
        .run("SELECT resume_vendor('instantly_campaign')")?;
    wait_for(&mut pipeline, "failed", 3)?;
    let waiting: i64 = pipeline.db.one(
        "SELECT count(*) FROM dlq WHERE stage = 'campaign' AND kind = 'handout' AND retry_after IS NOT NULL AND lead_id IS NOT NULL",
    )?;
    ensure(waiting == 3, format!("{waiting} hand-outs wait in dlq"))?;
    pipeline
        .db
        .run("UPDATE dlq SET retry_after = now() WHERE id = (SELECT min(id) FROM dlq); SELECT retry_dlq(array_agg(id)) FROM dlq WHERE id > (SELECT min(id) FROM dlq)")?;
    wait_for(&mut pipeline, "accepted", 3)?;
    let left: i64 = pipeline.db.one("SELECT count(*) FROM dlq")?;
    ensure(left == 0, format!("{left} rows are left in dlq"))
}

/// Lets something happen, `n` seconds from now.
fn tell(pipeline: &mut Pipeline, n: u32, event: &str, email: &str) -> Outcome {
    let at: String = pipeline.db.one(&format!(
        "SELECT to_char(now() AT TIME ZONE 'UTC' + make_interval(secs => {n}), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
    ))?;
    let payload = json!({"event_type": event, "lead_email": email, "timestamp": at});
    pipeline
        .simulator()
        .with_office(|office| office.campaigns.events.push(payload));
    Ok(())
}

#[test]
fn events_are_polled_in_either_order_and_only_when_asked_for() -> Outcome {
    for (seed, order) in [(65, EventOrder::OldestFirst), (66, EventOrder::NewestFirst)] {
        let (seed, _) = seed::choose("polling", seed);
        let mut plan = Plan::new(seed, 1);
        plan.simulator.event_order = order;
        let mut pipeline = ready(plan, 4)?;
        feed(&mut pipeline, 250)?;
        wait_for(&mut pipeline, "accepted", 4)?;
        for n in 0..120 {
            tell(&mut pipeline, n / 10, "email_sent", "owner1@example.com")?;
        }
        tell(&mut pipeline, 13, "link_clicked", "owner1@example.com")?;
        tell(&mut pipeline, 14, "lead_unsubscribed", "Owner2@example.com")?;
        std::thread::sleep(Duration::from_millis(1200));
        let untouched: bool = pipeline
            .db
            .one("SELECT bool_and(campaign_status = 'active') FROM leads")?;
        ensure(untouched, "events were read though nobody asked for it")?;
        pipeline.db.run("UPDATE vendors SET options = options || '{\"poll_events_seconds\": 0.3}' WHERE name = 'instantly_campaign'")?;
        until_true("the events have been read", PATIENCE, || {
            pipeline.db.one("SELECT count(*) = 2 FROM leads WHERE (addr_hash, campaign_status) IN (('house 1', 'clicked'), ('house 2', 'unsubscribed'))")
        })?;
        tell(&mut pipeline, 15, "reply_received", "owner1@example.com")?;
        tell(&mut pipeline, 16, "email_bounced", "owner3@example.com")?;
        until_true("later events have been read", PATIENCE, || {
            pipeline.db.one("SELECT count(*) = 2 FROM leads WHERE (addr_hash, campaign_status) IN (('house 1', 'replied'), ('house 3', 'bounced'))")
        })?;
        // With no news, a look is one request.
        let before = pipeline.requests(Vendor::InstantlyCampaign);
        std::thread::sleep(Duration::from_millis(2000));
        let looks = pipeline.requests(Vendor::InstantlyCampaign) - before;
        ensure(
            (1..=8).contains(&looks),
            format!("{looks} requests in two seconds without news"),
        )?;
    }
    Ok(())
}
