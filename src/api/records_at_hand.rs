//! `records_at_hand()`: the records of the running set-based statement, as rows.

use pgrx::prelude::*;

use super::native::native_function;
use crate::store::{at_hand, lead_values};

/// As many as the function is declared with: the record's number, and what it says of a lead.
const COLUMNS: usize = 1 + lead_values::COLUMNS.len();

native_function!(
    records_at_hand_wrapper,
    pg_finfo_records_at_hand_wrapper,
    records_at_hand
);

/// # Safety
/// Called by Postgres in a FROM clause, and declared with these columns.
unsafe fn records_at_hand(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise; the store that the first call makes takes rows of the declared shape.
    unsafe {
        pg_sys::InitMaterializedSRF(call, 0);
        let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        if (*(*result).setDesc).natts != COLUMNS as i32 {
            pgrx::error!("records_at_hand() is declared with other columns");
        }
        at_hand::each(|row| {
            let number = i32::try_from(row.n).unwrap_or(i32::MAX).into_datum();
            let row = row.values().datums();
            let mut values = [pg_sys::Datum::null(); COLUMNS];
            let mut nulls = [true; COLUMNS];
            for (column, value) in [number].into_iter().chain(row).enumerate() {
                nulls[column] = value.is_none();
                values[column] = value.unwrap_or(pg_sys::Datum::null());
            }
            pg_sys::tuplestore_putvalues(
                (*result).setResult,
                (*result).setDesc,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        });
    }
    pg_sys::Datum::null()
}
