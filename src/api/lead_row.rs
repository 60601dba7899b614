//! A row of `leads` as a trigger gets it: read where it lies, so that a row that concerns nobody costs nothing.

use std::cell::Cell;

use pgrx::PgTupleDesc;
use pgrx::prelude::*;

use super::native::utf8;

/// Where the columns stand that triggers read. The columns of `leads` are frozen, so this holds as long as the table.
#[derive(Clone, Copy)]
pub struct Columns {
    table: pg_sys::Oid,
    pub suppressed_at: usize,
    pub addr_hash: usize,
    pub address_line1: usize,
    pub address_line2: usize,
    pub property_address: usize,
    pub city: usize,
    pub state: usize,
    pub zip: usize,
    /// What an opt-out can be about.
    pub held: [usize; 8],
}

thread_local! {
    static COLUMNS: Cell<Option<Columns>> = const { Cell::new(None) };
}

impl Columns {
    /// The columns of the table that a trigger fires for.
    ///
    /// # Safety
    /// `relation` is an open relation.
    pub unsafe fn of(relation: pg_sys::Relation) -> Self {
        // SAFETY: the caller's promise.
        let (table, shape) = unsafe { ((*relation).rd_id, (*relation).rd_att) };
        if let Some(known) = COLUMNS.get().filter(|known| known.table == table) {
            return known;
        }
        let found = Self::find(table, shape);
        COLUMNS.set(Some(found));
        found
    }

    fn find(table: pg_sys::Oid, shape: pg_sys::TupleDesc) -> Self {
        // SAFETY: the shape of an open relation.
        let shape = unsafe { PgTupleDesc::from_pg_unchecked(shape) };
        let place = |name: &str| {
            let found = shape.iter().position(|column| column.name() == name);
            found.unwrap_or_else(|| {
                pgrx::error!("the triggers of leads are not for a table without column {name}")
            })
        };
        Self {
            table,
            suppressed_at: place("suppressed_at"),
            addr_hash: place("addr_hash"),
            address_line1: place("address_line1"),
            address_line2: place("address_line2"),
            property_address: place("property_address"),
            city: place("property_city"),
            state: place("property_state"),
            zip: place("property_zip"),
            held: [
                "phones",
                "emails",
                "addr_hash",
                "mak",
                "vendor_record_id",
                "source",
                "apn",
                "county_fips",
            ]
            .map(place),
        }
    }

    /// What an address is made of.
    pub fn address(&self) -> [usize; 6] {
        [
            self.address_line1,
            self.address_line2,
            self.property_address,
            self.city,
            self.state,
            self.zip,
        ]
    }
}

/// The values of one row.
pub struct LeadRow {
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl LeadRow {
    /// # Safety
    /// A row of this shape, which outlives what is read of it.
    pub unsafe fn read(row: pg_sys::HeapTuple, shape: pg_sys::TupleDesc) -> Self {
        // SAFETY: the caller's promise; both arrays have room for every column.
        unsafe {
            let count = usize::try_from((*shape).natts).unwrap_or(0);
            let mut values = vec![pg_sys::Datum::null(); count];
            let mut nulls = vec![true; count];
            pg_sys::heap_deform_tuple(row, shape, values.as_mut_ptr(), nulls.as_mut_ptr());
            Self { values, nulls }
        }
    }

    pub fn is_null(&self, column: usize) -> bool {
        self.nulls[column]
    }

    /// The text of a column of type text.
    pub fn text(&self, column: usize) -> Option<&str> {
        // SAFETY: the columns read as text are of type text, and the row outlives this.
        (!self.nulls[column]).then(|| unsafe { utf8(self.values[column]) })
    }

    /// Is it stored in the same bytes? Two ways to store one value count as different. For columns of variable length.
    pub fn is_stored_alike(&self, other: &Self, column: usize) -> bool {
        match (self.nulls[column], other.nulls[column]) {
            (true, true) => true,
            (false, false) => {
                self.values[column] == other.values[column]
                    || self.stored(column) == other.stored(column)
            }
            _ => false,
        }
    }

    fn stored(&self, column: usize) -> &[u8] {
        // SAFETY: a column of variable length that is not NULL: its size stands in front, whatever way it is stored.
        unsafe {
            let start: *const pg_sys::varlena = self.values[column].cast_mut_ptr();
            std::slice::from_raw_parts(start.cast(), pgrx::varsize_any(start))
        }
    }
}
