//! The SQL enum `lead_status` in Rust.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::{Datum, UnboxDatum};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;

/// A value of the SQL enum `lead_status`, carried as it is: the type's oid differs from database to database.
#[derive(Debug, Clone, Copy)]
pub struct LeadStatus(pg_sys::Datum);

impl LeadStatus {
    /// Is it the same value?
    pub fn equals(self, other: Self) -> bool {
        self.0 == other.0
    }
}

impl FromDatum for LeadStatus {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _type: pg_sys::Oid,
    ) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}

impl IntoDatum for LeadStatus {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::ANYENUMOID
    }

    fn is_compatible_with(_other: pg_sys::Oid) -> bool {
        true
    }
}

// SAFETY: an enum value is passed by value.
unsafe impl UnboxDatum for LeadStatus {
    type As<'src> = LeadStatus;

    unsafe fn unbox<'src>(datum: Datum<'src>) -> Self
    where
        Self: 'src,
    {
        Self(datum.sans_lifetime())
    }
}

// SAFETY: names a type that sql/install declares; the hand-written declarations use it by the same name.
unsafe impl SqlTranslatable for LeadStatus {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(LeadStatus);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("lead_status"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("lead_status")));
}

// SAFETY: an enum value is passed by value, as it was read.
unsafe impl BoxRet for LeadStatus {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the datum is of the function's declared return type.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}
