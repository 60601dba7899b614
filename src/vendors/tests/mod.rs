//! What the vendors' dialects promise, over recorded-style answers (invented people).

mod email_verdicts;
mod every_vendor;
mod mailbox_probes;
mod melissa_records;
mod network_look_ups;
mod phone_verdicts;
mod search_pages;
mod skip_traces;

use serde_json::Value;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/vendors/",
            $name
        ))
    };
}
pub(super) use fixture;

fn answer(status: u16, body: &[u8]) -> HttpAnswer {
    HttpAnswer {
        status,
        retry_after: None,
        body: body.to_vec(),
    }
}

fn item(id: &str, subject: Subject) -> Item {
    Item {
        id: id.into(),
        subject,
    }
}

/// A house in Arizona: street line and ZIP.
fn house(id: &str, street: &str, zip: &str) -> Item {
    let property = PropertySubject {
        address_line1: Some(street.into()),
        city: Some("Phoenix".into()),
        state: Some("AZ".into()),
        zip: Some(zip.into()),
        ..PropertySubject::default()
    };
    item(id, Subject::Property(property))
}

fn sent(product: Product, options: &Value, items: &[Item]) -> Result<HttpRequest, BuildError> {
    let account = Account {
        base_url: "https://api.example.com",
        key: &Secret::new("project:token"),
        options,
    };
    request(product, &account, items).map(|request| match request {
        Request::Http(request) => request,
        Request::Mailbox(_) => panic!("not sent by HTTP"),
    })
}

fn json_of(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body.as_deref().expect("a body")).expect("JSON")
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(header, _)| *header == name);
    found.next().map(|(_, value)| value.expose())
}

fn parts(reply: Reply) -> Vec<Part> {
    match reply {
        Reply::Answered(parts) => parts,
        other => panic!("not answered: {other:?}"),
    }
}
