//! The whole path: a cluster, the vendors' simulator, and the extension set up between them.

use std::time::{Duration, Instant};

use equity_simulator::faults::Rule;
use equity_simulator::running::Running;
use equity_simulator::settings::Settings;
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use equity_simulator::world::listing::{Copy, Listing};
use serde_json::{Value, json};

use crate::Outcome;
use crate::cluster::{Cluster, Library, Wishes};
use crate::session::Session;
use crate::wait::{until, until_true};

/// ZIP codes that the simulator knows.
pub const ZIPS: [&str; 3] = ["90028", "90038", "90046"];
/// The vendors that the worker calls, without the two that are for a later release.
pub const VENDORS: [Vendor; 5] = [
    Vendor::BatchdataSearch,
    Vendor::Melissa,
    Vendor::BatchdataSkipTrace,
    Vendor::InstantlyVerify,
    Vendor::SignalwireLookup,
];
/// How long work may stand still before a test gives up.
const STALL: Duration = Duration::from_secs(45);
/// How long work may take at all.
const PATIENCE: Duration = Duration::from_secs(300);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub simulator: Settings,
    pub cluster: Wishes,
    /// The schema of the extension.
    pub schema: &'static str,
}

impl Plan {
    /// A world of `properties` from `seed`, everything else as most tests want it.
    #[must_use]
    pub fn new(seed: u64, properties: usize) -> Self {
        let simulator = Settings {
            seed,
            properties,
            zips: ZIPS.map(str::to_owned).to_vec(),
            ..Settings::default()
        };
        let keys = keys(&simulator);
        Self {
            simulator,
            cluster: Wishes {
                databases: vec!["leads".into()],
                library: Library::Preloaded,
                keys,
                settings: Vec::new(),
            },
            schema: "public",
        }
    }

    /// With one more setting of the server.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.cluster.settings.push((name, value.to_owned()));
        self
    }

    /// With vendors that take this long for every request.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.simulator.latency = latency;
        self
    }
}

/// The lines of the keys file that the simulator accepts.
#[must_use]
pub fn keys(simulator: &Settings) -> Vec<(&'static str, String)> {
    let keys = &simulator.keys;
    vec![
        ("batchdata", keys.batchdata.clone()),
        ("melissa", keys.melissa.clone()),
        ("instantly", keys.instantly.clone()),
        ("signalwire", keys.signalwire.clone()),
        ("hlr", keys.hlr.clone()),
    ]
}

/// Is nothing left to do but to look at half-reached leads again in a month?
pub fn is_idle(db: &mut Session) -> Outcome<bool> {
    db.one("SELECT count(*) = 0 FROM jobs WHERE waiting_for IS DISTINCT FROM 'a second pass'")
}

/// Is nothing left to do before the next day of the budget?
pub fn has_reached_caps(db: &mut Session) -> Outcome<bool> {
    db.one("SELECT count(*) = 0 FROM jobs WHERE waiting_for IS NULL OR waiting_for NOT IN ('a second pass', 'the next day of the budget')")
}

/// Everything running.
pub struct Pipeline {
    pub db: Session,
    pub cluster: Cluster,
    running: Running,
    schema: &'static str,
}

impl Pipeline {
    /// Starts the simulator and a cluster with the extension; every vendor enabled, spending armed, nothing asked yet.
    pub fn start(plan: Plan) -> Outcome<Self> {
        let mut pipeline = Self::bare(plan)?;
        pipeline.install()?;
        pipeline.open_vendors(&VENDORS)?;
        pipeline.arm()?;
        Ok(pipeline)
    }

    /// Starts the simulator and a cluster, without the extension.
    pub fn bare(plan: Plan) -> Outcome<Self> {
        let running = Running::start(plan.simulator, 0)?;
        let cluster = Cluster::start(plan.cluster)?;
        let db = cluster.connect()?;
        let mut pipeline = Self {
            db,
            cluster,
            running,
            schema: plan.schema,
        };
        pipeline.set_path()?;
        Ok(pipeline)
    }

    /// Creates the extension and points its vendors at the simulator, in a hurry and asking often.
    pub fn install(&mut self) -> Outcome {
        let schema = self.schema;
        self.db.run(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION equity_connect SCHEMA {schema}"
        ))?;
        self.point_at_simulator()
    }

    /// Points the vendors at the simulator.
    pub fn point_at_simulator(&mut self) -> Outcome {
        self.point_at(&self.running.base_url())
    }

    /// Points the vendors at what stands before the simulator.
    pub fn point_at(&mut self, base: &str) -> Outcome {
        let mail = self.running.mail_url();
        self.db.run(&format!(
            "UPDATE vendors SET
                 base_url = '{base}/' || split_part(name, '_', 1),
                 requests_per_second = 10000, daily_call_cap = NULL,
                 options = options || '{{\"poll_seconds\": [0.2, 0.3, 0.5, 1, 1, 2]}}'
             WHERE name <> 'smtp_probe';
             UPDATE vendors SET
                 base_url = '{mail}', requests_per_second = 10000, max_in_flight = 32,
                 options = options || '{{\"mail_from\": \"probe@sender.example.net\", \"poll_seconds\": [0.2, 0.3, 0.5, 1]}}'
             WHERE name = 'smtp_probe'"
        ))
    }

    /// Enables the campaign tool beside the vendors that are open.
    pub fn open_campaigns(&mut self) -> Outcome {
        self.db
            .run("UPDATE vendors SET enabled = true WHERE name = 'instantly_campaign'")
    }

    /// Enables these vendors and no others.
    pub fn open_vendors(&mut self, vendors: &[Vendor]) -> Outcome {
        let names: Vec<&str> = vendors.iter().map(|vendor| vendor.name()).collect();
        self.db
            .client
            .execute("UPDATE vendors SET enabled = name = ANY ($1)", &[&names])?;
        Ok(())
    }

    /// Lets the worker spend.
    pub fn arm(&mut self) -> Outcome {
        self.db.run("SELECT arm_spending()")
    }

    /// Asks for a pull of all the world's ZIP codes; the pull's id.
    pub fn request_pull(&mut self) -> Outcome<i32> {
        let zips = ZIPS.map(|zip| format!("\"{zip}\"")).join(",");
        self.db.one(&format!(
            "SELECT request_pull('batchdata', '{{\"zip_codes\": [{zips}]}}')"
        ))
    }

    /// Asks for another run of every pull there is.
    pub fn request_pull_again(&mut self) -> Outcome {
        self.db
            .run("SELECT request_pull(source, params) FROM pulls")
    }

    /// Waits until nothing is left to do. Gives up when nothing moves for a while, or it takes too long, and says where things stand.
    pub fn finish(&mut self) -> Outcome {
        self.wait_for_work(is_idle)
    }

    /// Waits, as long as work moves, until `is_done`.
    pub fn wait_for_work(&mut self, is_done: impl FnMut(&mut Session) -> Outcome<bool>) -> Outcome {
        self.wait_for_work_at_most(is_done, PATIENCE)
    }

    /// The same, for work that takes longer than a test's may.
    pub fn wait_for_work_at_most(
        &mut self,
        mut is_done: impl FnMut(&mut Session) -> Outcome<bool>,
        patience: Duration,
    ) -> Outcome {
        let mut seen = String::new();
        let started = Instant::now();
        let mut moved_at = started;
        loop {
            if is_done(&mut self.db)? {
                return Ok(());
            }
            let now = self.footprint()?;
            if now != seen {
                (seen, moved_at) = (now, Instant::now());
            }
            if moved_at.elapsed() > STALL || started.elapsed() > patience {
                return Err(format!("the work does not end:\n{}", self.state_of_things()?).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Changes whenever the worker does something.
    fn footprint(&mut self) -> Outcome<String> {
        self.db.one(
            "SELECT concat_ws('/', (SELECT count(*) FROM jobs), (SELECT count(*) FROM dlq), (SELECT max(id) FROM vendor_calls),
                 (SELECT string_agg(state || n, ',' ORDER BY state) FROM (SELECT state, count(*) AS n FROM vendor_calls GROUP BY state) s),
                 (SELECT sum(polls) FROM vendor_calls))",
        )
    }

    /// What a person would look at when nothing moves.
    pub fn state_of_things(&mut self) -> Outcome<String> {
        self.db.one(
            "SELECT concat_ws(E'\\n',
                 (SELECT 'worker: ' || to_jsonb(s)::text FROM worker_status() s),
                 (SELECT 'jobs: ' || jsonb_agg(j)::text FROM (SELECT stage, vendor, waiting_for, call_id IS NOT NULL AS called, attempts, min(run_at) - now() AS due_in, count(*) FROM jobs GROUP BY 1, 2, 3, 4, 5) j),
                 (SELECT 'dlq: ' || jsonb_agg(d)::text FROM (SELECT kind, left(error, 100) AS error, retry_after IS NULL AS parked, count(*) FROM dlq GROUP BY 1, 2, 3) d),
                 (SELECT 'calls: ' || jsonb_agg(c)::text FROM (SELECT vendor, state, left(error, 80) AS error, count(*) FROM vendor_calls GROUP BY 1, 2, 3) c),
                 (SELECT 'paused: ' || jsonb_agg(v)::text FROM (SELECT name, paused_until, paused_reason FROM vendors WHERE paused_until IS NOT NULL) v))",
        )
    }

    /// The process of the database's worker; None while there is none.
    pub fn worker(&mut self) -> Outcome<Option<u32>> {
        let pids: Vec<i32> = self.db.column("SELECT pid FROM pg_stat_activity WHERE backend_type = 'equity_connect worker' AND datname = current_database()")?;
        Ok(pids.first().map(|pid| pid.unsigned_abs()))
    }

    /// Waits for the worker to run.
    pub fn wait_for_worker(&mut self) -> Outcome<u32> {
        until("the worker runs", Duration::from_secs(30), || self.worker())
    }

    /// Waits until the server is back after one of its processes was killed, and connects again.
    pub fn wait_for_crash(&mut self, killed: u32) -> Outcome {
        until_true(
            "every session is ended after a crash",
            Duration::from_secs(30),
            || Ok(self.db.client.is_closed() || self.db.run("SELECT 1").is_err()),
        )
        .map_err(|error| format!("after process {killed} was killed: {error}"))?;
        self.reconnect()
    }

    /// Connects again, after the server or all its processes were started anew.
    pub fn reconnect(&mut self) -> Outcome {
        self.cluster.wait_for_connections()?;
        self.db = self.cluster.connect()?;
        self.set_path()
    }

    fn set_path(&mut self) -> Outcome {
        let schema = self.schema;
        self.db.run(&format!("SET search_path = {schema}"))
    }

    /// Another session like `db`.
    pub fn another_session(&self) -> Outcome<Session> {
        let mut session = self.cluster.connect()?;
        session.run(&format!("SET search_path = {}", self.schema))?;
        Ok(session)
    }

    /// Stores the first `count` doors of the world by hand and asks for their enrichment; their ids.
    pub fn enrich_doors(&mut self, count: usize) -> Outcome<Vec<String>> {
        let ids = self.store_doors(0, count)?;
        self.enrich(&ids)?;
        Ok(ids)
    }

    /// Asks for the enrichment of leads.
    pub fn enrich(&mut self, leads: &[String]) -> Outcome {
        self.db.client.execute(
            "SELECT request_enrichment(id::uuid) FROM unnest($1::text[]) AS id",
            &[&leads],
        )?;
        Ok(())
    }

    /// Stores `count` doors of the world by hand, after the first `skip`; their ids.
    pub fn store_doors(&mut self, skip: usize, count: usize) -> Outcome<Vec<String>> {
        let records = self.simulator().with_office(|office| {
            let own = office.world.listings().iter().filter(|listing| listing.copy == Copy::First).skip(skip).take(count);
            let record = |listing: &Listing| {
                let property = &office.world.properties()[listing.property];
                json!({
                    "vendor_record_id": listing.record_id, "address_line1": listing.address.street, "city": listing.address.city,
                    "state": property.place.state, "postal_code": listing.address.zip, "owner_first_name": property.owner.first,
                    "owner_last_name": property.owner.last, "apn": property.apn, "county_fips": property.place.county_fips,
                })
            };
            Value::from(own.map(record).collect::<Vec<_>>())
        });
        let rows = self.db.client.query(
            "SELECT lead_id::text FROM upsert_leads('batchdata', $1) WHERE error IS NULL",
            &[&records],
        )?;
        let ids = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<Vec<String>, _>>()?;
        if ids.len() == count {
            Ok(ids)
        } else {
            Err(format!("{} of {count} doors were stored", ids.len()).into())
        }
    }

    /// Waits until nothing is left to do today.
    pub fn finish_day(&mut self) -> Outcome {
        self.wait_for_work(has_reached_caps)
    }

    /// Waits until every pull has ended a run.
    pub fn wait_for_runs(&mut self) -> Outcome {
        self.wait_for_work(|db| {
            db.one("SELECT count(*) > 0 AND bool_and(last_outcome IS NOT NULL) FROM pulls")
        })
    }

    /// Where the simulator listens.
    #[must_use]
    pub fn vendors_address(&self) -> std::net::SocketAddr {
        self.running.address()
    }

    /// The vendors.
    #[must_use]
    pub fn simulator(&self) -> &Simulator {
        self.running.simulator()
    }

    /// Adds a rule of misfortune.
    pub fn fault(&self, rule: Rule) {
        self.simulator().with_faults(|faults| faults.add(rule));
    }

    /// Requests that a vendor has had.
    #[must_use]
    pub fn requests(&self, vendor: Vendor) -> u64 {
        self.simulator()
            .with_stats(|stats| stats.of(vendor).requests)
    }

    /// Requests that a vendor is working on.
    #[must_use]
    pub fn under_way(&self, vendor: Vendor) -> u64 {
        self.simulator()
            .with_stats(|stats| stats.of(vendor).in_flight)
    }

    /// Waits until a vendor has been reached.
    pub fn wait_for_request(&self, vendor: Vendor) -> Outcome {
        until_true(
            &format!("a request is under way to {}", vendor.name()),
            STALL,
            || Ok(self.under_way(vendor) > 0),
        )
    }

    /// Waits until the vendors have done with every request, also those whose client is gone.
    pub fn wait_for_silence(&self) -> Outcome {
        until_true("the vendors have done", STALL, || {
            Ok(VENDORS.iter().all(|vendor| self.under_way(*vendor) == 0))
        })
    }
}
