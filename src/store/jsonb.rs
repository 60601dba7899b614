//! jsonb values as `serde_json` values, walked as they are stored: pgrx writes them out as text and parses that.

use pgrx::datum::{Datum, UnboxDatum};
use pgrx::pg_sys::{JsonbIteratorToken as Token, jbvType};
use pgrx::prelude::*;
use serde_json::{Map, Number, Value};

use crate::error::Error;

/// An array that the walk is inside of, or an object with the key whose value comes next.
enum Open {
    Array(Vec<Value>),
    Object(Map<String, Value>, String),
}

/// The value of a jsonb datum.
///
/// # Safety
/// A datum of type jsonb that is not NULL.
pub unsafe fn value(datum: pg_sys::Datum) -> Result<Value, Error> {
    // SAFETY: the caller's promise; the iterator lives in the current memory context.
    unsafe {
        let stored: *mut pg_sys::Jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let mut iterator = pg_sys::JsonbIteratorInit(&raw mut (*stored).root);
        let mut open: Vec<Open> = Vec::new();
        let mut found = std::mem::zeroed::<pg_sys::JsonbValue>();
        let mut whole = Value::Null;
        loop {
            let token = pg_sys::JsonbIteratorNext(&mut iterator, &mut found, false);
            let closed = match token {
                Token::WJB_DONE => return Ok(whole),
                Token::WJB_BEGIN_ARRAY => {
                    open.push(Open::Array(Vec::new()));
                    continue;
                }
                Token::WJB_BEGIN_OBJECT => {
                    open.push(Open::Object(Map::new(), String::new()));
                    continue;
                }
                Token::WJB_KEY => {
                    if let Some(Open::Object(_, key)) = open.last_mut() {
                        *key = text(&found)?;
                    }
                    continue;
                }
                Token::WJB_END_ARRAY | Token::WJB_END_OBJECT => match open.pop() {
                    Some(Open::Array(items)) => Value::Array(items),
                    Some(Open::Object(members, _)) => Value::Object(members),
                    None => Value::Null,
                },
                _ => scalar(&found)?,
            };
            match open.last_mut() {
                Some(Open::Array(items)) => items.push(closed),
                Some(Open::Object(members, key)) => {
                    members.insert(std::mem::take(key), closed);
                }
                None => whole = unwrapped(closed, stored),
            }
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
unsafe fn text(found: &pg_sys::JsonbValue) -> Result<String, Error> {
    // SAFETY: the caller's promise.
    let bytes = unsafe {
        let string = found.val.string;
        let length = usize::try_from(string.len).unwrap_or(0);
        std::slice::from_raw_parts(string.val.cast::<u8>(), length)
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => converted(bytes),
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
            jbvType::jbvString => Value::String(text(found)?),
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
        // SAFETY: the caller's promise: a datum of type jsonb[]; it is taken apart into arrays of `count` elements.
        unsafe {
            let array: *mut pg_sys::ArrayType =
                pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
            let (mut elements, mut nulls, mut count) =
                (std::ptr::null_mut(), std::ptr::null_mut(), 0);
            pg_sys::deconstruct_array(
                array,
                pg_sys::JSONBOID,
                -1,
                false,
                b'i' as std::ffi::c_char,
                &mut elements,
                &mut nulls,
                &mut count,
            );
            let points = (0..usize::try_from(count).unwrap_or(0)).map(|n| match *nulls.add(n) {
                true => Ok(Value::Null),
                false => value(*elements.add(n)),
            });
            match points.collect() {
                Ok(points) => Some(Self(points)),
                Err(problem) => pgrx::error!("{problem}"),
            }
        }
    }
}

impl IntoDatum for Points {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let points: Vec<pgrx::JsonB> = self.0.into_iter().map(pgrx::JsonB).collect();
        points.into_datum()
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
