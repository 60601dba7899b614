//! A session with a server: short ways to ask for one value, and the notices that came.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postgres::types::{FromSqlOwned, ToSql};
use postgres::{Client, NoTls, Row};

use crate::{Failure, Outcome};

/// A notice or warning of the server.
#[derive(Clone, Debug)]
pub struct Notice {
    pub severity: String,
    pub message: String,
    pub hint: Option<String>,
}

/// One session.
pub struct Session {
    pub client: Client,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// Connects as `postgres` through the socket in `directory`.
pub fn connect(directory: &Path, database: &str) -> Outcome<Session> {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&notices);
    let client = postgres::Config::new()
        .host_path(directory)
        .user("postgres")
        .dbname(database)
        .connect_timeout(Duration::from_secs(10))
        .notice_callback(move |notice| {
            let told = Notice {
                severity: notice.severity().into(),
                message: notice.message().into(),
                hint: notice.hint().map(str::to_owned),
            };
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(told);
        })
        .connect(NoTls)?;
    Ok(Session { client, notices })
}

impl Session {
    /// Runs statements that return nothing of interest.
    pub fn run(&mut self, sql: &str) -> Outcome {
        self.client
            .batch_execute(sql)
            .map_err(|error| explain(sql, &error))
    }

    /// The first column of the only row.
    pub fn one<T: FromSqlOwned>(&mut self, sql: &str) -> Outcome<T> {
        self.one_with(sql, &[])
    }

    /// The same, with parameters.
    pub fn one_with<T: FromSqlOwned>(
        &mut self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Outcome<T> {
        let row = self
            .client
            .query_one(sql, values)
            .map_err(|error| explain(sql, &error))?;
        row.try_get(0).map_err(|error| explain(sql, &error))
    }

    /// The first column of all rows.
    pub fn column<T: FromSqlOwned>(&mut self, sql: &str) -> Outcome<Vec<T>> {
        self.rows(sql)?
            .iter()
            .map(|row| row.try_get(0).map_err(|error| explain(sql, &error)))
            .collect()
    }

    /// All rows.
    pub fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        self.client
            .query(sql, &[])
            .map_err(|error| explain(sql, &error))
    }

    /// The SQLSTATE that a statement fails with; an error if it does not fail.
    pub fn sqlstate(&mut self, sql: &str) -> Outcome<String> {
        match self.client.batch_execute(sql) {
            Ok(()) => Err(format!("it did not fail: {sql}").into()),
            Err(error) => Ok(error
                .code()
                .map(|code| code.code().to_owned())
                .ok_or_else(|| explain(sql, &error))?),
        }
    }

    /// The notices since the last time.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn explain(sql: &str, error: &postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(told) => format!(
            "{} {}: {} {}\n  in: {sql}",
            told.code().code(),
            told.message(),
            told.detail().unwrap_or_default(),
            told.hint().unwrap_or_default()
        )
        .into(),
        None => format!("{error}\n  in: {sql}").into(),
    }
}
