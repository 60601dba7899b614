//! A customer of every vendor, with the right keys, who needs no socket.

use equity_simulator::bill::VendorTotal;
use equity_simulator::exchange::{Answer, Call};
use equity_simulator::settings::{Keys, Settings};
use equity_simulator::simulator::Simulator;
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::Property;
use serde_json::{Value, json};

pub const SEARCH: &str = "/batchdata/api/v1/property/search";
pub const TRACE_V1: &str = "/batchdata/api/v1/property/skip-trace";
pub const TRACE_V3: &str = "/batchdata/api/v3/property/skip-trace";
pub const MELISSA: &str = "/melissa/v3/WEB/ContactVerify/doContactVerify";
pub const VERIFY: &str = "/instantly/api/v2/email-verification";
pub const LOOKUP: &str = "/signalwire/api/relay/rest/lookup/phone_number/";
pub const HLR: &str = "/hlr/apiv2/hlr";

pub struct Customer(pub Simulator);

/// A small world in two ZIPs.
pub fn settings() -> Settings {
    Settings {
        properties: 400,
        zips: vec!["90028".into(), "76102".into()],
        ..Settings::default()
    }
}

impl Customer {
    pub fn new() -> Self {
        Self(Simulator::new(settings()))
    }

    pub fn batchdata(&self, path: &str, body: &Value) -> Answer {
        let key = format!("Bearer {}", Keys::default().batchdata);
        self.0
            .handle_path(&Call::post(path, body).with_header("authorization", &key))
    }

    pub fn search(&self, options: &Value) -> Value {
        let body = json!({"searchCriteria": {"query": "90028, 76102"}, "options": options});
        let answer = self.batchdata(SEARCH, &body);
        assert_eq!(answer.status, 200, "{}", answer.value());
        answer.value()["results"].clone()
    }

    pub fn melissa(&self, body: &Value) -> Value {
        let answer = self.0.handle_path(&Call::post(MELISSA, body));
        assert_eq!(answer.status, 200, "{}", answer.value());
        answer.value()
    }

    pub fn instantly(&self, call: Call) -> Answer {
        let key = format!("Bearer {}", Keys::default().instantly);
        self.0.handle_path(&call.with_header("authorization", &key))
    }

    pub fn total(&self, vendor: Vendor) -> VendorTotal {
        self.0.with_office(|office| office.bill.total(vendor))
    }

    /// The first property that fits.
    pub fn property(&self, fits: impl Fn(&Property) -> bool) -> Property {
        let found = self
            .0
            .with_office(|office| office.world.properties().iter().find(|p| fits(p)).cloned());
        found.expect("the world holds such a property")
    }
}

/// The records' ids; null for a hole.
pub fn ids(results: &Value) -> Vec<String> {
    let rows = results["properties"].as_array().expect("properties");
    rows.iter()
        .map(|row| row["_id"].as_str().unwrap_or("null").to_owned())
        .collect()
}

pub fn address(property: &Property) -> Value {
    json!({
        "street": property.line.standard(), "city": property.place.city,
        "state": property.place.state, "zip": property.place.zip,
    })
}
