//! The records of a page, read where they lie in its jsonb.

use std::rc::Rc;

use pgrx::prelude::*;
use serde_json::Value;

use super::plain::{self, Entry, Object, Stored};
use super::{Walk, number, utf8};
use crate::error::Error;
use crate::record::{Header, Members};
use crate::store::numeric;
use crate::store::varlena;

/// The size of the header of a value that lies there plainly.
const HEADER: usize = pg_sys::VARHDRSZ;

/// The records in a jsonb datum, each by its members; an element that is no object is None. None: it is not an array.
///
/// # Safety
/// A datum of type jsonb that is not NULL.
pub unsafe fn records(datum: pg_sys::Datum) -> Result<Option<Vec<Option<Members>>>, Error> {
    // SAFETY: the caller's promise. Whole and aligned, as PostgreSQL reads it, too.
    let stored = unsafe {
        let stored = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
        varlena::unpacked(pg_sys::Datum::from(stored))
    };
    let Some(mut elements) = plain::elements(stored) else {
        return Ok(None);
    };
    let mut headers = Headers::default();
    let mut records = Vec::with_capacity(elements.count_left());
    for _ in 0..elements.count_left() {
        let element = elements.next().ok_or_else(damaged)?;
        let object = match element.stored() {
            Some(Stored::Container(container)) => Object::of(container),
            _ => None,
        };
        // SAFETY: what is read lies in the datum.
        let members = object.map(|object| unsafe { members(&object, &mut headers) });
        records.push(members.transpose()?);
    }
    Ok(Some(records))
}

/// # Safety
/// An object out of a jsonb value that is whole and aligned.
unsafe fn members(object: &Object<'_>, headers: &mut Headers) -> Result<Members, Error> {
    let header = headers.of(object)?;
    let mut entries = object.values().ok_or_else(damaged)?;
    let mut values = Vec::with_capacity(object.count());
    for _ in 0..object.count() {
        // SAFETY: the caller's promise.
        values.push(unsafe { value(&entries.next().ok_or_else(damaged)?)? });
    }
    Ok(Members::new(header, values))
}

/// # Safety
/// An entry of a jsonb value that is whole and aligned.
unsafe fn value(entry: &Entry<'_>) -> Result<Value, Error> {
    Ok(match entry.stored().ok_or_else(damaged)? {
        Stored::Null => Value::Null,
        Stored::Flag(flag) => Value::Bool(flag),
        Stored::Text(text) => Value::String(utf8(text)?.into_owned()),
        Stored::Number(stored) => match stored.get(HEADER..).and_then(numeric::whole_number) {
            Some(whole) => whole.into(),
            // SAFETY: the caller's promise: a numeric with its header.
            None => Value::Number(unsafe { number(stored.as_ptr().cast_mut().cast())? }),
        },
        Stored::Container(container) => {
            // SAFETY: the caller's promise: an array or an object of jsonb.
            let mut walk = unsafe { Walk::inside(container.as_ptr().cast_mut().cast()) };
            let first = walk.next();
            walk.value(first)?
        }
    })
}

/// The records of a page have the same members as a rule: their names are read once.
#[derive(Default)]
struct Headers {
    /// As they are stored.
    names: Vec<Vec<u8>>,
    header: Option<Rc<Header>>,
}

impl Headers {
    fn of(&mut self, object: &Object<'_>) -> Result<Rc<Header>, Error> {
        if let Some(header) = self.header.as_ref().filter(|_| self.are_those_of(object)) {
            return Ok(Rc::clone(header));
        }
        let mut entries = object.keys();
        self.names.clear();
        let mut names = Vec::with_capacity(object.count());
        for _ in 0..object.count() {
            let key = entries.next().and_then(|entry| entry.bytes());
            let key = key.ok_or_else(damaged)?;
            self.names.push(key.to_owned());
            names.push(utf8(key)?);
        }
        let header = Rc::new(Header::of(names.iter().map(AsRef::as_ref)));
        self.header = Some(Rc::clone(&header));
        Ok(header)
    }

    fn are_those_of(&self, object: &Object<'_>) -> bool {
        let mut entries = object.keys();
        self.names.len() == object.count()
            && self
                .names
                .iter()
                .all(|name| entries.next().and_then(|entry| entry.bytes()) == Some(name.as_slice()))
    }
}

fn damaged() -> Error {
    Error::Internal("a jsonb value is damaged".into())
}
