//! How a request ended: what the vendor's answer, or its absence, means.

use std::time::Duration;

use super::http::{Incoming, SendFailure};
use super::session::{Flight, Purpose};
use crate::vendors::{self, HttpAnswer, Reply};

/// A request that ended, judged.
pub struct Landed {
    pub flight: Flight,
    pub verdict: Verdict,
    pub http_status: u16,
    pub latency: Duration,
    /// The vendor has failed so often that it is left alone for a while.
    pub opens_circuit: bool,
}

pub enum Verdict {
    Reply(Reply),
    NotSent(String),
    NoAnswer(String),
}

impl Verdict {
    /// Is the vendor in trouble? A refusal is an answer.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::NotSent(_) | Self::NoAnswer(_) | Self::Reply(Reply::Doubtful { .. })
        )
    }
}

impl Landed {
    /// Was every item of a purchase answered?
    pub fn is_whole(&self) -> bool {
        let Verdict::Reply(Reply::Answered(parts)) = &self.verdict else {
            return false;
        };
        let is_answered = |call: &i64| parts.iter().any(|part| part.item_id == call.to_string());
        self.flight.purpose == Purpose::Buy && self.flight.call_ids.iter().all(is_answered)
    }
}

/// Reads what came back for `flight`.
pub fn judge(flight: Flight, incoming: Incoming) -> Landed {
    let latency = incoming.elapsed;
    let (verdict, http_status) = match incoming.result {
        Ok(answer) => {
            let reply = vendors::receive(
                flight.product,
                &flight.vendor.options,
                &flight.items,
                &answer,
            );
            (
                Verdict::Reply(with_retry_after(reply, &answer)),
                answer.status,
            )
        }
        Err(SendFailure::NotSent(why)) => (Verdict::NotSent(why), 0),
        Err(SendFailure::InDoubt(why)) => (Verdict::NoAnswer(why), 0),
    };
    Landed {
        flight,
        verdict,
        http_status,
        latency,
        opens_circuit: false,
    }
}

fn with_retry_after(reply: Reply, answer: &HttpAnswer) -> Reply {
    match reply {
        Reply::Throttled { retry_after: None } => Reply::Throttled {
            retry_after: answer.retry_after.clone(),
        },
        other => other,
    }
}
