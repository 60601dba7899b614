//! Whatever a client sends, it gets an answer, and refusals are never billed.

use std::sync::LazyLock;

use crate::customer::{Customer, HLR, LOOKUP, MELISSA, SEARCH, TRACE_V1, TRACE_V3, VERIFY};
use base64::Engine;
use equity_simulator::exchange::Call;
use equity_simulator::settings::Keys;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

static CUSTOMER: LazyLock<Customer> = LazyLock::new(Customer::new);
/// Apart, so that the other test's bill stands still.
static ANOTHER: LazyLock<Customer> = LazyLock::new(Customer::new);

const PATHS: [&str; 12] = [
    SEARCH,
    TRACE_V1,
    TRACE_V3,
    MELISSA,
    VERIFY,
    LOOKUP,
    HLR,
    "/instantly/api/v2/leads/add",
    "/instantly/api/v2/leads/list",
    "/instantly/api/v2/webhook-events",
    "/control/faults",
    "/control/out-of-credit",
];

const NAMES: [&str; 30] = [
    "searchCriteria",
    "query",
    "options",
    "take",
    "skip",
    "sort",
    "datasets",
    "searchSession",
    "id",
    "owner",
    "ownerOccupied",
    "equals",
    "requests",
    "propertyAddress",
    "street",
    "zip",
    "CustomerID",
    "Actions",
    "Records",
    "AddressLine1",
    "PostalCode",
    "email",
    "leads",
    "campaign_id",
    "limit",
    "telephone_number",
    "api_key",
    "vendor",
    "kind",
    "pageCursor",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("90028")),
        Just(json!("simulator-melissa-key")),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let name = prop_oneof![4 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => "\\PC{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn call(path: &str, body: Vec<u8>) -> Call {
    let keys = Keys::default();
    let signalwire = base64::engine::general_purpose::STANDARD.encode(&keys.signalwire);
    let key = match path.split('/').nth(1) {
        Some("batchdata") => format!("Bearer {}", keys.batchdata),
        Some("signalwire") => format!("Basic {signalwire}"),
        _ => format!("Bearer {}", keys.instantly),
    };
    let call = Call {
        body,
        ..Call::post(path, &Value::Null)
    };
    call.with_header("authorization", &key)
}

fn total() -> Value {
    CUSTOMER
        .0
        .with_office(|office| office.bill.to_json()["total_micros"].clone())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_json_gets_an_answer_and_a_refusal_costs_nothing(body in any_json(), at in 0..PATHS.len()) {
        let before = total();
        let answer = CUSTOMER.0.handle_path(&call(PATHS[at], body.to_string().into_bytes()));
        prop_assert!([200, 400, 401, 402, 404, 422].contains(&answer.status), "{}", answer.status);
        if answer.status != 200 {
            prop_assert_eq!(total(), before);
        }
    }

    #[test]
    fn any_bytes_and_any_path_get_an_answer(
        body in prop::collection::vec(any::<u8>(), 0..60), rest in "\\PC{0,20}", method in "GET|POST|DELETE|PUT", at in 0..PATHS.len(),
    ) {
        for path in [format!("{}{rest}", PATHS[at]), format!("/{rest}")] {
            let (path, query) = path.split_once('?').unwrap_or((&path, ""));
            let call = Call {
                method: method.clone(),
                query: equity_simulator::exchange::parse_query(query),
                ..call(path, body.clone())
            };
            let answer = ANOTHER.0.handle_path(&call);
            prop_assert!((200..500).contains(&answer.status), "{}", answer.status);
        }
    }
}
