//! How one street line is written, by the book and otherwise.
//!
//! Every spelling made here names the same door by USPS Publication 28: suffixes, directionals,
//! ordinals and unit designators spelled out or short, letter case, stops. Nothing is misspelled.

use crate::dice::Dice;

/// The parts of a delivery line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreetLine {
    pub house: u32,
    pub direction: Option<&'static str>,
    pub name: String,
    pub suffix: &'static str,
    /// Designator (APT or UNIT) and number.
    pub unit: Option<(&'static str, String)>,
}

/// A whole address as one record gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    /// The whole delivery line, unit included.
    pub street: String,
    pub street_no_unit: String,
    pub unit_type: Option<String>,
    pub unit_number: Option<String>,
    pub city: String,
    pub zip: String,
}

impl StreetLine {
    /// House number and street, without the unit.
    #[must_use]
    pub fn without_unit(&self) -> String {
        let direction = self
            .direction
            .map(|short| format!("{short} "))
            .unwrap_or_default();
        format!("{} {direction}{} {}", self.house, self.name, self.suffix)
    }

    /// The line in the Postal Service's short form.
    #[must_use]
    pub fn standard(&self) -> String {
        match &self.unit {
            Some((designator, number)) => {
                format!("{} {} {number}", self.without_unit(), title(designator))
            }
            None => self.without_unit(),
        }
    }

    /// The line as the vendor normally writes it.
    #[must_use]
    pub fn spelled(&self, city: &str, zip: &str) -> Spelled {
        Spelled {
            street: self.standard(),
            street_no_unit: self.without_unit(),
            unit_type: self
                .unit
                .as_ref()
                .map(|(designator, _)| (*designator).to_owned()),
            unit_number: self.unit.as_ref().map(|(_, number)| number.clone()),
            city: city.to_owned(),
            zip: zip.to_owned(),
        }
    }

    /// The same door in another spelling.
    #[must_use]
    pub fn respelled(&self, ending: &LastLine<'_>, dice: &mut Dice) -> Spelled {
        let suffix = long_suffix(self.suffix);
        let street_no_unit = join(&[
            Some(self.house.to_string()),
            self.direction.map(|short| respelled_direction(short, dice)),
            Some(respelled_name(&self.name, dice)),
            Some(if dice.percent(70) {
                suffix.to_owned()
            } else {
                format!("{}.", self.suffix)
            }),
        ]);
        let unit = self
            .unit
            .as_ref()
            .map(|(_, number)| respelled_unit(number, dice));
        let street = join(&[Some(street_no_unit.clone()), unit.clone()]);
        let loud = dice.percent(40);
        let case = |text: String| if loud { text.to_uppercase() } else { text };
        Spelled {
            street: case(street),
            street_no_unit: case(street_no_unit),
            unit_type: None,
            unit_number: self.unit.as_ref().map(|(_, number)| number.clone()),
            city: case(respelled_city(ending.city)),
            zip: format!("{}-{}", ending.zip, ending.plus4),
        }
    }
}

/// What stands below the street line.
#[derive(Clone, Copy, Debug)]
pub struct LastLine<'a> {
    pub city: &'a str,
    pub zip: &'a str,
    pub plus4: &'a str,
}

fn join(parts: &[Option<String>]) -> String {
    parts
        .iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
}

/// `APT` as `Apt`.
#[must_use]
pub fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + &letters.as_str().to_lowercase()
    })
}

fn long_suffix(short: &'static str) -> &'static str {
    match short {
        "St" => "Street",
        "Ave" => "Avenue",
        "Blvd" => "Boulevard",
        "Dr" => "Drive",
        "Ln" => "Lane",
        "Rd" => "Road",
        "Ct" => "Court",
        "Pl" => "Place",
        "Ter" => "Terrace",
        "Cir" => "Circle",
        other => other,
    }
}

fn respelled_direction(short: &'static str, dice: &mut Dice) -> String {
    let long = match short {
        "N" => "North",
        "S" => "South",
        "E" => "East",
        _ => "West",
    };
    if dice.percent(75) {
        long.to_owned()
    } else {
        format!("{short}.")
    }
}

fn respelled_name(name: &str, dice: &mut Dice) -> String {
    let word = ORDINALS
        .iter()
        .find(|(short, _)| *short == name)
        .map(|(_, word)| *word);
    match word {
        Some(word) if dice.percent(50) => word.to_owned(),
        _ => name.to_owned(),
    }
}

fn respelled_unit(number: &str, dice: &mut Dice) -> String {
    let form = dice.pick(&["# ", "#", "Unit ", "Apartment ", "Apt. "]);
    format!("{form}{number}")
}

fn respelled_city(city: &str) -> String {
    match city {
        "Saint Petersburg" => "St. Petersburg".to_owned(),
        "Fort Worth" => "Ft Worth".to_owned(),
        other => other.to_owned(),
    }
}

const ORDINALS: [(&str, &str); 12] = [
    ("1st", "First"),
    ("2nd", "Second"),
    ("3rd", "Third"),
    ("4th", "Fourth"),
    ("5th", "Fifth"),
    ("6th", "Sixth"),
    ("7th", "Seventh"),
    ("8th", "Eighth"),
    ("9th", "Ninth"),
    ("10th", "Tenth"),
    ("11th", "Eleventh"),
    ("12th", "Twelfth"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;
    use crate::world::doorway::{Written, key};

    fn line(unit: Option<(&'static str, String)>) -> StreetLine {
        StreetLine {
            house: 1217,
            direction: Some("N"),
            name: "5th".into(),
            suffix: "St",
            unit,
        }
    }

    #[test]
    fn every_respelling_is_another_text_for_the_same_door() {
        fn written(street: &str, zip: &str) -> Option<String> {
            key(&Written {
                street,
                unit: "",
                city: "Fort Worth",
                state: "TX",
                zip,
            })
        }
        for unit in [
            None,
            Some(("APT", "5B".to_owned())),
            Some(("UNIT", "12".to_owned())),
        ] {
            let line = line(unit);
            let standard = line.standard();
            for index in 0..50 {
                let mut dice = Dice::new(1, Purpose::Listings, index);
                let ending = LastLine {
                    city: "Fort Worth",
                    zip: "76102",
                    plus4: "1234",
                };
                let other = line.respelled(&ending, &mut dice);
                assert_ne!(other.street, standard);
                assert_eq!(
                    written(&other.street, &other.zip),
                    written(&standard, "76102")
                );
            }
        }
    }
}
