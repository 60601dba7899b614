use rust_decimal::Decimal;
use serde_json::json;

use super::*;
use crate::record::tests::{record, some};

#[test]
fn a_propstream_row_is_read() {
    let read = record(json!({
        "\u{FEFF}Address": "100 W Sample Ave", "Unit #": "5", "City": "Phoenix", "State": "AZ", "Zip": "85001.0",
        "County": "Maricopa", "APN": "112-03-045", "Owner Occupied": "Yes", "Owner 1 First Name": "Pat",
        "Owner 1 Last Name": "Example", "Owner 2 First Name": "Sam", "Mailing Address": "9 Other St",
        "Mailing Zip": "85002", "Est. Value": "$412,000", "Est. Equity": "$253,000.50",
        "Phone 1": 6025550143.0, "Phone 1 Type": "Land Line", "Phone 1 DNC": "No",
        "Phone 2": "(602) 555-0144", "Phone 2 Type": "Mobile", "Phone 2 DNC": "Yes", "Phone 3": "",
        "Email 1": "pat@example.com", "Email 2": " ", "Litigator": "Yes", "Do Not Mail": "No"
    }));
    assert_eq!(read.address_line1, some("100 W Sample Ave"));
    assert_eq!(read.address_line2, some("5"));
    assert_eq!(read.postal_code, some("85001"));
    assert_eq!(read.owner_first_name, some("Pat"));
    assert_eq!(read.owner_occupied, Some(true));
    assert_eq!(read.property_value, Some(Decimal::from(412_000)));
    assert_eq!(read.estimated_equity, Some(Decimal::new(25_300_050, 2)));
    assert_eq!(
        read.unmapped.keys().collect::<Vec<_>>(),
        [
            "County",
            "Do Not Mail",
            "Mailing Address",
            "Mailing Zip",
            "Owner 2 First Name"
        ]
    );

    let points: Vec<_> = read
        .contacts
        .iter()
        .map(|contact| {
            contact
                .to_point("propstream", "2025-10-08T00:00:00Z")
                .expect("a contact")
        })
        .collect();
    let shown: Vec<_> = points
        .iter()
        .map(|p| {
            (
                p.contact.as_str().to_owned(),
                p.phone_type,
                p.flags.get("dnc").cloned(),
            )
        })
        .collect();
    assert_eq!(shown.len(), 3);
    assert!(shown.contains(&(
        "+16025550143".into(),
        Some(PhoneType::Landline),
        Some(json!("No"))
    )));
    assert!(shown.contains(&(
        "+16025550144".into(),
        Some(PhoneType::Mobile),
        Some(json!("Yes"))
    )));
    assert!(shown.contains(&("pat@example.com".into(), None, None)));
    assert!(
        points
            .iter()
            .all(|p| p.flags["litigator"] == "Yes" && p.source == "propstream")
    );
}

#[test]
fn lists_of_contacts_are_read_in_every_shape() {
    let read = record(json!({
        "phones": ["6025550143", {"number": 6025550144u64, "type": "Mobile", "score": "90", "dnc": true,
            "source": "batchdata", "verified": "true"}, null, "", {"note": "no number"}],
        "emails": "[{\"email\": \"pat@example.com\", \"score\": 60}]",
    }));
    assert_eq!(read.contacts.len(), 3);
    let rich = read
        .contacts
        .iter()
        .find(|contact| contact.value == "6025550144")
        .expect("kept");
    assert_eq!(
        *rich,
        RecordContact {
            kind: Kind::Phone,
            value: "6025550144".into(),
            source: some("batchdata"),
            score: Some(90.0),
            verified: true,
            phone_type: Some(PhoneType::Mobile),
            flags: json!({"dnc": true})
                .as_object()
                .cloned()
                .expect("an object"),
        }
    );
    assert!(
        read.contacts
            .iter()
            .any(|c| c.kind == Kind::Email && c.score == Some(60.0))
    );
}

#[test]
fn a_contact_that_cannot_be_one_says_so_and_does_not_fail_the_record() {
    let read = record(json!({"mak": "1", "phone": "12", "email": "none"}));
    assert_eq!(read.contacts.len(), 2);
    for contact in &read.contacts {
        assert!(contact.to_point("x", "2025-10-08T00:00:00Z").is_err());
    }
}
