//! Caps: money and calls per day and scope, reserved before a call and settled after it.
//!
//! Every scope row is locked in one fixed order and changed by one guarded UPDATE that repeats the cap, so that
//! no mixture of workers can pass it. The day is that of the reservation, and stays it.

use super::Db;
use super::plan::{required, scalar, select, write};
use crate::error::Error;
use crate::money::Money;

/// One cap: a scope of `spend_budgets` and its limits; None is no limit.
#[derive(Debug, Clone)]
pub struct Cap {
    pub scope: String,
    pub calls: Option<i64>,
    pub amount: Option<Money>,
    /// How many calls of this scope one unit of the reservation counts: records for a pull, else one a purchase.
    pub counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Purchases,
    Units,
}

/// What is asked of every scope: up to `purchases`, each of up to `units` units, at `unit_price`.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub purchases: i64,
    pub units: i64,
    pub unit_price: Money,
}

/// What all scopes allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub purchases: i64,
    /// Units of each purchase; fewer than wished only for a single purchase.
    pub units: i64,
    /// Do settled calls alone leave no room for another? Else what is missing is only reserved, and may come back.
    pub is_spent: bool,
}

/// A change to one scope of one day.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    pub reserved_calls: i64,
    pub reserved: i64,
    pub settled_calls: i64,
    pub settled: i64,
}

const TODAY: &str = "SELECT to_char(now() AT TIME ZONE $1, 'YYYY-MM-DD')";

const SECONDS_TO_NEXT_DAY: &str = "
SELECT extract(epoch FROM (((now() AT TIME ZONE $1)::date + 1)::timestamp AT TIME ZONE $1) - now())::float8";

const OPEN_DAY: &str = "
INSERT INTO spend_budgets (day, scope) SELECT $1::date, scope FROM unnest($2) AS scope ORDER BY scope ON CONFLICT DO NOTHING";

const LOCK: &str = "
SELECT reserved_calls::bigint, settled_calls::bigint, (reserved_amount * 1000000)::bigint, (settled_amount * 1000000)::bigint
FROM spend_budgets WHERE day = $1::date AND scope = $2 FOR UPDATE";

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
pub fn calls(db: &Db<'_>, day: &str, scope: &str) -> Result<i64, Error> {
    Ok(scalar(select(db, CALLS, &[day.into(), scope.into()])?)?.unwrap_or(0))
}

/// Reserves as much of `wish` as every cap allows; a grant of zero purchases reserves nothing.
pub fn reserve(db: &mut Db<'_>, day: &str, caps: &[Cap], wish: Wish) -> Result<Grant, Error> {
    let scopes: Vec<String> = caps.iter().map(|cap| cap.scope.clone()).collect();
    write(db, OPEN_DAY, &[day.into(), scopes.into()])?;
    let wished = Grant {
        purchases: wish.purchases,
        units: wish.units,
        is_spent: false,
    };
    let (mut grant, mut is_spent) = (wished, false);
    for cap in in_order(caps) {
        let Some(row) = write(db, LOCK, &[day.into(), cap.scope.as_str().into()])?.next() else {
            return Err(Error::Internal("a budget row vanished".into()));
        };
        let (reserved_calls, settled_calls): (i64, i64) = (required(&row, 1)?, required(&row, 2)?);
        let (reserved, settled): (i64, i64) = (required(&row, 3)?, required(&row, 4)?);
        let left = |calls: i64, micros: i64| Left {
            calls: cap.calls.map(|cap| cap - calls),
            micros: cap.amount.map(|cap| cap.micros() - micros),
        };
        let now = left(reserved_calls + settled_calls, reserved + settled);
        grant = narrow(grant, cap, now, wish.unit_price);
        let at_best = narrow(wished, cap, left(settled_calls, settled), wish.unit_price);
        is_spent |= at_best.purchases == 0;
    }
    grant.is_spent = is_spent;
    if grant.purchases == 0 || grant.units == 0 {
        return Ok(Grant {
            purchases: 0,
            units: 0,
            is_spent,
        });
    }
    let amount = wish.unit_price.micros() * grant.units * grant.purchases;
    for cap in in_order(caps) {
        let calls = counted(cap, grant);
        let args = [
            day.into(),
            cap.scope.as_str().into(),
            calls.into(),
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
    Ok(grant)
}

struct Left {
    calls: Option<i64>,
    micros: Option<i64>,
}

fn counted(cap: &Cap, grant: Grant) -> i64 {
    match cap.counts {
        Counts::Purchases => grant.purchases,
        Counts::Units => grant.purchases * grant.units,
    }
}

/// Shrinks a grant to what one cap leaves: whole purchases first, and units of a single one.
fn narrow(grant: Grant, cap: &Cap, left: Left, unit_price: Money) -> Grant {
    let mut units_left = i64::MAX;
    if let Some(micros) = left.micros
        && unit_price.micros() > 0
    {
        units_left = units_left.min(micros.max(0) / unit_price.micros());
    }
    if let (Some(calls), Counts::Units) = (left.calls, cap.counts) {
        units_left = units_left.min(calls.max(0));
    }
    let mut purchases = grant.purchases.min(units_left / grant.units.max(1));
    if let (Some(calls), Counts::Purchases) = (left.calls, cap.counts) {
        purchases = purchases.min(calls.max(0));
        if calls <= 0 {
            return Grant {
                purchases: 0,
                units: 0,
                ..grant
            };
        }
    }
    if purchases == 0 && grant.purchases == 1 && units_left > 0 {
        return Grant {
            purchases: 1,
            units: units_left.min(grant.units),
            ..grant
        };
    }
    Grant { purchases, ..grant }
}

fn in_order(caps: &[Cap]) -> impl Iterator<Item = &Cap> {
    let mut sorted: Vec<&Cap> = caps.iter().collect();
    sorted.sort_by(|a, b| a.scope.cmp(&b.scope));
    sorted.into_iter()
}

/// Applies changes of settled, released or resolved purchases, in the fixed order of day and scope.
pub fn change(
    db: &mut Db<'_>,
    deltas: &std::collections::BTreeMap<(String, String), Delta>,
) -> Result<(), Error> {
    for ((day, scope), delta) in deltas {
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

    fn cap(calls: Option<i64>, dollars: Option<i64>, counts: Counts) -> Cap {
        Cap {
            scope: "total".into(),
            calls,
            amount: dollars.map(|d| Money::from_micros(d * 1_000_000)),
            counts,
        }
    }

    fn wished(purchases: i64, units: i64) -> Grant {
        Grant {
            purchases,
            units,
            is_spent: false,
        }
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
        let cap = cap(None, None, Counts::Purchases);
        let price = Money::from_micros(150_000);
        let grant = narrow(wished(1000, 1), &cap, dollars(15_075_000), price);
        assert_eq!(grant, wished(100, 1));
    }

    #[test]
    fn a_page_shrinks_to_the_records_that_are_left() {
        let cap = cap(None, None, Counts::Units);
        let grant = narrow(wished(1, 100), &cap, calls(37), Money::from_micros(10_000));
        assert_eq!(grant, wished(1, 37));
    }

    #[test]
    fn nothing_left_grants_nothing() {
        let cap = cap(None, None, Counts::Purchases);
        for left in [calls(0), dollars(0), dollars(-5)] {
            let grant = narrow(wished(5, 1), &cap, left, Money::from_micros(1));
            assert_eq!(grant.purchases, 0);
        }
    }

    #[test]
    fn what_is_free_is_not_limited_by_money() {
        let cap = cap(None, None, Counts::Purchases);
        let grant = narrow(wished(5, 1), &cap, dollars(0), Money::from_micros(0));
        assert_eq!(grant.purchases, 5);
    }
}
