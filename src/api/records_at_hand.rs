//! `records_at_hand()`: the records of the running set-based statement, as rows.

use pgrx::prelude::*;
use serde_json::Value;

use super::native::{native_function, server_text};
use crate::store::at_hand::{self, AtHand};
use crate::store::jsonb::stored;
use crate::store::recognition::numeric;

/// As many as the function is declared with.
const COLUMNS: usize = 26;

native_function!(
    records_at_hand_wrapper,
    pg_finfo_records_at_hand_wrapper,
    records_at_hand
);

/// # Safety
/// Called by Postgres in a FROM clause, and declared with the columns of `Row`.
unsafe fn records_at_hand(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller's promise; the store that the first call makes takes rows of the declared shape.
    unsafe {
        pg_sys::InitMaterializedSRF(call, 0);
        let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        if (*(*result).setDesc).natts != COLUMNS as i32 {
            pgrx::error!("records_at_hand() is declared with other columns");
        }
        at_hand::each(|row| {
            let mut row = Row::of(row);
            pg_sys::tuplestore_putvalues(
                (*result).setResult,
                (*result).setDesc,
                row.values.as_mut_ptr(),
                row.nulls.as_mut_ptr(),
            );
        });
    }
    pg_sys::Datum::null()
}

/// One row, filled from the left.
struct Row {
    values: [pg_sys::Datum; COLUMNS],
    nulls: [bool; COLUMNS],
    filled: usize,
}

impl Row {
    fn of(at_hand: &AtHand) -> Self {
        let record = &at_hand.ready.record;
        let mut row = Self {
            values: [pg_sys::Datum::null(); COLUMNS],
            nulls: [true; COLUMNS],
            filled: 0,
        };
        row.add(
            i32::try_from(at_hand.n)
                .ok()
                .and_then(IntoDatum::into_datum),
        );
        row.add(at_hand.lead_id.into_datum());
        row.text(Some(&at_hand.ready.source));
        row.text(record.vendor_record_id.as_deref());
        row.text(record.vendor_list_id.as_deref());
        row.text(record.owner_first_name.as_deref());
        row.text(record.owner_last_name.as_deref());
        row.text(record.owner_full_name.as_deref());
        row.text(record.owner_company.as_deref());
        row.text(record.address_line1.as_deref());
        row.text(record.address_line2.as_deref());
        match (&record.address_line1, &record.address_line2) {
            (Some(line1), Some(line2)) => row.text(Some(&format!("{line1}, {line2}"))),
            (line1, line2) => row.text(line1.as_deref().or(line2.as_deref())),
        }
        row.text(record.city.as_deref());
        row.text(record.state.as_deref());
        row.text(record.postal_code.as_deref());
        row.text(record.county_fips.as_deref());
        row.text(at_hand.ready.addr_hash.as_deref());
        row.text(record.mak.as_deref());
        row.text(record.apn.as_deref());
        row.add(record.property_value.and_then(numeric).into_datum());
        row.add(record.estimated_equity.and_then(numeric).into_datum());
        row.add(record.age.into_datum());
        row.add(record.owner_occupied.into_datum());
        let custom = record.custom.clone().map(Value::Object);
        row.add(custom.as_ref().map(stored::datum));
        row.add(at_hand.phones.as_deref().map(stored::array));
        row.add(at_hand.emails.as_deref().map(stored::array));
        row
    }

    fn add(&mut self, value: Option<pg_sys::Datum>) {
        if let Some(value) = value {
            self.values[self.filled] = value;
            self.nulls[self.filled] = false;
        }
        self.filled += 1;
    }

    fn text(&mut self, text: Option<&str>) {
        self.add(text.map(server_text));
    }
}
