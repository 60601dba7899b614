//! Every point of the paying protocol × every way to die: nothing paid twice, nothing over a cap, no answer lost, no
//! work stuck. The vendors' bill is the oracle.
//!
//! One cluster serves all cells, with `synchronous_commit = off` on its database and a WAL writer that hardly ever
//! runs, so that a commit that is not forced to disk is lost at every crash. A short run strikes at each point in two
//! ways, which the seed chooses; `EQUITY_MATRIX=full` (make soak) runs the whole product.

use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::vendor::Vendor;
use equity_system_tests::gate::{FullDoor, Gate};
use equity_system_tests::pipeline::{Pipeline, Plan, is_idle};
use equity_system_tests::session::Session;
use equity_system_tests::strike::{Way, come_back, strike};
use equity_system_tests::wait::{until, until_true};
use equity_system_tests::{Outcome, ensure, ledger, midnight, seed, truth};

/// Where the worker is when it is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// At a named instant of its own; see src/worker/stop_points.rs.
    Worker(&'static str),
    /// While it connects to a vendor that does not answer.
    Connecting,
    /// When the vendor has a part of the request.
    MidRequest,
    /// When the vendor has the request, and has not billed it.
    AfterRequest,
    /// When the vendor has billed it, and has not answered.
    AfterBill,
    /// When a part of the answer has come.
    MidAnswer,
    /// While a request is under way and the extension is being updated.
    Updating,
    /// While a request is under way and the extension is being dropped.
    Dropping,
    /// While a request is under way and the budget's day ends.
    DayTurns,
}

const POINTS: [Point; 15] = [
    Point::Worker("Reserved"),
    Point::Worker("Sending"),
    Point::Connecting,
    Point::MidRequest,
    Point::AfterRequest,
    Point::AfterBill,
    Point::MidAnswer,
    Point::Worker("Answered"),
    Point::Worker("Storing"),
    Point::Worker("Stored"),
    Point::Worker("Applying"),
    Point::Worker("Draining"),
    Point::Updating,
    Point::Dropping,
    Point::DayTurns,
];

/// Leads of one cell. The vendor's cap leaves room for one of them while it is struck.
const LEADS: usize = 2;
/// How long a vendor takes where the worker is struck in the middle of a call.
const CALL: u64 = 700;
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_strike_at_any_point_neither_loses_nor_doubles_nor_pays_twice() -> Outcome {
    let (seed, mut rng) = seed::choose("kill_matrix", 8);
    let is_full = std::env::var("EQUITY_MATRIX").is_ok_and(|text| text == "full");
    let mut matrix = Matrix::start(seed)?;
    let first = rng.usize(0..Way::ALL.len());
    for (row, point) in POINTS.into_iter().enumerate() {
        let ways = if is_full {
            Way::ALL.to_vec()
        } else {
            let way = |offset: usize| Way::ALL[(first + row + offset) % Way::ALL.len()];
            vec![way(0), way(3)]
        };
        for way in ways {
            let started = Instant::now();
            matrix
                .cell(point, way)
                .map_err(|error| format!("{point:?} × {way:?} (EQUITY_SEED={seed}): {error}"))?;
            println!("{point:?} × {way:?}: {:?}", started.elapsed());
        }
    }
    println!("{} cells", matrix.cells);
    truth::check_scores(&mut matrix.pipeline.db)?;
    ledger::check(&mut matrix.pipeline)
}

struct Matrix {
    pipeline: Pipeline,
    gate: Gate,
    cells: usize,
}

impl Matrix {
    fn start(seed: u64) -> Outcome<Self> {
        let plan = Plan::new(seed, 800)
            .setting("equity_connect.max_attempts", "100")
            .setting("wal_writer_delay", "10s");
        let mut pipeline = Pipeline::start(plan)?;
        let gate = Gate::open(pipeline.vendors_address())?;
        pipeline.point_at(&gate.base_url())?;
        pipeline.db.run(
            "ALTER DATABASE leads SET synchronous_commit = off;
             UPDATE vendors SET options = options || '{\"poll_seconds\": [0.05, 0.1, 0.2, 0.3, 0.5, 1]}'",
        )?;
        for (from, to) in [("0.1.0", "0.1.1"), ("0.1.1", "0.1.0")] {
            // Going back is quick; the other way there is time to strike.
            let text = if to == "0.1.1" {
                "SELECT pg_catalog.pg_sleep(1);"
            } else {
                ""
            };
            let name = format!("equity_connect--{from}--{to}.sql");
            pipeline.cluster.write_extension_script(&name, text)?;
        }
        Ok(Self {
            pipeline,
            gate,
            cells: 0,
        })
    }

    /// Strikes one fresh piece of work at one point in one way, and checks all promises when it is over.
    fn cell(&mut self, point: Point, way: Way) -> Outcome {
        // What the test itself asks for must outlive the strike.
        self.pipeline.db.run("SET synchronous_commit = on")?;
        let leads = self.pipeline.store_doors(self.cells * LEADS, LEADS)?;
        self.cells += 1;
        let billed = ledger::billed(&self.pipeline, Vendor::Melissa);
        self.pipeline.db.run(
            "UPDATE vendors SET daily_spend_cap = unit_price * 1.5 + COALESCE(
                 (SELECT reserved + settled FROM vw_spend_today WHERE scope = 'vendor:melissa'), 0)
             WHERE name = 'melissa'",
        )?;
        let worker = self.pipeline.wait_for_worker()?;
        let held = self.hold(point, &leads)?;
        strike(&mut self.pipeline, &self.gate, way, worker)?;
        self.release(point)?;
        drop(held);
        come_back(&mut self.pipeline, way, worker)?;
        self.put_right(point)?;
        self.check_within_caps(point, billed)?;
        self.pipeline
            .db
            .run("UPDATE vendors SET daily_spend_cap = NULL WHERE name = 'melissa'; SELECT resume_vendor(name) FROM vendors")?;
        self.finish()?;
        ledger::check(&mut self.pipeline)?;
        let parked: i64 = self.pipeline.db.one("SELECT count(*) FROM dlq")?;
        let looked_at: i64 = self.pipeline.db.one_with(
            "SELECT count(*) FROM leads WHERE id::text = ANY ($1) AND status <> 'new'",
            &[&leads],
        )?;
        ensure(
            parked == 0 && looked_at == LEADS as i64,
            format!("{parked} rows in dlq, {looked_at} of {LEADS} leads are through"),
        )
    }

    /// Brings the worker to the point and keeps it there.
    fn hold(&mut self, point: Point, leads: &[String]) -> Outcome<Option<Open>> {
        let rule = |kind| Rule {
            ms: Some(CALL),
            times: Some(1),
            ..Rule::new(Vendor::Melissa, kind)
        };
        let before = ledger::billed(&self.pipeline, Vendor::Melissa);
        match point {
            Point::Worker(name) => {
                fs::write(self.pipeline.cluster.data().join("equity_stop_at"), name)?;
                if name == "Draining" {
                    self.park(leads)?;
                } else {
                    self.pipeline.enrich(leads)?;
                }
                let told = self.pipeline.cluster.data().join("equity_stopped_at");
                until_true(&format!("the worker is at {name}"), SOON, || {
                    Ok(fs::read_to_string(&told).is_ok_and(|text| text == name))
                })?;
            }
            Point::Connecting => {
                let door = FullDoor::new()?;
                self.pipeline.point_at(&door.base_url())?;
                self.pipeline.enrich(leads)?;
                until_true("the worker connects", SOON, || {
                    self.pipeline
                        .db
                        .one("SELECT count(*) > 0 FROM vendor_calls WHERE state = 'sending'")
                })?;
                return Ok(Some(Open::Door(door)));
            }
            Point::MidRequest => {
                self.gate.hold_requests(true);
                self.pipeline.enrich(leads)?;
                until_true("a request is held", SOON, || Ok(self.gate.held() > 0))?;
            }
            Point::AfterRequest => self.call(leads, rule(Kind::Delay))?,
            Point::AfterBill => {
                self.call(leads, rule(Kind::DelayAfterBill))?;
                until_true("the call is billed", SOON, || {
                    Ok(ledger::billed(&self.pipeline, Vendor::Melissa) > before)
                })?;
            }
            Point::MidAnswer => {
                let answered = self.gate.answered();
                self.pipeline.fault(rule(Kind::SlowBody));
                self.pipeline.enrich(leads)?;
                until_true("the answer begins", SOON, || {
                    Ok(self.gate.answered() > answered)
                })?;
            }
            Point::Updating => {
                self.call(leads, rule(Kind::DelayAfterBill))?;
                return self
                    .in_the_middle_of("ALTER EXTENSION equity_connect UPDATE TO '0.1.1'")
                    .map(Some);
            }
            Point::Dropping => {
                self.call(leads, rule(Kind::DelayAfterBill))?;
                return self
                    .in_the_middle_of(
                        "BEGIN; SET LOCAL equity_connect.allow_data_loss = on; DROP EXTENSION equity_connect; SELECT pg_sleep(1); ROLLBACK",
                    )
                    .map(Some);
            }
            Point::DayTurns => self.turn_the_day(leads)?,
        }
        Ok(None)
    }

    fn call(&mut self, leads: &[String], rule: Rule) -> Outcome {
        self.pipeline.fault(rule);
        self.pipeline.enrich(leads)?;
        self.pipeline.wait_for_request(Vendor::Melissa)
    }

    /// Work that failed before and is due again.
    fn park(&mut self, leads: &[String]) -> Outcome {
        self.pipeline.db.client.execute(
            "INSERT INTO dlq (stage, payload, error, retry_after, attempts, kind, lead_id)
             SELECT 'enrich', '{\"pass\": 1}', 'failed before', now(), 1, 'job', id::uuid FROM unnest($1::text[]) AS id",
            &[&leads],
        )?;
        // Nobody else tells the worker that there is something to look at.
        self.pipeline.db.run("SELECT resume_vendor('hlr_lookup')")
    }

    /// Runs statements in a session of their own, and returns when the last of them sleeps.
    fn in_the_middle_of(&mut self, statements: &'static str) -> Outcome<Open> {
        let mut session = self.pipeline.another_session()?;
        let backend: i32 = session.one("SELECT pg_backend_pid()")?;
        let thread = std::thread::spawn(move || {
            // It fails where the strike ends its session.
            let _ = session.run(statements);
        });
        until_true("the extension is being changed", SOON, || {
            self.pipeline.db.one_with(
                "SELECT COALESCE(wait_event = 'PgSleep', false) FROM pg_stat_activity WHERE pid = $1",
                &[&backend],
            )
        })?;
        Ok(Open::Statements(Some(thread)))
    }

    /// Lets the budget's day end while a call is under way.
    fn turn_the_day(&mut self, leads: &[String]) -> Outcome {
        let zone = midnight::zone_with_midnight_in(&mut self.pipeline.db, 4)?;
        self.pipeline
            .cluster
            .configure(&[("equity_connect.budget_timezone", &zone)])?;
        self.pipeline.cluster.reload()?;
        let today = |db: &mut Session| -> Outcome<String> {
            db.one("SELECT day::text FROM vw_spend_today WHERE scope = 'total'")
        };
        until_true("the new time zone is read", SOON, || {
            let shown: String = self
                .pipeline
                .db
                .one("SHOW equity_connect.budget_timezone")?;
            Ok(shown == zone)
        })?;
        let day = today(&mut self.pipeline.db)?;
        self.pipeline.fault(Rule {
            ms: Some(8 * CALL),
            times: Some(1),
            ..Rule::new(Vendor::Melissa, Kind::DelayAfterBill)
        });
        self.pipeline.enrich(leads)?;
        until("the day ends", SOON, || {
            Ok((today(&mut self.pipeline.db)? != day).then_some(()))
        })
    }

    /// Lets go of the worker, where it is still there.
    fn release(&mut self, point: Point) -> Outcome {
        if let Point::Worker(_) = point {
            for name in ["equity_stop_at", "equity_stopped_at"] {
                match fs::remove_file(self.pipeline.cluster.data().join(name)) {
                    // The second is the worker's, who takes it away itself unless it was killed.
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
            }
        }
        self.gate.hold_requests(false);
        Ok(())
    }

    /// Takes back what the point needed.
    fn put_right(&mut self, point: Point) -> Outcome {
        self.pipeline
            .simulator()
            .with_faults(equity_simulator::faults::Faults::clear);
        if point == Point::Connecting {
            self.pipeline.point_at(&self.gate.base_url())?;
        }
        let version: String = self
            .pipeline
            .db
            .one("SELECT extversion FROM pg_extension WHERE extname = 'equity_connect'")?;
        if version == "0.1.1" {
            self.pipeline
                .db
                .run("ALTER EXTENSION equity_connect UPDATE TO '0.1.0'")?;
        }
        Ok(())
    }

    /// One purchase fits under the vendor's cap, and no more was made, whatever became of it.
    fn check_within_caps(&mut self, point: Point, billed: u64) -> Outcome {
        self.pipeline.wait_for_silence()?;
        let over: Vec<String> = self.pipeline.db.column(
            "SELECT concat_ws(' ', scope, reserved, settled, spend_cap) FROM vw_spend_today
             WHERE reserved + settled > spend_cap OR reserved_calls + settled_calls > call_cap",
        )?;
        let now = ledger::billed(&self.pipeline, Vendor::Melissa);
        // A new day has a cap of its own.
        let most = if point == Point::DayTurns { 2 } else { 1 };
        ensure(
            over.is_empty() && now <= billed + most * 50_000,
            format!("over a cap: {over:?}; Melissa had billed {billed}, now {now}"),
        )
    }

    /// Lets the worker finish; what is in doubt is looked up in the bill.
    fn finish(&mut self) -> Outcome {
        let is_through = |db: &mut Session| -> Outcome<bool> {
            Ok(is_idle(db)?
                && db.one("SELECT count(*) = 0 FROM dlq WHERE retry_after IS NOT NULL")?)
        };
        loop {
            ledger::resolve_doubts(&mut self.pipeline)?;
            self.pipeline.wait_for_work(|db| {
                Ok(is_through(db)? || db.one("SELECT count(*) > 0 FROM vendor_calls WHERE state = 'in_doubt' AND poll_at IS NULL")?)
            })?;
            let is_done: bool = self.pipeline.db.one("SELECT count(*) = 0 FROM vendor_calls WHERE state NOT IN ('applied', 'released', 'resolved')")?;
            if is_done && is_through(&mut self.pipeline.db)? {
                return Ok(());
            }
        }
    }
}

/// What must stay open until the strike has come.
enum Open {
    #[allow(dead_code)]
    Door(FullDoor),
    Statements(Option<std::thread::JoinHandle<()>>),
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Self::Statements(thread) = self
            && let Some(thread) = thread.take()
        {
            let _ = thread.join();
        }
    }
}
