//! What a score depends on, read straight from the table by the primary key: a statement would take several times as
//! long as the look-up.

mod columns;
mod raw;
mod reader;

use std::cmp::Ordering;

use pgrx::prelude::*;
use pgrx::{PgMemoryContexts, Uuid};
use serde_json::Value;

pub use self::columns::Columns;
pub use self::reader::Reader;
use self::reader::Row;
use super::lead_status::LeadStatus;
use super::leads::{self, Rescored};
use super::plan::{required, select};
use super::text::stores_utf8;
use super::varlena::unpacked;
use super::{Db, identity, jsonb, numeric};
use crate::contact::Kind;
use crate::error::Error;
use crate::score::{self, LEAST_AGE, LEAST_DOLLARS, Part, Parts, Reach};

impl Row<'_> {
    /// Does one of the points in this column earn what its kind is worth?
    fn is_reached(&self, kind: Kind, column: usize) -> Result<bool, Error> {
        let Some(datum) = self.datum(column) else {
            return Ok(false);
        };
        // SAFETY: a column of type jsonb[], which lives as long as the row.
        unsafe {
            match plainly_reached(kind, datum) {
                Some(is_reached) => Ok(is_reached),
                None => Ok(score::is_reached(
                    kind,
                    &jsonb::points(datum, &counts_for_score)?,
                )),
            }
        }
    }

    fn compared(&self, column: usize, with: i64) -> Option<Ordering> {
        // SAFETY: a column of type numeric.
        self.datum(column)
            .map(|stored| unsafe { numeric::compare(stored, with) })
    }

    /// The quality score, of what is stored.
    pub fn score(&self) -> Result<i32, Error> {
        let columns = self.columns();
        let parts = Parts::earned(|part| match part {
            Part::VerifiedEmail => self.is_reached(Kind::Email, columns.emails),
            Part::VerifiedPhone => self.is_reached(Kind::Phone, columns.phones),
            Part::PropertyKeys => Ok(self.has(columns.mak) && self.has(columns.apn)),
            Part::OwnerOccupied => Ok(self
                .datum(columns.owner_occupied)
                .is_some_and(|datum| datum.value() != 0)),
            Part::Demographics => Ok(self.fits()),
        })?;
        Ok(parts.score())
    }

    fn has(&self, column: usize) -> bool {
        self.datum(column).is_some()
    }

    /// Do age, value and equity fit the product?
    fn fits(&self) -> bool {
        let columns = self.columns();
        let age = self.datum(columns.age).map(|datum| datum.value() as i32);
        age.is_some_and(|age| age >= LEAST_AGE)
            && self
                .compared(columns.property_value, LEAST_DOLLARS.into())
                .is_some_and(Ordering::is_ge)
            && self
                .compared(columns.estimated_equity, 0)
                .is_some_and(Ordering::is_gt)
    }

    /// Is this the score that is stored?
    fn has_score(&self, score: i32) -> bool {
        self.compared(self.columns().quality_score, score.into())
            .is_some_and(Ordering::is_eq)
    }

    fn status(&self) -> Option<LeadStatus> {
        let datum = self.datum(self.columns().status)?;
        // SAFETY: a column of type lead_status.
        unsafe { LeadStatus::from_datum(datum, false) }
    }
}

fn counts_for_score(member: &str) -> bool {
    Reach::looks_at(member.as_bytes())
}

/// Does one of the points earn what its kind is worth? None: they have to be read by PostgreSQL's own functions.
///
/// # Safety
/// A datum of type jsonb[] that is not NULL.
unsafe fn plainly_reached(kind: Kind, datum: pg_sys::Datum) -> Option<bool> {
    // SAFETY: the caller's promise; what is read is not kept.
    unsafe { stores_utf8().then(|| is_reached(kind, unpacked(datum)))? }
}

/// The same of a jsonb[] value, from behind its header, without a call of PostgreSQL; None where it takes one.
pub fn is_reached(kind: Kind, stored: &[u8]) -> Option<bool> {
    let mut is_reached = false;
    for point in jsonb::plain::objects(stored)? {
        let mut reach = Reach::of(kind);
        point?.members(Reach::looks_at, |member, said| reach.see(member, said))?;
        is_reached |= reach.earns();
    }
    Some(is_reached)
}

/// Contact points of a lead as they were read without a lock.
pub struct ReadPoints {
    pub points: Vec<Value>,
    /// Where the version of the lead lies that was read.
    pub place: pg_sys::ItemPointerData,
}

/// The contact points of one kind of a lead, as a statement that begins now would see them. None: only a statement can tell.
pub fn points_now(id: &Uuid, kind: Kind) -> Option<ReadPoints> {
    // SAFETY: reads variables of the backend, and a name that ends with a NUL.
    let table = unsafe {
        if pg_sys::XactReadOnly {
            return None;
        }
        pg_sys::RelnameGetRelid(c"leads".as_ptr())
    };
    let _now = OtherSnapshot::of_now();
    let mut reader = Reader::open(table).filter(|_| may_update(table))?;
    let row = reader.find(id, Columns::for_score)?;
    let stored = row.datum(match kind {
        Kind::Phone => row.columns().phones,
        Kind::Email => row.columns().emails,
    })?;
    // SAFETY: a column of type jsonb[], which lives as long as the row.
    let points = unsafe { jsonb::points(stored, &|_| true) }.ok()?;
    let place = row.place();
    Some(ReadPoints { points, place })
}

/// Who locks a row has to have the right to.
fn may_update(table: pg_sys::Oid) -> bool {
    // SAFETY: a table that is open.
    unsafe {
        let mode = pg_sys::ACL_UPDATE as pg_sys::AclMode;
        let allowed = pg_sys::pg_class_aclcheck(table, pg_sys::GetUserId(), mode);
        allowed == pg_sys::AclResult::ACLCHECK_OK
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
        let Some(lead) = reader.find(id, Columns::for_status) else {
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
        let wanted = leads::status_for(stored_name, lead.has(lead.columns().suppressed_at), score);
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
