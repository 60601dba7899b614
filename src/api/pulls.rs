//! The pull flow: bookmarks, seen ids, pages, and asking the worker to pull.

use pgrx::JsonB;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::addresses::not_an_object;
use super::worker::{check_campaign, wake_or_say_how};
use super::{given, identifier, present};
use crate::canonical;
use crate::error::Error;
use crate::store::pulls::{self, ListEnd, Page, Wishes};
use crate::store::{self, jobs, vendors};
use crate::vendors::Product;

#[pg_extern(sql = false, stable, parallel_restricted)]
fn has_vendor_ids_been_seen(
    source: Option<String>,
    query_sig: Option<String>,
    vendor_ids: Option<Vec<Option<String>>>,
) -> Result<bool, ErrorReport> {
    let source = identifier("p_source", source)?;
    let query_sig = identifier("p_query_sig", query_sig)?;
    let ids: Vec<String> = present("p_vendor_ids", vendor_ids)?
        .into_iter()
        .flatten()
        .collect();
    Ok(store::connect(|db| {
        pulls::has_seen(db, &source, &query_sig, &ids)
    })?)
}

#[pg_extern(sql = false)]
fn get_or_create_bookmark(
    source: Option<String>,
    query_sig: Option<String>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, i64),
            name!(source, String),
            name!(query_sig, String),
            name!(last_page_fetched, i32),
            name!(last_seen_vendor_id, Option<String>),
            name!(updated_at, Option<TimestampWithTimeZone>),
            name!(cursor, Option<String>),
            name!(exhausted_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let source = identifier("p_source", source)?;
    let query_sig = identifier("p_query_sig", query_sig)?;
    let b = store::connect(|db| pulls::bookmark(db, &source, &query_sig))?;
    let row = (
        b.id,
        b.source,
        b.query_sig,
        b.last_page_fetched,
        b.last_seen_vendor_id,
        b.updated_at,
        b.cursor,
        b.exhausted_at,
    );
    Ok(TableIterator::once(row))
}

#[pg_extern(sql = false)]
fn record_page(
    source: Option<String>,
    query_sig: Option<String>,
    page_number: Option<i32>,
    vendor_ids: Option<Vec<Option<String>>>,
    pull_params: Option<JsonB>,
) -> Result<bool, ErrorReport> {
    let source = identifier("p_source", source)?;
    let query_sig = identifier("p_query_sig", query_sig)?;
    let number = present("p_page_number", page_number)?;
    if number < 1 {
        return Err(Error::bad_argument("p_page_number is below 1", "Pages count from 1.").into());
    }
    let ids: Vec<String> = present("p_vendor_ids", vendor_ids)?
        .into_iter()
        .flatten()
        .collect();
    let params = pull_params.map(|params| params.0);
    let page = Page {
        source: &source,
        query_sig: &query_sig,
        params: params.as_ref(),
        number,
        vendor_ids: &ids,
    };
    Ok(store::connect(|db| {
        let was_seen = pulls::has_seen(db, &source, &query_sig, &ids)?;
        pulls::log_page(db, &page)?;
        let end = if ids.is_empty() {
            ListEnd::Reached
        } else {
            ListEnd::Ahead
        };
        pulls::move_bookmark(db, &page, None, end)?;
        Ok(was_seen)
    })?)
}

#[pg_extern(sql = false)]
fn request_pull(
    source: Option<String>,
    params: Option<JsonB>,
    every: Option<Interval>,
    page_size: Option<i32>,
    daily_record_cap: Option<i32>,
    campaign: Option<String>,
) -> Result<i32, ErrorReport> {
    let source = identifier("p_source", source)?;
    let params = present("p_params", params)?.0;
    let query_sig = canonical::query_sig(&params).map_err(|_| not_an_object())?;
    if page_size.is_some_and(|size| !(1..=500).contains(&size)) {
        return Err(Error::bad_argument(
            "p_page_size is not between 1 and 500",
            "Vendors deliver at most 500 records a page.",
        )
        .into());
    }
    if daily_record_cap.is_some_and(|cap| cap < 0) {
        return Err(
            Error::bad_argument("p_daily_record_cap is negative", "Pass NULL for no cap.").into(),
        );
    }
    let wishes = Wishes {
        every,
        page_size,
        daily_record_cap,
        campaign: given(campaign),
    };
    let id = store::connect(|db| {
        check_campaign(db, wishes.campaign.as_deref())?;
        let Some(vendor) = vendors::of_source(db, &source)? else {
            let known = vendors::known_sources(db)?;
            return Err(Error::bad_argument(
                format!("no vendor delivers the source given in p_source; known: {known}"),
                "See vendors.source; other sources are imported with upsert_leads().",
            ));
        };
        if let Some(Product::BatchdataSearch) = Product::from_name(&vendor) {
            crate::vendors::batchdata_search::check_criteria(&params).map_err(|problem| {
                Error::bad_argument(
                    problem.to_string(),
                    "See README, \"Pulling\", for the parameters of a pull.",
                )
            })?;
        }
        let id = pulls::request(db, &source, &params, &query_sig, &wishes)?;
        if !jobs::enqueue_pull(db, id, &vendor)? {
            jobs::bring_forward(db, id)?;
        }
        Ok(id)
    })?;
    wake_or_say_how("the pull is queued")?;
    Ok(id)
}
