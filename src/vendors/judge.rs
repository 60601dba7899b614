//! What an HTTP status says about money and about trying again, the same for every vendor.
//!
//! Never says "not billed" without the vendor's word or the status's meaning: whatever is left over
//! is `Doubtful`, because a second try of a billed call pays twice. Vendors' error texts are shown to
//! users, and vendors quote keys and people in them, so only plain words pass ([`safe_text`]).

use std::collections::HashSet;

use serde_json::Value;

use super::{HttpAnswer, Item, Reply, lenient};

const LONGEST_REASON: usize = 200;

/// The judgement of an answer that is not a success; `None` for 2xx, whose body decides.
pub(super) fn refusal(items: &[Item], answer: &HttpAnswer) -> Option<Reply> {
    if (200..300).contains(&answer.status) {
        return None;
    }
    let message = lenient::parse(&answer.body)
        .and_then(|body| message_of(&body))
        .unwrap_or_default();
    let reason = reason(&format!("HTTP {}", answer.status), &message, items);
    Some(by_code(answer.status, &message, reason).with_retry_after(answer))
}

/// The judgement of an error code that stands inside a body sent with status 200.
pub(super) fn inner_refusal(items: &[Item], body: &Value, code_path: &str) -> Option<Reply> {
    let code = lenient::count(body, code_path)?;
    if (200..300).contains(&code) {
        return None;
    }
    let message = message_of(body).unwrap_or_default();
    let reason = reason(&format!("code {code} at HTTP 200"), &message, items);
    Some(by_code(
        u16::try_from(code).unwrap_or(u16::MAX),
        &message,
        reason,
    ))
}

/// True if the vendor says that the account has run dry.
pub(super) fn is_out_of_money(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let short = [
        "insufficient",
        "out of",
        "no more",
        "not enough",
        "exhausted",
    ];
    let money = ["balance", "credit", "fund"];
    short.iter().any(|word| message.contains(word)) && money.iter().any(|w| message.contains(w))
}

fn by_code(code: u16, message: &str, reason: String) -> Reply {
    match code {
        429 | 503 => Reply::Throttled { retry_after: None },
        401..=403 | 407 | 451 => Reply::Blocked { reason },
        // Not followed, so not processed; 303 alone means "done, look there".
        301 | 302 | 307 | 308 => Reply::Blocked {
            reason: format!("{reason}: the vendor redirects, so base_url is wrong"),
        },
        400 | 404..=406 | 410..=417 | 421 | 422 | 426 | 428 | 431 => {
            if is_out_of_money(message) {
                Reply::Blocked { reason }
            } else {
                Reply::Rejected { reason }
            }
        }
        _ => Reply::Doubtful { reason },
    }
}

impl Reply {
    fn with_retry_after(self, answer: &HttpAnswer) -> Self {
        match self {
            Self::Throttled { .. } => Self::Throttled {
                retry_after: answer.retry_after.clone(),
            },
            other => other,
        }
    }
}

/// The vendor's own words, from the places where the documented error bodies keep them.
pub(super) fn message_of(body: &Value) -> Option<String> {
    const PLACES: [&str; 7] = [
        "status.message",
        "message",
        "error.message",
        "error",
        "detail",
        "title",
        "status.text",
    ];
    let first_error = lenient::list(body, "errors").first();
    first_error
        .and_then(|error| lenient::text(error, "detail").or_else(|| lenient::text(error, "title")))
        .or_else(|| PLACES.iter().find_map(|place| lenient::text(body, place)))
}

/// `what`, and the vendor's message as far as it can be shown.
pub(super) fn reason(what: &str, message: &str, items: &[Item]) -> String {
    let safe = safe_text(message, items);
    let mut reason = if safe.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {safe}")
    };
    if let Some((cut, _)) = reason.char_indices().nth(LONGEST_REASON) {
        reason.truncate(cut);
    }
    reason
}

/// The plain words of a vendor's message. Anything that could be a key, a number, an address or a
/// word of what was asked about becomes an ellipsis.
fn safe_text(message: &str, items: &[Item]) -> String {
    let asked = words_of(items);
    let mut kept: Vec<&str> = Vec::new();
    for token in message.split_whitespace().take(60) {
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        let shown = if is_plain(word) && !asked.contains(&word.to_lowercase()) {
            word
        } else {
            "…"
        };
        if shown != "…" || kept.last() != Some(&"…") {
            kept.push(shown);
        }
    }
    if kept.iter().all(|word| *word == "…") {
        return String::new();
    }
    kept.join(" ")
}

fn is_plain(word: &str) -> bool {
    let letters = word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'\'');
    let small_number = word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
    let code = word.len() == 4
        && word.is_char_boundary(2)
        && word[..2].bytes().all(|b| b.is_ascii_uppercase())
        && word[2..].bytes().all(|b| b.is_ascii_digit());
    let plain = (letters && word.len() <= 14) || small_number || code;
    !word.is_empty() && plain
}

fn words_of(items: &[Item]) -> HashSet<String> {
    fn collect(value: &Value, words: &mut HashSet<String>) {
        match value {
            Value::String(text) => words.extend(
                text.split(|c: char| !c.is_alphanumeric())
                    .filter(|word| !word.is_empty())
                    .map(str::to_lowercase),
            ),
            Value::Array(inner) => inner.iter().for_each(|value| collect(value, words)),
            Value::Object(inner) => inner.values().for_each(|value| collect(value, words)),
            _ => {}
        }
    }
    let mut words = HashSet::new();
    for item in items {
        if let Ok(subject) = serde_json::to_value(&item.subject) {
            collect(&subject, &mut words);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::Subject;

    fn judged(status: u16, body: &str) -> Reply {
        let answer = HttpAnswer {
            status,
            retry_after: Some("7".into()),
            body: body.as_bytes().to_vec(),
        };
        refusal(&[], &answer).expect("not a success")
    }

    #[test]
    fn every_status_has_one_meaning() {
        for status in [429, 503] {
            assert!(
                matches!(judged(status, ""), Reply::Throttled { retry_after: Some(after) } if after == "7")
            );
        }
        for status in [401, 402, 403, 301, 308] {
            assert!(
                matches!(judged(status, ""), Reply::Blocked { .. }),
                "{status}"
            );
        }
        for status in [400, 404, 405, 413, 415, 422] {
            assert!(
                matches!(judged(status, ""), Reply::Rejected { .. }),
                "{status}"
            );
        }
        for status in [0, 100, 303, 408, 409, 500, 502, 504, 520, 999] {
            let html = "<html><h1>Bad Gateway</h1></html>";
            assert!(
                matches!(judged(status, html), Reply::Doubtful { .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn an_empty_account_pauses_the_vendor_whatever_the_status() {
        let body =
            r#"{"status":{"code":400,"text":"Bad Request","message":"Insufficient balance"}}"#;
        assert!(
            matches!(judged(400, body), Reply::Blocked { reason } if reason == "HTTP 400: Insufficient balance")
        );
    }

    #[test]
    fn keys_and_people_never_reach_a_reason() {
        let items = [Item {
            id: "1".into(),
            subject: Subject::Email("pat.sample@example.com".into()),
        }];
        let message = "Key abcdef0123456789abcdef0123456789abcdef01 (or \"my-melissa-key\") may not ask \
                       about pat.sample@example.com, SAMPLE Pat, +16025550143, 602-555-0143, 85001: GE05 403";
        let shown = safe_text(message, &items);
        assert_eq!(shown, "Key … or … may not ask about … GE05 403");
    }

    #[test]
    fn a_reason_is_short_whatever_the_vendor_writes() {
        let long = "ä".repeat(10_000) + &" word".repeat(10_000);
        assert!(reason("HTTP 500", &long, &[]).chars().count() <= LONGEST_REASON);
    }
}
