//! What a score depends on, read straight from the table by the primary key: a statement would take several times as
//! long as the look-up.

mod columns;

use pgrx::prelude::*;
use pgrx::{PgMemoryContexts, PgRelation, Uuid};
use rust_decimal::Decimal;
use serde_json::Value;

use self::columns::Columns;
use super::lead_status::LeadStatus;
use super::leads::{self, Rescored};
use super::plan::{required, select};
use super::{Db, identity, jsonb};
use crate::contact::flag;
use crate::error::Error;
use crate::score::{LEAST_DOLLARS, Scored, quality_score};

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// A scan of the primary key of `leads`, one lead after another.
pub struct Reader {
    scan: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    columns: Columns,
    // After the scan, which ends first.
    _index: PgRelation,
    _table: PgRelation,
}

impl Reader {
    /// Reads what the running statement sees of the table. None: where the caller may not read all of its rows and columns,
    /// only a statement can say what he may see.
    pub fn open(table: pg_sys::Oid) -> Option<Self> {
        if table == pg_sys::InvalidOid {
            return None;
        }
        // SAFETY: what is opened is closed by the values that hold it. The scan's snapshot is that of the statement that
        // is running, which outlives it.
        unsafe {
            let caller = pg_sys::GetUserId();
            let is_allowed = pg_sys::pg_class_aclcheck(table, caller, pg_sys::ACL_SELECT)
                == pg_sys::AclResult::ACLCHECK_OK;
            if !is_allowed {
                return None;
            }
            let table = PgRelation::with_lock(table, SHARE);
            let primary_key = pg_sys::RelationGetPrimaryKeyIndex(table.as_ptr());
            if (*table.rd_rel).relrowsecurity || primary_key == pg_sys::InvalidOid {
                return None;
            }
            let columns = Columns::of(table.as_ptr())?;
            let index = PgRelation::with_lock(primary_key, SHARE);
            if !columns.is_key(index.as_ptr()) {
                return None;
            }
            let scan = pg_sys::index_beginscan(
                table.as_ptr(),
                index.as_ptr(),
                pg_sys::GetActiveSnapshot(),
                1,
                0,
            );
            let slot = pg_sys::table_slot_create(table.as_ptr(), std::ptr::null_mut());
            Some(Self {
                scan,
                slot,
                columns,
                _index: index,
                _table: table,
            })
        }
    }

    /// The lead with this id; None: there is none.
    pub fn find(&mut self, id: &Uuid) -> Option<Row<'_>> {
        // SAFETY: the scan's one key compares the id, which lives until the row is found; the slot takes its row.
        unsafe {
            let mut key = pg_sys::ScanKeyData::default();
            pg_sys::ScanKeyInit(
                &mut key,
                1,
                pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                pg_sys::F_UUID_EQ.into(),
                pg_sys::Datum::from(id.as_bytes().as_ptr()),
            );
            pg_sys::index_rescan(self.scan, &mut key, 1, std::ptr::null_mut(), 0);
            let is_there = pg_sys::index_getnext_slot(
                self.scan,
                pg_sys::ScanDirection::ForwardScanDirection,
                self.slot,
            );
            if !is_there {
                return None;
            }
            pg_sys::slot_getsomeattrs_int(self.slot, self.columns.needed());
            Some(Row(self))
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made by `open`; after an error PostgreSQL ends what has begun.
            unsafe {
                pg_sys::index_endscan(self.scan);
                pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            }
        }
    }
}

/// A lead, until the next one is looked for.
pub struct Row<'a>(&'a Reader);

impl Row<'_> {
    fn datum(&self, column: usize) -> Option<pg_sys::Datum> {
        // SAFETY: the slot holds so many columns at least.
        unsafe {
            let is_null = *(*self.0.slot).tts_isnull.add(column);
            (!is_null).then(|| *(*self.0.slot).tts_values.add(column))
        }
    }

    fn points(&self, column: usize) -> Result<Vec<Value>, Error> {
        match self.datum(column) {
            // SAFETY: a column of type jsonb[].
            Some(datum) => unsafe { jsonb::points(datum, &counts_for_score) },
            None => Ok(Vec::new()),
        }
    }

    fn is_at_least(&self, column: usize, amount: i64) -> bool {
        self.datum(column)
            .is_some_and(|stored| compare(pg_sys::numeric_ge, stored, amount))
    }

    /// What the score depends on; the amounts no more exactly than it needs.
    pub fn score(&self) -> Result<i32, Error> {
        let columns = &self.0.columns;
        let (phones, emails) = (self.points(columns.phones)?, self.points(columns.emails)?);
        let age = self.datum(columns.age).map(|datum| datum.value() as i32);
        let is_worth = |amount: i64| {
            self.is_at_least(columns.property_value, amount)
                .then(|| Decimal::from(amount))
        };
        let has_equity = self
            .datum(columns.estimated_equity)
            .is_some_and(|stored| compare(pg_sys::numeric_gt, stored, 0));
        Ok(quality_score(&Scored {
            phones: &phones,
            emails: &emails,
            has_mak: self.datum(columns.mak).is_some(),
            has_apn: self.datum(columns.apn).is_some(),
            owner_occupied: self
                .datum(columns.owner_occupied)
                .map(|datum| datum.value() != 0),
            age,
            property_value: is_worth(LEAST_DOLLARS.into()),
            estimated_equity: has_equity.then_some(Decimal::ONE),
        }))
    }

    /// Is this the score that is stored?
    pub fn has_score(&self, score: i32) -> bool {
        self.datum(self.0.columns.quality_score)
            .is_some_and(|stored| compare(pg_sys::numeric_eq, stored, score.into()))
    }

    pub fn status(&self) -> Option<LeadStatus> {
        let datum = self.datum(self.0.columns.status)?;
        // SAFETY: a column of type lead_status.
        unsafe { LeadStatus::from_datum(datum, false) }
    }

    pub fn is_suppressed(&self) -> bool {
        self.datum(self.0.columns.suppressed_at).is_some()
    }
}

/// The members of a contact point that its score depends on.
fn counts_for_score(member: &str) -> bool {
    matches!(member, "phone" | "email" | "verified" | "type") || flag::bar_named(member).is_some()
}

/// Compares a datum of type numeric with a whole number.
pub fn compare(
    how: unsafe fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum,
    stored: pg_sys::Datum,
    with: i64,
) -> bool {
    // SAFETY: compares two datums of type numeric.
    unsafe {
        let with = pg_sys::Datum::from(pg_sys::int64_to_numeric(with));
        pgrx::direct_function_call::<bool>(how, &[Some(stored), Some(with)]).unwrap_or(false)
    }
}

const STATUSES: &str =
    "SELECT 'leads'::regclass::oid, s::text, s FROM unnest(enum_range(NULL::lead_status)) AS s";

/// Those of the leads whose stored score and status are what they are to be: there is nothing to lock and to write.
pub fn up_to_date(db: &mut Db<'_>, ids: &[Uuid]) -> Result<Vec<Rescored>, Error> {
    let statuses = Statuses::read(db)?;
    let _now = OtherSnapshot::of_now();
    let Some(mut reader) = Reader::open(statuses.table) else {
        return Ok(Vec::new());
    };
    let mut scratch = PgMemoryContexts::new("scores");
    let mut found = Vec::new();
    for id in ids {
        let Some(lead) = reader.find(id) else {
            continue;
        };
        // SAFETY: what is made in there is gone when the next lead comes; a score is a number.
        let score = unsafe {
            scratch.reset();
            scratch.switch_to(|_| lead.score())?
        };
        let wanted = statuses.of(&lead, score);
        if let (Some(status), Some(wanted)) = (lead.status(), wanted)
            && status.equals(wanted)
            && lead.has_score(score)
        {
            found.push(Rescored {
                lead_id: *id,
                score,
                status,
            });
        }
    }
    Ok(found)
}

/// The values of `lead_status`, and the table that has them.
struct Statuses {
    table: pg_sys::Oid,
    all: Vec<(String, LeadStatus)>,
}

impl Statuses {
    fn read(db: &Db<'_>) -> Result<Self, Error> {
        let mut table = pg_sys::InvalidOid;
        let mut all = Vec::new();
        for row in select(db, STATUSES, &[])? {
            table = required(&row, 1)?;
            all.push((required(&row, 2)?, required(&row, 3)?));
        }
        Ok(Self { table, all })
    }

    /// The status that a lead with this score is to have.
    fn of(&self, lead: &Row<'_>, score: i32) -> Option<LeadStatus> {
        let stored = lead.status();
        let stored_name = self
            .all
            .iter()
            .find(|(_, value)| stored.is_some_and(|stored| stored.equals(*value)))
            .map_or("new", |(name, _)| name.as_str());
        let wanted = leads::status_for(stored_name, lead.is_suppressed(), score);
        self.all
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| *value)
    }
}

/// While it lives, another snapshot is read than that of the calling statement.
pub struct OtherSnapshot;

impl OtherSnapshot {
    /// What the calling statement sees, and what this transaction has written since it began. None: nothing.
    pub fn with_own_writes() -> Option<Self> {
        // SAFETY: the snapshot of the calling statement, copied.
        unsafe {
            if !identity::has_written() || pg_sys::IsInParallelMode() {
                return None;
            }
            pg_sys::CommandCounterIncrement();
            pg_sys::PushCopiedSnapshot(pg_sys::GetActiveSnapshot());
            pg_sys::UpdateActiveSnapshotCommandId();
        }
        Some(Self)
    }

    /// What a statement that begins now would see.
    pub fn of_now() -> Self {
        // SAFETY: as SPI does it before a statement of a volatile function (src/backend/executor/spi.c).
        unsafe {
            pg_sys::CommandCounterIncrement();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        Self
    }
}

impl Drop for OtherSnapshot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: pushed when this was made, and everything that was pushed since is gone.
            unsafe { pg_sys::PopActiveSnapshot() }
        }
    }
}
