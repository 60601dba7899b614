use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde_json::{Number, json};

use super::*;

const FIXTURES: [&[u8]; 14] = [
    fixture!("batchdata_search_page.json"),
    fixture!("batchdata_search_last_page.json"),
    fixture!("batchdata_forbidden.json"),
    fixture!("batchdata_skip_trace_v1.json"),
    fixture!("batchdata_skip_trace_v3.json"),
    fixture!("batchdata_skip_trace_v3_people.json"),
    fixture!("melissa_batch.json"),
    fixture!("melissa_out_of_credits.json"),
    fixture!("melissa_bad_request.json"),
    fixture!("instantly_pending.json"),
    fixture!("instantly_verified.json"),
    fixture!("instantly_no_plan.json"),
    fixture!("signalwire_wireless.json"),
    fixture!("bad_gateway.html"),
];

fn subject(product: Product) -> Item {
    match product {
        Product::BatchdataSearch => {
            let page = SearchPage {
                criteria: json!({"zip_codes": ["85001"]}),
                take: 100,
                idempotency_key: "k".into(),
                ..SearchPage::default()
            };
            item("lead-42", Subject::Search(page))
        }
        Product::Melissa | Product::BatchdataSkipTrace => {
            house("lead-42", "100 W Sample Ave", "85001")
        }
        Product::InstantlyVerify | Product::SmtpProbe => {
            item("lead-42", Subject::Email("pat@example.com".into()))
        }
        Product::SignalwireLookup | Product::HlrLookup => {
            item("lead-42", Subject::Phone("+16025550143".into()))
        }
    }
}

/// All products but the one that talks to mail servers; that has its own tests.
fn spoken_by_http() -> impl Iterator<Item = Product> {
    let http = |product: &Product| *product != Product::SmtpProbe;
    Product::ALL.into_iter().filter(http)
}

/// Reads with every reader: a stored part may be handed to the wrong one.
fn read_all(body: &Value) {
    let _ = batchdata_search::read(body);
    let _ = batchdata_skip_trace::read(body);
    let _ = melissa::read(body);
    let _ = instantly_verify::read(body);
    let _ = signalwire_lookup::read(body);
    let _ = hlr_lookup::read(body);
    let _ = smtp_probe::read(body);
}

fn receive_all(status: u16, body: &[u8]) -> Vec<(Product, Reply)> {
    let replies = Product::ALL.map(|product| {
        let items = [subject(product)];
        (
            product,
            receive(product, &Value::Null, &items, &answer(status, body)),
        )
    });
    for (_, reply) in &replies {
        if let Reply::Answered(parts) = reply {
            parts.iter().for_each(|part| read_all(&part.body));
        }
    }
    replies.into()
}

const NAMES: &[&str] = &[
    "status",
    "code",
    "message",
    "results",
    "result",
    "properties",
    "meta",
    "resultCount",
    "matchCount",
    "noMatchCount",
    "errorCount",
    "data",
    "persons",
    "phones",
    "phoneNumbers",
    "number",
    "type",
    "rank",
    "score",
    "emails",
    "email",
    "input",
    "requestId",
    "inputIndex",
    "propertyAddress",
    "street",
    "zip",
    "matched",
    "error",
    "owner",
    "names",
    "address",
    "valuation",
    "estimatedValue",
    "equityPercent",
    "demographics",
    "age",
    "_id",
    "Records",
    "RecordID",
    "Results",
    "TransmissionResults",
    "MelissaAddressKey",
    "PhoneNumber",
    "OwnRent",
    "PostalCode",
    "AddressLine1",
    "verification_status",
    "catch_all",
    "carrier",
    "linetype",
    "valid_number",
    "e164",
    "statusCode",
    "credits_used",
    "v1",
    "v3",
    "litigator",
    "death",
    "deceased",
    "unitNumber",
    "live_status",
    "telephone_number_type",
    "detected_telephone_number",
    "credits_spent",
    "recipient",
    "decoy",
    "problem",
    "text",
];

const WORDS: &[&str] = &[
    "lead-42",
    "100 W Sample Ave",
    "85001",
    " ",
    "AS01,DA30,DA40,GE01",
    "GE14",
    "verified",
    "pending",
    "Mobile",
    "pat@example.com",
    "+16025550143",
    "16025550143",
    "INSUFFICIENT_CREDIT",
    "LIVE",
    "5.7.1 blocked",
    "unreachable",
    "1e308",
    "-1",
    "true",
];

/// The names vendors use, so that made-up answers reach deep into the readers.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => proptest::sample::select(NAMES).prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        (0u64..5).prop_map(Value::from),
        any::<f64>().prop_map(|f| Number::from_f64(f).map_or(Value::Null, Value::Number)),
        proptest::sample::select(WORDS).prop_map(Value::from),
        ".{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 96, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            hash_map(name(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_json_makes_a_reader_panic(body in json_value(), status in prop_oneof![3 => Just(200u16), 1 => any::<u16>()]) {
        read_all(&body);
        read_all(&json!({"v3": body}));
        read_all(&json!({"v1": [body]}));
        receive_all(status, body.to_string().as_bytes());
        for wrapped in [
            json!({"results": {"properties": [body]}}),
            json!({"result": {"data": [body, null], "meta": {"results": body}}}),
            json!({"results": {"persons": [body, body]}}),
            json!({"Records": [body], "TransmissionResults": " "}),
        ] {
            receive_all(200, wrapped.to_string().as_bytes());
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(body in vec(any::<u8>(), 0..200), status in any::<u16>()) {
        receive_all(status, &body);
        receive_all(200, &body);
    }

    #[test]
    fn no_parameters_make_a_request_panic(criteria in json_value(), options in json_value(), id in ".{0,8}") {
        let page = SearchPage { criteria, idempotency_key: id.clone(), session: Some(id.clone()), ..SearchPage::default() };
        let _ = sent(Product::BatchdataSearch, &options, &[item(&id, Subject::Search(page))]);
        for product in spoken_by_http() {
            let texts = [Subject::Email(id.clone()), Subject::Phone(id.clone())];
            for subject in texts {
                let _ = sent(product, &options, &[item(&id, subject)]);
            }
        }
    }

    #[test]
    fn a_cut_answer_is_never_understood(cut in 1usize..2000, which in 0..FIXTURES.len() - 1) {
        let whole = FIXTURES[which];
        let whole = &whole[..whole.iter().rposition(|b| *b == b'}').expect("an object")];
        let body = &whole[..whole.len().saturating_sub(cut % whole.len())];
        for (product, reply) in receive_all(200, body) {
            let doubtful = matches!(reply, Reply::Doubtful { .. });
            prop_assert!(doubtful, "{product:?}: {reply:?}");
        }
    }

    #[test]
    fn a_subject_comes_back_from_the_ledger_unchanged(text in ".{0,20}", take in any::<u32>(), skip in any::<Option<u32>>()) {
        let page = SearchPage { criteria: json!({"x": text}), take, skip, cursor: Some(text.clone()), session: None,
                                idempotency_key: text.clone() };
        let property = PropertySubject { address_line1: Some(text.clone()), ..PropertySubject::default() };
        for subject in [Subject::Search(page), Subject::Property(property), Subject::Email(text.clone()), Subject::Phone(text)] {
            let stored = serde_json::to_value(&subject).expect("JSON");
            let read: Subject = serde_json::from_value(stored).expect("a subject");
            prop_assert_eq!(read, subject);
        }
    }
}

#[test]
fn every_product_is_found_by_its_name() {
    for product in Product::ALL {
        assert_eq!(Product::from_name(product.name()), Some(product));
    }
    assert_eq!(Product::from_name("carrier_pigeon"), None);
}

#[test]
fn subjects_are_stored_under_stable_names() {
    let stored = |product| serde_json::to_value(subject(product).subject).expect("JSON");
    assert_eq!(
        stored(Product::BatchdataSearch),
        json!({"search": {"criteria": {"zip_codes": ["85001"]}, "take": 100, "idempotency_key": "k"}})
    );
    assert_eq!(
        stored(Product::Melissa),
        json!({"property": {"address_line1": "100 W Sample Ave", "city": "Phoenix", "state": "AZ", "zip": "85001"}})
    );
    assert_eq!(
        stored(Product::InstantlyVerify),
        json!({"email": "pat@example.com"})
    );
    assert_eq!(
        stored(Product::SignalwireLookup),
        json!({"phone": "+16025550143"})
    );
}

#[test]
fn a_batch_of_the_wrong_size_or_with_one_id_twice_is_not_built() {
    for product in spoken_by_http() {
        let many: Vec<Item> = (0..=max_batch(product))
            .map(|number| Item {
                id: number.to_string(),
                ..subject(product)
            })
            .collect();
        for items in [&[][..], &many] {
            let error = sent(product, &Value::Null, items).expect_err("wrong size");
            assert!(matches!(error, BuildError::Batch { .. }), "{product:?}");
        }
        assert!(
            sent(product, &Value::Null, &many[1..]).is_ok(),
            "{product:?}"
        );
        let blank = [Item {
            id: " ".into(),
            ..subject(product)
        }];
        assert!(sent(product, &Value::Null, &blank).is_err());
    }
    let twice = [subject(Product::Melissa), subject(Product::Melissa)];
    assert!(sent(Product::Melissa, &Value::Null, &twice).is_err());
}

#[test]
fn a_product_is_not_asked_about_another_products_subject() {
    for product in spoken_by_http() {
        for other in Product::ALL {
            let fits = subject(product).subject == subject(other).subject;
            let built = sent(product, &Value::Null, &[subject(other)]);
            assert_eq!(built.is_ok(), fits, "{product:?} about {other:?}");
        }
    }
}

#[test]
fn only_a_search_can_bill_more_than_one_unit() {
    for product in Product::ALL {
        let units = if product == Product::BatchdataSearch {
            100
        } else {
            1
        };
        assert_eq!(max_units(product, &subject(product)), units);
    }
}

#[test]
fn a_gateways_html_is_in_doubt_and_a_429_is_not() {
    let html = fixture!("bad_gateway.html");
    for (_, reply) in receive_all(502, html)
        .into_iter()
        .chain(receive_all(200, html))
    {
        assert!(matches!(reply, Reply::Doubtful { .. }));
    }
    let throttled = HttpAnswer {
        retry_after: Some("30".into()),
        ..answer(429, b"")
    };
    for product in Product::ALL {
        let reply = receive(product, &Value::Null, &[subject(product)], &throttled);
        assert_eq!(
            reply,
            Reply::Throttled {
                retry_after: Some("30".into())
            }
        );
    }
}

#[test]
fn the_answer_of_a_poll_is_read_like_any_other_and_only_instantly_has_one() {
    let account = Account {
        base_url: "https://api.example.com",
        key: &Secret::new("project:token"),
        options: &Value::Null,
    };
    for product in Product::ALL {
        let poll = poll_request(product, &account, &subject(product));
        assert_eq!(poll.is_some(), product == Product::InstantlyVerify);
    }
}
