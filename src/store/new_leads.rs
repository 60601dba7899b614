//! Stores new leads past SPI.
//!
//! As `INSERT … ON CONFLICT DO NOTHING` does it (src/backend/executor/nodeModifyTable.c, ExecInsert), but without asking
//! each unique index first whether a key is free, which takes as long again as making the entries: a key that is taken
//! shows when its entry is made. It does not wait for another session that is storing the same key; a statement does.

mod blueprint;

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::prelude::*;

use self::blueprint::Blueprint;
use super::lead_values::LeadValues;
use super::open_leads::{Kept, OpenLeads};
use super::scored::OtherSnapshot;
use super::sightings::Slot;

/// Stores leads; for each, whether it was: false where another lead has one of its keys. None: only a statement can, and
/// nothing was done.
pub fn insert_all<'a>(leads: impl Iterator<Item = LeadValues<'a>>) -> Option<Vec<bool>> {
    let mut insertion = Insertion::begin()?;
    let mut stored = Vec::with_capacity(leads.size_hint().0);
    for lead in leads {
        pgrx::check_for_interrupts!();
        stored.push(insertion.insert(&lead));
    }
    insertion.finish();
    Some(stored)
}

struct Insertion {
    slot: Slot,
    info: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    blueprint: Rc<Blueprint>,
    table: OpenLeads,
    _now: OtherSnapshot,
}

impl Insertion {
    fn begin() -> Option<Self> {
        thread_local! {
            static BLUEPRINT: RefCell<Kept<Option<Rc<Blueprint>>>> = const { RefCell::new(Kept::nothing()) };
        }
        let table = OpenLeads::open()?;
        let blueprint =
            BLUEPRINT.with_borrow_mut(|kept| kept.get_or_read(table.oid(), || unseen(&table)))?;
        if !table.caller_may(pg_sys::ACL_SELECT) || !table.caller_may(pg_sys::ACL_INSERT) {
            return None;
        }
        let now = OtherSnapshot::of_now();
        // SAFETY: as a statement begins; the table is open. Ended by `finish`, or by PostgreSQL after an error.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            pg_sys::MakePerTupleExprContext(state);
            let info = open_indexes(&table, state);
            // Where triggers that fire at the end find the table.
            (*state).es_opened_result_relations =
                pg_sys::lappend((*state).es_opened_result_relations, info.cast());
            pg_sys::AfterTriggerBeginQuery();
            Some(Self {
                slot: Slot::of(&table),
                info,
                state,
                blueprint,
                table,
                _now: now,
            })
        }
    }

    fn finish(self) {
        // SAFETY: ends what `begin` has begun; what was stored becomes visible to the transaction's next statement.
        unsafe {
            pg_sys::AfterTriggerEndQuery(self.state);
            pg_sys::ExecCloseIndices(self.info);
            pg_sys::ExecResetTupleTable((*self.state).es_tupleTable, false);
            pg_sys::FreeExecutorState(self.state);
            pg_sys::CommandCounterIncrement();
        }
    }

    /// False: another lead has one of the keys.
    fn insert(&mut self, lead: &LeadValues<'_>) -> bool {
        let (slot, info, state) = (self.slot.0, self.info, self.state);
        self.fill(lead);
        // SAFETY: the slot holds a row of the table, which is open with its indexes, and has triggers that see it first.
        unsafe {
            if !pg_sys::ExecBRInsertTriggers(state, info, slot) {
                return false;
            }
            (*slot).tts_tableOid = self.table.oid();
            if !self.keeps_constraints() {
                pg_sys::ExecConstraints(info, slot, state);
            }
            let Some(to_recheck) = self.store() else {
                return false;
            };
            pg_sys::ExecARInsertTriggers(state, info, slot, to_recheck, std::ptr::null_mut());
        }
        true
    }

    /// Stores the row, with its entries; the indexes that are to be asked again when the transaction ends. None: it is taken
    /// back, because a key is taken.
    ///
    /// # Safety
    /// The slot holds a row that has passed the triggers and constraints of the table.
    unsafe fn store(&mut self) -> Option<*mut pg_sys::List> {
        let (slot, table) = (self.slot.0, self.table.relation());
        let mut is_taken = false;
        // SAFETY: the caller's promise; the table is open with its indexes.
        unsafe {
            let transaction = pg_sys::GetCurrentTransactionId();
            let token = pg_sys::SpeculativeInsertionLockAcquire(transaction);
            pg_sys::table_tuple_insert_speculative(
                table,
                slot,
                pg_sys::GetCurrentCommandId(true),
                0,
                std::ptr::null_mut(),
                token,
            );
            let to_recheck = pg_sys::ExecInsertIndexTuples(
                self.info,
                slot,
                self.state,
                false,
                true,
                &mut is_taken,
                std::ptr::null_mut(),
                #[cfg(not(feature = "pg15"))]
                false,
            );
            pg_sys::table_tuple_complete_speculative(table, slot, token, !is_taken);
            pg_sys::SpeculativeInsertionLockRelease(transaction);
            (!is_taken).then_some(to_recheck)
        }
    }

    /// Looked at here, because PostgreSQL parses the CHECK for each call. False: it is to say what is wrong.
    fn keeps_constraints(&self) -> bool {
        let slot = self.slot.0;
        // SAFETY: the slot holds a row of the table; a trigger may have made it anew.
        unsafe {
            pg_sys::slot_getallattrs(slot);
            self.blueprint.keeps_constraints(|column| {
                let is_null = *(*slot).tts_isnull.add(column);
                (!is_null).then(|| *(*slot).tts_values.add(column))
            })
        }
    }

    /// Makes the row, in memory that lasts until the next one.
    fn fill(&mut self, lead: &LeadValues<'_>) {
        let slot = self.slot.0;
        // SAFETY: the slot has room for all columns of its table, and the executor's state has its memory for a row.
        unsafe {
            pg_sys::ExecClearTuple(slot);
            let memory = (*(*self.state).es_per_tuple_exprcontext).ecxt_per_tuple_memory;
            pg_sys::MemoryContextReset(memory);
            let before = pg_sys::MemoryContextSwitchTo(memory);
            self.blueprint.fill(lead, |column, value| {
                *(*slot).tts_isnull.add(column) = value.is_none();
                *(*slot).tts_values.add(column) = value.unwrap_or(pg_sys::Datum::null());
            });
            pg_sys::ExecStoreVirtualTuple(slot);
            pg_sys::ExecMaterializeSlot(slot);
            pg_sys::MemoryContextSwitchTo(before);
        }
    }
}

/// The table with its indexes, in the memory of an executor's state.
///
/// # Safety
/// What is returned is not used after the state is freed.
pub unsafe fn open_indexes(
    table: &OpenLeads,
    state: *mut pg_sys::EState,
) -> *mut pg_sys::ResultRelInfo {
    // SAFETY: the table is open; without a range table nothing else is asked of it.
    unsafe {
        let before = pg_sys::MemoryContextSwitchTo((*state).es_query_cxt);
        let info = PgBox::<pg_sys::ResultRelInfo>::alloc_node(pg_sys::NodeTag::T_ResultRelInfo);
        let info = info.into_pg();
        pg_sys::InitResultRelInfo(info, table.relation(), 0, std::ptr::null_mut(), 0);
        pg_sys::ExecOpenIndices(info, false);
        pg_sys::MemoryContextSwitchTo(before);
        info
    }
}

/// How rows are made, if nobody else sees them before they are stored.
fn unseen(table: &OpenLeads) -> Option<Rc<Blueprint>> {
    let is_unseen = table.is_as_made() && table.has_our_triggers_for_new_rows();
    is_unseen.then(|| Blueprint::of(table))?.map(Rc::new)
}
