//! One HTTP exchange as plain data: who asks, what is sent, what came back.
//!
//! Never shows a key: `Secret` has no `Display`, and the `Debug` of a request leaves out header
//! values, the body (Melissa's key stands in it) and the path (Instantly's holds an e-mail address).
//! Addresses must be https; plain http is for a simulator on this machine only, so that a typing
//! mistake in a setting cannot send a key in clear text.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use thiserror::Error;
use url::{Host, Url};

/// A key or a header that holds one. Its value appears only where [`Secret::expose`] is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value out of sight.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// No key at all.
    pub const fn none() -> Self {
        Self(String::new())
    }

    /// The value itself. Only for the bytes that go to the vendor.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// How one vendor is reached. For SignalWire the key is `project:token`.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Scheme, host and, for the simulator, a path prefix.
    pub base_url: &'a str,
    /// From the keys file.
    pub key: &'a Secret,
    /// `vendors.options`: each vendor's file says which names it reads.
    pub options: &'a Value,
}

/// The methods the vendors use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// A request ready to be sent, once.
#[derive(Clone)]
pub struct HttpRequest {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(&'static str, Secret)>,
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// What came back. The body may hold personal data, so `Debug` shows its length only.
#[derive(Clone)]
pub struct HttpAnswer {
    pub status: u16,
    /// The raw `Retry-After` header: seconds or a date.
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Why a request cannot be built. Nothing was sent and nothing is owed. No text holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// The vendor's settings are wrong: no item can be sent until they are mended.
    #[error("vendor settings: {problem}")]
    Account { problem: String },
    /// The batch as a whole is wrong: a mistake of the caller.
    #[error("batch: {problem}")]
    Batch { problem: String },
    /// This item can't be asked about; the others of the batch can, without it.
    #[error("item: {problem}")]
    Item { id: String, problem: String },
}

impl BuildError {
    pub(super) fn account(problem: impl Into<String>) -> Self {
        Self::Account {
            problem: problem.into(),
        }
    }

    pub(super) fn batch(problem: impl Into<String>) -> Self {
        Self::Batch {
            problem: problem.into(),
        }
    }

    pub(super) fn item(id: &str, problem: impl Into<String>) -> Self {
        Self::Item {
            id: id.to_owned(),
            problem: problem.into(),
        }
    }
}

impl Account<'_> {
    /// The vendor's URL for `path`, which is ours and starts with a slash.
    pub(super) fn endpoint(&self, path: &str) -> Result<String, BuildError> {
        let base = Url::parse(self.base_url.trim())
            .map_err(|_| BuildError::account("base_url is not a URL"))?;
        let allowed = match base.scheme() {
            "https" => true,
            "http" => is_loopback(&base),
            _ => false,
        };
        if !allowed {
            return Err(BuildError::account(
                "base_url must be https, or plain http to this machine's loopback address",
            ));
        }
        let bare = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !bare {
            return Err(BuildError::account(
                "base_url may hold scheme, host, port and path only",
            ));
        }
        Ok(format!("{}{path}", base.as_str().trim_end_matches('/')))
    }

    /// The key, known to fit a header and a JSON body unchanged.
    pub(super) fn usable_key(&self) -> Result<&str, BuildError> {
        let key = self.key.expose();
        if key.is_empty() {
            return Err(BuildError::account("no key is set"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BuildError::account(
                "the key holds a space, a line break or a character that is not ASCII",
            ));
        }
        Ok(key)
    }

    /// Headers of a vendor that takes `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> Result<Vec<(&'static str, Secret)>, BuildError> {
        let key = self.usable_key()?;
        Ok(vec![
            ("authorization", Secret(format!("Bearer {key}"))),
            ("accept", Secret::new("application/json")),
        ])
    }

    /// Headers of a vendor that takes Basic authentication; the key is `user:password`.
    pub(super) fn basic(&self) -> Result<Vec<(&'static str, Secret)>, BuildError> {
        let key = self.usable_key()?;
        match key.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(vec![
                (
                    "authorization",
                    Secret(format!("Basic {}", STANDARD.encode(key))),
                ),
                ("accept", Secret::new("application/json")),
            ]),
            _ => Err(BuildError::account("the key must be written project:token")),
        }
    }

    /// An option that is a text; its absence is fine, another type is not.
    pub(super) fn text_option(&self, name: &str) -> Result<Option<&str>, BuildError> {
        match self.options.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim())),
            Some(_) => Err(BuildError::account(format!("option {name} must be a text"))),
        }
    }
}

/// A POST of JSON with these headers.
pub(super) fn post(
    url: String,
    mut headers: Vec<(&'static str, Secret)>,
    body: &impl serde::Serialize,
) -> Result<HttpRequest, BuildError> {
    headers.push(("content-type", Secret::new("application/json")));
    let body = serde_json::to_vec(body)
        .map_err(|_| BuildError::batch("the request cannot be written as JSON"))?;
    Ok(HttpRequest {
        method: Method::Post,
        url,
        headers,
        body: Some(body),
    })
}

/// A GET with these headers.
pub(super) fn get(url: String, headers: Vec<(&'static str, Secret)>) -> HttpRequest {
    bare(Method::Get, url, headers)
}

/// A DELETE with these headers.
pub(super) fn delete(url: String, headers: Vec<(&'static str, Secret)>) -> HttpRequest {
    bare(Method::Delete, url, headers)
}

fn bare(method: Method, url: String, headers: Vec<(&'static str, Secret)>) -> HttpRequest {
    HttpRequest {
        method,
        url,
        headers,
        body: None,
    }
}

/// One path segment; everything but RFC 3986's unreserved characters is encoded, `+` and `@` too.
pub(super) fn segment(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_url: &str) -> Result<String, BuildError> {
        let account = Account {
            base_url,
            key: &Secret::new("key"),
            options: &Value::Null,
        };
        account.endpoint("/v1/x")
    }

    #[test]
    fn https_goes_anywhere_and_http_to_loopback_only() {
        for (base, url) in [
            ("https://api.example.com", "https://api.example.com/v1/x"),
            (
                "https://api.example.com/p/",
                "https://api.example.com/p/v1/x",
            ),
            ("http://127.0.0.1:8080/b", "http://127.0.0.1:8080/b/v1/x"),
            ("http://127.9.9.9", "http://127.9.9.9/v1/x"),
            ("http://[::1]:80", "http://[::1]/v1/x"),
            ("http://LOCALHOST:1", "http://localhost:1/v1/x"),
        ] {
            assert_eq!(endpoint(base).as_deref(), Ok(url), "{base}");
        }
        for base in [
            "http://api.example.com",
            "http://128.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://[::ffff:127.0.0.1]",
            "http://0.0.0.0",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "https://user:word@api.example.com",
            "https://api.example.com?a=b",
            "https://api.example.com#a",
            "api.example.com",
            "",
        ] {
            assert!(endpoint(base).is_err(), "{base}");
        }
    }

    #[test]
    fn nothing_secret_or_personal_is_shown() {
        let account = Account {
            base_url: "https://api.example.com",
            key: &Secret::new("hush:hush"),
            options: &Value::Null,
        };
        let mut request = get(
            "https://api.example.com/pat%40example.com".into(),
            account.basic().expect("a key"),
        );
        request.body = Some(b"hush".to_vec());
        let answer = HttpAnswer {
            status: 200,
            retry_after: None,
            body: b"pat@example.com".to_vec(),
        };
        let shown = format!("{account:?} {request:?} {answer:?}");
        for hidden in ["hush", "aHVzaDpodXNo", "pat"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn a_key_that_would_break_a_header_is_refused() {
        for key in ["", "a b", "a\nb", "a\r\nx: y", "schl\u{fc}ssel"] {
            let account = Account {
                base_url: "https://api.example.com",
                key: &Secret::new(key),
                options: &Value::Null,
            };
            assert!(account.bearer().is_err());
        }
    }
}
