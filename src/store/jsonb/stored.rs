//! `serde_json` values as jsonb, built as they are stored: pgrx writes them out as text and has that parsed.

use pgrx::pg_sys::{JsonbIteratorToken as Token, jbvType};
use pgrx::prelude::*;
use serde_json::{Number, Value};

use crate::store::text::server_bytes;

/// A value while it is built.
struct Building(*mut pg_sys::JsonbParseState);

impl Building {
    /// # Safety
    /// The token follows the ones before as in a text of JSON, and `value` is what belongs to it.
    unsafe fn push(
        &mut self,
        token: Token::Type,
        value: *mut pg_sys::JsonbValue,
    ) -> *mut pg_sys::JsonbValue {
        // SAFETY: the caller's promise.
        unsafe { pg_sys::pushJsonbValue(&mut self.0, token, value) }
    }

    /// # Safety
    /// `token` is what the place in the value that is being built asks for.
    unsafe fn add(&mut self, token: Token::Type, value: &Value) -> *mut pg_sys::JsonbValue {
        let none = std::ptr::null_mut();
        // SAFETY: the caller's promise; arrays and objects are opened, filled and closed.
        unsafe {
            match value {
                Value::Array(items) => {
                    self.push(Token::WJB_BEGIN_ARRAY, none);
                    for item in items {
                        self.add(Token::WJB_ELEM, item);
                    }
                    self.push(Token::WJB_END_ARRAY, none)
                }
                Value::Object(members) => {
                    self.push(Token::WJB_BEGIN_OBJECT, none);
                    for (key, member) in members {
                        self.push(Token::WJB_KEY, &mut string(key));
                        self.add(Token::WJB_VALUE, member);
                    }
                    self.push(Token::WJB_END_OBJECT, none)
                }
                scalar => self.push(token, &mut scalar_value(scalar)),
            }
        }
    }
}

/// A datum of type jsonb, in the current memory context.
pub fn datum(value: &Value) -> pg_sys::Datum {
    // SAFETY: a scalar is stored as an array of one that says so (src/backend/utils/adt/jsonb.c, jsonb_in_scalar).
    unsafe {
        let mut building = Building(std::ptr::null_mut());
        let whole = match value {
            Value::Array(_) | Value::Object(_) => building.add(Token::WJB_ELEM, value),
            scalar => {
                let mut around = std::mem::zeroed::<pg_sys::JsonbValue>();
                around.type_ = jbvType::jbvArray;
                around.val.array.rawScalar = true;
                around.val.array.nElems = 1;
                building.push(Token::WJB_BEGIN_ARRAY, &mut around);
                building.add(Token::WJB_ELEM, scalar);
                building.push(Token::WJB_END_ARRAY, std::ptr::null_mut())
            }
        };
        pg_sys::Datum::from(pg_sys::JsonbValueToJsonb(whole))
    }
}

/// A datum of type jsonb[].
pub fn array(values: &[Value]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> = values.iter().map(datum).collect();
    let count = i32::try_from(elements.len()).unwrap_or(i32::MAX);
    // SAFETY: `count` datums of type jsonb.
    unsafe {
        pg_sys::Datum::from(pg_sys::construct_array(
            elements.as_mut_ptr(),
            count,
            pg_sys::JSONBOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
        ))
    }
}

fn scalar_value(value: &Value) -> pg_sys::JsonbValue {
    // SAFETY: all zeros are a null; the type is set with its member of the union.
    let mut found = unsafe { std::mem::zeroed::<pg_sys::JsonbValue>() };
    match value {
        Value::Bool(flag) => {
            found.type_ = jbvType::jbvBool;
            found.val.boolean = *flag;
        }
        Value::Number(number) => {
            found.type_ = jbvType::jbvNumeric;
            found.val.numeric = numeric(number);
        }
        Value::String(text) => return string(text),
        _ => found.type_ = jbvType::jbvNull,
    }
    found
}

fn string(text: &str) -> pg_sys::JsonbValue {
    let bytes = server_bytes(text);
    if bytes.contains(&0) {
        ereport!(
            ERROR,
            PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER,
            "a text with a NUL character cannot be stored as jsonb"
        );
    }
    // SAFETY: as above; the text is read before it goes.
    let mut found = unsafe { std::mem::zeroed::<pg_sys::JsonbValue>() };
    found.type_ = jbvType::jbvString;
    found.val.string.len = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    found.val.string.val = bytes.as_ptr().cast_mut().cast();
    found
}

fn numeric(number: &Number) -> pg_sys::Numeric {
    if let Some(whole) = number.as_i64() {
        // SAFETY: takes any number.
        return unsafe { pg_sys::int64_to_numeric(whole) };
    }
    match pgrx::AnyNumeric::try_from(number.to_string().as_str()).map(IntoDatum::into_datum) {
        Ok(Some(stored)) => stored.cast_mut_ptr(),
        _ => pgrx::error!("a number of a jsonb value cannot be stored"),
    }
}
