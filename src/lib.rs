//! equity_connect: a lead pipeline inside PostgreSQL.
//!
//! `api` is what SQL callers see, `worker` the background process that makes the vendor calls; both reach tables
//! through `store` only. Everything else is pure: no Postgres, no I/O, no clock.

#![cfg_attr(any(test, feature = "pg_test"), allow(clippy::unwrap_used))]

use pgrx::prelude::*;

mod address;
mod campaign_event;
mod canonical;
mod contact;
mod money;
mod record;
mod retry;
mod score;
mod suppression;
mod vendors;
mod waterfall;

mod api;
mod bulk;
mod error;
mod forgetting;
mod guard;
mod handout;
mod intake;
#[cfg(test)]
mod layout_tests;
mod merging;
mod opt_out;
mod settings;
#[cfg(any(test, feature = "pg_test"))]
mod sql_tests;
mod store;
mod vendor_bill;
mod worker;

pgrx::pg_module_magic!();

extension_sql_file!("../sql/install/types.sql", name = "types", bootstrap);
extension_sql_file!(
    "../sql/install/identity_functions.sql",
    name = "identity_functions",
    requires = ["types"]
);
extension_sql_file!(
    "../sql/install/leads.sql",
    name = "leads",
    requires = ["identity_functions"]
);
extension_sql_file!(
    "../sql/install/pulls.sql",
    name = "pulls",
    requires = ["leads"]
);
extension_sql_file!(
    "../sql/install/jobs.sql",
    name = "jobs",
    requires = ["pulls"]
);
extension_sql_file!(
    "../sql/install/vendors.sql",
    name = "vendors",
    requires = ["jobs"]
);
extension_sql_file!(
    "../sql/install/spend.sql",
    name = "spend",
    requires = ["vendors"]
);
extension_sql_file!(
    "../sql/install/suppression.sql",
    name = "suppression",
    requires = ["spend"]
);
extension_sql_file!(
    "../sql/install/suppression_functions.sql",
    name = "suppression_functions",
    requires = ["suppression"]
);
extension_sql_file!(
    "../sql/install/campaigns.sql",
    name = "campaigns",
    requires = ["suppression_functions"]
);
extension_sql_file!(
    "../sql/install/lead_functions.sql",
    name = "lead_functions",
    requires = ["campaigns"]
);
extension_sql_file!(
    "../sql/install/merge_functions.sql",
    name = "merge_functions",
    requires = ["lead_functions"]
);
extension_sql_file!(
    "../sql/install/sweeps.sql",
    name = "sweeps",
    requires = ["merge_functions"]
);
extension_sql_file!(
    "../sql/install/pull_functions.sql",
    name = "pull_functions",
    requires = ["sweeps"]
);
extension_sql_file!(
    "../sql/install/worker_functions.sql",
    name = "worker_functions",
    requires = ["pull_functions"]
);
extension_sql_file!(
    "../sql/install/triggers.sql",
    name = "triggers",
    requires = ["worker_functions"]
);
extension_sql_file!(
    "../sql/install/campaign_triggers.sql",
    name = "campaign_triggers",
    requires = ["triggers"]
);
extension_sql_file!(
    "../sql/install/merge_triggers.sql",
    name = "merge_triggers",
    requires = ["campaign_triggers"]
);
extension_sql_file!(
    "../sql/install/views.sql",
    name = "views",
    requires = ["merge_triggers"]
);
extension_sql_file!(
    "../sql/install/grants.sql",
    name = "grants",
    requires = ["views"]
);
extension_sql_file!(
    "../sql/install/guard.sql",
    name = "guard",
    requires = ["grants"]
);
extension_sql_file!(
    "../sql/install/dump.sql",
    name = "dump",
    requires = ["guard"],
    finalize
);

/// Runs in the postmaster when preloaded, and in any backend that first calls one of our functions otherwise.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::register();
    // SAFETY: plain flags, set by Postgres before it loads libraries.
    let (is_preload, is_upgrade) = unsafe {
        (
            pg_sys::process_shared_preload_libraries_in_progress,
            pg_sys::IsBinaryUpgrade,
        )
    };
    if is_preload {
        settings::register_at_server_start();
    }
    if is_preload && !is_upgrade {
        worker::shared::init();
        guard::install();
        worker::register();
    }
}

#[cfg(test)]
pub mod pg_test {
    pub fn setup(_options: Vec<&str>) {}

    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec![]
    }
}
