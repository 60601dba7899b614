//! Says that known leads were seen again, past SPI: a statement for it takes three times as long as the look-up by a key
//! and the heap-only update that it comes to.
//!
//! As PostgreSQL's logical replication applies a change to one row (src/backend/executor/execReplication.c). Only a lead
//! that holds everything that its record says is touched, so that nothing of it changes but two columns that no index,
//! constraint or trigger looks at; and only where nothing of the user's wants to see that. Everything else is left to
//! statements.

mod row;
mod scan;

use std::cell::RefCell;

use pgrx::Uuid;
use pgrx::prelude::*;

use self::row::{Columns, Row};
pub use self::scan::Slot;
use self::scan::{By, Scan};
use super::identity::RecordKeys;
use super::merges;
use super::new_leads::open_indexes;
use super::open_leads::{Kept, OpenLeads};
use super::scored::OtherSnapshot;
use crate::record::LeadRecord;

/// What is known of a record after a look at its strongest key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// This lead, which holds everything that the record says.
    Touched(Uuid),
    /// No lead has the key.
    Nobody,
    /// Only statements can tell.
    Unclear,
}

/// Touches the lead that a record's strongest key names, if it holds all of the record.
pub fn touch(keys: &RecordKeys<'_>, record: &LeadRecord) -> Seen {
    let Some(mut leads) = Leads::open() else {
        return Seen::Unclear;
    };
    match leads.find(keys, record) {
        Found::Nobody => Seen::Nobody,
        Found::Other => Seen::Unclear,
        Found::Holder(id, _) => match leads.touch() {
            true => Seen::Touched(id),
            false => Seen::Unclear,
        },
    }
}

/// Has no lead the strongest key of any of the records? False also where only statements can tell.
pub fn are_unknown<'a>(
    mut records: impl Iterator<Item = (RecordKeys<'a>, &'a LeadRecord)>,
) -> bool {
    Leads::open().is_some_and(|mut leads| {
        records.all(|(keys, record)| matches!(leads.find(&keys, record), Found::Nobody))
    })
}

/// Touches the leads of many records, in the order of the leads' ids; which those are, by the records' numbers. None: only
/// statements can tell.
pub fn touch_all<'a>(
    records: impl Iterator<Item = (usize, RecordKeys<'a>, &'a LeadRecord)>,
) -> Option<Vec<(usize, Uuid)>> {
    let mut leads = Leads::open()?;
    let mut found = Vec::new();
    for (n, keys, record) in records {
        pgrx::check_for_interrupts!();
        if let Found::Holder(id, place) = leads.find(&keys, record) {
            found.push((id, n, place));
        }
    }
    found.sort_unstable_by_key(|(id, ..)| *id.as_bytes());
    let mut touched = Vec::with_capacity(found.len());
    for (id, n, mut place) in found {
        if leads.fetch(&mut place) && leads.touch() {
            touched.push((n, id));
        }
    }
    Some(touched)
}

enum Found {
    /// This lead, at this place, holds everything that the record says.
    Holder(Uuid, pg_sys::ItemPointerData),
    /// A lead that lacks something, or holds it otherwise.
    Other,
    Nobody,
}

/// The table, open for one call.
struct Leads {
    // Values are dropped in this order: scans end before their indexes and the table are closed.
    scans: [Option<Scan>; 3],
    lead: Slot,
    /// Whoever else has a key of the record.
    other: Option<Slot>,
    /// The lead with its new times.
    next: Option<Slot>,
    columns: Columns,
    table: OpenLeads,
    _now: OtherSnapshot,
}

impl Leads {
    /// None: the caller may not, or somebody wants to see what is written.
    fn open() -> Option<Self> {
        thread_local! {
            static COLUMNS: RefCell<Kept<Option<Columns>>> = const { RefCell::new(Kept::nothing()) };
        }
        let table = OpenLeads::open()?;
        let columns =
            COLUMNS.with_borrow_mut(|kept| kept.get_or_read(table.oid(), || unseen(&table)))?;
        if !table.caller_may(pg_sys::ACL_SELECT) || !table.caller_may(pg_sys::ACL_UPDATE) {
            return None;
        }
        let now = OtherSnapshot::of_now();
        Some(Self {
            scans: [None, None, None],
            lead: Slot::of(&table),
            other: None,
            next: None,
            columns,
            table,
            _now: now,
        })
    }

    /// The lead that the strongest key of a record names.
    fn find(&mut self, keys: &RecordKeys<'_>, record: &LeadRecord) -> Found {
        let Some(by) = By::strongest(keys) else {
            return Found::Other;
        };
        match self.look(by, keys) {
            None => return Found::Other,
            Some(false) => return Found::Nobody,
            Some(true) => {}
        }
        let columns = self.columns;
        let row = Row::new(self.lead.0, &columns);
        let holds = row.holds_keys(keys)
            && row.holds_facts(record)
            && (row.holds_vendor_record(keys)
                || row.is_of_another_source(keys) && self.has_no_other(keys));
        match row.id() {
            // SAFETY: the slot holds the row that was found.
            Some(id) if holds => Found::Holder(id, unsafe { (*self.lead.0).tts_tid }),
            _ => Found::Other,
        }
    }

    /// Reads the lead with this key; false: there is none. None: the index is not as sql/install makes it.
    fn look(&mut self, by: By, keys: &RecordKeys<'_>) -> Option<bool> {
        let into = self.lead.0;
        Some(self.scan(by)?.find(by.values(keys), into))
    }

    /// Has no lead the vendor's id of the record, and had none that was folded?
    fn has_no_other(&mut self, keys: &RecordKeys<'_>) -> bool {
        if !matches!(merges::are_there(), Ok(false)) {
            return false;
        }
        let into = self.other.get_or_insert_with(|| Slot::of(&self.table)).0;
        let values = By::VendorRecord.values(keys);
        self.scan(By::VendorRecord)
            .is_some_and(|scan| !scan.find(values, into))
    }

    fn scan(&mut self, by: By) -> Option<&mut Scan> {
        let scan = &mut self.scans[by as usize];
        if scan.is_none() {
            *scan = Some(Scan::begin(&self.table, by, &self.columns)?);
        }
        scan.as_mut()
    }

    /// Reads the row version at this place.
    fn fetch(&mut self, place: &mut pg_sys::ItemPointerData) -> bool {
        // SAFETY: the table is open; a version that the snapshot has seen is still there.
        unsafe {
            pg_sys::table_tuple_fetch_row_version(
                self.table.relation(),
                place,
                pg_sys::GetActiveSnapshot(),
                self.lead.0,
            )
        }
    }

    /// Writes the lead that was read with its new times. False: another session was faster, or this command.
    fn touch(&mut self) -> bool {
        let (table, lead) = (self.table.relation(), self.lead.0);
        let next = self.next_version();
        // SAFETY: the table is open, one slot holds a row that was read from it, and the other the row that replaces it.
        unsafe {
            // An error where the table's replication needs a key that it lacks.
            pg_sys::CheckCmdReplicaIdentity(table, pg_sys::CmdType::CMD_UPDATE);
            let mut met = pg_sys::TM_FailureData::default();
            let mut lock = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
            let mut indexes = Default::default();
            let result = pg_sys::table_tuple_update(
                table,
                &mut (*lead).tts_tid,
                next,
                pg_sys::GetCurrentCommandId(true),
                pg_sys::GetActiveSnapshot(),
                std::ptr::null_mut(),
                true,
                &mut met,
                &mut lock,
                &mut indexes,
            );
            if result != pg_sys::TM_Result::TM_Ok {
                return false;
            }
            if needs_entries(indexes) {
                index(
                    &self.table,
                    next,
                    #[cfg(not(feature = "pg15"))]
                    indexes,
                );
            }
        }
        true
    }

    /// The lead that was read with its new times, until another one is read.
    fn next_version(&mut self) -> *mut pg_sys::TupleTableSlot {
        let lead = self.lead.0;
        let next = self.next.get_or_insert_with(|| Slot::of(&self.table)).0;
        // SAFETY: both slots are of the table's shape, and the one that is read holds a row. What the new row borrows
        // from it stays pinned until that is read anew.
        unsafe {
            pg_sys::slot_getallattrs(lead);
            pg_sys::ExecClearTuple(next);
            let count = usize::try_from((*(*lead).tts_tupleDescriptor).natts).unwrap_or(0);
            std::ptr::copy_nonoverlapping((*lead).tts_values, (*next).tts_values, count);
            std::ptr::copy_nonoverlapping((*lead).tts_isnull, (*next).tts_isnull, count);
            for column in self.columns.times() {
                let now = pg_sys::GetCurrentTransactionStartTimestamp();
                *(*next).tts_values.add(column) = pg_sys::Datum::from(now);
                *(*next).tts_isnull.add(column) = false;
            }
            pg_sys::ExecStoreVirtualTuple(next)
        }
    }
}

impl Drop for Leads {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: what was written becomes visible to the transaction's next statement.
            unsafe { pg_sys::CommandCounterIncrement() }
        }
    }
}

/// The columns, if an update of the times alone is seen by nobody.
fn unseen(table: &OpenLeads) -> Option<Columns> {
    let columns = Columns::of(&table.shape())?;
    (table.is_as_made() && !table.shows_updates_of(&columns.times())).then_some(columns)
}

#[cfg(feature = "pg15")]
fn needs_entries(indexes: bool) -> bool {
    indexes
}

#[cfg(not(feature = "pg15"))]
fn needs_entries(indexes: pg_sys::TU_UpdateIndexes::Type) -> bool {
    indexes != pg_sys::TU_UpdateIndexes::TU_None
}

/// Enters a row version that found no room beside the one before it into the indexes.
///
/// # Safety
/// `row` holds what was just written to the open `table`.
unsafe fn index(
    table: &OpenLeads,
    row: *mut pg_sys::TupleTableSlot,
    #[cfg(not(feature = "pg15"))] indexes: pg_sys::TU_UpdateIndexes::Type,
) {
    // SAFETY: the caller's promise. Without a range table the columns that change are taken for none that is indexed.
    unsafe {
        let state = pg_sys::CreateExecutorState();
        let info = open_indexes(table, state);
        pg_sys::ExecInsertIndexTuples(
            info,
            row,
            state,
            true,
            false,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            #[cfg(not(feature = "pg15"))]
            {
                indexes == pg_sys::TU_UpdateIndexes::TU_Summarizing
            },
        );
        pg_sys::ExecCloseIndices(info);
        pg_sys::FreeExecutorState(state);
    }
}
