//! Where the made-up people live: real ZIP codes with their city and county, and made-up places
//! for any other ZIP asked for.

use crate::dice::fingerprint;

/// A ZIP code with the names that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub zip: String,
    pub city: String,
    pub state: String,
    pub county: String,
    pub county_fips: String,
    pub area_code: String,
    pub time_zone: String,
}

/// ZIP, city, state, county, county FIPS, area code.
const REAL: &[[&str; 6]] = &[
    ["90028", "Los Angeles", "CA", "Los Angeles", "06037", "323"],
    ["90038", "Los Angeles", "CA", "Los Angeles", "06037", "323"],
    ["90046", "Los Angeles", "CA", "Los Angeles", "06037", "323"],
    ["92101", "San Diego", "CA", "San Diego", "06073", "619"],
    [
        "94110",
        "San Francisco",
        "CA",
        "San Francisco",
        "06075",
        "415",
    ],
    ["95814", "Sacramento", "CA", "Sacramento", "06067", "916"],
    ["85001", "Phoenix", "AZ", "Maricopa", "04013", "602"],
    ["85201", "Mesa", "AZ", "Maricopa", "04013", "480"],
    ["85701", "Tucson", "AZ", "Pima", "04019", "520"],
    ["33101", "Miami", "FL", "Miami-Dade", "12086", "305"],
    [
        "33701",
        "Saint Petersburg",
        "FL",
        "Pinellas",
        "12103",
        "727",
    ],
    ["32801", "Orlando", "FL", "Orange", "12095", "407"],
    ["78701", "Austin", "TX", "Travis", "48453", "512"],
    ["77002", "Houston", "TX", "Harris", "48201", "713"],
    ["76102", "Fort Worth", "TX", "Tarrant", "48439", "817"],
    ["75201", "Dallas", "TX", "Dallas", "48113", "214"],
    ["10001", "New York", "NY", "New York", "36061", "212"],
    ["11201", "Brooklyn", "NY", "Kings", "36047", "718"],
    ["14604", "Rochester", "NY", "Monroe", "36055", "585"],
    ["12207", "Albany", "NY", "Albany", "36001", "518"],
];

/// By the first digit of a ZIP: a state of that region, its FIPS number, an area code.
const REGIONS: [[&str; 3]; 10] = [
    ["MA", "25", "617"],
    ["PA", "42", "215"],
    ["VA", "51", "804"],
    ["GA", "13", "404"],
    ["OH", "39", "614"],
    ["MN", "27", "612"],
    ["IL", "17", "312"],
    ["OK", "40", "405"],
    ["CO", "08", "303"],
    ["WA", "53", "206"],
];

const INVENTED_CITIES: [&str; 8] = [
    "Marlow Springs",
    "Fairhaven",
    "Tamarack",
    "Willow Bend",
    "Larkspur",
    "Graniteville",
    "Copper Ridge",
    "Ashford",
];

/// Every real ZIP of the table: the world when no other is asked for.
#[must_use]
pub fn real_zips() -> Vec<String> {
    REAL.iter().map(|row| row[0].to_owned()).collect()
}

/// The place of a five-digit ZIP, from the table or made up; nothing for any other text.
#[must_use]
pub fn place(zip: &str) -> Option<Place> {
    if zip.len() != 5 || !zip.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let known = REAL.iter().find(|row| row[0] == zip);
    Some(known.map_or_else(|| invented(zip), real))
}

fn real(row: &[&str; 6]) -> Place {
    let [zip, city, state, county, county_fips, area_code] = row.map(str::to_owned);
    let time_zone = time_zone(&state);
    Place {
        zip,
        city,
        state,
        county,
        county_fips,
        area_code,
        time_zone,
    }
}

fn invented(zip: &str) -> Place {
    let region = REGIONS[usize::from(zip.as_bytes()[0] - b'0')];
    let number = zip
        .bytes()
        .fold(0_usize, |sum, byte| sum * 3 + usize::from(byte));
    let county = format!("Sample {}", &fingerprint(&zip[..3], 2).to_uppercase());
    Place {
        zip: zip.to_owned(),
        city: INVENTED_CITIES[number % INVENTED_CITIES.len()].to_owned(),
        state: region[0].to_owned(),
        county,
        county_fips: format!("{}{}", region[1], &zip[..3]),
        area_code: region[2].to_owned(),
        time_zone: time_zone(region[0]),
    }
}

fn time_zone(state: &str) -> String {
    match state {
        "CA" | "WA" => "America/Los_Angeles",
        "AZ" => "America/Phoenix",
        "CO" => "America/Denver",
        "TX" | "IL" | "MN" | "OK" => "America/Chicago",
        _ => "America/New_York",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_zip_has_a_place_and_others_get_one() {
        for zip in real_zips() {
            let place = place(&zip).expect("listed");
            assert_eq!(place.county_fips.len(), 5);
        }
        let made_up = place("60601").expect("five digits");
        assert_eq!(made_up.state, "IL");
        assert_eq!(place("60601"), Some(made_up));
        for wrong in ["6060", "606011", "abcde", ""] {
            assert_eq!(place(wrong), None);
        }
    }
}
