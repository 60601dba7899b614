//! What BatchData remembers between searches: sessions and walks.
//!
//! A session never delivers a record twice, whatever the search; a walk is the list that a cursor
//! goes through, as it stood when the walk began.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::dice::fingerprint;

/// Sessions a team may have.
pub const MOST_SESSIONS: usize = 100;

/// Everything remembered.
#[derive(Debug, Default)]
pub struct Searches {
    sessions: BTreeMap<String, Session>,
    walks: Vec<Walk>,
}

/// One search session.
#[derive(Debug, Default)]
pub struct Session {
    pub delivered: HashSet<String>,
    pages: HashMap<String, Page>,
    requests: u64,
}

/// A page kept under its idempotency key.
#[derive(Clone, Debug)]
pub struct Page {
    /// The whole request that it answered.
    pub request: String,
    pub results: Value,
}

/// A list as it stood: places in the world's list of records.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The criteria and order that the walk belongs to.
    pub search: String,
    pub order: Arc<Vec<usize>>,
}

impl Searches {
    /// Opens or continues a session; the error is the vendor's message.
    pub fn open(&mut self, id: &str) -> Result<(), String> {
        if !self.sessions.contains_key(id) && self.sessions.len() >= MOST_SESSIONS {
            return Err(format!(
                "at most {MOST_SESSIONS} search sessions are allowed"
            ));
        }
        self.sessions.entry(id.to_owned()).or_default().requests += 1;
        Ok(())
    }

    /// A session that exists, to write into.
    pub fn session_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    /// A session that exists.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The page kept in a session under an idempotency key.
    #[must_use]
    pub fn page(&self, id: &str, key: &str) -> Option<&Page> {
        self.sessions.get(id)?.pages.get(key)
    }

    /// Begins a walk and gives its number.
    pub fn begin(&mut self, walk: Walk) -> usize {
        self.walks.push(walk);
        self.walks.len() - 1
    }

    /// The walk that a cursor belongs to, its number and the place reached.
    #[must_use]
    pub fn resume(&self, cursor: &str) -> Option<(usize, usize, &Walk)> {
        let text = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let text = String::from_utf8(text).ok()?;
        let mut parts = text.split(':');
        let number: usize = parts.next()?.parse().ok()?;
        let offset: usize = parts.next()?.parse().ok()?;
        let walk = self.walks.get(number)?;
        (cursor_text(number, offset) == text).then_some((number, offset, walk))
    }

    /// The sessions, as the vendor lists them.
    #[must_use]
    pub fn list(&self, skip: usize, take: usize) -> Value {
        let rows = self.sessions.iter().skip(skip).take(take);
        let rows: Vec<Value> = rows
            .map(|(id, session)| {
                json!({
                    "id": id, "totalDelivered": session.delivered.len(),
                    "lastRequestAt": "2026-01-15T18:22:05.000Z",
                    "createdAt": "2026-01-15T18:00:00.000Z",
                })
            })
            .collect();
        json!({"sessions": rows, "total": self.sessions.len()})
    }
}

impl Session {
    /// Keeps a page under its idempotency key.
    pub fn keep(&mut self, key: &str, page: Page) {
        self.pages.insert(key.to_owned(), page);
    }

    /// Whether this is the session's first request.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.requests == 1
    }
}

/// An opaque cursor for a place in a walk.
#[must_use]
pub fn cursor(number: usize, offset: usize) -> String {
    URL_SAFE_NO_PAD.encode(cursor_text(number, offset))
}

fn cursor_text(number: usize, offset: usize) -> String {
    format!(
        "{number}:{offset}:{}",
        fingerprint(&format!("cursor {number} {offset}"), 6)
    )
}

/// Whether a session id has the documented form.
#[must_use]
pub fn is_session_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=128).contains(&id.len()) && id.bytes().all(fits)
}
