use serde_json::json;

use super::instantly_verify::read;
use super::*;

const PRODUCT: Product = Product::InstantlyVerify;

fn pat() -> [Item; 1] {
    [item("call-1", Subject::Email("pat+a@example.com".into()))]
}

fn received(status: u16, body: &str) -> Reply {
    let items = [item("call-1", Subject::Email("Pat@example.com".into()))];
    receive(
        PRODUCT,
        &Value::Null,
        &items,
        &answer(status, body.as_bytes()),
    )
}

#[test]
fn the_post_holds_the_address_and_the_poll_asks_for_it() {
    let options = Value::Null;
    let request = sent(PRODUCT, &options, &pat()).expect("built");
    assert_eq!(
        request.url,
        "https://api.example.com/api/v2/email-verification"
    );
    assert_eq!(json_of(&request), json!({"email": "pat+a@example.com"}));
    let options = json!({"webhook_url": "https://hook.example.com/x"});
    let request = sent(PRODUCT, &options, &pat()).expect("built");
    assert_eq!(
        json_of(&request),
        json!({"email": "pat+a@example.com", "webhook_url": "https://hook.example.com/x"})
    );
    let account = Account {
        base_url: "https://api.example.com/",
        key: &Secret::new("key"),
        options: &Value::Null,
    };
    let Some(Request::Http(poll)) = poll_request(PRODUCT, &account, &pat()[0]) else {
        panic!("no poll");
    };
    assert_eq!(poll.method, Method::Get);
    assert_eq!(
        poll.url,
        "https://api.example.com/api/v2/email-verification/pat%2Ba%40example.com"
    );
    assert_eq!(poll.body, None);
    assert_eq!(header(&poll, "authorization"), Some("Bearer key"));
}

#[test]
fn what_is_no_address_is_not_paid_for() {
    for text in [
        "",
        " ",
        "..",
        "pat",
        "@example.com",
        "pat@",
        "a b@example.com",
        "a@b\n",
    ] {
        let items = [item("call-1", Subject::Email(text.into()))];
        let built = sent(PRODUCT, &Value::Null, &items);
        assert_eq!(built.is_ok(), text == "a@b\n", "{text:?}");
    }
}

#[test]
fn pending_is_an_answer_that_is_polled() {
    let reply = received(
        200,
        std::str::from_utf8(fixture!("instantly_pending.json")).expect("text"),
    );
    let parts = parts(reply);
    assert!(parts[0].pending && !parts[0].matched);
    assert_eq!(parts[0].units, 1);
    assert_eq!(read(&parts[0].body), Ok(EmailVerdict::Pending));
}

#[test]
fn verification_status_alone_decides_and_catch_all_is_not_verified() {
    let verdict = |status: &str, catch_all: Value| {
        read(&json!({"verification_status": status, "catch_all": catch_all, "status": "error"}))
    };
    assert_eq!(
        verdict("verified", json!(false)),
        Ok(EmailVerdict::Verified)
    );
    assert_eq!(verdict("verified", json!(null)), Ok(EmailVerdict::Verified));
    assert_eq!(
        verdict("verified", json!("pending")),
        Ok(EmailVerdict::Verified)
    );
    assert_eq!(verdict("verified", json!(true)), Ok(EmailVerdict::CatchAll));
    assert_eq!(
        verdict("verified", json!("true")),
        Ok(EmailVerdict::CatchAll)
    );
    assert_eq!(verdict("invalid", json!(true)), Ok(EmailVerdict::Invalid));
    assert_eq!(
        verdict("pending", json!("pending")),
        Ok(EmailVerdict::Pending)
    );
    for unknown in ["valid", "risky", ""] {
        assert!(verdict(unknown, json!(false)).is_err(), "{unknown}");
    }
}

#[test]
fn a_settled_answer_is_one_unit_also_when_it_came_by_a_free_poll() {
    let settled = std::str::from_utf8(fixture!("instantly_verified.json")).expect("text");
    let told = parts(received(200, settled));
    assert_eq!(
        (told[0].units, told[0].matched, told[0].pending),
        (1, true, false)
    );
    let polled = r#"{"verification_status": "invalid", "credits_used": 0}"#;
    assert_eq!(parts(received(200, polled))[0].units, 1);
}

#[test]
fn an_unknown_status_is_kept_because_it_is_paid_for() {
    let told = parts(received(
        200,
        r#"{"verification_status": "risky", "credits_used": 0.25}"#,
    ));
    assert_eq!(
        (told[0].units, told[0].matched, told[0].pending),
        (1, false, false)
    );
    assert!(read(&told[0].body).is_err());
}

#[test]
fn refusals_are_told_apart() {
    let no_plan = std::str::from_utf8(fixture!("instantly_no_plan.json")).expect("text");
    for status in [402, 200] {
        assert!(
            matches!(received(status, no_plan), Reply::Blocked { .. }),
            "{status}"
        );
    }
    let empty = r#"{"error": "You are out of verification credits"}"#;
    assert!(matches!(received(200, empty), Reply::Blocked { .. }));
    let missing =
        r#"{"statusCode": 404, "error": "Not Found", "message": "pat@example.com not found"}"#;
    let reason = "HTTP 404: … not found".to_owned();
    assert_eq!(received(404, missing), Reply::Rejected { reason });
    for doubtful in [
        r#"{"error": "timeout"}"#,
        "{}",
        r#"{"email": "pat@example.com", "verif"#,
        r#"{"email": "kim@example.com", "verification_status": "verified"}"#,
    ] {
        assert!(
            matches!(received(200, doubtful), Reply::Doubtful { .. }),
            "{doubtful}"
        );
    }
}
