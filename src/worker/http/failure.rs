//! Says why a call has no answer: whether anything was sent, and in fixed words what went wrong.
//!
//! Never passes a library's text on: reqwest's errors quote the URL.

use std::error::Error;
use std::io;

use super::SendFailure;

/// The failure to get as far as an answer.
pub(super) fn of_sending(error: &reqwest::Error, has_roots: bool) -> SendFailure {
    if error.is_builder() {
        return SendFailure::NotSent("the request cannot be written as HTTP".into());
    }
    // Errors of this kind come from the connector, which has not seen the request yet.
    if error.is_connect() {
        return SendFailure::NotSent(connect_reason(error, has_roots).into());
    }
    SendFailure::InDoubt("the connection broke before the answer".into())
}

fn connect_reason(error: &reqwest::Error, has_roots: bool) -> &'static str {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(reason) = known_cause(cause, has_roots) {
            return reason;
        }
        // An I/O error's `source` passes over the error that it wraps.
        let wrapped = cause.downcast_ref().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    if error.is_timeout() {
        "no connection in time"
    } else {
        "the connection could not be made"
    }
}

fn known_cause(cause: &(dyn Error + 'static), has_roots: bool) -> Option<&'static str> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(match tls {
            _ if !has_roots => "this system has no CA certificates",
            rustls::Error::InvalidCertificate(_) => "the vendor's certificate is not trusted",
            _ => "the TLS handshake failed",
        });
    }
    if cause.to_string() == "dns error" {
        return Some("the vendor's host name was not found");
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some("the connection was refused"),
        io::ErrorKind::TimedOut => Some("no connection in time"),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            Some("the vendor's network cannot be reached")
        }
        _ => None,
    }
}
