use proptest::prelude::*;

use super::*;

fn address(text: &str) -> String {
    match parse(text) {
        Ok(address) => address.as_str().to_owned(),
        Err(problem) => panic!("{text:?}: {problem}"),
    }
}

#[test]
fn what_stands_around_an_address_is_stripped() {
    for text in [
        "pat@example.com",
        "  pat@EXAMPLE.com\r\n",
        "<pat@example.com>",
        "mailto:pat@example.com",
        "MAILTO:pat@example.com?subject=hi",
        "Pat Example <pat@example.com>",
        "\"Example, Pat\" <mailto:pat@example.com>;",
        "pat@example.com,",
        "'pat@example.com'",
        "pat@example.com.",
        "\u{FEFF}pat@example.com\u{200B}",
    ] {
        assert_eq!(address(text), "pat@example.com", "{text:?}");
    }
}

#[test]
fn the_local_part_keeps_its_case_and_the_key_does_not() {
    let pat = parse("Pat.Example@Example.COM").expect("valid");
    assert_eq!(pat.as_str(), "Pat.Example@example.com");
    assert_eq!(pat.local(), "Pat.Example");
    assert_eq!(pat.domain(), "example.com");
    assert_eq!(pat.comparison_key(), "pat.example@example.com");
}

#[test]
fn sample_domains_and_unusual_real_addresses_pass() {
    for text in [
        "john@example.com",
        "na@example.org",
        "o'brien+list@mail.example.net",
        "x@example.com",
        "tester@example.com",
        "a_b-c.d=e@sub.example.co.uk",
        "na@smith-family.org",
        "email@example.com",
    ] {
        assert_eq!(address(text), text);
    }
}

#[test]
fn international_domains_become_ascii() {
    assert_eq!(address("pat@BÜCHER.example"), "pat@xn--bcher-kva.example");
    assert_eq!(address("pat@example\u{3002}com"), "pat@example.com");
}

#[test]
fn what_cannot_receive_mail_is_refused_with_its_reason() {
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long_domain = format!("a@{}.com", "a".repeat(64));
    for (text, problem) in [
        ("", EmailProblem::Blank),
        (" <> ", EmailProblem::Blank),
        ("none", EmailProblem::NoDomain),
        ("@example.com", EmailProblem::NoDomain),
        ("pat@", EmailProblem::NoDomain),
        ("pat@example.com; sue@example.com", EmailProblem::NotOne),
        ("pat@home@example.com", EmailProblem::NotOne),
        ("pat@localhost", EmailProblem::BadDomain),
        ("pat@[127.0.0.1]", EmailProblem::BadDomain),
        ("pat@192.168.0.1", EmailProblem::BadDomain),
        ("pat@example..com", EmailProblem::BadDomain),
        ("pat@-example.com", EmailProblem::BadDomain),
        ("pat@exa mple.com", EmailProblem::BadDomain),
        ("pat@exam_ple.com", EmailProblem::BadDomain),
        ("pat@example.c", EmailProblem::BadDomain),
        ("pat@host.local", EmailProblem::DeadDomain),
        ("pat@example.invalid", EmailProblem::DeadDomain),
        ("\"pat example\"@example.com", EmailProblem::BadLocalPart),
        ("pat example@example.com", EmailProblem::BadLocalPart),
        ("pat..example@example.com", EmailProblem::BadLocalPart),
        (".pat@example.com", EmailProblem::BadLocalPart),
        ("zoë@example.com", EmailProblem::BadLocalPart),
        (long_local.as_str(), EmailProblem::BadLocalPart),
        (long_domain.as_str(), EmailProblem::BadDomain),
    ] {
        assert_eq!(parse(text), Err(problem), "{text:?}");
    }
    assert_eq!(parse(&"a".repeat(100_000)), Err(EmailProblem::TooLong));
}

#[test]
fn fillers_are_nobodys_address() {
    for text in [
        "none@none.com",
        "NA@NA.com",
        "na@na.org",
        "test@smith.com",
        "Test@Example.com",
        "noemail@example.com",
        "no-reply@example.com",
        "n/a@example.com",
        "email@email.com",
        "john@none.com",
        "asdf@asdf.com",
    ] {
        assert_eq!(parse(text), Err(EmailProblem::Placeholder), "{text:?}");
    }
}

#[test]
fn provider_keys_find_the_mailbox_behind_the_tricks() {
    let key = |text| parse(text).expect("valid").provider_key();
    assert_eq!(key("P.at+list@GoogleMail.com"), key("pat@gmail.com"));
    assert_eq!(key("pat+list@outlook.com"), "pat@outlook.com");
    assert_eq!(key("p.at@outlook.com"), "p.at@outlook.com");
    assert_eq!(key("pat+list@example.com"), "pat+list@example.com");
    assert_eq!(key("+list@gmail.com"), "+list@gmail.com");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_canonical_address_is_its_own_canonical_form(
        local in "[A-Za-z0-9._+'=-]{1,20}", domain in "[A-Za-z0-9.äü-]{1,20}\\.[a-z]{2,4}", around in "[ <>;.]{0,3}"
    ) {
        if let Ok(address) = parse(&format!("{around}{local}@{domain}{around}")) {
            prop_assert_eq!(parse(address.as_str()), Ok(address.clone()));
            prop_assert_eq!(address.comparison_key(), parse(&address.as_str().to_uppercase()).expect("only the case differs").comparison_key());
            prop_assert!(address.as_str().is_ascii());
            prop_assert_eq!(format!("{}@{}", address.local(), address.domain()), address.as_str());
        }
    }

    #[test]
    fn no_text_panics(left in any::<String>(), right in any::<String>(), dress in "[<>@.\"\\[\\] mailto:]{0,20}") {
        for text in [format!("{left}@{right}"), format!("{dress}{left}@{right}{dress}"), format!("{left}{dress}")] {
            if let Ok(address) = parse(&text) {
                let _ = address.provider_key();
            }
        }
    }
}
