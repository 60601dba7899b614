//! How a new row of `leads` is made: what a record says, and the defaults of all other columns.

use pgrx::prelude::*;
use serde_json::json;

use crate::store::jsonb::stored;
use crate::store::lead_values::{COLUMNS, LeadValues, fit};
use crate::store::open_leads::OpenLeads;

/// Of each column of the table, what fills it.
pub struct Blueprint {
    fillings: Vec<Filling>,
    /// The columns that the table's one CHECK is about, counted from 0.
    quality_score: usize,
    age: usize,
    custom: usize,
}

enum Filling {
    /// The value at this place of a record's values, if it has one.
    Record(usize),
    /// The same, or else nothing in it, as the statements say it.
    RecordOr(usize, Default),
    Default(Default),
}

/// The default of a column, evaluated once.
enum Default {
    Null,
    Value(pg_sys::Datum),
    /// A value that is passed by reference.
    Copy(Box<[u64]>),
    /// The time of the transaction.
    Now,
}

impl Blueprint {
    /// None: a column has another type than the one it was made with, or a default that is not the same for all rows.
    pub fn of(table: &OpenLeads) -> Option<Self> {
        let shape = table.shape();
        let fillings = shape
            .iter()
            .enumerate()
            .map(|(column, attribute)| Filling::of(table, column, attribute))
            .collect::<Option<Vec<_>>>()?;
        let given = fillings.iter().filter(|filling| filling.is_given()).count();
        let place = |name: &str, kind| {
            shape
                .iter()
                .position(|column| column.name() == name && column.atttypid == kind)
        };
        (given == COLUMNS.len()).then_some(Self {
            fillings,
            quality_score: place("quality_score", pg_sys::NUMERICOID)?,
            age: place("age", pg_sys::INT4OID)?,
            custom: place("custom", pg_sys::JSONBOID)?,
        })
    }

    /// Sets the values of a row, column by column.
    pub fn fill(&self, lead: &LeadValues<'_>, mut set: impl FnMut(usize, Option<pg_sys::Datum>)) {
        let given = lead.datums();
        for (column, filling) in self.fillings.iter().enumerate() {
            set(
                column,
                match filling {
                    Filling::Record(place) => given[*place],
                    Filling::RecordOr(place, default) => given[*place].or_else(|| default.value()),
                    Filling::Default(default) => default.value(),
                },
            );
        }
    }

    /// Does a row keep the table's constraints? What else must not be NULL is the id, which always comes.
    ///
    /// # Safety
    /// The values and NULLs of a row that this made.
    pub unsafe fn keeps_constraints(&self, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> bool {
        let custom = value(self.custom);
        // SAFETY: the caller's promise.
        custom.is_some() && unsafe { fit(value(self.quality_score), value(self.age), custom) }
    }
}

impl Filling {
    fn of(
        table: &OpenLeads,
        column: usize,
        attribute: &pg_sys::FormData_pg_attribute,
    ) -> Option<Self> {
        if attribute.attisdropped {
            return Some(Self::Default(Default::Null));
        }
        if attribute.attgenerated != 0 {
            return None;
        }
        let known = COLUMNS
            .iter()
            .position(|(name, _)| *name == attribute.name());
        let Some(place) = known else {
            return Default::of(table, column, attribute).map(Self::Default);
        };
        let is_as_made = attribute.atttypid == COLUMNS[place].1 && attribute.atttypmod == -1;
        match is_as_made {
            false => None,
            true => Some(match attribute.atttypid {
                pg_sys::JSONBOID => {
                    Self::RecordOr(place, Default::empty(stored::datum(&json!({}))))
                }
                pg_sys::JSONBARRAYOID => Self::RecordOr(place, Default::empty(stored::array(&[]))),
                _ => Self::Record(place),
            }),
        }
    }

    fn is_given(&self) -> bool {
        matches!(self, Self::Record(_) | Self::RecordOr(..))
    }
}

impl Default {
    fn of(
        table: &OpenLeads,
        column: usize,
        attribute: &pg_sys::FormData_pg_attribute,
    ) -> Option<Self> {
        let number = i32::try_from(column + 1).ok()?;
        // SAFETY: the table is open and has this column.
        unsafe {
            let expression = pg_sys::build_column_default(table.relation(), number);
            if expression.is_null() {
                // A domain may refuse NULL.
                let is_plain = pg_sys::getBaseType(attribute.atttypid) == attribute.atttypid;
                return is_plain.then_some(Self::Null);
            }
            if (*expression).type_ == pg_sys::NodeTag::T_FuncExpr
                && (*expression.cast::<pg_sys::FuncExpr>()).funcid == pg_sys::F_NOW.into()
            {
                return Some(Self::Now);
            }
            if pg_sys::contain_mutable_functions(expression) {
                return None;
            }
            Some(Self::evaluate(expression.cast(), attribute))
        }
    }

    /// # Safety
    /// An expression without variables, of the type of the column.
    unsafe fn evaluate(
        expression: *mut pg_sys::Expr,
        attribute: &pg_sys::FormData_pg_attribute,
    ) -> Self {
        // SAFETY: the caller's promise; the value is copied before the memory that it may lie in goes.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            let prepared = pg_sys::ExecPrepareExpr(expression, state);
            let context = pg_sys::MakePerTupleExprContext(state);
            let mut is_null = false;
            let value = pg_sys::ExecEvalExprSwitchContext(prepared, context, &mut is_null);
            let default = match (is_null, attribute.attbyval) {
                (true, _) => Self::Null,
                (false, true) => Self::Value(value),
                (false, false) => Self::copy(value, attribute.attlen),
            };
            pg_sys::FreeExecutorState(state);
            default
        }
    }

    /// # Safety
    /// A datum that is passed by reference, of this length or, below 0, with its length in front.
    unsafe fn copy(value: pg_sys::Datum, length: i16) -> Self {
        // SAFETY: the caller's promise; the copy has room for so many bytes.
        unsafe {
            let size = match usize::try_from(length) {
                Ok(fixed) => fixed,
                Err(_) => pgrx::varsize_any(value.cast_mut_ptr()),
            };
            let mut copy = vec![0_u64; size.div_ceil(size_of::<u64>())];
            let bytes = copy.as_mut_ptr().cast::<u8>();
            std::ptr::copy_nonoverlapping(value.cast_mut_ptr::<u8>(), bytes, size);
            Self::Copy(copy.into())
        }
    }

    fn empty(value: pg_sys::Datum) -> Self {
        // SAFETY: a jsonb value or an array of them, with its length in front.
        unsafe { Self::copy(value, -1) }
    }

    fn value(&self) -> Option<pg_sys::Datum> {
        match self {
            Self::Null => None,
            Self::Value(value) => Some(*value),
            Self::Copy(bytes) => Some(pg_sys::Datum::from(bytes.as_ptr())),
            // SAFETY: reads what the backend knows of its transaction.
            Self::Now => Some(pg_sys::Datum::from(unsafe {
                pg_sys::GetCurrentTransactionStartTimestamp()
            })),
        }
    }
}
