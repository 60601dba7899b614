//! The simulator's own way to recognise an address in any reasonable spelling.
//!
//! It looks up a door in a known, small world, so it may fold more than an identity rule could:
//! the world never holds two doors that this folds together. Independent on purpose of the code
//! under test, so that a mistake there is not repeated here.

/// An address as somebody wrote it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written<'a> {
    pub street: &'a str,
    pub unit: &'a str,
    pub city: &'a str,
    pub state: &'a str,
    pub zip: &'a str,
}

/// The key of a door: by ZIP when there is one, else by city and state; nothing when neither
/// or no house number is given.
#[must_use]
pub fn key(written: &Written<'_>) -> Option<String> {
    let door = door(written)?;
    let zip = zip5(written.zip).or_else(|| zip_at_end(written.street));
    match zip {
        Some(zip) => Some(format!("{zip}|{door}")),
        None => city_key(written.city, written.state).map(|city| format!("{city}|{door}")),
    }
}

/// The key of a city inside a state, for addresses without a ZIP.
#[must_use]
pub fn city_key(city: &str, state: &str) -> Option<String> {
    let city = words(city)
        .iter()
        .map(|word| fold_city(word))
        .collect::<Vec<_>>()
        .join(" ");
    let state = state.trim().to_uppercase();
    (!city.is_empty() && state.len() == 2).then(|| format!("{state}:{city}"))
}

/// The first five digits of a ZIP or ZIP+4.
#[must_use]
pub fn zip5(text: &str) -> Option<String> {
    let digits: String = text
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    matches!(digits.len(), 5 | 9).then(|| digits[..5].to_owned())
}

fn zip_at_end(street: &str) -> Option<String> {
    zip5(words(street).last()?).filter(|_| words(street).len() > 3)
}

/// House number, street and unit, folded.
fn door(written: &Written<'_>) -> Option<String> {
    let mut tokens = words(written.street);
    drop_last_line(&mut tokens, written);
    tokens.extend(
        words(written.unit)
            .into_iter()
            .enumerate()
            .flat_map(mark_unit),
    );
    if !tokens
        .first()?
        .starts_with(|first: char| first.is_ascii_digit())
    {
        return None;
    }
    let folded: Vec<String> = tokens.iter().map(|token| fold_street(token)).collect();
    let at = unit_position(&folded);
    let (street, unit) = folded.split_at(at.unwrap_or(folded.len()));
    let unit: String = unit.iter().filter(|token| *token != "#").cloned().collect();
    Some(format!(
        "{}|{}",
        street.join(" "),
        unit.trim_start_matches('0')
    ))
}

/// A unit given in its own field needs no designator; put one before it.
fn mark_unit((position, word): (usize, String)) -> Vec<String> {
    if position == 0 {
        vec!["#".to_owned(), word]
    } else {
        vec![word]
    }
}

/// Removes a city, state and ZIP that were written into the street line.
fn drop_last_line(tokens: &mut Vec<String>, written: &Written<'_>) {
    if tokens.len() > 3 && tokens.last().is_some_and(|last| zip5(last).is_some()) {
        tokens.pop();
        let state = written.state.trim().to_uppercase();
        if tokens.last() == Some(&state) {
            tokens.pop();
        }
        let city = words(written.city);
        if !city.is_empty() && tokens.ends_with(&city) {
            tokens.truncate(tokens.len() - city.len());
        }
    }
}

/// Where the unit begins: at a designator, or at a bare number or letter after the suffix.
fn unit_position(tokens: &[String]) -> Option<usize> {
    let designator = tokens
        .iter()
        .skip(2)
        .position(|token| token == "#")
        .map(|at| at + 2);
    designator.or_else(|| {
        let last = tokens.len().checked_sub(1).filter(|last| *last >= 3)?;
        let bare = tokens[last].bytes().any(|byte| byte.is_ascii_digit());
        (bare && is_suffix(&tokens[last - 1])).then_some(last)
    })
}

/// Upper-case words without punctuation; `#5` and `5-B` fall apart into `#`, `5` and `5`, `B`.
fn words(text: &str) -> Vec<String> {
    let spaced: String = text
        .to_uppercase()
        .chars()
        .flat_map(|letter| match letter {
            '#' => vec![' ', '#', ' '],
            '.' | '\'' => vec![],
            other if other.is_alphanumeric() => vec![other],
            _ => vec![' '],
        })
        .collect();
    spaced.split_whitespace().map(str::to_owned).collect()
}

fn fold_city(word: &str) -> String {
    match word {
        "SAINT" => "ST",
        "FORT" => "FT",
        "MOUNT" => "MT",
        other => other,
    }
    .to_owned()
}

fn is_suffix(folded: &str) -> bool {
    SUFFIXES.iter().any(|(_, short)| *short == folded)
}

fn fold_street(token: &str) -> String {
    let known = SUFFIXES
        .iter()
        .chain(DIRECTIONALS)
        .chain(ORDINALS)
        .chain(DESIGNATORS);
    let folded = known
        .into_iter()
        .find(|(long, _)| *long == token)
        .map(|(_, short)| *short);
    folded.unwrap_or(token).to_owned()
}

const SUFFIXES: &[(&str, &str)] = &[
    ("STREET", "ST"),
    ("STR", "ST"),
    ("ST", "ST"),
    ("AVENUE", "AVE"),
    ("AV", "AVE"),
    ("AVE", "AVE"),
    ("BOULEVARD", "BLVD"),
    ("BLVD", "BLVD"),
    ("DRIVE", "DR"),
    ("DR", "DR"),
    ("LANE", "LN"),
    ("LN", "LN"),
    ("ROAD", "RD"),
    ("RD", "RD"),
    ("COURT", "CT"),
    ("CT", "CT"),
    ("PLACE", "PL"),
    ("PL", "PL"),
    ("TERRACE", "TER"),
    ("TER", "TER"),
    ("CIRCLE", "CIR"),
    ("CIR", "CIR"),
    ("WAY", "WAY"),
];

const DIRECTIONALS: &[(&str, &str)] =
    &[("NORTH", "N"), ("SOUTH", "S"), ("EAST", "E"), ("WEST", "W")];

const ORDINALS: &[(&str, &str)] = &[
    ("FIRST", "1ST"),
    ("SECOND", "2ND"),
    ("THIRD", "3RD"),
    ("FOURTH", "4TH"),
    ("FIFTH", "5TH"),
    ("SIXTH", "6TH"),
    ("SEVENTH", "7TH"),
    ("EIGHTH", "8TH"),
    ("NINTH", "9TH"),
    ("TENTH", "10TH"),
    ("ELEVENTH", "11TH"),
    ("TWELFTH", "12TH"),
];

const DESIGNATORS: &[(&str, &str)] = &[
    ("APT", "#"),
    ("APARTMENT", "#"),
    ("UNIT", "#"),
    ("NO", "#"),
    ("STE", "#"),
    ("SUITE", "#"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(street: &str, unit: &str, zip: &str) -> Option<String> {
        key(&Written {
            street,
            unit,
            city: "St. Petersburg",
            state: "FL",
            zip,
        })
    }

    #[test]
    fn one_door_has_one_key_in_every_spelling() {
        let expected = of("120 N Fifth Street Apt 5B", "", "33701");
        assert!(expected.is_some());
        for (street, unit, zip) in [
            ("120 n. 5th st #5b", "", "33701-1234"),
            ("120 North Fifth St", "Unit 5-B", "33701"),
            ("120 NORTH 5TH ST", "5B", "337011234"),
            ("120 N 5th St, # 05B", "", "33701"),
            ("120 N 5th St Apt 5B, St Petersburg, FL 33701", "", ""),
            ("120 N 5th St 5B", "", "33701"),
        ] {
            assert_eq!(of(street, unit, zip), expected, "{street} {unit} {zip}");
        }
    }

    #[test]
    fn other_doors_and_no_doors_are_kept_apart() {
        let one = of("120 N 5th St", "", "33701");
        assert_ne!(one, of("120 S 5th St", "", "33701"));
        assert_ne!(one, of("120 N 5th Ave", "", "33701"));
        assert_ne!(one, of("120 N 5th St", "2", "33701"));
        assert_ne!(one, of("120 N 5th St", "", "33702"));
        assert_eq!(of("N 5th St", "", "33701"), None);
        assert_eq!(of("", "", "33701"), None);
        assert_eq!(
            key(&Written {
                street: "120 N 5th St",
                ..Written::default()
            }),
            None
        );
    }

    #[test]
    fn a_city_and_state_stand_in_for_the_zip() {
        let saint = Written {
            street: "1 Oak St",
            city: "Saint Petersburg",
            state: "fl",
            ..Written::default()
        };
        let short = Written {
            city: "ST. PETERSBURG",
            state: "FL",
            ..saint
        };
        assert_eq!(key(&saint), key(&short));
        assert!(key(&saint).is_some());
    }
}
