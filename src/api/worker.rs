//! Steering the worker: queueing, retrying, resolving, arming, and looking at it.

use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::{given, identifier, present};
use crate::error::Error;
use crate::intake;
use crate::merging;
use crate::settings;
use crate::store::calls;
use crate::store::settlement::{self, Resolution};
use crate::store::{self, Db, campaigns, deliveries, dlq, jobs, vendors, worker_state};
use crate::worker::{arming, shared};

const HOW_TO_PRELOAD: &str = "Set shared_preload_libraries = 'equity_connect' and equity_connect.databases to this database's name, then restart the server.";

/// Wakes the worker at commit, or says how to get one.
pub(super) fn wake_or_say_how(what: &str) -> Result<(), Error> {
    let name = database_name();
    let configured = settings::databases().contains(&name);
    if !shared::is_preloaded() || !configured {
        let message = format!("{what}, but no worker runs in this database");
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            message,
            "equity_connect",
        )
        .set_hint(HOW_TO_PRELOAD)
        .report(PgLogLevel::NOTICE);
        return Ok(());
    }
    shared::wake_at_commit();
    Ok(())
}

/// A campaign whose money is to be spent must be there: a name with a slip in it would have no cap.
pub(super) fn check_campaign(db: &Db<'_>, name: Option<&str>) -> Result<(), Error> {
    match name {
        Some(name) if campaigns::find(db, name)?.is_none() => Err(Error::NotFound {
            message: "no such campaign".into(),
            hint: "Pass a name of the table campaigns, or NULL.",
        }),
        _ => Ok(()),
    }
}

fn database_name() -> String {
    // SAFETY: a backend is connected to a database whose oid is set; the palloc'd name is copied at once.
    unsafe {
        let name = pg_sys::get_database_name(pg_sys::MyDatabaseId);
        if name.is_null() {
            String::new()
        } else {
            std::ffi::CStr::from_ptr(name)
                .to_string_lossy()
                .into_owned()
        }
    }
}

#[pg_extern(sql = false)]
fn request_enrichment(
    lead_id: Option<Uuid>,
    campaign: Option<String>,
) -> Result<bool, ErrorReport> {
    let lead_id = present("p_lead_id", lead_id)?;
    let campaign = given(campaign);
    let queued = store::connect(|db| {
        let lead_id = merging::current(db, lead_id)?;
        check_campaign(db, campaign.as_deref())?;
        if dlq::holds_lead(db, lead_id)? {
            return Ok(false);
        }
        Ok(jobs::enqueue_leads(db, vec![lead_id], campaign.as_deref())? == 1)
    })?;
    wake_or_say_how("the lead is queued")?;
    Ok(queued)
}

#[pg_extern(sql = false)]
fn retry_dlq(ids: Option<Vec<Option<i64>>>) -> Result<i32, ErrorReport> {
    let ids: Vec<i64> = present("p_ids", ids)?.into_iter().flatten().collect();
    let count = store::connect(|db| {
        let handouts = deliveries::retry(db, Some(ids.clone()))?;
        Ok(dlq::retry(db, &ids)? + retry_records(db, &ids)? + handouts)
    })?;
    wake_or_say_how("the work is queued again")?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Upserts parked records again; those that are still bad stay.
fn retry_records(db: &mut Db<'_>, ids: &[i64]) -> Result<i64, Error> {
    let mut stored = 0;
    for parked in dlq::take_records(db, ids)? {
        let source = parked
            .payload
            .get("source")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_string();
        let record = parked.payload.get("record").cloned().unwrap_or_default();
        match intake::upsert_one(db, &source, record) {
            Ok(upserted) => {
                dlq::remove(db, parked.id)?;
                jobs::enqueue_leads(db, vec![upserted.lead_id], parked.campaign.as_deref())?;
                stored += 1;
            }
            Err(error) => dlq::failed_again(db, parked.id, &error.to_string())?,
        }
    }
    Ok(stored)
}

#[pg_extern(sql = false)]
fn resolve_call(
    call_id: Option<i64>,
    outcome: Option<String>,
    reason: Option<String>,
) -> Result<String, ErrorReport> {
    let call_id = present("p_call_id", call_id)?;
    let resolution = match identifier("p_outcome", outcome)?
        .to_ascii_lowercase()
        .as_str()
    {
        "charged" => Resolution::Charged,
        "not_charged" => Resolution::NotCharged,
        _ => {
            return Err(Error::bad_argument(
                "p_outcome is neither \"charged\" nor \"not_charged\"",
                "Look the purchase up in the vendor's usage report.",
            )
            .into());
        }
    };
    let reason = identifier("p_reason", reason)?;
    store::connect(|db| {
        let Some((state, _)) = calls::state_for_update(db, call_id)? else {
            return Err(Error::NotFound {
                message: "no such purchase".into(),
                hint: "Pass an id of vendor_calls.",
            });
        };
        if !settlement::resolve(db, call_id, resolution, None, &reason)? {
            let message = format!("the purchase is {state}, not in_doubt");
            return Err(Error::WrongState {
                message,
                hint: "Only purchases in doubt need to be resolved.",
            });
        }
        dlq::after_doubt(db, call_id)
    })?;
    shared::wake_at_commit();
    Ok("resolved".to_string())
}

#[pg_extern(sql = false)]
fn resume_vendor(vendor: Option<String>) -> Result<(), ErrorReport> {
    let vendor = identifier("p_vendor", vendor)?;
    if !store::connect(|db| vendors::resume(db, &vendor))? {
        return Err(Error::NotFound {
            message: "no such vendor".into(),
            hint: "Pass a name of the table vendors.",
        }
        .into());
    }
    shared::wake_at_commit();
    Ok(())
}

#[pg_extern(sql = false)]
fn arm_spending() -> Result<String, ErrorReport> {
    let identity = store::connect(|db| {
        let identity = arming::identity()?;
        worker_state::arm(db, Some(&identity))?;
        Ok(identity)
    })?;
    wake_or_say_how("spending is armed")?;
    Ok(identity)
}

#[pg_extern(sql = false)]
fn disarm_spending() -> Result<(), ErrorReport> {
    store::connect(|db| worker_state::arm(db, None))?;
    shared::wake_at_commit();
    Ok(())
}

/// Wakes the worker after a vendor's row changed.
#[pg_trigger(sql = false)]
fn wake_worker<'a>(
    _trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>, ErrorReport> {
    shared::wake_at_commit();
    Ok(None)
}

#[pg_extern(sql = false)]
fn worker_status() -> Result<
    TableIterator<
        'static,
        (
            name!(running, bool),
            name!(pid, Option<i32>),
            name!(preloaded, bool),
            name!(armed, bool),
            name!(doing, Option<String>),
            name!(heartbeat_at, Option<TimestampWithTimeZone>),
            name!(problem, Option<String>),
            name!(hint, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let name = database_name();
    let row = store::connect(|db| {
        let running = worker_state::is_locked(db)?;
        let state = worker_state::read(db)?;
        let arming = arming::state(db)?;
        let blocked = vendors::first_problem(db)?;
        let (problem, hint) = if !shared::is_preloaded() {
            (
                Some("the library is not preloaded: no worker can run".to_string()),
                Some(HOW_TO_PRELOAD),
            )
        } else if !settings::databases().contains(&name) {
            (
                Some("equity_connect.databases does not name this database".to_string()),
                Some(HOW_TO_PRELOAD),
            )
        } else if arming == arming::Arming::InRecovery {
            (
                arming.problem().map(str::to_string),
                Some(
                    "A standby neither spends nor has a worker; after a promotion, call arm_spending().",
                ),
            )
        } else if !running {
            (
                Some("the worker is not running".to_string()),
                Some("See the server log; it is started again every 10 seconds."),
            )
        } else if let Some(problem) = arming.problem() {
            (
                Some(problem.to_string()),
                Some("Call arm_spending() if this database shall buy data."),
            )
        } else if settings::paused() {
            (
                Some("the worker is paused".to_string()),
                Some("Set equity_connect.paused = off and reload."),
            )
        } else {
            (blocked, None)
        };
        let pid = state.pid.filter(|_| running);
        let doing = state.doing.filter(|_| running);
        let is_armed = arming == arming::Arming::Armed;
        Ok((
            running,
            pid,
            shared::is_preloaded(),
            is_armed,
            doing,
            state.heartbeat_at,
            problem,
            hint.map(str::to_string),
        ))
    })?;
    Ok(TableIterator::once(row))
}
