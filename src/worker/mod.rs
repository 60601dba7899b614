//! The background worker: one per configured database. It makes the vendor calls.
//!
//! The main thread owns Postgres: SPI, latch, signals, transactions. One network thread owns the sockets and
//! never touches Postgres; plain values cross between them. No transaction is open while a vendor is waited for.
//! Whatever the loop finds to do it finds in tables: a wake-up only says "look".

mod answers;
mod apply;
pub mod arming;
mod ask;
mod buy;
mod campaign;
pub mod caps;
mod doubt;
pub mod facts;
mod http;
mod keys;
mod landed;
mod learn;
mod limits;
mod page;
mod process;
mod prune;
mod pull;
mod recover;
mod send;
mod session;
pub mod shared;
mod stop_points;
mod transact;

use std::time::{Duration, Instant};

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_guard};

use self::arming::Arming;
use self::http::Network;
use self::process::{must_stop, reload_if_asked, report_doing, serve_interrupts, set, wait};
use self::session::Session;
use self::stop_points::Point;
use self::transact::transact;
use crate::error::Error;
use crate::settings;
use crate::store::campaign_tool::{self, Tool};
use crate::store::vendors::{self, Vendor};
use crate::store::{Db, calls, campaigns, deliveries, dlq, jobs, pulls, worker_state};
use crate::vendors::{Product, instantly_campaign};

/// The safety net: how long the worker sleeps at most while nothing wakes it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How long it waits at most while an answer cannot be stored or applied yet.
const BUSY_SLEEP: Duration = Duration::from_secs(1);
/// How long it waits for the extension to be installed, or for trouble to pass.
const IDLE_SLEEP: Duration = Duration::from_secs(5);
/// How long a stopping worker waits for answers that are on their way.
const FAREWELL: Duration = Duration::from_millis(800);
/// How long after a worker's end the next one starts. Development builds are struck often, on purpose.
const RESTART_AFTER: Duration = Duration::from_secs(if cfg!(debug_assertions) { 1 } else { 10 });

/// Registers one static worker per name in `equity_connect.databases`.
pub fn register() {
    for (seat, database) in settings::databases()
        .into_iter()
        .enumerate()
        .take(shared::MOST_DATABASES)
    {
        BackgroundWorkerBuilder::new(&format!("equity_connect worker {seat}"))
            .set_type("equity_connect worker")
            .set_library("equity_connect")
            .set_function("equity_connect_worker_main")
            .set_argument(i32::try_from(seat).unwrap_or(0).into_datum())
            .set_extra(&database)
            .set_start_time(BgWorkerStartTime::RecoveryFinished)
            .set_restart_time(Some(RESTART_AFTER))
            .enable_spi_access()
            .load();
    }
}

/// The worker's main function. Never returns: leaving it would be exit code 0, which unregisters the worker.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn equity_connect_worker_main(seat: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    BackgroundWorker::connect_worker_to_spi(Some(BackgroundWorker::get_extra()), None);
    shared::take_seat(seat.value());
    // Money is never settled on a commit that a crash can take back.
    set("synchronous_commit", "on");
    // Its plans are kept from when the tables were small and without statistics: at full speed, one that reads a whole
    // queue with all its dead rows costs more than everything else together.
    set("enable_seqscan", "off");
    set("jit", "off");
    // The worker waits for no session longer than this, so that signals are served and others are not held up.
    set("lock_timeout", "300ms");
    set("idle_in_transaction_session_timeout", "0");
    run();
    // SAFETY: ends the process; nothing of ours runs after it. Code 1: the postmaster starts it again.
    unsafe { pg_sys::proc_exit(1) }
}

fn run() {
    let mut session: Option<Session> = None;
    let mut installed: Option<Installed> = None;
    while !must_stop() {
        reload_if_asked(session.as_mut());
        let sleep = match look(&mut session, &mut installed) {
            Ok(sleep) => sleep,
            Err(error) => {
                pgrx::warning!("equity_connect: {error}");
                // Without the socket: an end of the network thread would make it readable for ever.
                wait(None, Duration::from_secs(1));
                Duration::ZERO
            }
        };
        if session
            .as_ref()
            .is_some_and(|session| session.network_is_gone && session.landed.is_empty())
        {
            // What was under way is in doubt; the next session finds it so.
            session = None;
        }
        if !sleep.is_zero() {
            // The socket of a network thread that has ended is readable for ever.
            let listened = session.as_ref().filter(|session| !session.network_is_gone);
            wait(listened, sleep);
        }
        serve_interrupts();
    }
    if let Some(session) = session {
        say_farewell(session);
    }
}

/// One look at the world, and one turn of work; how long to sleep after it.
fn look(session: &mut Option<Session>, known: &mut Option<Installed>) -> Result<Duration, Error> {
    let found = transact(|db| find_installed(db))?;
    if found != *known {
        // Dropped, re-created or updated: whatever was known belongs to another installation.
        *session = None;
        known.clone_from(&found);
    }
    let Some(installed) = found else {
        return Ok(IDLE_SLEEP);
    };
    if installed.version != env!("CARGO_PKG_VERSION") {
        report_doing("waiting for ALTER EXTENSION equity_connect UPDATE");
        return Ok(IDLE_SLEEP);
    }
    set(
        "search_path",
        &format!("{}, pg_temp", installed.quoted_schema),
    );
    if session.is_none() {
        *session = start_session()?;
    }
    match session {
        Some(session) => turn(session),
        None => Ok(Duration::from_secs(1)),
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Installed {
    oid: u32,
    version: String,
    quoted_schema: String,
}

fn find_installed(db: &Db<'_>) -> Result<Option<Installed>, Error> {
    Ok(
        worker_state::installed(db)?.map(|(oid, version, quoted_schema)| Installed {
            oid,
            version,
            quoted_schema,
        }),
    )
}

/// Starts an epoch; None while another worker lives in this database.
fn start_session() -> Result<Option<Session>, Error> {
    let epoch = transact(|db| {
        if !worker_state::try_lock(db)? {
            return Ok(None);
        }
        let epoch = worker_state::begin_epoch(db)?;
        recover::recover(db, epoch)?;
        deliveries::recover(db)?;
        Ok(Some((epoch, worker_state::hash_key(db)?)))
    })?;
    let Some((epoch, hash_key)) = epoch else {
        return Ok(None);
    };
    let network = Network::start().map_err(|error| {
        Error::Internal(format!(
            "the network thread does not start: {}",
            error.kind()
        ))
    })?;
    let session = Session::new(epoch, hash_key, network);
    pgrx::log!("equity_connect: worker started, epoch {epoch}");
    Ok(Some(session))
}

fn turn(session: &mut Session) -> Result<Duration, Error> {
    let started_at = Instant::now();
    let mut moved = answers::take(session)?;
    moved |= campaign::take_landed(session);
    send::give_unsent_back(session)?;
    let view = transact(survey)?;
    let doing = activity(session, &view);
    // Nothing is sent while an answer cannot be recorded.
    let may_start = view.may_start && session.landed.is_empty() && !session.network_is_gone;
    // Before the answers are applied: the slots that they left are not kept waiting.
    if may_start && !must_stop() {
        moved |= start_work(session, &view)?;
        moved |= campaign::work(session, view.tool.as_ref());
    }
    let applied = apply::apply_answers(&view.vendors)?;
    moved |= applied.moved;
    if session.must_beat(doing.starts_with("waiting").then_some(doing.as_str())) {
        let epoch = session.epoch;
        transact(|db| worker_state::beat(db, epoch, &doing))?;
    }
    report_doing(&doing);
    if moved || prune::prune(session)? {
        Ok(Duration::ZERO)
    } else {
        let nobody = View {
            vendors: Vec::new(),
            campaign_caps: String::new(),
            tool: None,
            arming: view.arming,
            may_start: false,
        };
        let usable = if may_start { &view } else { &nobody };
        let sleep = sleep_time(session, usable, started_at.elapsed())?;
        // What the database was in the way of is tried again soon: nothing tells when it can be done.
        if applied.left_any || !session.landed.is_empty() {
            return Ok(sleep.min(BUSY_SLEEP));
        }
        Ok(sleep)
    }
}

/// What a turn needs to know.
struct View {
    vendors: Vec<Vendor>,
    campaign_caps: String,
    /// The campaign tool, if it is enabled.
    tool: Option<Tool>,
    arming: Arming,
    may_start: bool,
}

fn survey(db: &mut Db<'_>) -> Result<View, Error> {
    let arming = arming::state(db)?;
    let is_due = |seconds: Option<f64>| seconds.is_some_and(|seconds| seconds <= 0.0);
    if is_due(dlq::next_retry_in(db)?) {
        dlq::drain(db)?;
        deliveries::retry(db, None)?;
        stop_points::reached(Point::Draining);
    }
    if is_due(pulls::next_run_in(db)?) {
        pulls::queue_due(db)?;
    }
    facts::refresh_records(db)?;
    Ok(View {
        vendors: vendors::enabled(db)?,
        campaign_caps: campaigns::spend_caps(db)?,
        tool: campaign_tool::enabled(db)?,
        arming,
        may_start: arming == Arming::Armed && !settings::paused(),
    })
}

/// Plans and buys; true when anything moved.
fn start_work(session: &mut Session, view: &View) -> Result<bool, Error> {
    let mut moved = false;
    let names: Vec<String> = facts::usable(&view.vendors)
        .map(|vendor| vendor.name().to_string())
        .collect();
    if session.caps_changed(&view.vendors, &view.campaign_caps) {
        let names = names.clone();
        transact(|db| {
            jobs::forget_plans(db, names)?;
            jobs::wake_waiting(db, buy::DAILY_CAP)?;
            jobs::wake_waiting(db, buy::RESERVED)
        })?;
    }
    // What was under way to a vendor that is passed over, or disabled meanwhile, comes back still planned for it.
    let is_passed_over = |name: &&str| !names.iter().any(|usable| usable == name);
    let products = Product::ALL.map(Product::name).into_iter();
    let passed_over = products.filter(is_passed_over).collect();
    transact(|db| match jobs::has_due_for(db, passed_over)? {
        true => jobs::forget_plans(db, names),
        false => Ok(()),
    })?;
    // Without a source or a verifier there is nothing to decide: leads wait until one is enabled.
    if view
        .vendors
        .iter()
        .any(|vendor| vendor.stage == "enrich" || vendor.stage == "verify")
    {
        moved |= apply::plan(&view.vendors)?;
    }
    for vendor in view.vendors.iter().filter(|vendor| !vendor.is_paused()) {
        moved |= match vendor.product {
            Product::BatchdataSearch => pull::buy_pages(session, vendor)?,
            _ => buy::buy_for_leads(session, vendor, &view.vendors)?,
        };
    }
    Ok(moved | ask::ask(session, &view.vendors)?)
}

/// Until the next thing that is due by the clock, for these vendors; answers and new work wake the worker by themselves.
fn sleep_time(session: &mut Session, view: &View, turn: Duration) -> Result<Duration, Error> {
    let enabled = view.vendors.as_slice();
    let usable: Vec<String> = enabled
        .iter()
        .filter(|vendor| !vendor.is_paused())
        .map(|vendor| vendor.name().to_string())
        .collect();
    let askable = ask::askable(session, enabled);
    let since = turn.as_secs_f64();
    let mut times = transact(|db| {
        Ok(vec![
            jobs::next_due_in(db, usable, since)?,
            dlq::next_retry_in(db)?,
            pulls::next_run_in(db)?,
            calls::next_poll_in(db, askable)?,
        ])
    })?;
    times.extend(
        enabled
            .iter()
            .filter(|vendor| vendor.is_paused())
            .map(|vendor| Some(vendor.paused_for)),
    );
    times.push(campaign::next_in(session, view.tool.as_ref())?);
    times.push(session.take_rate_wait().map(|wait| wait.as_secs_f64()));
    let soonest = times
        .into_iter()
        .flatten()
        .fold(LONGEST_SLEEP.as_secs_f64(), f64::min);
    Ok(Duration::from_secs_f64(soonest.max(0.01)))
}

/// What the worker does, in words for `worker_status()` and `pg_stat_activity`.
fn activity(session: &Session, view: &View) -> String {
    if let Some(problem) = view.arming.problem() {
        return format!("waiting: {problem}");
    }
    if settings::paused() {
        return "waiting: equity_connect.paused is on".to_string();
    }
    if let Some(problem) = &session.keys_problem {
        return format!("waiting: {problem}");
    }
    if let Some(vendor) = view
        .vendors
        .iter()
        .find(|vendor| session.keys.of(vendor.product).is_none())
    {
        return format!("working; no key for {}", vendor.name());
    }
    if view.tool.is_some() && session.keys.named(instantly_campaign::NAME).is_none() {
        return format!("working; no key for {}", instantly_campaign::NAME);
    }
    match session.flights.len() + session.campaign.in_flight() {
        0 => "idle".to_string(),
        count => format!("{count} requests under way"),
    }
}

/// Stores the answers that arrive within a moment; what stays out is in doubt, and the next worker says so.
fn say_farewell(mut session: Session) {
    let deadline = Instant::now() + FAREWELL;
    while session.flights.len() + session.campaign.in_flight() > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
        if answers::take(&mut session).is_err() {
            break;
        }
        campaign::take_landed(&mut session);
    }
    session.network.stop(Duration::from_millis(100));
}
