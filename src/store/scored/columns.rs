//! The columns that scores and statuses depend on.

use pgrx::pg_sys;

use crate::store::columns::lead_columns;

lead_columns! {
    id: UUIDOID,
    phones: JSONBARRAYOID,
    emails: JSONBARRAYOID,
    mak: TEXTOID,
    apn: TEXTOID,
    owner_occupied: BOOLOID,
    age: INT4OID,
    property_value: NUMERICOID,
    estimated_equity: NUMERICOID,
    quality_score: NUMERICOID,
    status,
    suppressed_at,
}

impl Columns {
    /// So many of the first columns hold what a score depends on.
    pub fn for_score(&self) -> i32 {
        count_to([
            self.phones,
            self.emails,
            self.mak,
            self.apn,
            self.owner_occupied,
            self.age,
            self.property_value,
            self.estimated_equity,
        ])
    }

    /// And so many what a status depends on.
    pub fn for_status(&self) -> i32 {
        count_to([self.quality_score, self.status, self.suppressed_at]).max(self.for_score())
    }

    /// Is this an index of the id alone?
    ///
    /// # Safety
    /// `index` is an open index.
    pub unsafe fn is_key(&self, index: pg_sys::Relation) -> bool {
        // SAFETY: the caller's promise; an index has a first column.
        unsafe {
            let index = &*(*index).rd_index;
            index.indnatts == 1
                && index
                    .indkey
                    .values
                    .as_slice(1)
                    .first()
                    .is_some_and(|column| usize::try_from(*column) == Ok(self.id + 1))
        }
    }
}

fn count_to<const N: usize>(places: [usize; N]) -> i32 {
    let last = places.into_iter().fold(0, usize::max);
    i32::try_from(last + 1).unwrap_or(i32::MAX)
}
