//! jsonb values as `serde_json` values, walked as they are stored, and back (`stored`): pgrx writes them out as text and
//! parses that.

use std::borrow::Cow;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::{Datum, UnboxDatum};
use pgrx::pg_sys::{JsonbIteratorToken as Token, jbvType};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use serde_json::{Map, Number, Value};

pub mod plain;
pub mod records;
pub mod stored;

use crate::contact::{Contact, Kind, point};
use crate::error::Error;
use crate::store::text::{converts_nothing, stores_utf8};
use crate::store::varlena;

/// An array that the walk is inside of, or an object with the key whose value comes next.
enum Open {
    Array(Vec<Value>),
    Object(Map<String, Value>, String),
}

/// A walk over a stored value, in the current memory context.
struct Walk {
    iterator: *mut pg_sys::JsonbIterator,
    found: pg_sys::JsonbValue,
}

impl Walk {
    /// # Safety
    /// A jsonb value that outlives the walk.
    unsafe fn over(stored: *mut pg_sys::Jsonb) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::inside(&raw mut (*stored).root) }
    }

    /// # Safety
    /// An array or an object of jsonb that outlives the walk.
    unsafe fn inside(container: *mut pg_sys::JsonbContainer) -> Self {
        // SAFETY: the caller's promise; all zeros are a null.
        unsafe {
            Self {
                iterator: pg_sys::JsonbIteratorInit(container),
                found: std::mem::zeroed(),
            }
        }
    }

    fn next(&mut self) -> Token::Type {
        // SAFETY: the iterator is that of `over`, and is not asked again after its end.
        unsafe { pg_sys::JsonbIteratorNext(&mut self.iterator, &mut self.found, false) }
    }

    /// Passes over the value that comes next.
    fn skip(&mut self) {
        // SAFETY: as in `next`.
        unsafe { pg_sys::JsonbIteratorNext(&mut self.iterator, &mut self.found, true) };
    }

    fn key(&self) -> Result<Cow<'_, str>, Error> {
        // SAFETY: asked for after the token of a key.
        unsafe { text(&self.found) }
    }

    /// The value that begins with the token that came last.
    fn value(&mut self, first: Token::Type) -> Result<Value, Error> {
        let mut open: Vec<Open> = Vec::new();
        let mut token = first;
        loop {
            let closed = match token {
                Token::WJB_BEGIN_ARRAY => {
                    open.push(Open::Array(Vec::new()));
                    None
                }
                Token::WJB_BEGIN_OBJECT => {
                    open.push(Open::Object(Map::new(), String::new()));
                    None
                }
                Token::WJB_KEY => {
                    if let Some(Open::Object(_, key)) = open.last_mut() {
                        *key = self.key()?.into_owned();
                    }
                    None
                }
                Token::WJB_END_ARRAY | Token::WJB_END_OBJECT => Some(match open.pop() {
                    Some(Open::Array(items)) => Value::Array(items),
                    Some(Open::Object(members, _)) => Value::Object(members),
                    None => Value::Null,
                }),
                // SAFETY: the token of a scalar came last.
                _ => Some(unsafe { scalar(&self.found)? }),
            };
            if let Some(closed) = closed {
                match open.last_mut() {
                    Some(Open::Array(items)) => items.push(closed),
                    Some(Open::Object(members, key)) => {
                        members.insert(std::mem::take(key), closed);
                    }
                    None => return Ok(closed),
                }
            }
            token = self.next();
        }
    }

    /// The wanted members of the object whose first token came last.
    fn members(&mut self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Map<String, Value>, Error> {
        let mut members = Map::new();
        while self.next() == Token::WJB_KEY {
            let key = self.key()?;
            if is_wanted(&key) {
                let key = key.into_owned();
                let first = self.next();
                members.insert(key, self.value(first)?);
            } else {
                self.skip();
            }
        }
        Ok(members)
    }
}

/// The value of a jsonb datum; of an object only the members that are wanted.
///
/// # Safety
/// A datum of type jsonb that is not NULL.
unsafe fn part(datum: pg_sys::Datum, is_wanted: &dyn Fn(&str) -> bool) -> Result<Value, Error> {
    // SAFETY: the caller's promise.
    unsafe {
        let stored: *mut pg_sys::Jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let mut walk = Walk::over(stored);
        match walk.next() {
            Token::WJB_BEGIN_OBJECT => walk.members(is_wanted).map(Value::Object),
            first => Ok(unwrapped(walk.value(first)?, stored)),
        }
    }
}

/// A scalar is stored as an array of one.
///
/// # Safety
/// A jsonb value.
unsafe fn unwrapped(value: Value, stored: *mut pg_sys::Jsonb) -> Value {
    // SAFETY: the caller's promise.
    let is_scalar = unsafe { (*stored).root.header } & pg_sys::JB_FSCALAR != 0;
    match value {
        Value::Array(mut items) if is_scalar => items.pop().unwrap_or(Value::Null),
        other => other,
    }
}

/// # Safety
/// A key or a string out of a jsonb value.
unsafe fn text(found: &pg_sys::JsonbValue) -> Result<Cow<'_, str>, Error> {
    // SAFETY: the caller's promise.
    utf8(unsafe {
        let string = found.val.string;
        let length = usize::try_from(string.len).unwrap_or(0);
        std::slice::from_raw_parts(string.val.cast::<u8>(), length)
    })
}

/// Stored text, in UTF-8.
fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    match std::str::from_utf8(bytes) {
        // Bytes of another encoding may look like UTF-8.
        Ok(text) if text.is_ascii() || converts_nothing() => Ok(Cow::Borrowed(text)),
        _ => converted(bytes).map(Cow::Owned),
    }
}

/// Text of a database with another encoding.
fn converted(bytes: &[u8]) -> Result<String, Error> {
    const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    // SAFETY: reads `length` bytes; what is converted ends with a NUL.
    let text = unsafe {
        let converted = pg_sys::pg_server_to_any(bytes.as_ptr().cast(), length, UTF8);
        std::ffi::CStr::from_ptr(converted).to_str()
    };
    text.map(str::to_owned)
        .map_err(|_| Error::Internal("a text of a jsonb value is not UTF-8".into()))
}

/// # Safety
/// A scalar out of a jsonb value.
unsafe fn scalar(found: &pg_sys::JsonbValue) -> Result<Value, Error> {
    // SAFETY: the caller's promise; the type says which member of the union is set.
    unsafe {
        Ok(match found.type_ {
            jbvType::jbvString => Value::String(text(found)?.into_owned()),
            jbvType::jbvBool => Value::Bool(found.val.boolean),
            jbvType::jbvNumeric => Value::Number(number(found.val.numeric)?),
            _ => Value::Null,
        })
    }
}

/// # Safety
/// A numeric out of a jsonb value.
unsafe fn number(stored: pg_sys::Numeric) -> Result<Number, Error> {
    // SAFETY: the caller's promise.
    let written = unsafe {
        pgrx::direct_function_call::<&core::ffi::CStr>(
            pg_sys::numeric_out,
            &[Some(pg_sys::Datum::from(stored))],
        )
    };
    written
        .and_then(|text| text.to_str().ok())
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| Error::Internal("a number of a jsonb value cannot be read".into()))
}

/// The elements of a jsonb[] datum; of objects only the members that are wanted. NULL elements are JSON's null.
///
/// # Safety
/// A datum of type jsonb[] that is not NULL.
pub unsafe fn points(
    datum: pg_sys::Datum,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Value>, Error> {
    // SAFETY: the caller's promise; it is taken apart into arrays of `count` elements.
    unsafe {
        let array: *mut pg_sys::ArrayType = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        if (*array).ndim == 0 {
            return Ok(Vec::new());
        }
        let (mut elements, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            pg_sys::JSONBOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
            &mut elements,
            &mut nulls,
            &mut count,
        );
        let points = (0..usize::try_from(count).unwrap_or(0)).map(|n| match *nulls.add(n) {
            true => Ok(Value::Null),
            false => part(*elements.add(n), is_wanted),
        });
        points.collect()
    }
}

/// The phones or e-mails among the contact points in a jsonb[] datum.
///
/// # Safety
/// A datum of type jsonb[] that is not NULL.
pub unsafe fn contacts(kind: Kind, datum: pg_sys::Datum) -> Vec<Contact> {
    // SAFETY: the caller's promise.
    unsafe {
        let plainly = stores_utf8().then(|| plain_contacts(kind, varlena::unpacked(datum)));
        plainly
            .flatten()
            .unwrap_or_else(|| match points(datum, &|_| true) {
                Ok(points) => point::contacts(kind, &points).collect(),
                Err(problem) => pgrx::error!("{problem}"),
            })
    }
}

/// The same of a value from behind its header; None where it takes a call of PostgreSQL to read it.
pub fn plain_contacts(kind: Kind, stored: &[u8]) -> Option<Vec<Contact>> {
    let name = kind.as_str().as_bytes();
    let mut contacts = Vec::new();
    for point in plain::objects(stored)? {
        point?.members(
            |member| member == name,
            |_, said| {
                let contact = said
                    .words()
                    .and_then(|text| Contact::parse(kind, text).ok());
                contacts.extend(contact);
            },
        )?;
    }
    Some(contacts)
}

/// A column of type jsonb[]; NULL elements are JSON's null.
pub struct Points(pub Vec<Value>);

impl FromDatum for Points {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _type: pg_sys::Oid,
    ) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the caller's promise: a datum of type jsonb[].
        match unsafe { points(datum, &|_| true) } {
            Ok(points) => Some(Self(points)),
            Err(problem) => pgrx::error!("{problem}"),
        }
    }
}

impl IntoDatum for Points {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(stored::array(&self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBARRAYOID
    }
}

/// A value of type jsonb[], for a statement.
pub struct PointsToStore<'a>(pub &'a [Value]);

impl IntoDatum for PointsToStore<'_> {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(stored::array(self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBARRAYOID
    }
}

// SAFETY: reads a datum of the same type in the same way as FromDatum.
unsafe impl UnboxDatum for Points {
    type As<'src> = Points;

    unsafe fn unbox<'src>(datum: Datum<'src>) -> Self
    where
        Self: 'src,
    {
        // SAFETY: the caller's promise: a datum of type jsonb[] that is not NULL.
        unsafe { Self::from_datum(datum.sans_lifetime(), false) }.unwrap_or(Self(Vec::new()))
    }
}

/// A result of type jsonb.
pub struct Json(pub Value);

// SAFETY: names the type that is returned; the declarations are hand-written.
unsafe impl SqlTranslatable for Json {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Json);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}

// SAFETY: a datum of type jsonb.
unsafe impl BoxRet for Json {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the datum is of the function's declared return type.
        unsafe { fcinfo.return_raw_datum(stored::datum(&self.0)) }
    }
}
