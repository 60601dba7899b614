use serde_json::json;

use super::melissa::read;
use super::*;

const PRODUCT: Product = Product::Melissa;

fn three_houses() -> [Item; 3] {
    [
        house("lead-42", "100 W Sample Ave", "85001"),
        house("lead-43", "9 Nowhere Rd", "85201"),
        house("lead-44", "7 N Invented St", "85201"),
    ]
}

fn received(options: Value, body: &[u8]) -> Reply {
    receive(PRODUCT, &options, &three_houses(), &answer(200, body))
}

#[test]
fn the_body_holds_the_documented_fields_and_no_other() {
    let mut pat = house("lead-42", "100 W Sample Ave", "85001");
    let Subject::Property(property) = &mut pat.subject else {
        panic!("a house is a property")
    };
    property.full_name = Some("Pat Example".into());
    property.mak = Some("1234567890".into());
    let mut firm = house("lead-43", "9 Nowhere Rd", "85201");
    let Subject::Property(property) = &mut firm.subject else {
        panic!("a house is a property")
    };
    property.first_name = Some("Sam".into());
    property.last_name = Some("Example".into());
    property.company = Some("Sample Holdings LLC".into());
    property.address_line2 = Some("Apt 4".into());
    let key_only = PropertySubject {
        mak: Some("1234567891".into()),
        ..PropertySubject::default()
    };
    let items = [pat, firm, item("lead-44", Subject::Property(key_only))];
    let request = sent(PRODUCT, &Value::Null, &items).expect("built");
    assert_eq!(
        request.url,
        "https://api.example.com/v3/WEB/ContactVerify/doContactVerify"
    );
    assert_eq!(header(&request, "authorization"), None);
    assert_eq!(
        json_of(&request),
        json!({
            "TransmissionReference": "lead-42", "CustomerID": "project:token",
            "Actions": "Check,Verify,Append", "Columns": "Plus4,OwnRent",
            "Options": "Append:Blank;CentricHint:Address",
            "Records": [
                {"RecordID": "lead-42", "FullName": "Pat Example", "AddressLine1": "100 W Sample Ave",
                 "City": "Phoenix", "State": "AZ", "PostalCode": "85001"},
                {"RecordID": "lead-43", "FirstName": "Sam", "LastName": "Example",
                 "CompanyName": "Sample Holdings LLC", "AddressLine1": "9 Nowhere Rd", "AddressLine2": "Apt 4",
                 "City": "Phoenix", "State": "AZ", "PostalCode": "85201"},
                {"RecordID": "lead-44", "MelissaAddressKey": "1234567891"}]
        })
    );
}

#[test]
fn actions_columns_and_options_can_be_set() {
    let options = json!({"actions": "Check", "columns": "Plus4", "options": "Append:Always"});
    let body = json_of(&sent(PRODUCT, &options, &three_houses()).expect("built"));
    assert_eq!(
        (&body["Actions"], &body["Columns"]),
        (&json!("Check"), &json!("Plus4"))
    );
    assert_eq!(body["Options"], "Append:Always");
    assert!(sent(PRODUCT, &json!({"actions": ["Check"]}), &three_houses()).is_err());
}

#[test]
fn records_are_linked_by_id_and_each_is_billed() {
    let parts = parts(received(Value::Null, fixture!("melissa_batch.json")));
    let told: Vec<_> = parts
        .iter()
        .map(|part| (part.item_id.as_str(), part.units, part.matched))
        .collect();
    assert_eq!(
        told,
        [
            ("lead-42", 1, true),
            ("lead-43", 1, false),
            ("lead-44", 1, true)
        ]
    );
}

#[test]
fn misses_are_free_only_where_the_account_says_so() {
    let options = json!({"bill_no_match": false});
    let parts = parts(received(options, fixture!("melissa_batch.json")));
    let units: Vec<_> = parts.iter().map(|part| part.units).collect();
    assert_eq!(units, [1, 0, 1]);
}

#[test]
fn appended_contacts_and_the_corrected_address_are_read() {
    let parts = parts(received(Value::Null, fixture!("melissa_batch.json")));
    let found = read(&parts[0].body).expect("readable");
    assert_eq!(found.mak.as_deref(), Some("1234567890"));
    assert_eq!(
        found.address,
        Some(CorrectedAddress {
            line1: "100 W Sample Ave".into(),
            line2: None,
            city: Some("Phoenix".into()),
            state: Some("AZ".into()),
            zip: Some("85001".into()),
        })
    );
    assert_eq!(found.owner_confirmed, Some(true));
    assert_eq!(found.owner_occupied, Some(true));
    assert_eq!(found.phones[0].number, "6025550143");
    assert_eq!(found.phones[0].phone_type, None);
    assert_eq!(found.emails[0].email, "pat@example.com");
    assert_eq!(found.emails[0].tested, None, "ES01 is no test of a mailbox");
    assert_eq!(found.deceased, None);
}

#[test]
fn an_echo_of_the_input_is_no_find() {
    let parts = parts(received(Value::Null, fixture!("melissa_batch.json")));
    let found = read(&parts[2].body).expect("readable");
    assert!(found.phones.is_empty() && found.emails.is_empty());
    assert_eq!(found.deceased, Some(true));
    assert_eq!(found.owner_occupied, Some(false));
    assert_eq!(
        found.address.and_then(|a| a.line2).as_deref(),
        Some("Apt 4")
    );
}

#[test]
fn result_codes_tell_type_and_worth_of_a_find() {
    let found = |codes: &str| {
        let record = json!({"RecordID": "1", "Results": codes, "PhoneNumber": "6025550143",
                            "EmailAddress": "pat@example.com"});
        read(&record).expect("readable")
    };
    for (code, kind) in [("PS07", "mobile"), ("PS08", "landline"), ("PS09", "voip")] {
        assert_eq!(
            found(&format!("DA30,{code}")).phones[0].phone_type,
            Some(kind)
        );
    }
    assert!(found("DA30,PE01").phones.is_empty());
    assert!(found("DA30,VR04").phones[0].score > found("DA30").phones[0].score);
    assert!(found("DA30,VS31,VR02").phones[0].score < found("DA30").phones[0].score);
    assert_eq!(
        found("DA40,ES06,ES08").emails[0].hints,
        ["spam_trap", "role"]
    );
    assert_eq!(found("DA40,EE02").emails[0].score, Some(0));
    assert_eq!(found("DD00,AE01").deceased, Some(false));
    assert!(!found("DD00,AE01").matched);
    assert_eq!(found("GE01,AS03").address, None);
}

#[test]
fn errors_of_the_call_bill_nothing_and_say_what_to_do() {
    let with = |codes: &str| {
        let body = json!({"TransmissionResults": codes, "Records": [], "TotalRecords": "0"});
        received(Value::Null, body.to_string().as_bytes())
    };
    for code in [
        "GE04",
        "GE05",
        "GE08",
        "GE12",
        "GE21",
        "GE29",
        "GE77",
        "GW01,GE14",
    ] {
        assert!(matches!(with(code), Reply::Blocked { .. }), "{code}");
    }
    for code in ["GE01", "GE02", "GE03", "GE07", "GE23", "SP01"] {
        assert!(matches!(with(code), Reply::Rejected { .. }), "{code}");
    }
    for code in ["SE01", " ", "GW01", "nonsense"] {
        assert!(matches!(with(code), Reply::Doubtful { .. }), "{code}");
    }
    let retry_after = Some("3600".to_owned());
    assert_eq!(with("GE16"), Reply::Throttled { retry_after });
    let reply = received(Value::Null, fixture!("melissa_out_of_credits.json"));
    let reason = "Melissa answered GE14: out of credits".to_owned();
    assert_eq!(reply, Reply::Blocked { reason });
}

#[test]
fn a_warning_does_not_spoil_the_records() {
    let text = String::from_utf8_lossy(fixture!("melissa_batch.json"));
    let warned = text.replace(
        r#""TransmissionResults": " ""#,
        r#""TransmissionResults": "GW01,GW11""#,
    );
    assert_ne!(warned, text);
    assert_eq!(parts(received(Value::Null, warned.as_bytes())).len(), 3);
}

#[test]
fn a_refused_shape_is_rejected_and_an_empty_429_throttles() {
    let items = three_houses();
    let refused = answer(400, fixture!("melissa_bad_request.json"));
    let reply = receive(PRODUCT, &Value::Null, &items, &refused);
    let reason = "HTTP 400: One or more validation errors occurred".to_owned();
    assert_eq!(reply, Reply::Rejected { reason });
    let reply = receive(PRODUCT, &Value::Null, &items, &answer(429, b""));
    assert_eq!(reply, Reply::Throttled { retry_after: None });
}

#[test]
fn records_that_share_an_id_are_left_to_a_person() {
    let record = json!({"RecordID": "lead-42", "Results": "AS01", "MelissaAddressKey": "1"});
    let body = json!({"TransmissionResults": " ", "Records": [record, record, null, 7]});
    assert_eq!(
        parts(received(Value::Null, body.to_string().as_bytes())),
        []
    );
}
