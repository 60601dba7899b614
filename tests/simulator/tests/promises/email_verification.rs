use crate::customer::{Customer, VERIFY, settings};
use equity_simulator::exchange::{Answer, Call};
use equity_simulator::settings::Settings;
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::Mailbox;
use serde_json::json;

fn email(customer: &Customer, mailbox: Mailbox, slow: bool) -> String {
    let owner = customer.property(|p| {
        p.emails
            .iter()
            .any(|e| e.mailbox == mailbox && e.slow == slow)
    });
    let found = owner
        .emails
        .iter()
        .find(|e| e.mailbox == mailbox && e.slow == slow);
    found.expect("just seen").address.clone()
}

fn post(customer: &Customer, email: &str) -> Answer {
    customer.instantly(Call::post(VERIFY, &json!({"email": email})))
}

fn get(customer: &Customer, email: &str) -> Answer {
    customer.instantly(Call::get(&format!(
        "{VERIFY}/{}",
        email.replace('@', "%40")
    )))
}

#[test]
fn the_verdict_is_the_mailboxs() {
    let customer = Customer::new();
    for (mailbox, status, catch_all) in [
        (Mailbox::Valid, "verified", false),
        (Mailbox::Invalid, "invalid", false),
        (Mailbox::CatchAll, "verified", true),
    ] {
        let address = email(&customer, mailbox, false);
        let answer = post(&customer, &address).value();
        assert_eq!(answer["email"], address);
        assert_eq!(answer["verification_status"], status);
        assert_eq!(answer["catch_all"], catch_all);
        assert_eq!(
            (&answer["status"], &answer["credits_used"]),
            (&json!("success"), &json!(1))
        );
    }
    assert_eq!(
        post(&customer, "nobody@example.com").value()["verification_status"],
        "invalid"
    );
}

#[test]
fn a_slow_mailbox_is_pending_until_asked_often_enough() {
    let customer = Customer::new();
    let address = email(&customer, Mailbox::Valid, true);
    let first = post(&customer, &address).value();
    assert_eq!(
        (&first["verification_status"], &first["catch_all"]),
        (&json!("pending"), &json!("pending"))
    );
    assert_eq!(
        get(&customer, &address).value()["verification_status"],
        "pending"
    );
    let settled = get(&customer, &address).value();
    assert_eq!(
        (&settled["verification_status"], &settled["catch_all"]),
        (&json!("verified"), &json!(false))
    );
    let total = customer.total(Vendor::InstantlyVerify);
    assert_eq!((total.units, total.micros), (1, 10_000));
}

#[test]
fn a_second_post_spends_again_and_a_get_never_does() {
    let customer = Customer::new();
    let address = email(&customer, Mailbox::Valid, false);
    assert_eq!(get(&customer, &address).status, 404);
    let first = post(&customer, &address).value()["credits"].as_u64();
    let second = post(&customer, &address.to_uppercase()).value()["credits"].as_u64();
    assert_eq!(second, first.map(|credits| credits - 1));
    assert_eq!(get(&customer, &address).value()["credits"].as_u64(), second);
    let duplicates = customer.0.with_office(|office| office.bill.duplicates());
    assert_eq!((duplicates.len(), duplicates[0].times), (1, 2));
}

#[test]
fn bad_requests_keys_and_empty_accounts_are_told_in_the_vendors_words() {
    let customer = Customer(Simulator::new(Settings {
        instantly_credits: 1,
        ..settings()
    }));
    for body in [
        json!({}),
        json!({"email": "not an address"}),
        json!({"email": 5}),
        json!({"email": "pat@example.com", "verify": true}),
        json!({"emails": ["pat@example.com"]}),
    ] {
        let answer = customer.instantly(Call::post(VERIFY, &body));
        assert_eq!(
            (answer.status, &answer.value()["statusCode"]),
            (400, &json!(400))
        );
        assert_eq!(answer.value()["error"], "Bad Request");
    }
    let keyless = customer
        .0
        .handle_path(&Call::post(VERIFY, &json!({"email": "pat@example.com"})));
    assert_eq!(
        (keyless.status, &keyless.value()["statusCode"]),
        (401, &json!(401))
    );
    assert_eq!(post(&customer, "pat@example.com").status, 200);
    assert_eq!(post(&customer, "robin@example.com").status, 402);
    assert_eq!(get(&customer, "pat@example.com").status, 200);
    assert_eq!(customer.total(Vendor::InstantlyVerify).units, 1);
}
