//! Caps: money and calls per day and scope, reserved before a call and settled after it.
//!
//! Every scope row is locked in one fixed order and changed by one guarded UPDATE that repeats the cap, so that
//! no mixture of workers can pass it. The day is that of the reservation, and stays it.

use std::collections::BTreeMap;

use super::Db;
use super::plan::{required, scalar, select, write};
use super::scopes::{Payers, Scope};
use crate::error::Error;
use crate::money::Money;

/// One cap: a scope and its limits; None is no limit.
#[derive(Debug, Clone)]
pub struct Cap {
    pub scope: Scope,
    pub calls: Option<i64>,
    pub amount: Option<Money>,
}

/// What is asked of every scope: up to `purchases`, each of up to `units` units, at `unit_price`.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub purchases: i64,
    pub units: i64,
    pub unit_price: Money,
}

/// What all scopes allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub purchases: i64,
    /// Units of each purchase; fewer than wished only for a single purchase.
    pub units: i64,
    /// The scope that allows the least, of several the first; None: all was granted.
    pub limited_by: Option<Scope>,
    /// Do settled calls alone leave no room for another in that scope? Else what is missing is only reserved, and may
    /// come back.
    pub is_spent: bool,
}

/// A change to one scope of one day: calls, and money in micro-dollars.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    pub reserved_calls: i64,
    pub reserved: i64,
    pub settled_calls: i64,
    pub settled: i64,
}

/// Changes to budgets, collected and then made in the fixed order of day and scope.
#[derive(Debug, Default)]
pub struct Deltas(BTreeMap<(String, String), Delta>);

impl Deltas {
    /// Takes the reservation of a purchase back.
    pub fn unreserve(&mut self, day: &str, payers: &Payers, units: i64, micros: i64) {
        for scope in payers.scopes() {
            let change = Delta {
                reserved_calls: -scope.counted(units),
                reserved: -micros,
                ..Delta::default()
            };
            self.add(day, &scope, &change);
        }
    }

    /// Books a purchase that is closed.
    pub fn settle(&mut self, day: &str, payers: &Payers, units: i64, micros: i64) {
        for scope in payers.scopes() {
            let change = Delta {
                settled_calls: scope.counted(units),
                settled: micros,
                ..Delta::default()
            };
            self.add(day, &scope, &change);
        }
    }

    /// Books units and money that turned out to belong to a purchase booked before.
    pub fn correct(&mut self, day: &str, payers: &Payers, units: i64, micros: i64) {
        for scope in payers.scopes() {
            let change = Delta {
                settled_calls: scope.counted(units) - scope.counted(0),
                settled: micros,
                ..Delta::default()
            };
            self.add(day, &scope, &change);
        }
    }

    pub fn add(&mut self, day: &str, scope: &Scope, change: &Delta) {
        let key = (day.to_string(), scope.to_string());
        let sum = self.0.entry(key).or_default();
        sum.reserved_calls += change.reserved_calls;
        sum.reserved += change.reserved;
        sum.settled_calls += change.settled_calls;
        sum.settled += change.settled;
    }
}

const TODAY: &str = "SELECT to_char(now() AT TIME ZONE $1, 'YYYY-MM-DD')";

const SECONDS_TO_NEXT_DAY: &str = "
SELECT extract(epoch FROM (((now() AT TIME ZONE $1)::date + 1)::timestamp AT TIME ZONE $1) - now())::float8";

// Byte order, which is the order of the names in Rust: everybody locks the scopes of a day in it.
const OPEN_DAY: &str = "
INSERT INTO spend_budgets (day, scope) SELECT $1::date, scope FROM unnest($2) AS scope ORDER BY scope COLLATE \"C\" ON CONFLICT DO NOTHING";

const LOCK: &str = "
SELECT scope, reserved_calls::bigint, settled_calls::bigint, (reserved_amount * 1000000)::bigint, (settled_amount * 1000000)::bigint
FROM spend_budgets WHERE day = $1::date AND scope = ANY ($2)
ORDER BY scope COLLATE \"C\" FOR UPDATE";

const CALLS: &str = "
SELECT reserved_calls::bigint + settled_calls FROM spend_budgets WHERE day = $1::date AND scope = $2";

const RESERVE: &str = "
UPDATE spend_budgets SET reserved_calls = reserved_calls + $3::integer, reserved_amount = reserved_amount + $4 * 0.000001
WHERE day = $1::date AND scope = $2
  AND ($5 IS NULL OR reserved_calls + settled_calls + $3 <= $5)
  AND ($6 IS NULL OR reserved_amount + settled_amount + $4 * 0.000001 <= $6 * 0.000001)";

const CHANGE: &str = "
UPDATE spend_budgets SET
    reserved_calls = reserved_calls + $3::integer,
    reserved_amount = reserved_amount + $4 * 0.000001,
    settled_calls = settled_calls + $5::integer,
    settled_amount = settled_amount + $6 * 0.000001
WHERE day = $1::date AND scope = $2";

// Only where somebody deleted the day's row: reservations that are gone cannot be given back.
const START_OVER: &str = "
INSERT INTO spend_budgets (day, scope, reserved_calls, reserved_amount, settled_calls, settled_amount)
VALUES ($1::date, $2, GREATEST($3, 0)::integer, GREATEST($4, 0) * 0.000001, GREATEST($5, 0)::integer, GREATEST($6, 0) * 0.000001)
ON CONFLICT DO NOTHING";

/// Today in the budget's time zone, as YYYY-MM-DD.
pub fn today(db: &Db<'_>, timezone: &str) -> Result<String, Error> {
    scalar(select(db, TODAY, &[timezone.into()])?)?
        .ok_or_else(|| Error::Internal("the budget has no day".into()))
}

/// Seconds until the next budget day starts.
pub fn seconds_to_next_day(db: &Db<'_>, timezone: &str) -> Result<f64, Error> {
    Ok(scalar(select(db, SECONDS_TO_NEXT_DAY, &[timezone.into()])?)?.unwrap_or(3600.0))
}

/// Reserved and settled purchases of a scope on a day.
pub fn calls(db: &Db<'_>, day: &str, scope: &Scope) -> Result<i64, Error> {
    Ok(scalar(select(db, CALLS, &[day.into(), scope.to_string().into()])?)?.unwrap_or(0))
}

/// What stands in one scope's row.
struct Booked {
    reserved_calls: i64,
    settled_calls: i64,
    reserved: i64,
    settled: i64,
}

/// Locks the rows of these scopes, made where they are missing.
fn lock(
    db: &mut Db<'_>,
    day: &str,
    scopes: Vec<String>,
) -> Result<BTreeMap<String, Booked>, Error> {
    write(db, OPEN_DAY, &[day.into(), scopes.clone().into()])?;
    write(db, LOCK, &[day.into(), scopes.into()])?
        .map(|row| {
            let booked = Booked {
                reserved_calls: required(&row, 2)?,
                settled_calls: required(&row, 3)?,
                reserved: required(&row, 4)?,
                settled: required(&row, 5)?,
            };
            Ok((required(&row, 1)?, booked))
        })
        .collect()
}

/// Locks all scopes of a transaction that reserves several times, so that it takes them in the fixed order too.
pub fn lock_all<'a>(
    db: &mut Db<'_>,
    day: &str,
    caps: impl Iterator<Item = &'a Cap>,
) -> Result<(), Error> {
    let mut scopes: Vec<String> = caps.map(|cap| cap.scope.to_string()).collect();
    scopes.sort();
    scopes.dedup();
    lock(db, day, scopes).map(drop)
}

/// Reserves as much of `wish` as every cap allows; a grant of zero purchases reserves nothing.
pub fn reserve(db: &mut Db<'_>, day: &str, caps: &[Cap], wish: Wish) -> Result<Grant, Error> {
    let scopes = caps.iter().map(|cap| cap.scope.to_string()).collect();
    let rows = lock(db, day, scopes)?;
    let wished = Fit {
        purchases: wish.purchases,
        units: wish.units,
    };
    let (mut fit, mut is_spent, mut limited_by) = (wished, false, None);
    for cap in caps {
        let Some(booked) = rows.get(&cap.scope.to_string()) else {
            return Err(Error::Internal("a budget row vanished".into()));
        };
        let left = |calls: i64, micros: i64| Left {
            calls: cap.calls.map(|cap| cap - calls),
            micros: cap.amount.map(|cap| cap.micros() - micros),
        };
        let now = left(
            booked.reserved_calls + booked.settled_calls,
            booked.reserved + booked.settled,
        );
        let narrower = narrow(fit, &cap.scope, now, wish.unit_price);
        if narrower != fit {
            (fit, limited_by) = (narrower, Some(cap.scope.clone()));
            let settled = left(booked.settled_calls, booked.settled);
            is_spent = narrow(wished, &cap.scope, settled, wish.unit_price).purchases == 0;
        }
    }
    if fit.purchases == 0 || fit.units == 0 {
        fit = Fit {
            purchases: 0,
            units: 0,
        };
    } else {
        book(db, day, caps, fit, wish.unit_price)?;
    }
    Ok(Grant {
        purchases: fit.purchases,
        units: fit.units,
        is_spent,
        limited_by,
    })
}

/// One guarded UPDATE per scope, in the fixed order.
fn book(db: &mut Db<'_>, day: &str, caps: &[Cap], fit: Fit, price: Money) -> Result<(), Error> {
    let amount = price.micros() * fit.units * fit.purchases;
    let mut ordered: Vec<(String, &Cap)> = caps
        .iter()
        .map(|cap| (cap.scope.to_string(), cap))
        .collect();
    ordered.sort_by(|a, b| a.0.cmp(&b.0));
    for (scope, cap) in ordered {
        let args = [
            day.into(),
            scope.into(),
            (fit.purchases * cap.scope.counted(fit.units)).into(),
            amount.into(),
            cap.calls.into(),
            cap.amount.map(Money::micros).into(),
        ];
        if write(db, RESERVE, &args)?.len() != 1 {
            return Err(Error::Internal(
                "a locked budget refused its own reservation".into(),
            ));
        }
    }
    Ok(())
}

/// What fits under the caps looked at so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fit {
    purchases: i64,
    units: i64,
}

struct Left {
    calls: Option<i64>,
    micros: Option<i64>,
}

/// Shrinks what fits to what one cap leaves: whole purchases first, and units of a single one.
fn narrow(fit: Fit, scope: &Scope, left: Left, unit_price: Money) -> Fit {
    let counts_units = matches!(scope, Scope::Pull(_));
    let mut units_left = i64::MAX;
    if let Some(micros) = left.micros
        && unit_price.micros() > 0
    {
        units_left = units_left.min(micros.max(0) / unit_price.micros());
    }
    if let (Some(calls), true) = (left.calls, counts_units) {
        units_left = units_left.min(calls.max(0));
    }
    let mut purchases = fit.purchases.min(units_left / fit.units.max(1));
    if let (Some(calls), false) = (left.calls, counts_units) {
        purchases = purchases.min(calls.max(0));
        if calls <= 0 {
            return Fit {
                purchases: 0,
                units: 0,
            };
        }
    }
    if purchases == 0 && fit.purchases == 1 && units_left > 0 {
        return Fit {
            purchases: 1,
            units: units_left.min(fit.units),
        };
    }
    Fit { purchases, ..fit }
}

/// Makes the changes of settled, released or resolved purchases.
pub fn change(db: &mut Db<'_>, deltas: &Deltas) -> Result<(), Error> {
    for ((day, scope), delta) in &deltas.0 {
        let args = [
            day.as_str().into(),
            scope.as_str().into(),
            delta.reserved_calls.into(),
            delta.reserved.into(),
            delta.settled_calls.into(),
            delta.settled.into(),
        ];
        if write(db, CHANGE, &args)?.is_empty() {
            write(db, START_OVER, &args)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Scope = Scope::Total;

    fn wished(purchases: i64, units: i64) -> Fit {
        Fit { purchases, units }
    }

    fn dollars(micros: i64) -> Left {
        Left {
            calls: None,
            micros: Some(micros),
        }
    }

    fn calls(calls: i64) -> Left {
        Left {
            calls: Some(calls),
            micros: None,
        }
    }

    #[test]
    fn a_cap_of_100_and_a_half_calls_buys_exactly_100() {
        let price = Money::from_micros(150_000);
        let fit = narrow(wished(1000, 1), &ONE, dollars(15_075_000), price);
        assert_eq!(fit, wished(100, 1));
    }

    #[test]
    fn a_page_shrinks_to_the_records_that_are_left() {
        let price = Money::from_micros(10_000);
        let fit = narrow(wished(1, 100), &Scope::Pull(1), calls(37), price);
        assert_eq!(fit, wished(1, 37));
    }

    #[test]
    fn nothing_left_grants_nothing() {
        for left in [calls(0), dollars(0), dollars(-5)] {
            let fit = narrow(wished(5, 1), &ONE, left, Money::from_micros(1));
            assert_eq!(fit.purchases, 0);
        }
    }

    #[test]
    fn what_is_free_is_not_limited_by_money() {
        let fit = narrow(wished(5, 1), &ONE, dollars(0), Money::from_micros(0));
        assert_eq!(fit.purchases, 5);
    }
}
