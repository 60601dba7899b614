//! Where the columns of `leads` stand, and that they are what they were made as.

use std::cell::Cell;

use pgrx::{PgTupleDesc, pg_sys};

/// Where the columns stand, counted from 0.
#[derive(Clone, Copy)]
pub struct Columns {
    table: pg_sys::Oid,
    id: usize,
    pub phones: usize,
    pub emails: usize,
    pub mak: usize,
    pub apn: usize,
    pub owner_occupied: usize,
    pub age: usize,
    pub property_value: usize,
    pub estimated_equity: usize,
    pub quality_score: usize,
    pub status: usize,
    pub suppressed_at: usize,
    for_score: i32,
    for_status: i32,
}

thread_local! {
    static COLUMNS: Cell<Option<Columns>> = const { Cell::new(None) };
}

impl Columns {
    /// None: the table is not as sql/install makes it, and has to be read by name and by type.
    ///
    /// # Safety
    /// `table` is an open relation.
    pub unsafe fn of(table: pg_sys::Relation) -> Option<Self> {
        // SAFETY: the caller's promise.
        let (id, shape) = unsafe {
            let shape = PgTupleDesc::from_pg_unchecked((*table).rd_att);
            ((*table).rd_id, shape)
        };
        let known = COLUMNS
            .get()
            .filter(|known| known.table == id && known.fit(&shape));
        if known.is_some() {
            return known;
        }
        let found = Self::find(id, &shape).filter(|found| found.fit(&shape))?;
        COLUMNS.set(Some(found));
        Some(found)
    }

    fn find(table: pg_sys::Oid, shape: &PgTupleDesc<'_>) -> Option<Self> {
        let place = |name: &str| {
            shape
                .iter()
                .position(|column| !column.attisdropped && column.name() == name)
        };
        let found = Self {
            table,
            id: place("id")?,
            phones: place("phones")?,
            emails: place("emails")?,
            mak: place("mak")?,
            apn: place("apn")?,
            owner_occupied: place("owner_occupied")?,
            age: place("age")?,
            property_value: place("property_value")?,
            estimated_equity: place("estimated_equity")?,
            quality_score: place("quality_score")?,
            status: place("status")?,
            suppressed_at: place("suppressed_at")?,
            for_score: 0,
            for_status: 0,
        };
        let scored = found.all().map(|(place, _)| place);
        let last = scored.into_iter().fold(0, usize::max);
        let last_of_all = last.max(found.status).max(found.suppressed_at);
        Some(Self {
            for_score: i32::try_from(last + 1).ok()?,
            for_status: i32::try_from(last_of_all + 1).ok()?,
            ..found
        })
    }

    fn all(&self) -> [(usize, pg_sys::Oid); 10] {
        [
            (self.id, pg_sys::UUIDOID),
            (self.phones, pg_sys::JSONBARRAYOID),
            (self.emails, pg_sys::JSONBARRAYOID),
            (self.mak, pg_sys::TEXTOID),
            (self.apn, pg_sys::TEXTOID),
            (self.owner_occupied, pg_sys::BOOLOID),
            (self.age, pg_sys::INT4OID),
            (self.property_value, pg_sys::NUMERICOID),
            (self.estimated_equity, pg_sys::NUMERICOID),
            (self.quality_score, pg_sys::NUMERICOID),
        ]
    }

    /// Have the columns their types? A user can change them. `status` and `suppressed_at` are only compared or looked for.
    fn fit(&self, shape: &PgTupleDesc<'_>) -> bool {
        let is_there = |place: usize| shape.get(place).is_some_and(|column| !column.attisdropped);
        is_there(self.status)
            && is_there(self.suppressed_at)
            && self.all().into_iter().all(|(place, kind)| {
                shape
                    .get(place)
                    .is_some_and(|column| !column.attisdropped && column.atttypid == kind)
            })
    }

    /// So many of the first columns hold what a score depends on.
    pub fn for_score(&self) -> i32 {
        self.for_score
    }

    /// And so many what a status depends on.
    pub fn for_status(&self) -> i32 {
        self.for_status
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
