use crate::customer::{Customer, MELISSA};
use equity_simulator::exchange::Call;
use equity_simulator::settings::Keys;
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::{Line, Property};
use serde_json::{Value, json};

fn request(records: &Value) -> Value {
    json!({"TransmissionReference": "batch-17", "CustomerID": Keys::default().melissa,
        "Actions": "Check,Verify,Append", "Columns": "Plus4,OwnRent",
        "Options": "Append:Blank;CentricHint:Address", "Records": records})
}

fn record(property: &Property) -> Value {
    json!({"RecordID": "lead-42", "FullName": property.owner.full_name(),
        "AddressLine1": property.line.standard(), "City": property.place.city,
        "State": property.place.state, "PostalCode": property.place.zip})
}

fn codes(record: &Value) -> Vec<&str> {
    record["Results"]
        .as_str()
        .expect("codes")
        .split(',')
        .collect()
}

fn known(customer: &Customer) -> Property {
    customer.property(|p| {
        let mobile = p
            .melissa
            .phone
            .is_some_and(|at| p.phones[at].line == Line::Mobile);
        mobile
            && p.melissa.email.is_some()
            && p.melissa.owner
            && p.mak.is_some()
            && !p.owner.deceased
    })
}

#[test]
fn the_documented_request_is_answered_in_the_documented_shape() {
    let customer = Customer::new();
    let property = known(&customer);
    let answer = customer.melissa(&request(&json!([record(&property)])));
    assert_eq!(answer["TransmissionReference"], "batch-17");
    assert_eq!(
        (&answer["TransmissionResults"], &answer["TotalRecords"]),
        (&json!(" "), &json!("1"))
    );
    let shown = &answer["Records"][0];
    assert_eq!(shown["RecordID"], "lead-42");
    for code in ["AS01", "DA30", "DA40", "VR01", "PS01", "PS07", "DD00"] {
        assert!(codes(shown).contains(&code), "{code} in {shown}");
    }
    assert_eq!(shown["MelissaAddressKey"], json!(property.mak));
    assert_eq!(shown["MelissaAddressKey"].as_str().map(str::len), Some(10));
    assert_eq!(
        (&shown["PostalCode"], &shown["Plus4"]),
        (&json!(property.place.zip), &json!(property.plus4))
    );
    assert_eq!(
        shown["OwnRent"],
        if property.owner.occupied {
            "Own"
        } else {
            "Rent"
        }
    );
    let members = shown.as_object().expect("a record");
    assert!(
        members
            .values()
            .all(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    );
    for name in [
        "AddressLine2",
        "MelissaAddressKeyBase",
        "AddressExtras",
        "RecordExtras",
        "Reserved",
    ] {
        assert_eq!(shown[name], " ");
    }
}

#[test]
fn an_input_handed_back_is_no_append() {
    let customer = Customer::new();
    let property = known(&customer);
    let mut given = record(&property);
    given["PhoneNumber"] = json!("6025550143");
    given["EmailAddress"] = json!("somebody@example.com");
    let answer = customer.melissa(&request(&json!([given])));
    let shown = &answer["Records"][0];
    assert_eq!(
        (&shown["PhoneNumber"], &shown["EmailAddress"]),
        (&json!("6025550143"), &json!("somebody@example.com"))
    );
    assert!(!codes(shown).contains(&"DA30") && !codes(shown).contains(&"DA40"));
    let mut always = request(&json!([given]));
    always["Options"] = json!("Append:Always");
    let always = customer.melissa(&always);
    assert!(codes(&always["Records"][0]).contains(&"DA30"));
}

#[test]
fn nothing_is_appended_unless_asked() {
    let customer = Customer::new();
    let mut body = request(&json!([record(&known(&customer))]));
    body["Actions"] = json!("Check,Verify");
    let answer = customer.melissa(&body);
    assert_eq!(
        (
            &answer["Records"][0]["PhoneNumber"],
            &answer["Records"][0]["EmailAddress"]
        ),
        (&json!(" "), &json!(" "))
    );
}

#[test]
fn an_unknown_address_is_an_error_code_and_is_billed() {
    let customer = Customer::new();
    let answer = customer.melissa(&request(&json!([
        {"RecordID": "a", "AddressLine1": "9 Nowhere Rd", "City": "Mesa", "State": "AZ", "PostalCode": "85201"},
        {"RecordID": "b", "FullName": "Pat Example"},
    ])));
    let rows = answer["Records"].as_array().expect("records");
    let by_id = |id: &str| {
        rows.iter()
            .find(|row| row["RecordID"] == id)
            .expect("echoed")
    };
    assert_eq!(codes(by_id("a"))[0], "AE02");
    assert_eq!(codes(by_id("b"))[0], "AE07");
    assert_eq!(
        (
            &by_id("a")["MelissaAddressKey"],
            &by_id("a")["AddressLine1"]
        ),
        (&json!(" "), &json!("9 Nowhere Rd"))
    );
    assert_eq!(customer.total(Vendor::Melissa).micros, 100_000);
}

#[test]
fn refusals_of_the_whole_request_are_codes_at_200_and_free() {
    let customer = Customer::new();
    let one = record(&known(&customer));
    let with = |name: &str, value: Value| {
        let mut body = request(&json!([one]));
        body[name] = value;
        customer.melissa(&body)
    };
    for (name, value, code) in [
        ("CustomerID", json!(""), "GE04"),
        ("CustomerID", json!("wrong"), "GE05"),
        ("Records", json!([]), "GE02"),
        ("Records", json!(vec![one.clone(); 101]), "GE03"),
        ("Actions", json!("Enrich"), "GE23"),
        ("Columns", json!("GrpDemographicBasic"), "GE24"),
    ] {
        let answer = with(name, value);
        assert_eq!(
            (&answer["TransmissionResults"], &answer["Records"]),
            (&json!(code), &json!([]))
        );
    }
    customer
        .0
        .with_office(|office| office.empty_accounts.insert(Vendor::Melissa));
    assert_eq!(
        with("Columns", json!("Plus4"))["TransmissionResults"],
        "GE14"
    );
    assert_eq!(customer.total(Vendor::Melissa).units, 0);
}

#[test]
fn a_wrong_option_is_a_warning_with_valid_data() {
    let customer = Customer::new();
    let mut body = request(&json!([record(&known(&customer))]));
    body["Options"] = json!("Appendix:Blank;Append:Sometimes");
    let answer = customer.melissa(&body);
    assert_eq!(answer["TransmissionResults"], "GW11,GW12");
    assert_eq!(answer["TotalRecords"], "1");
}

#[test]
fn extra_properties_and_other_types_are_refused_in_the_documented_shape() {
    let customer = Customer::new();
    let refused = |body: &Value| {
        let answer = customer.0.handle_path(&Call::post(MELISSA, body));
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.value()["status"], 400);
        answer.value()["errors"]
            .as_object()
            .and_then(|errors| errors.keys().next().cloned())
            .expect("a place")
    };
    let mut extra = request(&json!([]));
    extra["Format"] = json!("json");
    assert_eq!(refused(&extra), "$.Format");
    assert_eq!(
        refused(&request(&json!([{"Address": "1 Oak St"}]))),
        "$.Records[0].Address"
    );
    assert_eq!(
        refused(&request(&json!([{"RecordID": 42}]))),
        "$.Records[0].RecordID"
    );
    assert_eq!(customer.total(Vendor::Melissa).units, 0);
}

#[test]
fn the_query_form_answers_alike() {
    let customer = Customer::new();
    let property = known(&customer);
    let street = property.line.standard().replace(' ', "+");
    let url = format!(
        "{MELISSA}?id={}&act=Check,Append&a1={street}&postal={}",
        Keys::default().melissa,
        property.place.zip
    );
    let answer = customer.0.handle_path(&Call::get(&url)).value();
    assert_eq!(
        answer["Records"][0]["MelissaAddressKey"],
        json!(property.mak)
    );
    assert!(codes(&answer["Records"][0]).contains(&"DA40"));
}
