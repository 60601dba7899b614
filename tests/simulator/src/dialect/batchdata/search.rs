//! `POST /api/v1/property/search` and `GET /api/v2/property/search-sessions`.
//!
//! Every returned property is billed; hits that are not returned, and holes in the list, are free. Skip and take walk the
//! live list, so an arrival at its top shifts every later page by one and a record is delivered,
//! and billed, twice; a cursor walks the list as it stood; a session delivers nothing twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::criteria::{Criteria, check_request};
use super::options::{Options, Order};
use super::record::render;
use super::session::{Page, Walk, cursor};
use super::{admit, refuse};
use crate::bill::Charge;
use crate::dice::{Dice, Purpose, ulid};
use crate::exchange::{Answer, Call};
use crate::office::Office;
use crate::settings::{PageOrder, Replay};
use crate::vendor::Vendor;
use crate::world::listing::{Copy, Listing};

/// A checked search request.
struct Request {
    criteria: Criteria,
    options: Options,
    /// The whole body, to recognise a repetition.
    text: String,
    /// Criteria and order, to recognise a cursor's search.
    search: String,
    /// The criteria, to echo.
    echo: Value,
}

/// The records of one page.
struct Chosen {
    rows: Vec<usize>,
    found: usize,
    next: Option<String>,
}

/// Answers anything below `/batchdata` that is no skip trace.
pub fn answer(office: &mut Office, call: &Call) -> Answer {
    let path = call.path.trim_start_matches("/batchdata");
    if let Err(refusal) = admit(office, Vendor::BatchdataSearch, call) {
        return refusal;
    }
    match (path, call.method.as_str()) {
        ("/api/v1/property/search", "POST") => match search(office, call) {
            Ok(answer) => answer,
            Err(message) => refuse(400, &message),
        },
        ("/api/v1/property/search/async", "POST") => refuse(
            403,
            "This token does not have permission to access this API: property-search-async",
        ),
        ("/api/v2/property/search-sessions", "GET") => sessions(office, call),
        ("/api/v1/property/search" | "/api/v1/property/search/async", _)
        | ("/api/v2/property/search-sessions", _) => refuse(405, "Method not allowed"),
        _ => refuse(404, "Not found"),
    }
}

fn sessions(office: &Office, call: &Call) -> Answer {
    let number = |name, default| {
        call.parameter(name)
            .map_or(Ok(default), |text| text.parse::<usize>())
    };
    match (number("skip", 0), number("take", 50)) {
        (Ok(skip), Ok(take)) if take <= 100 => {
            let results = office.searches.list(skip, take);
            Answer::json(
                200,
                &json!({"status": {"code": 200, "text": "OK"}, "results": results}),
            )
        }
        _ => refuse(400, "skip and take must be numbers, take at most 100"),
    }
}

fn search(office: &mut Office, call: &Call) -> Result<Answer, String> {
    let request = read(&call.json()?)?;
    if let Some(results) = replayed(office, &request)? {
        return Ok(wrap(results));
    }
    if let Some((id, _)) = &request.options.session {
        office.searches.open(id)?;
    }
    let chosen = choose(office, &request)?;
    Ok(wrap(deliver(office, &request, &chosen)))
}

fn wrap(results: Value) -> Answer {
    Answer::json(
        200,
        &json!({"status": {"code": 200, "text": "OK"}, "results": results}),
    )
}

fn read(body: &Value) -> Result<Request, String> {
    let given = check_request(body)?;
    let echo = given.get("searchCriteria").cloned().unwrap_or_default();
    let empty = Map::new();
    let criteria = Criteria::parse(echo.as_object().unwrap_or(&empty))?;
    let options = Options::parse(given.get("options"))?;
    let search = format!("{echo} {:?}", options.order);
    Ok(Request {
        criteria,
        options,
        text: body.to_string(),
        search,
        echo,
    })
}

/// The answer to a repeated idempotency key; it is never billed.
fn replayed(office: &mut Office, request: &Request) -> Result<Option<Value>, String> {
    let Some((id, Some(key))) = &request.options.session else {
        return Ok(None);
    };
    let Some(page) = office.searches.page(id, key) else {
        return Ok(None);
    };
    if page.request != request.text {
        return Err("idempotencyKey was already used with another request".to_owned());
    }
    let mut results = page.results.clone();
    if office.settings.replay == Replay::EmptyPage {
        results["properties"] = json!([]);
        results["meta"]["results"]["resultCount"] = json!(0);
    }
    results["meta"]["requestId"] = json!(ulid(&mut office.noise));
    results["searchSessionMeta"]["isNewSession"] = json!(false);
    Ok(Some(results))
}

/// The hits in the order asked for, as places in the world's list.
fn hits(office: &Office, request: &Request) -> Vec<usize> {
    let (listings, properties) = (office.world.listings(), office.world.properties());
    let property = |at: usize| &properties[listings[at].property];
    let accepted = |at: &usize| request.criteria.accepts(property(*at));
    let mut hits: Vec<usize> = (0..listings.len()).filter(accepted).collect();
    match request.options.order {
        Order::Default if office.settings.page_order == PageOrder::Newest => hits.reverse(),
        Order::Default | Order::OldestFirst => {}
        Order::NewestFirst => hits.reverse(),
        Order::ValueUp => hits.sort_by_key(|at| property(*at).value),
        Order::ValueDown => hits.sort_by_key(|at| -property(*at).value),
        Order::Random => {
            Dice::new(office.settings.seed, Purpose::Noise, 1).shuffle(&mut hits);
        }
    }
    hits
}

/// The list that a page is cut from, and where the page begins.
struct Source {
    /// The walk's number, when a cursor continues one.
    walk: Option<usize>,
    offset: usize,
    order: Arc<Vec<usize>>,
}

fn source(office: &Office, request: &Request) -> Result<Source, String> {
    let Some(given) = &request.options.cursor else {
        return Ok(Source {
            walk: None,
            offset: 0,
            order: Arc::new(hits(office, request)),
        });
    };
    let resumed = office.searches.resume(given);
    let (number, offset, walk) = resumed.ok_or("pageCursor is not valid")?;
    if walk.search != request.search {
        return Err("pageCursor belongs to another search".to_owned());
    }
    Ok(Source {
        walk: Some(number),
        offset,
        order: Arc::clone(&walk.order),
    })
}

/// Cuts a page of what the session has not delivered yet.
fn choose(office: &mut Office, request: &Request) -> Result<Chosen, String> {
    let options = &request.options;
    let Source {
        walk,
        offset,
        order,
    } = source(office, request)?;
    let session = options
        .session
        .as_ref()
        .and_then(|(id, _)| office.searches.session(id));
    let listings = office.world.listings();
    let is_fresh = |at: &usize| {
        session.is_none_or(|session| !session.delivered.contains(&listings[*at].record_id))
    };
    let waiting = order
        .iter()
        .enumerate()
        .skip(offset)
        .filter(|(_, at)| is_fresh(at));
    let page: Vec<(usize, usize)> = waiting
        .skip(options.skip)
        .take(options.take)
        .map(|(place, at)| (place, *at))
        .collect();
    let end = page.last().map_or(offset, |(place, _)| place + 1);
    let is_more = options.take > 0 && order.iter().skip(end).any(is_fresh);
    let next = (options.uses_cursor && is_more).then(|| {
        let begin = || {
            let walk = Walk {
                search: request.search.clone(),
                order: Arc::clone(&order),
            };
            office.searches.begin(walk)
        };
        cursor(walk.unwrap_or_else(begin), end)
    });
    let rows = page.into_iter().map(|(_, at)| at).collect();
    Ok(Chosen {
        rows,
        found: order.len(),
        next,
    })
}

/// Renders and bills a page, and remembers it in its session.
fn deliver(office: &mut Office, request: &Request, chosen: &Chosen) -> Value {
    let all = office.world.listings();
    let listings: Vec<Listing> = chosen
        .rows
        .iter()
        .filter_map(|at| all.get(*at).cloned())
        .collect();
    let mut results = page(office, request, (&listings, chosen));
    charge(office, &request.options, &listings);
    let Some((id, key)) = &request.options.session else {
        return results;
    };
    let Some(session) = office.searches.session_mut(id) else {
        return results;
    };
    session
        .delivered
        .extend(listings.into_iter().map(|listing| listing.record_id));
    results["searchSessionMeta"] =
        json!({"isNewSession": session.is_new(), "totalDelivered": session.delivered.len()});
    if let Some(key) = key {
        session.keep(
            key,
            Page {
                request: request.text.clone(),
                results: results.clone(),
            },
        );
    }
    results
}

fn page(
    office: &mut Office,
    request: &Request,
    (listings, chosen): (&[Listing], &Chosen),
) -> Value {
    let options = &request.options;
    let datasets: BTreeSet<&str> = options.datasets.iter().map(String::as_str).collect();
    let properties = office.world.properties();
    let rendered: Vec<Value> = listings
        .iter()
        .map(|listing| render(listing, &properties[listing.property], &datasets))
        .collect();
    let mut results = json!({"meta": {
        "apiVersion": "1.0", "requestId": ulid(&mut office.noise),
        "performance": {"startTime": "2026-01-15T18:22:05.000Z",
            "endTime": "2026-01-15T18:22:05.120Z", "totalRequestTime": 120},
        "results": {"resultCount": listings.len(), "resultsFound": chosen.found},
    }});
    if options.take > 0 {
        results["properties"] = json!(rendered);
    }
    if let Some(next) = &chosen.next {
        results["nextPageCursor"] = json!(next);
    }
    if options.shows_requests {
        results["searchCriteria"] = request.echo.clone();
    }
    results
}

fn charge(office: &mut Office, options: &Options, listings: &[Listing]) {
    let session = options.session.as_ref().map_or("-", |(id, _)| id.as_str());
    let micros = dataset_price(office, &options.datasets);
    for listing in listings.iter().filter(|listing| listing.copy != Copy::Null) {
        office.bill.charge(Charge {
            vendor: Vendor::BatchdataSearch,
            item: format!("{session}/{}", listing.record_id),
            units: 1,
            micros,
        });
    }
}

/// The price of one record when the data sets are priced one by one.
fn dataset_price(office: &Office, datasets: &[String]) -> Option<u64> {
    let prices = &office.settings.dataset_prices;
    let price = |name: &String| prices.get(name).copied().unwrap_or(0);
    (!prices.is_empty()).then(|| datasets.iter().map(price).sum())
}
