//! Tells whether an address that a vendor hands back is the one that was sent.
//!
//! Only for skip trace answers that lost our id. The vendor returns its own spelling ("100 W Sample
//! Ave" for "100 West Sample Avenue"), so the words that spellings differ in are folded, and no more:
//! a wrong link would store one family's phones with another, a missing one only asks a person.

use serde_json::Value;

use super::lenient;

/// What two spellings of one door share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    street: Vec<String>,
    zip: Option<String>,
    city_state: Option<(String, String)>,
}

/// One address as its parts were written.
pub(super) struct Written<'a> {
    pub street: &'a str,
    pub city: Option<&'a str>,
    pub state: Option<&'a str>,
    pub zip: Option<&'a str>,
}

impl Door {
    /// The door, or nothing when the parts don't name one.
    pub(super) fn of(address: &Written<'_>) -> Option<Self> {
        let street: Vec<String> = words(address.street);
        if street.len() < 2 {
            return None;
        }
        let zip = address.zip.map(digits).filter(|zip| zip.len() >= 5);
        let zip = zip.map(|zip| zip.chars().take(5).collect());
        let city_state = match (address.city, address.state) {
            (Some(city), Some(state)) => Some((words(city).join(" "), words(state).join(" "))),
            _ => None,
        };
        (zip.is_some() || city_state.is_some()).then_some(Self {
            street,
            zip,
            city_state,
        })
    }

    /// The door of a vendor's address object `{street, city, state, zip}`.
    pub(super) fn of_json(address: &Value) -> Option<Self> {
        let [street, city, state, zip] =
            ["street", "city", "state", "zip"].map(|field| lenient::text(address, field));
        Self::of(&Written {
            street: street.as_deref()?,
            city: city.as_deref(),
            state: state.as_deref(),
            zip: zip.as_deref(),
        })
    }

    /// Same street line, and the same ZIP; city and state decide only when a ZIP is missing.
    pub(super) fn is(&self, other: &Self) -> bool {
        let place = match (&self.zip, &other.zip) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.city_state.is_some() && self.city_state == other.city_state,
        };
        place && self.street == other.street
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn words(text: &str) -> Vec<String> {
    text.replace('#', " # ")
        .split(|c: char| !(c.is_alphanumeric() || c == '#'))
        .filter(|word| !word.is_empty())
        .map(|word| fold(&word.to_uppercase()))
        .fold(Vec::new(), |mut folded, word| {
            // "Apt # 4" and "# 4" and "Unit 4" are one door.
            if word != "#" || folded.last().is_none_or(|last: &String| last != "#") {
                folded.push(word);
            }
            folded
        })
}

fn fold(word: &str) -> String {
    let folded = match word {
        "NORTH" => "N",
        "SOUTH" => "S",
        "EAST" => "E",
        "WEST" => "W",
        "NORTHEAST" => "NE",
        "NORTHWEST" => "NW",
        "SOUTHEAST" => "SE",
        "SOUTHWEST" => "SW",
        "STREET" => "ST",
        "AVENUE" | "AV" => "AVE",
        "BOULEVARD" => "BLVD",
        "DRIVE" => "DR",
        "ROAD" => "RD",
        "LANE" => "LN",
        "COURT" => "CT",
        "PLACE" => "PL",
        "CIRCLE" => "CIR",
        "TERRACE" => "TER",
        "PARKWAY" => "PKWY",
        "HIGHWAY" => "HWY",
        "TRAIL" => "TRL",
        "SQUARE" => "SQ",
        "APT" | "APARTMENT" | "UNIT" | "STE" | "SUITE" => "#",
        "FIRST" => "1ST",
        "SECOND" => "2ND",
        "THIRD" => "3RD",
        "FOURTH" => "4TH",
        "FIFTH" => "5TH",
        "SIXTH" => "6TH",
        "SEVENTH" => "7TH",
        "EIGHTH" => "8TH",
        "NINTH" => "9TH",
        "TENTH" => "10TH",
        "ELEVENTH" => "11TH",
        "TWELFTH" => "12TH",
        other => other,
    };
    folded.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn same(one: Value, other: Value) -> bool {
        match (Door::of_json(&one), Door::of_json(&other)) {
            (Some(one), Some(other)) => one.is(&other),
            _ => false,
        }
    }

    #[test]
    fn a_vendors_spelling_is_the_same_door() {
        let sent = json!({"street": "100 West Sample Avenue, Apt. 4", "city": "Phoenix", "state": "AZ", "zip": "85001"});
        for spelling in [
            json!({"street": "100 W SAMPLE AVE # 4", "city": "PHOENIX", "state": "AZ", "zip": "85001-1234"}),
            json!({"street": "100 W Sample Ave Unit 4", "zip": 85001}),
        ] {
            assert!(same(sent.clone(), spelling.clone()), "{spelling}");
        }
    }

    #[test]
    fn an_ordinal_is_the_same_in_words_and_in_figures() {
        let sent = json!({"street": "2172 Fifth Terrace", "zip": "90038"});
        assert!(same(
            sent,
            json!({"street": "2172 5th Ter", "zip": "90038-7785"})
        ));
    }

    #[test]
    fn another_unit_number_or_zip_is_another_door() {
        let sent = json!({"street": "100 W Sample Ave Apt 4", "city": "Phoenix", "state": "AZ", "zip": "85001"});
        for other in [
            json!({"street": "100 W Sample Ave Apt 5", "zip": "85001"}),
            json!({"street": "100 W Sample Ave", "zip": "85001"}),
            json!({"street": "102 W Sample Ave Apt 4", "zip": "85001"}),
            json!({"street": "100 W Sample Ave Apt 4", "zip": "85002"}),
            json!({"street": "100 W Sample Ave Apt 4"}),
            json!({"street": "100"}),
            json!(null),
        ] {
            assert!(!same(sent.clone(), other.clone()), "{other}");
        }
    }
}
