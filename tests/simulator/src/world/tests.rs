use super::*;
use listing::Copy;

fn world(seed: u64, properties: usize) -> World {
    World::new(
        seed,
        properties,
        &[
            "90028".into(),
            "76102".into(),
            "33701".into(),
            "10001".into(),
        ],
    )
}

#[test]
fn a_seed_is_one_world() {
    let texts = |seed| {
        format!(
            "{:?} {:?}",
            world(seed, 300).listings,
            world(seed, 300).properties
        )
    };
    assert_eq!(texts(42), texts(42));
    assert_ne!(texts(42), texts(43));
}

#[test]
fn arrivals_continue_the_same_world() {
    let mut grown = world(42, 100);
    grown.add(30);
    grown.add(20);
    let whole = world(42, 150);
    assert_eq!(
        format!("{:?}", grown.properties),
        format!("{:?}", whole.properties)
    );
    assert!(
        grown.listings[..100]
            .iter()
            .all(|listing| listing.property < 100)
    );
}

#[test]
fn every_spelling_of_a_door_leads_to_it_and_doors_are_distinct() {
    let world = world(7, 2000);
    let mut second = 0;
    for listing in &world.listings {
        let property = &world.properties[listing.property];
        let found = world.at_address(&Written {
            street: &listing.address.street,
            unit: "",
            city: &listing.address.city,
            state: &property.place.state,
            zip: &listing.address.zip,
        });
        assert_eq!(found.map(|found| found.index), Some(listing.property));
        second += usize::from(listing.copy == Copy::Second);
    }
    assert_eq!(world.doors.by_zip.len(), world.properties.len());
    assert!(
        (30..=90).contains(&second),
        "{second} of 2,000 doors are listed twice"
    );
}

#[test]
fn record_ids_are_distinct_and_bad_records_exist() {
    let world = world(42, 3000);
    let ids: HashSet<&str> = world
        .listings
        .iter()
        .map(|l| l.record_id.as_str())
        .collect();
    assert_eq!(ids.len(), world.listings.len());
    assert!(
        world
            .listings
            .iter()
            .any(|listing| listing.copy == Copy::NoAddress)
    );
    assert!(
        world
            .listings
            .iter()
            .any(|listing| listing.copy == Copy::Null)
    );
}

#[test]
fn counties_share_parcel_numbers_but_never_repeat_one() {
    let world = world(42, 3000);
    let numbers: HashSet<&str> = world.properties.iter().map(|p| p.apn.as_str()).collect();
    assert!(numbers.len() < world.properties.len());
    assert_eq!(world.parcels.len(), world.properties.len());
}

#[test]
fn all_people_are_invented() {
    for property in world(42, 1000).properties() {
        for phone in &property.phones {
            assert!(
                phone.number.len() == 10 && &phone.number[3..6] == "555",
                "{}",
                phone.number
            );
        }
        for email in &property.emails {
            let domain = email.address.split_once('@').expect("an address").1;
            assert!(
                [".example.com", ".example.net", ".example.org"]
                    .iter()
                    .any(|end| domain.ends_with(end))
            );
        }
    }
}

#[test]
fn the_funnel_is_believable() {
    for seed in [1, 7, 42] {
        let summary = world(seed, 3000).summary();
        let percent = |count: usize| count * 100 / summary.properties;
        let (first, second) = (
            percent(summary.reach_60_after_melissa),
            percent(summary.reach_60_in_the_end),
        );
        assert!(
            (26..=34).contains(&first),
            "seed {seed}: {first} % after Melissa"
        );
        assert!(
            (53..=61).contains(&second),
            "seed {seed}: {second} % after the skip trace"
        );
    }
}
