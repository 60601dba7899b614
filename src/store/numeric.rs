//! Stored numerics against whole numbers, without a call of PostgreSQL: read where they lie, as
//! src/backend/utils/adt/numeric.c lays it out.

use std::cmp::Ordering;

use pgrx::pg_sys;

use super::varlena::plain;

const KIND: u16 = 0xC000;
const NEGATIVE: u16 = 0x4000;
const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xC000;
const SHORT_NEGATIVE: u16 = 0x2000;
const SHORT_SCALE: u16 = 0x1F80;
const SHORT_WEIGHT: u16 = 0x003F;
const SHORT_WEIGHT_SIGN: u16 = 0x0040;
const BASE: i64 = 10_000;
/// More digits before the point are not read: 10,000 to the fourth power fits an i64.
const MOST: usize = 4;

/// How a datum of type numeric compares with a whole number; NaN is greater than any.
///
/// # Safety
/// A datum of type numeric that is not NULL.
pub unsafe fn compare(stored: pg_sys::Datum, with: i64) -> Ordering {
    // SAFETY: the caller's promise; what is read is not kept.
    unsafe {
        let known = plain(stored).and_then(|stored| read(stored, with));
        known.unwrap_or_else(|| {
            let with = pg_sys::Datum::from(pg_sys::int64_to_numeric(with));
            let order =
                pgrx::direct_function_call::<i32>(pg_sys::numeric_cmp, &[Some(stored), Some(with)]);
            order.unwrap_or(0).cmp(&0)
        })
    }
}

/// The same of what stands behind the header. It is not trusted: what is not finite, large or odd is None.
fn read(stored: &[u8], with: i64) -> Option<Ordering> {
    let (is_negative, weight, digits) = parts(stored)?;
    let (whole, has_fraction) = value(weight, digits)?;
    let order = match is_negative {
        true => (-whole).cmp(&with),
        false => whole.cmp(&with),
    };
    Some(match (has_fraction, is_negative) {
        (true, true) => order.then(Ordering::Less),
        (true, false) => order.then(Ordering::Greater),
        (false, _) => order,
    })
}

/// What stands behind the header, if it is a whole number that is written without digits after the point, and not large.
pub fn whole_number(stored: &[u8]) -> Option<i64> {
    let head = u16::from_ne_bytes(*stored.first_chunk()?);
    if head & KIND != SHORT || head & SHORT_SCALE != 0 {
        return None;
    }
    let (is_negative, weight, digits) = parts(stored)?;
    let (whole, has_fraction) = value(weight, digits)?;
    let signed = if is_negative { -whole } else { whole };
    (!has_fraction).then_some(signed)
}

/// The number before the point, and whether anything follows it.
fn value(weight: i32, digits: &[u8]) -> Option<(i64, bool)> {
    let (digits, []) = digits.as_chunks() else {
        return None;
    };
    let mut digits = digits
        .iter()
        .map(|digit| i64::from(i16::from_ne_bytes(*digit)));
    let before_point = usize::try_from(weight + 1).unwrap_or(0);
    if before_point > MOST || digits.clone().any(|digit| !(0..BASE).contains(&digit)) {
        return None;
    }
    let mut whole = 0;
    for _ in 0..before_point {
        whole = whole * BASE + digits.next().unwrap_or(0);
    }
    Some((whole, digits.any(|digit| digit != 0)))
}

/// Whether it is below zero, the weight of the first digit in powers of 10,000, and the digits.
fn parts(stored: &[u8]) -> Option<(bool, i32, &[u8])> {
    let (head, rest) = stored.split_first_chunk()?;
    let head = u16::from_ne_bytes(*head);
    match head & KIND {
        SPECIAL => None,
        SHORT => {
            let below_one = (head & SHORT_WEIGHT_SIGN != 0).then_some(SHORT_WEIGHT + 1);
            let weight = i32::from(head & SHORT_WEIGHT) - i32::from(below_one.unwrap_or_default());
            Some((head & SHORT_NEGATIVE != 0, weight, rest))
        }
        kind => {
            let (weight, digits) = rest.split_first_chunk()?;
            let weight = i16::from_ne_bytes(*weight).into();
            Some((kind == NEGATIVE, weight, digits))
        }
    }
}
