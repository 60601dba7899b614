//! Every `equity_connect.*` setting: its context, flags and default. The only reader of their values.
//!
//! No secret is ever a setting: a changed setting is written to the server log. Vendor keys live in the file
//! that `equity_connect.keys_file` names, and the worker alone reads it.

use std::ffi::CString;

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::prelude::*;

use crate::money::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum EnrichmentGoal {
    /// Stop as soon as the lead is contactable.
    #[name = c"contactable"]
    Contactable,
    /// Buy and verify everything there is.
    #[name = c"complete"]
    Complete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum Planner {
    /// By what the vendors' own past purchases came to.
    #[name = c"cheapest"]
    Cheapest,
    /// In the order of `vendors.position`.
    #[name = c"fixed"]
    Fixed,
}

static DATABASES: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static KEYS_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static BUDGET_TIMEZONE: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"UTC"));
static DAILY_SPEND_CAP: GucSetting<f64> = GucSetting::<f64>::new(100.0);
static LEAD_SPEND_CAP: GucSetting<f64> = GucSetting::<f64>::new(-1.0);
static GOAL: GucSetting<EnrichmentGoal> =
    GucSetting::<EnrichmentGoal>::new(EnrichmentGoal::Contactable);
static PLANNER: GucSetting<Planner> = GucSetting::<Planner>::new(Planner::Cheapest);
static REFRESH_AFTER: GucSetting<i32> = GucSetting::<i32>::new(180 * 24 * 60);
static SECOND_PASS_AFTER: GucSetting<i32> = GucSetting::<i32>::new(30 * 24 * 60);
static KEEP_LEDGER_FOR: GucSetting<i32> = GucSetting::<i32>::new(3 * 365 * 24 * 60);
static MAX_ATTEMPTS: GucSetting<i32> = GucSetting::<i32>::new(5);
static PAUSED: GucSetting<bool> = GucSetting::<bool>::new(false);
static ALLOW_DATA_LOSS: GucSetting<bool> = GucSetting::<bool>::new(false);

/// Registers the setting that only a starting server can have, and reserves the prefix, so that a typing mistake
/// in the configuration is reported. Only while shared_preload_libraries is processed.
pub fn register_at_server_start() {
    GucRegistry::define_string_guc(
        c"equity_connect.databases",
        c"Databases in which a worker runs and may spend, separated by commas.",
        c"One background worker per name is started with the server.",
        &DATABASES,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    // SAFETY: a NUL-terminated constant.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"equity_connect".as_ptr()) };
}

/// Registers all other settings; called once per process from `_PG_init`.
pub fn register() {
    GucRegistry::define_string_guc(
        c"equity_connect.keys_file",
        c"File with the vendors' keys: lines of the form name = key.",
        c"Must be owned by the server's user and readable by it alone (mode 0600). Read at start and on reload.",
        &KEYS_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"equity_connect.budget_timezone",
        c"Time zone whose days the spending caps count.",
        c"",
        &BUDGET_TIMEZONE,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_float_guc(
        c"equity_connect.daily_spend_cap",
        c"Dollars that all vendors together may cost per day.",
        c"Money is reserved against it before each call.",
        &DAILY_SPEND_CAP,
        0.0,
        1e9,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_float_guc(
        c"equity_connect.lead_spend_cap",
        c"Dollars that one lead may cost within equity_connect.refresh_after; -1 means no cap.",
        c"A lead that has reached it is routed by what is known about it.",
        &LEAD_SPEND_CAP,
        -1.0,
        1e9,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"equity_connect.enrichment_goal",
        c"When the waterfall stops: contactable (score 60 reached) or complete (everything bought and verified).",
        c"",
        &GOAL,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"equity_connect.planner",
        c"How the next purchase for a lead is chosen: cheapest (by the vendors' own hit and verify rates) or fixed (the configured order).",
        c"Without enough history the configured order is taken in any case.",
        &PLANNER,
        GucContext::Sighup,
        GucFlags::default(),
    );
    register_times();
    GucRegistry::define_int_guc(
        c"equity_connect.max_attempts",
        c"How often a failing step is tried before it is parked in dlq.",
        c"",
        &MAX_ATTEMPTS,
        1,
        100,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"equity_connect.paused",
        c"Stops the worker from starting anything new; answers under way are still stored.",
        c"",
        &PAUSED,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"equity_connect.allow_data_loss",
        c"Lets DROP EXTENSION and changes to the extension's tables through although there are leads.",
        c"",
        &ALLOW_DATA_LOSS,
        GucContext::Suset,
        GucFlags::default(),
    );
}

fn register_times() {
    GucRegistry::define_int_guc(
        c"equity_connect.refresh_after",
        c"How long a bought answer is kept before the same thing may be bought again.",
        c"",
        &REFRESH_AFTER,
        60,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MIN,
    );
    GucRegistry::define_int_guc(
        c"equity_connect.keep_ledger_for",
        c"How long closed purchases stay in the ledger; never shorter than equity_connect.refresh_after.",
        c"The totals of each day stay for ever.",
        &KEEP_LEDGER_FOR,
        60,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MIN,
    );
    GucRegistry::define_int_guc(
        c"equity_connect.second_pass_after",
        c"When a lead that stays enriched is looked at once more; 0 means never.",
        c"",
        &SECOND_PASS_AFTER,
        0,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MIN,
    );
}

fn text(setting: &GucSetting<Option<CString>>) -> String {
    setting
        .get()
        .map(|value| value.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The databases that get a worker, in the order given, without repetition.
pub fn databases() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text(&DATABASES)
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_string());
        }
    }
    names
}

pub fn keys_file() -> String {
    text(&KEYS_FILE)
}

pub fn budget_timezone() -> String {
    text(&BUDGET_TIMEZONE)
}

/// The cap of the scope `total`, in dollars a day.
pub fn daily_spend_cap() -> Money {
    // In range by the setting's bounds: at most 1e9 dollars, 1e15 micro-dollars.
    Money::from_micros((DAILY_SPEND_CAP.get() * 1e6).round() as i64)
}

/// What one lead may cost within `refresh_after`; None: no cap.
pub fn lead_spend_cap() -> Option<Money> {
    let dollars = LEAD_SPEND_CAP.get();
    (dollars >= 0.0).then(|| Money::from_micros((dollars * 1e6).round() as i64))
}

pub fn enrichment_goal() -> EnrichmentGoal {
    GOAL.get()
}

pub fn planner() -> Planner {
    PLANNER.get()
}

/// Minutes.
pub fn refresh_after_minutes() -> i32 {
    REFRESH_AFTER.get()
}

/// Minutes.
pub fn keep_ledger_for_minutes() -> i32 {
    KEEP_LEDGER_FOR.get()
}

/// Minutes; 0: no second pass.
pub fn second_pass_after_minutes() -> i32 {
    SECOND_PASS_AFTER.get()
}

pub fn max_attempts() -> i32 {
    MAX_ATTEMPTS.get()
}

pub fn paused() -> bool {
    PAUSED.get()
}

pub fn allow_data_loss() -> bool {
    ALLOW_DATA_LOSS.get()
}
