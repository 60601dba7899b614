//! One request and one answer, as plain bytes: the dialects never see a socket.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::dialect::reason;

/// A request that arrived whole.
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub method: String,
    /// As sent: percent signs not yet decoded, no query.
    pub path: String,
    /// Decoded names and values.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Call {
    /// A call with a JSON body, for tests that need no socket.
    #[must_use]
    pub fn post(path: &str, body: &Value) -> Self {
        Self {
            method: "POST".into(),
            body: body.to_string().into_bytes(),
            ..Self::get(path)
        }
        .with_header("content-type", "application/json")
    }

    /// A call without a body.
    #[must_use]
    pub fn get(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            method: "GET".into(),
            path: path.to_owned(),
            query: parse_query(query),
            ..Self::default()
        }
    }

    /// The same call with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.to_owned()));
        self
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// A query parameter's value.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as a JSON object or other value, or why it is none.
    ///
    /// # Errors
    /// A text for the vendor's 400 answer.
    pub fn json(&self) -> Result<Value, String> {
        let kind = self.header("content-type").unwrap_or_default();
        if kind.split(';').next().unwrap_or_default().trim() != "application/json" {
            return Err("Content-Type must be application/json".to_owned());
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("body is not JSON: {error}"))
    }
}

/// Splits and decodes a query string; `+` means a space.
#[must_use]
pub fn parse_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Decodes `%XX`.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Answer {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self {
            status,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// What a gateway in front of the vendor says.
    #[must_use]
    pub fn html(status: u16) -> Self {
        let reason = reason(status);
        let text = format!(
            "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        let headers = vec![("content-type", "text/html".to_owned())];
        Self {
            status,
            headers,
            body: text.into_bytes(),
        }
    }

    /// The body as JSON, for tests; null when it is none.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}
