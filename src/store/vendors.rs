//! The vendors' rows: prices, caps, rates, pauses.

use pgrx::JsonB;

use super::Db;
use super::plan::{column, required, select, write};
use crate::error::Error;
use crate::money::{Money, PriceRule};
use crate::vendors::Product;

/// What to do with a purchase that was sent and has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubtPolicy {
    /// Park it for a person.
    Hold,
    /// Send the same request again: its idempotency key makes that free of double billing.
    Replay,
    /// Ask the vendor by a free look-up.
    Ask,
    /// Buy again, out of a budget of its own.
    Rebuy,
}

/// One row of `vendors` whose product this version speaks.
#[derive(Debug, Clone)]
pub struct Vendor {
    pub product: Product,
    pub stage: String,
    pub base_url: String,
    pub unit_price: Money,
    pub price_rule: PriceRule,
    pub daily_call_cap: Option<i64>,
    pub daily_spend_cap: Option<Money>,
    pub requests_per_second: f64,
    pub max_in_flight: usize,
    pub batch_size: usize,
    pub timeout_ms: u64,
    pub doubt_policy: DoubtPolicy,
    pub options: serde_json::Value,
    /// Seconds until its pause ends; 0: not paused; infinity: until a person resumes it.
    pub paused_for: f64,
    pub pauses: i32,
}

impl Vendor {
    pub fn name(&self) -> &'static str {
        self.product.name()
    }

    /// Requests that may be under way: one, until a vendor that was in trouble has answered again.
    pub fn room(&self) -> usize {
        if self.pauses > 0 {
            1
        } else {
            self.max_in_flight
        }
    }

    pub fn is_paused(&self) -> bool {
        self.paused_for > 0.0
    }
}

/// The columns that `read` reads, of enabled vendors, with what follows that condition.
macro_rules! enabled_vendors {
    ($rest:literal) => {
        concat!(
            "
SELECT name, stage, base_url, (unit_price * 1000000)::bigint, price_rule, daily_call_cap::bigint,
       (daily_spend_cap * 1000000)::bigint, requests_per_second::float8, max_in_flight, batch_size,
       (extract(epoch FROM timeout) * 1000)::bigint, doubt_policy, options,
       CASE WHEN paused_until = 'infinity' THEN 'Infinity'::float8
            WHEN paused_until > clock_timestamp() THEN extract(epoch FROM paused_until - clock_timestamp())::float8
            ELSE 0 END,
       pauses
FROM vendors
WHERE enabled",
            $rest
        )
    };
}

const ENABLED: &str = enabled_vendors!(
    "
ORDER BY stage, position, name"
);

const ENABLED_FOR_SHARE: &str = enabled_vendors!(
    " AND name = $1
FOR SHARE"
);

const PAUSE: &str = "
UPDATE vendors SET
    paused_until = GREATEST(CASE WHEN $2 = 'Infinity'::float8 THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => $2) END,
                            CASE WHEN paused_until > clock_timestamp() THEN paused_until END),
    paused_reason = $3,
    -- Many requests refused at once are one refusal.
    pauses = pauses + CASE WHEN paused_until > clock_timestamp() THEN 0 ELSE 1 END
WHERE name = $1";

const RECOVERED: &str = "UPDATE vendors SET pauses = 0, paused_reason = NULL, paused_until = NULL WHERE name = $1 AND pauses > 0 AND paused_until < clock_timestamp()";

const RESUME: &str =
    "UPDATE vendors SET pauses = 0, paused_reason = NULL, paused_until = NULL WHERE name = $1";

const OF_SOURCE: &str = "SELECT name FROM vendors WHERE source = $1 AND stage = 'pull'";

const SOURCES: &str =
    "SELECT string_agg(source, ', ' ORDER BY source) FROM vendors WHERE stage = 'pull'";

/// Enabled vendors in the order of stage and position. Rows of products that this version does not speak are left out.
pub fn enabled(db: &Db<'_>) -> Result<Vec<Vendor>, Error> {
    let mut vendors = Vec::new();
    for row in select(db, ENABLED, &[])? {
        vendors.extend(read(&row)?);
    }
    Ok(vendors)
}

/// One enabled vendor, kept as it is until the transaction ends.
pub fn enabled_for_share(db: &mut Db<'_>, name: &str) -> Result<Option<Vendor>, Error> {
    match write(db, ENABLED_FOR_SHARE, &[name.into()])?.next() {
        Some(row) => read(&row),
        None => Ok(None),
    }
}

fn read(row: &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Option<Vendor>, Error> {
    let name: String = required(row, 1)?;
    let Some(product) = Product::from_name(&name) else {
        return Ok(None);
    };
    let price_rule: JsonB = required(row, 5)?;
    // Guarded by a CHECK; a rule that this version does not know must not be guessed at.
    let Ok(price_rule) = PriceRule::from_json(&price_rule.0) else {
        return Ok(None);
    };
    let options: JsonB = required(row, 13)?;
    let doubt_policy: String = required(row, 12)?;
    Ok(Some(Vendor {
        product,
        stage: required(row, 2)?,
        base_url: required(row, 3)?,
        unit_price: Money::from_micros(required(row, 4)?),
        price_rule,
        daily_call_cap: column(row, 6)?,
        daily_spend_cap: column(row, 7)?.map(Money::from_micros),
        requests_per_second: required(row, 8)?,
        max_in_flight: required::<i32>(row, 9)?.max(1) as usize,
        batch_size: required::<i32>(row, 10)?.max(1) as usize,
        timeout_ms: required::<i64>(row, 11)?.max(1) as u64,
        doubt_policy: policy_named(&doubt_policy),
        options: options.0,
        paused_for: required(row, 14)?,
        pauses: required(row, 15)?,
    }))
}

/// Stops calls to a vendor for `seconds` (infinity: until a person resumes it). A longer pause in force stays.
pub fn pause(db: &mut Db<'_>, product: Product, seconds: f64, reason: &str) -> Result<(), Error> {
    pause_named(db, product.name(), seconds, reason)
}

/// The same by the vendor's name.
pub fn pause_named(db: &mut Db<'_>, name: &str, seconds: f64, reason: &str) -> Result<(), Error> {
    write(db, PAUSE, &[name.into(), seconds.into(), reason.into()])?;
    Ok(())
}

/// Forgets earlier pauses after a good answer.
pub fn recovered(db: &mut Db<'_>, product: Product) -> Result<(), Error> {
    recovered_named(db, product.name())
}

/// The same by the vendor's name.
pub fn recovered_named(db: &mut Db<'_>, name: &str) -> Result<(), Error> {
    write(db, RECOVERED, &[name.into()])?;
    Ok(())
}

/// Ends a pause; false when there is no such vendor.
pub fn resume(db: &mut Db<'_>, name: &str) -> Result<bool, Error> {
    Ok(!write(db, RESUME, &[name.into()])?.is_empty())
}

/// The pull vendor whose records carry this source.
pub fn of_source(db: &Db<'_>, source: &str) -> Result<Option<String>, Error> {
    super::plan::scalar(select(db, OF_SOURCE, &[source.into()])?)
}

/// The sources that can be pulled, for a hint.
pub fn known_sources(db: &Db<'_>) -> Result<String, Error> {
    Ok(super::plan::scalar(select(db, SOURCES, &[])?)?.unwrap_or_default())
}

const FIRST_PROBLEM: &str = "
SELECT format('vendor %s is paused: %s', name, paused_reason) FROM vendors
WHERE enabled AND paused_until > clock_timestamp()
ORDER BY paused_until DESC, name LIMIT 1";

/// The most serious pause in force, in words.
pub fn first_problem(db: &Db<'_>) -> Result<Option<String>, Error> {
    super::plan::scalar(select(db, FIRST_PROBLEM, &[])?)
}

fn policy_named(word: &str) -> DoubtPolicy {
    match word {
        "replay" => DoubtPolicy::Replay,
        "ask" => DoubtPolicy::Ask,
        "rebuy" => DoubtPolicy::Rebuy,
        _ => DoubtPolicy::Hold,
    }
}

const DOUBT_POLICY: &str = "SELECT doubt_policy FROM vendors WHERE name = $1";

/// What to do with a vendor's purchases in doubt, enabled or not.
pub fn doubt_policy(db: &Db<'_>, name: &str) -> Result<Option<DoubtPolicy>, Error> {
    let word: Option<String> = super::plan::scalar(select(db, DOUBT_POLICY, &[name.into()])?)?;
    Ok(word.as_deref().map(policy_named))
}

const REBUY_SPEND_CAP: &str =
    "SELECT (rebuy_spend_cap * 1000000)::bigint FROM vendors WHERE name = $1";

/// What buying again may cost a day.
pub fn rebuy_spend_cap(db: &Db<'_>, name: &str) -> Result<Money, Error> {
    let micros: Option<i64> = super::plan::scalar(select(db, REBUY_SPEND_CAP, &[name.into()])?)?;
    Ok(Money::from_micros(micros.unwrap_or(0)))
}

const SOURCE_OF: &str = "SELECT source FROM vendors WHERE name = $1";

/// The source that a pull vendor's records get.
pub fn source_of(db: &Db<'_>, name: &str) -> Result<Option<String>, Error> {
    super::plan::scalar(select(db, SOURCE_OF, &[name.into()])?)
}
