//! A page or file of records at once.
//!
//! The same result as storing the records one after another, in few statements. Records that share no key within the call,
//! and name one lead each or none, do not depend on each other: those are stored as sets. All others, and all of a set
//! whose statement failed, go one by one in the records' order (`intake::store_one`).
//!
//! Every call locks in the same order (`store::identity::keys`): the keys of all its records, then new leads (nobody else
//! can make them while the keys are held), then known leads by their ids. Most known records bring nothing more: their leads
//! are touched first, by their ids, and those of all other records are locked then only if that does not wait.

mod houses;
mod known;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pgrx::Uuid;
use serde_json::Value;

use crate::error::Error;
use crate::intake;
use crate::record::Members;
use crate::store::at_hand::{AtHand, Ready};
use crate::store::bulk::{self, Named, Sample};
use crate::store::identity::{self, Held, Outcome, RecordKeys, Upserted};
use crate::store::owner::as_owner;
use crate::store::subtransaction::attempt;
use crate::store::{self, leads, merges, sightings};

/// Records in one statement.
const SET: usize = 1_000;
/// So many records of a set are looked up to see what most of it is.
const SAMPLE: usize = 8;
/// Records in one open SPI connection, which keeps the results of all statements until it is closed.
const PORTION: usize = 100;

type Stored = Result<Upserted, Error>;

/// Stores records, given by the members of their JSON (None: no object): a bad one leaves no trace and the others go in.
/// Results are in the records' order. A fault of the database (no room, a cancelled call) is no fault of a record: it
/// ends the call.
pub fn upsert_all(source: &str, records: Vec<Option<Members>>) -> Result<Vec<Stored>, Error> {
    let mut call = Call::read(source, records);
    let _keys = call.take_keys();
    call.survivors = call.of_folded_leads()?;
    let alone = call.sharing_no_key();
    let sample = call.sample(&alone);
    let left = match sample {
        Sample::AllNew => None,
        Sample::Mixed => call.touch_known(&alone)?,
    };
    let mut named = Vec::new();
    for set in call.not_stored(alone).chunks(SET) {
        named.extend(call.store_new(set, sample, left.as_deref())?);
    }
    let _leads = match left {
        Some(_) => None,
        None => call.take_leads()?,
    };
    let others = call.find_others(&named)?;
    for set in call.sharing_no_lead(&named, &others).chunks(SET) {
        call.store_known(set)?;
    }
    call.store_rest()
}

struct Call<'a> {
    source: &'a str,
    ready: Vec<Option<Rc<Ready>>>,
    /// Of each record, as far as there is one.
    stored: Vec<Option<Stored>>,
    /// The leads that records name by a key of one that was folded.
    survivors: HashMap<usize, Vec<Uuid>>,
    /// The transaction's time, for contact points; read when the first one comes.
    now: Option<String>,
}

/// A record and the one lead it names.
type Match = (usize, Uuid);

impl<'a> Call<'a> {
    fn read(source: &'a str, records: Vec<Option<Members>>) -> Self {
        let shared: Rc<str> = source.into();
        let mut call = Self {
            source,
            ready: Vec::with_capacity(records.len()),
            stored: Vec::with_capacity(records.len()),
            survivors: HashMap::new(),
            now: None,
        };
        for members in records {
            let (ready, stored) = match intake::read(members) {
                Ok((record, addr_hash)) => {
                    let source = Rc::clone(&shared);
                    let ready = Ready {
                        source,
                        record,
                        addr_hash,
                        // In the records' order, which says which of two new leads is the older one.
                        new_id: leads::new_id(),
                    };
                    (Some(Rc::new(ready)), None)
                }
                Err(error) => (None, Some(Err(error))),
            };
            call.ready.push(ready);
            call.stored.push(stored);
        }
        call
    }

    fn keys_of(&self, n: usize) -> Option<RecordKeys<'_>> {
        let ready = self.ready[n].as_deref()?;
        let addr_hash = ready.addr_hash.as_deref();
        Some(RecordKeys::of(self.source, &ready.record, addr_hash))
    }

    fn take_keys(&self) -> Held {
        let keys: Vec<RecordKeys<'_>> = (0..self.ready.len())
            .filter_map(|n| self.keys_of(n))
            .collect();
        Held::take(&keys)
    }

    /// Locks the leads that those records name that are not stored yet.
    fn take_leads(&self) -> Result<Option<Held>, Error> {
        let keys: Vec<RecordKeys<'_>> = (0..self.ready.len())
            .filter(|&n| self.stored[n].is_none())
            .filter_map(|n| self.keys_of(n))
            .collect();
        if keys.is_empty() {
            return Ok(None);
        }
        store::connect(|db| identity::lock_all(db, self.source, &keys, &[])).map(Some)
    }

    /// The records with a key of a lead that was folded into another one, and those others: they are what is named.
    fn of_folded_leads(&self) -> Result<HashMap<usize, Vec<Uuid>>, Error> {
        let mut survivors: HashMap<usize, Vec<Uuid>> = HashMap::new();
        if !merges::are_there()? {
            return Ok(survivors);
        }
        let mut by_text: HashMap<String, Vec<usize>> = HashMap::new();
        for n in 0..self.ready.len() {
            let keys = self.keys_of(n);
            for (_, text) in keys.iter().flat_map(identity::key_texts) {
                by_text.entry(text).or_default().push(n);
            }
        }
        let all = by_text.keys().cloned().collect();
        let owners =
            store::connect(|db| as_owner(db, |db| merges::owners_of_folded_keys(db, all)))?;
        for (text, lead) in owners {
            for n in by_text.get(&text).into_iter().flatten() {
                survivors.entry(*n).or_default().push(lead);
            }
        }
        Ok(survivors)
    }

    /// The records whose keys no other record has, in the order of their keys. Without those that opt their lead out, and
    /// those whose address a lead may complete.
    fn sharing_no_key(&self) -> Vec<usize> {
        let mut uses: HashMap<Key<'_>, usize> = HashMap::with_capacity(4 * self.ready.len());
        let ready = || {
            self.ready
                .iter()
                .enumerate()
                .filter_map(|(n, ready)| Some((n, ready.as_deref()?)))
        };
        for key in ready().flat_map(|(_, ready)| keys(ready)).flatten() {
            *uses.entry(key).or_default() += 1;
        }
        let half_known = houses::half_known(ready());
        let mut alone: Vec<([Option<Key<'_>>; 4], usize)> = ready()
            .map(|(n, ready)| (keys(ready), n))
            .filter(|(keys, _)| keys.iter().flatten().all(|key| uses[key] == 1))
            .filter(|(_, n)| !self.survivors.contains_key(n) && !half_known.contains(n))
            .filter(|(_, n)| self.ready(*n).record.barred.is_none())
            .collect();
        alone.sort_unstable_by_key(|(keys, _)| keys.iter().flatten().next().copied());
        alone.into_iter().map(|(_, n)| n).collect()
    }

    fn sample(&self, set: &[usize]) -> Sample {
        let some = set.iter().step_by((set.len() / SAMPLE).max(1));
        let records = some.filter_map(|&n| Some((self.keys_of(n)?, &self.ready(n).record)));
        match sightings::are_unknown(records) {
            true => Sample::AllNew,
            false => Sample::Mixed,
        }
    }

    fn not_stored(&self, mut set: Vec<usize>) -> Vec<usize> {
        set.retain(|n| self.stored[*n].is_none());
        set
    }

    /// Stores those of a set that are new; what leads the others name, which may be known (`found`).
    fn store_new(
        &mut self,
        set: &[usize],
        sample: Sample,
        found: Option<&[Named]>,
    ) -> Result<Vec<Named>, Error> {
        self.read_clock(set.iter().copied())?;
        let rows: Vec<AtHand> = set.iter().map(|&n| self.new_row(n)).collect();
        let found = found.map(|found| {
            let set: HashSet<usize> = set.iter().copied().collect();
            let of_set = found.iter().filter(|one| set.contains(&one.n));
            of_set.copied().collect()
        });
        let Ok((inserted, named)) =
            attempt(|| store::connect(|db| bulk::insert_new(db, rows, sample, found)))
        else {
            return Ok(Vec::new());
        };
        self.settle(&inserted, Outcome::Inserted);
        Ok(named)
    }

    fn settle(&mut self, matches: &[Match], outcome: Outcome) {
        for &(n, lead_id) in matches {
            self.stored[n] = Some(Ok(Upserted::alone(lead_id, outcome)));
        }
    }

    /// The leads that records name which are not in a set: what happens to those leads depends on the records' order.
    fn find_others(&self, named: &[Named]) -> Result<Vec<Named>, Error> {
        let known: HashSet<usize> = named.iter().map(|one| one.n).collect();
        let others: Vec<usize> = (0..self.ready.len())
            .filter(|n| self.ready[*n].is_some() && self.stored[*n].is_none() && !known.contains(n))
            .collect();
        let mut found = Vec::new();
        for set in others.chunks(SET) {
            let rows = set.iter().map(|&n| self.row((n, no_lead()))).collect();
            found.extend(store::connect(|db| bulk::find(db, rows))?);
        }
        Ok(found)
    }

    /// The records of `named` that name one lead, which no other record names, in the order of the leads.
    fn sharing_no_lead(&self, named: &[Named], others: &[Named]) -> Vec<Match> {
        let mut by: HashMap<Uuid, HashSet<usize>> = HashMap::with_capacity(named.len());
        for one in named.iter().chain(others) {
            for id in one.all() {
                by.entry(id).or_default().insert(one.n);
            }
        }
        for (n, survivors) in &self.survivors {
            for id in survivors {
                by.entry(*id).or_default().insert(*n);
            }
        }
        let mut matches: Vec<Match> = named
            .iter()
            .filter_map(|one| Some((one.n, one.only()?)))
            .filter(|(_, lead)| by[lead].len() == 1)
            .collect();
        matches.sort_unstable_by_key(|(_, lead)| *lead.as_bytes());
        matches
    }

    fn merge_contacts(
        &self,
        n: usize,
        phones: &mut Vec<Value>,
        emails: &mut Vec<Value>,
    ) -> (bool, bool) {
        let now = self.now.as_deref().unwrap_or_default();
        intake::merge_contacts(
            &self.ready(n).record.contacts,
            (self.source, now),
            phones,
            emails,
        )
    }

    fn ready(&self, n: usize) -> &Rc<Ready> {
        self.ready[n]
            .as_ref()
            .expect("only clean records are in a set")
    }

    fn row(&self, (n, lead): Match) -> AtHand {
        AtHand {
            n,
            lead_id: lead,
            ready: Rc::clone(self.ready(n)),
            phones: None,
            emails: None,
        }
    }

    /// A lead with an id of its own and the contact points that came.
    fn new_row(&self, n: usize) -> AtHand {
        let (mut phones, mut emails) = (Vec::new(), Vec::new());
        self.merge_contacts(n, &mut phones, &mut emails);
        AtHand {
            phones: (!phones.is_empty()).then_some(phones),
            emails: (!emails.is_empty()).then_some(emails),
            ..self.row((n, self.ready(n).new_id))
        }
    }

    fn read_clock(&mut self, set: impl Iterator<Item = usize>) -> Result<(), Error> {
        let mut set = set;
        if self.now.is_none() && set.any(|n| !self.ready(n).record.contacts.is_empty()) {
            self.now = Some(store::connect(|db| leads::now_rfc3339(db))?);
        }
        Ok(())
    }

    /// What is not stored yet, in the records' order.
    fn store_rest(mut self) -> Result<Vec<Stored>, Error> {
        let left: Vec<usize> = (0..self.stored.len())
            .filter(|n| self.stored[*n].is_none())
            .collect();
        for portion in left.chunks(PORTION) {
            store::connect(|db| {
                for &n in portion {
                    let ready = self.ready(n);
                    match intake::store_one(db, self.source, &ready.record, Some(ready.new_id)) {
                        Err(error) if !error.is_about_data() => return Err(error),
                        outcome => self.stored[n] = Some(outcome),
                    }
                }
                Ok(())
            })?;
        }
        let missing = || Error::Internal("a record has no outcome".into());
        Ok(self
            .stored
            .into_iter()
            .map(|stored| stored.unwrap_or_else(|| Err(missing())))
            .collect())
    }
}

/// Of a row whose lead is not known yet.
fn no_lead() -> Uuid {
    Uuid::from_bytes([0; 16])
}

/// A key with its kind, in the order in which keys are tried.
type Key<'a> = (u8, &'a str, &'a str);

fn keys(ready: &Ready) -> [Option<Key<'_>>; 4] {
    let record = &ready.record;
    let county = record.county_fips.as_deref().unwrap_or_default();
    [
        ready.addr_hash.as_deref().map(|hash| (0, hash, "")),
        record.mak.as_deref().map(|mak| (1, mak, "")),
        record.vendor_record_id.as_deref().map(|id| (2, id, "")),
        record.apn.as_deref().map(|apn| (3, apn, county)),
    ]
}
