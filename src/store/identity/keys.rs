//! The keys of records, and the order in which writers take them.
//!
//! Writers that share a key, or a lead, meet in one order: first the keys of all records of the call as advisory locks,
//! by their numbers; then the leads that those keys find, by their ids; then whatever there is to write. While the keys
//! are held nobody else makes a lead known by one of them. So no two imports can wait for each other in a circle: whoever
//! waits for a key holds nothing yet, and whoever waits for a lead holds only leads before it.

use std::collections::BTreeSet;
use std::hash::Hasher;

use pgrx::Uuid;
use pgrx::prelude::*;
use seahash::SeaHasher;

use super::Key;
use crate::error::Error;
use crate::record::LeadRecord;
use crate::store::owner::as_owner;
use crate::store::plan::{required, write};
use crate::store::subtransaction::attempt;
use crate::store::{Db, merges};

/// The space of these advisory locks, beside that of the opt-outs.
const LOCK_SPACE: u32 = 0x4543_4b59;
/// Few enough that one transaction can hold them all in PostgreSQL's lock table (64 places per connection by default),
/// many enough that two single records hardly ever meet.
const BUCKETS: u64 = 1024;
/// How often a call starts again because a lead that it needs was merged or made meanwhile.
const TRIES: usize = 50;
const PAUSE_MICROSECONDS: i64 = 2_000;

/// What a record, or a lead, is found by.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordKeys<'a> {
    pub mak: Option<&'a str>,
    pub addr_hash: Option<&'a str>,
    pub source: &'a str,
    pub vendor_record_id: Option<&'a str>,
    pub apn: Option<&'a str>,
    pub county_fips: Option<&'a str>,
}

impl<'a> RecordKeys<'a> {
    pub fn of(source: &'a str, record: &'a LeadRecord, addr_hash: Option<&'a str>) -> Self {
        Self {
            mak: record.mak.as_deref(),
            addr_hash,
            source,
            vendor_record_id: record.vendor_record_id.as_deref(),
            apn: record.apn.as_deref(),
            county_fips: record.county_fips.as_deref(),
        }
    }

    /// Each key with its value, and what the value is unique in, strongest first.
    fn all(&self) -> impl Iterator<Item = (Key, &'a str, &'a str)> + use<'a> {
        [
            (Key::Mak, self.mak, ""),
            (Key::Address, self.addr_hash, ""),
            (Key::VendorRecord, self.vendor_record_id, self.source),
            (Key::Parcel, self.apn, self.county_fips.unwrap_or_default()),
        ]
        .into_iter()
        .filter_map(|(key, value, within)| Some((key, value?, within)))
    }
}

/// The keys as texts, strongest first: what `lead_merges.folded_keys` holds.
pub fn key_texts(keys: &RecordKeys<'_>) -> Vec<(Key, String)> {
    keys.all()
        .map(|(key, value, within)| {
            let text = match key {
                Key::Mak => format!("mak:{value}"),
                Key::Address => format!("address:{value}"),
                Key::VendorRecord => format!("record:{within}\u{1f}{value}"),
                Key::Parcel => format!("parcel:{within}\u{1f}{value}"),
            };
            (key, text)
        })
        .collect()
}

fn buckets<'a>(keys: impl IntoIterator<Item = &'a RecordKeys<'a>>) -> BTreeSet<u32> {
    keys.into_iter()
        .flat_map(RecordKeys::all)
        .map(|(key, value, within)| bucket(key, value, within))
        .collect()
}

fn hold(buckets: &BTreeSet<u32>) {
    for bucket in buckets {
        // SAFETY: a tag on the stack; an error unwinds, and whatever was taken goes with the transaction.
        unsafe { pg_sys::LockAcquire(&tag(*bucket), MODE, false, false) };
    }
}

const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

/// What pg_advisory_xact_lock(LOCK_SPACE, bucket) locks (src/backend/utils/adt/lockfuncs.c).
fn tag(bucket: u32) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: a plain variable of the backend.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: LOCK_SPACE,
        locktag_field3: bucket,
        locktag_field4: 2,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// Has this transaction written anything?
pub fn has_written() -> bool {
    // SAFETY: reads what the backend knows of its transaction.
    unsafe { pg_sys::GetTopTransactionIdIfAny() }.into_inner() != 0
}

/// Keys that are held: until the transaction ends, or, where the caller may go on with other statements in it, until this
/// value goes.
#[must_use]
pub struct Held(BTreeSet<u32>);

impl Held {
    /// Waits for the keys of these records. Not in a transaction that has written something: it may hold leads that
    /// those it would wait for are waiting for.
    pub fn take<'a>(all: impl IntoIterator<Item = &'a RecordKeys<'a>>) -> Self {
        if has_written() {
            return Self(BTreeSet::new());
        }
        Self::of(all)
    }

    /// Waits for the keys of these records, in a transaction that holds nothing that an import waits for.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a RecordKeys<'a>>) -> Self {
        let mine = buckets(all);
        let _owner = TransactionOwns::begin();
        hold(&mine);
        Self(mine)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: reads what the backend knows of its transaction.
        let goes_on = unsafe { pg_sys::IsTransactionBlock() };
        // After an error they stay until the transaction ends, also where a savepoint catches it.
        if !goes_on || std::thread::panicking() {
            return;
        }
        let _owner = TransactionOwns::begin();
        for bucket in &self.0 {
            // SAFETY: taken in this transaction, for the same owner.
            unsafe { pg_sys::LockRelease(&tag(*bucket), MODE, false) };
        }
    }
}

/// While it lives, locks are taken for the transaction, not for the statement or savepoint that happens to run.
struct TransactionOwns(pg_sys::ResourceOwner);

impl TransactionOwns {
    fn begin() -> Self {
        // SAFETY: plain variables of the backend; the transaction's owner lives as long as the transaction.
        unsafe {
            let before = pg_sys::CurrentResourceOwner;
            pg_sys::CurrentResourceOwner = pg_sys::TopTransactionResourceOwner;
            Self(before)
        }
    }
}

impl Drop for TransactionOwns {
    fn drop(&mut self) {
        // SAFETY: the owner that was current when this value was made, inside the same call.
        unsafe { pg_sys::CurrentResourceOwner = self.0 }
    }
}

/// By a hash that is the same in every version of this library.
fn bucket(key: Key, value: &str, within: &str) -> u32 {
    let mut hasher = SeaHasher::new();
    hasher.write_u8(key as u8);
    hasher.write(within.as_bytes());
    hasher.write_u8(0);
    hasher.write(value.as_bytes());
    u32::try_from(hasher.finish() % BUCKETS).unwrap_or(0)
}

const NAMED: &str = "
SELECT id FROM leads WHERE mak = ANY ($1)
UNION SELECT id FROM leads WHERE addr_hash = ANY ($2)
UNION SELECT id FROM leads WHERE source = $3 AND vendor_record_id = ANY ($4)
UNION SELECT l.id FROM unnest($5, $6) AS p (apn, county) JOIN leads l ON l.apn = p.apn AND COALESCE(l.county_fips, '') = p.county";

const LOCK_NAMED: &str = "SELECT id FROM leads WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE";

/// Locks the keys of all records of one call, and the leads that they name, or that are named beside them. To be called
/// before the first is written; what it returns is to live until the last is.
pub fn lock_all(
    db: &mut Db<'_>,
    source: &str,
    all: &[RecordKeys<'_>],
    own: &[Uuid],
) -> Result<Held, Error> {
    let held = Held::take(all);
    for _ in 0..TRIES {
        let locked = attempt(|| {
            let named = named(db, source, all)?;
            let ids = [named.as_slice(), own].concat();
            write(db, LOCK_NAMED, &[ids.into()])?;
            let again = self::named(db, source, all)?;
            if again.iter().all(|id| named.contains(id)) {
                Ok(())
            } else {
                Err(Error::Contended)
            }
        });
        match locked {
            // The leads that the attempt had locked are free again.
            Err(Error::Contended) => pause(),
            other => return other.map(|()| held),
        }
    }
    Err(Error::Contended)
}

fn pause() {
    pgrx::check_for_interrupts!();
    // SAFETY: sleeps for the time given.
    unsafe { pg_sys::pg_usleep(PAUSE_MICROSECONDS) }
}

fn named(db: &mut Db<'_>, source: &str, all: &[RecordKeys<'_>]) -> Result<Vec<Uuid>, Error> {
    let texts =
        |of: fn(&RecordKeys<'_>) -> Option<String>| all.iter().filter_map(of).collect::<Vec<_>>();
    let parcels: Vec<(String, String)> = all
        .iter()
        .filter_map(|keys| {
            let county = keys.county_fips.unwrap_or_default();
            Some((keys.apn?.to_string(), county.to_string()))
        })
        .collect();
    let (apns, counties): (Vec<String>, Vec<String>) = parcels.into_iter().unzip();
    let args = [
        texts(|keys| keys.mak.map(str::to_string)).into(),
        texts(|keys| keys.addr_hash.map(str::to_string)).into(),
        source.into(),
        texts(|keys| keys.vendor_record_id.map(str::to_string)).into(),
        apns.into(),
        counties.into(),
    ];
    let mut ids: Vec<Uuid> = write(db, NAMED, &args)?
        .map(|row| required(&row, 1))
        .collect::<Result<_, Error>>()?;
    if merges::are_there()? {
        let keys = all.iter().flat_map(key_texts).map(|(_, text)| text);
        let keys = keys.collect();
        for (_, id) in as_owner(db, |db| merges::owners_of_folded_keys(db, keys))? {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    Ok(ids)
}
