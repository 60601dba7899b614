use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> String {
    match parse(text) {
        Ok(number) => number.as_str().to_owned(),
        Err(problem) => panic!("{text:?}: {problem}"),
    }
}

#[test]
fn every_us_spelling_of_a_number_is_the_same_number() {
    for text in [
        "6025550143",
        "+16025550143",
        "16025550143",
        "0016025550143",
        "011 1 602 555 0143",
        "(602) 555-0143",
        "602.555.0143",
        "602-555-0143",
        "1-602-555-0143",
        "+1 (602) 555 - 0143",
        "  602 555 0143\t",
        "6025550143.0",
        "16025550143.00",
        "'6025550143",
        "tel:+1-602-555-0143",
        "TEL:6025550143;ext=12",
        "602-555-0143 ext. 12",
        "602-555-0143 x12",
        "602-555-0143 extension 9",
        "(602) 555-0143 #12",
        "6025550143 (home)",
        "602-555-0143 cell",
        "Cell: 602-555-0143",
        "\u{202A}+1\u{A0}602\u{2011}555\u{2013}0143\u{202C}",
        "\u{FF0B}\u{FF11} \u{FF16}\u{FF10}\u{FF12} 555 0143",
    ] {
        assert_eq!(number(text), "+16025550143", "{text:?}");
    }
}

#[test]
fn reserved_and_specified_sample_numbers_pass() {
    assert_eq!(number("+15551234567"), "+15551234567");
    assert_eq!(number("555-123-4567"), "+15551234567");
    assert_eq!(number("602-555-0100"), "+16025550100");
}

#[test]
fn vanity_letters_are_dialled() {
    assert_eq!(number("1-800-FLOWERS"), "+18003569377");
    assert_eq!(number("602-555-PATS"), "+16025557287");
}

#[test]
fn foreign_numbers_need_a_prefix_and_must_be_valid() {
    assert_eq!(number("+44 20 7946 0018"), "+442079460018");
    assert_eq!(number("00442079460018"), "+442079460018");
    assert_eq!(number("011 44 20 7946 0018"), "+442079460018");
    assert_eq!(number("+39 06 6982 1234"), "+390669821234");
    assert_eq!(parse("442079460018"), Err(PhoneProblem::WrongLength));
    assert_eq!(parse("+44 12 34 56 7"), Err(PhoneProblem::InvalidForeign));
    assert_eq!(parse("+999 123 456 789"), Err(PhoneProblem::NotANumber));
}

#[test]
fn what_cannot_be_dialled_is_refused_with_its_reason() {
    for (text, problem) in [
        ("", PhoneProblem::Blank),
        (" \t\u{FEFF}", PhoneProblem::Blank),
        ("12", PhoneProblem::WrongLength),
        ("555-0143", PhoneProblem::WrongLength),
        ("60255501431", PhoneProblem::WrongLength),
        ("602555014", PhoneProblem::WrongLength),
        ("0255501431", PhoneProblem::ImpossibleAreaCode),
        ("102-555-0143", PhoneProblem::ImpossibleAreaCode),
        ("+11025550143", PhoneProblem::ImpossibleAreaCode),
        ("911-555-0143", PhoneProblem::ImpossibleAreaCode),
        ("602-155-0143", PhoneProblem::ImpossibleExchange),
        ("602-055-0143", PhoneProblem::ImpossibleExchange),
        ("+16021234567", PhoneProblem::ImpossibleExchange),
        ("6.025550143E+09", PhoneProblem::Rounded),
        ("6.02555E9", PhoneProblem::Rounded),
        ("none", PhoneProblem::NotANumber),
        ("unknown number", PhoneProblem::NotANumber),
        ("手机号码", PhoneProblem::NotANumber),
        ("602-555-0143 é", PhoneProblem::NotANumber),
    ] {
        assert_eq!(parse(text), Err(problem), "{text:?}");
    }
    assert_eq!(parse(&"6".repeat(10_000)), Err(PhoneProblem::TooLong));
}

#[test]
fn two_numbers_in_one_text_are_never_cut_to_one() {
    for text in [
        "602-555-0143 or 602-555-0144",
        "602-555-0143, 602-555-0144",
        "602-555-0143 602-555-0144",
        "602-555-0143/0144",
        "(602) 555-0143 and 555-0144",
        "6025550143 home 6025550144 cell",
    ] {
        assert!(parse(text).is_err(), "{text:?} gave {:?}", parse(text));
    }
}

#[test]
fn fillers_are_nobodys_number() {
    for text in [
        "0000000000",
        "1111111111",
        "11111111111",
        "2222222222",
        "+1 (999) 999-9999",
        "1234567890",
        "123-4567",
        "2345678901",
        "9876543210",
        "(555) 555-5555",
    ] {
        assert_eq!(parse(text), Err(PhoneProblem::Placeholder), "{text:?}");
    }
}

#[test]
fn the_problem_never_repeats_the_number() {
    for text in [
        "602-155-0143",
        "60255501431",
        "9999999999",
        "+44 12 34 56 7",
    ] {
        let shown = format!("{0} {0:?}", parse(text).expect_err("not a number"));
        assert!(!shown.contains("0143") && !shown.contains("999") && !shown.contains("44"));
    }
}

#[test]
fn uri_parameters_that_break_the_library_are_cut_off() {
    assert_eq!(number("6025550143;phone-context=+1;tel:6"), "+16025550143");
    assert_eq!(number("6025550143;phone-context=+44"), "+16025550143");
    for text in [";phone-context=+1;tel:6025550143", "tel:;phone-context=+44"] {
        assert_eq!(parse(text), Err(PhoneProblem::NotANumber));
    }
}

/// Not a benchmark, a bound: ten times the figure measured in a release build on a slow machine.
#[test]
fn a_plain_number_takes_microseconds_at_most() {
    let started = Instant::now();
    for index in 0..10_000 {
        let _ = parse(&format!("602555{index:04}"));
    }
    assert!(started.elapsed().as_millis() < 500);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_short_path_says_what_the_library_path_says(plus in "(\\+1)?", digits in "[0-9]{9,11}") {
        let text = format!("{plus}{digits}");
        prop_assert_eq!(parse(&text), parse_with_library(&text));
    }

    #[test]
    fn possible_numbers_pass_in_any_dress(area in "[2-9][02-9][0-9]", exchange in "[2-9][0-9]{2}", line in "[0-9]{4}") {
        let plain = format!("{area}{exchange}{line}");
        prop_assume!(!is_filler(plain.as_bytes()));
        let expected = format!("+1{plain}");
        for text in [
            format!("({area}) {exchange}-{line}"),
            format!("1{plain}"),
            format!("+1 {area} {exchange} {line} ext 7"),
            format!("{plain}.0"),
        ] {
            prop_assert_eq!(parse(&text).map(|n| n.0), Ok(expected.clone()), "{}", text);
        }
    }

    #[test]
    fn a_canonical_number_is_its_own_canonical_form(text in "(\\+|00|011)?[0-9() .-]{5,20}( ?x[0-9]{1,3})?") {
        if let Ok(number) = parse(&text) {
            prop_assert_eq!(parse(number.as_str()), Ok(number));
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), tail in "[-+0-9a-zA-Z;=.#*() \u{FF10}-\u{FF19}]{0,40}") {
        let _ = parse(&text);
        let _ = parse(&tail);
        let _ = parse(&format!("{tail}{text}"));
        let _ = parse(&format!("tel:{tail};phone-context={text}"));
    }
}
