//! What can go wrong at the edge to SQL, and which SQLSTATE says so.
//!
//! Messages name what is wrong and never the value: callers' values are phone numbers, names and addresses,
//! and an error message ends up in server logs and workflow histories.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::spi::SpiError;

/// An error that a caller of the SQL functions sees. The code in brackets is its SQLSTATE.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that the function does not accept (22023).
    #[error("{message}")]
    BadArgument { message: String, hint: &'static str },
    /// Text that cannot be read as what it should be (22P02).
    #[error("{message}")]
    BadSyntax { message: String, hint: &'static str },
    /// The thing asked for does not exist (P0002).
    #[error("{message}")]
    NotFound { message: String, hint: &'static str },
    /// The function cannot do this now (55000).
    #[error("{message}")]
    WrongState { message: String, hint: &'static str },
    /// Another transaction won every try; the caller may repeat the call (40001).
    #[error("could not store the lead: other transactions kept changing its identity")]
    Contended,
    /// A row that another session holds; only the worker meets this, and comes back later (55P03).
    #[error("another session works on the lead")]
    Busy,
    /// An opt-out came that this transaction's snapshot does not show; the caller may repeat the call (40001).
    #[error("an opt-out was recorded while the transaction ran")]
    Overtaken,
    /// A fault of ours or of the database below (XX000).
    #[error("internal error: {0}")]
    Internal(String),
    /// SPI itself failed; database errors proper unwind as they are (XX000).
    #[error("query failed: {0}")]
    Spi(#[from] SpiError),
    /// A database error caught on its way (its own SQLSTATE).
    #[error("{message}")]
    Database {
        code: PgSqlErrorCode,
        message: String,
    },
}

impl Error {
    pub fn bad_argument(message: impl Into<String>, hint: &'static str) -> Self {
        Self::BadArgument {
            message: message.into(),
            hint,
        }
    }

    pub fn bad_syntax(message: impl Into<String>, hint: &'static str) -> Self {
        Self::BadSyntax {
            message: message.into(),
            hint,
        }
    }

    pub fn no_such_lead() -> Self {
        Self::NotFound {
            message: "no such lead".into(),
            hint: "Pass the id that upsert_lead() returned.",
        }
    }

    /// Is it the data's fault, so that the same data would fail again? (Our own refusals of a value, and SQLSTATE
    /// classes 22, data, and 23, constraints.)
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::BadArgument { .. } | Self::BadSyntax { .. } => true,
            Self::Database { code, .. } => {
                let sqlstate = *code as i32;
                // Six bits a character from '0' on, the class in the lowest twelve (MAKE_SQLSTATE in elog.h).
                let class = (sqlstate & 0x3f, (sqlstate >> 6) & 0x3f);
                class == (2, 2) || class == (2, 3)
            }
            _ => false,
        }
    }

    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::BadArgument { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::BadSyntax { .. } => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Self::NotFound { .. } => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            Self::WrongState { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Busy => PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            Self::Contended | Self::Overtaken => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
            Self::Internal(_) | Self::Spi(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            Self::Database { code, .. } => *code,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::BadArgument { hint, .. }
            | Self::BadSyntax { hint, .. }
            | Self::NotFound { hint, .. }
            | Self::WrongState { hint, .. } => hint,
            Self::Contended | Self::Busy | Self::Overtaken => "Repeat the call.",
            Self::Internal(_) | Self::Spi(_) | Self::Database { .. } => "",
        }
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let report = ErrorReport::new(error.code(), error.to_string(), "equity_connect");
        match error.hint() {
            "" => report,
            hint => report.set_hint(hint),
        }
    }
}

impl From<pg_sys::panic::CaughtError> for Error {
    fn from(caught: pg_sys::panic::CaughtError) -> Self {
        use pg_sys::panic::CaughtError::{ErrorReport, PostgresError, RustPanic};
        match caught {
            PostgresError(report)
            | ErrorReport(report)
            | RustPanic {
                ereport: report, ..
            } => Self::Database {
                code: report.sql_error_code(),
                message: report.message().to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_told_from_the_database() {
        let error = |code| Error::Database {
            code,
            message: String::new(),
        };
        assert!(error(PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION).is_about_data());
        assert!(error(PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER).is_about_data());
        assert!(!error(PgSqlErrorCode::ERRCODE_DISK_FULL).is_about_data());
        assert!(!error(PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED).is_about_data());
        assert!(!Error::Contended.is_about_data());
    }
}
