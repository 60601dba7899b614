//! Writes a real address as other people would, and near misses of it, always in the same way.
//!
//! Knows the habits of writers, not the rules of the normaliser: its word lists are its own.

const SUFFIXES: &[(&str, &str, &str)] = &[
    ("Street", "St", "Str"),
    ("Avenue", "Ave", "Av"),
    ("Road", "Rd", "Rd."),
    ("Drive", "Dr", "Drv"),
    ("Lane", "Ln", "Ln."),
    ("Court", "Ct", "Crt"),
    ("Place", "Pl", "Pl."),
    ("Boulevard", "Blvd", "Boul"),
    ("Circle", "Cir", "Circ"),
    ("Terrace", "Ter", "Terr"),
    ("Trail", "Trl", "Trl."),
    ("Parkway", "Pkwy", "Pky"),
    ("Highway", "Hwy", "Hiway"),
    ("Way", "Way", "Wy"),
    ("Square", "Sq", "Sqr"),
    ("Crossing", "Xing", "Crssng"),
    ("Loop", "Loop", "Loops"),
];

const DIRECTIONS: &[(&str, &str, &str)] = &[
    ("North", "N", "N."),
    ("South", "S", "S."),
    ("East", "E", "E."),
    ("West", "W", "W."),
    ("Northeast", "NE", "N.E."),
    ("Northwest", "NW", "N.W."),
    ("Southeast", "SE", "S.E."),
    ("Southwest", "SW", "S.W."),
];

const STATES: &[(&str, &str)] = &[
    ("AK", "Alaska"),
    ("AL", "Ala."),
    ("AR", "Arkansas"),
    ("AZ", "Ariz."),
    ("CA", "Calif."),
    ("CO", "Colorado"),
    ("CT", "Conn."),
    ("DC", "D.C."),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("KY", "Kentucky"),
    ("MA", "Mass."),
    ("MD", "Maryland"),
    ("OH", "Ohio"),
    ("OK", "Okla."),
    ("TN", "Tenn."),
    ("VT", "Vermont"),
];

const ORDINALS: &[(&str, &str)] = &[
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
    ("20th", "Twentieth"),
    ("21st", "Twenty-First"),
    ("22nd", "Twenty Second"),
    ("23rd", "Twenty-Third"),
    ("30th", "Thirtieth"),
    ("42nd", "Forty-Second"),
];

/// A real address.
#[derive(Clone, Debug)]
pub struct Real {
    line1: String,
    unit: String,
    city: String,
    state: String,
    zip: String,
}

impl Real {
    /// Reads a row of the fixture.
    pub fn of_row(row: &str) -> Option<Self> {
        let mut columns = row.split('\t').map(str::to_owned);
        Some(Self {
            line1: columns.next()?,
            unit: columns.next()?,
            city: columns.next()?,
            state: columns.next()?,
            zip: columns.next()?,
        })
    }

    /// The five parts.
    pub fn fields(&self) -> [&str; 5] {
        [&self.line1, &self.unit, &self.city, &self.state, &self.zip]
    }

    fn with_line1(&self, line1: String) -> Self {
        Self {
            line1,
            ..self.clone()
        }
    }

    /// The identifier of an apartment or suite without its designator; empty for other units.
    fn unit_id(&self) -> &str {
        let unit = self.unit.trim_start_matches('#');
        let unit = ["APT ", "STE ", "UNIT "]
            .iter()
            .find_map(|word| unit.strip_prefix(word))
            .unwrap_or(unit);
        if unit.contains(' ') || unit == "BLDG" {
            ""
        } else {
            unit
        }
    }
}

/// Replaces whole words. The last word that is a suffix or directional is a word like any other.
fn words(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| replace(word).unwrap_or_else(|| word.to_owned()))
        .collect();
    words.join(" ")
}

/// Only the suffix that ends the street, so that `Court Drive` stays a name and a suffix.
fn suffix(real: &Real, choose: impl Fn(&(&str, &str, &str)) -> String) -> Option<Real> {
    let mut parts: Vec<String> = real.line1.split(' ').map(str::to_owned).collect();
    let is_direction = |word: &str| DIRECTIONS.iter().any(|row| row.0 == word);
    let at = parts
        .iter()
        .rposition(|word| !is_direction(word))
        .filter(|at| *at >= 2)?;
    let row = SUFFIXES.iter().find(|row| row.0 == parts[at])?;
    parts[at] = choose(row);
    Some(real.with_line1(parts.join(" ")))
}

/// Directionals beside a name; one that is the name itself (`North Street`) stays.
fn direction(real: &Real, choose: impl Fn(&(&str, &str, &str)) -> String) -> Option<Real> {
    let mut parts: Vec<String> = real.line1.split(' ').map(str::to_owned).collect();
    let last = parts.len() - 1;
    let names = parts.len()
        - 1
        - usize::from(
            SUFFIXES
                .iter()
                .any(|row| row.0 == parts[last] || row.1 == parts[last]),
        );
    let find = |word: &str| DIRECTIONS.iter().find(|row| row.0 == word);
    if let Some(row) = find(&parts[1]).filter(|_| names >= 2) {
        parts[1] = choose(row);
    } else if let Some(row) = find(&parts[last]).filter(|_| parts.len() >= 4) {
        parts[last] = choose(row);
    } else {
        return None;
    }
    Some(real.with_line1(parts.join(" ")))
}

/// The same property as others write it, with the name of the habit.
pub fn rewritten(real: &Real) -> Vec<(&'static str, Real)> {
    let mut all = vec![
        ("upper case", real.with_line1(real.line1.to_uppercase())),
        ("lower case", real.with_line1(real.line1.to_lowercase())),
        (
            "spaces",
            real.with_line1(format!(" {} ", real.line1.replace(' ', "  "))),
        ),
        (
            "full stop, comma",
            real.with_line1(format!("{}.,", real.line1)),
        ),
        (
            "zip plus 4",
            Real {
                zip: format!("{}-1234", real.zip),
                ..real.clone()
            },
        ),
        (
            "zip number",
            Real {
                zip: format!("{}.0", real.zip.trim_start_matches('0')),
                ..real.clone()
            },
        ),
        (
            "city upper",
            Real {
                city: real.city.to_uppercase(),
                ..real.clone()
            },
        ),
        (
            "city and state",
            Real {
                city: format!("{}, {}", real.city, real.state),
                ..real.clone()
            },
        ),
        (
            "html space",
            real.with_line1(real.line1.replace(' ', "&nbsp;")),
        ),
    ];
    let last_line = format!("{}, {} {}", real.city, real.state, real.zip);
    if real.unit.is_empty() {
        all.push((
            "whole address",
            real.with_line1(format!("{}, {last_line}", real.line1)),
        ));
        all.push((
            "no commas",
            real.with_line1(format!("{} {} {}", real.line1, real.city, real.state)),
        ));
        all.push((
            "country",
            real.with_line1(format!("{}, {last_line}, USA", real.line1)),
        ));
        all.push((
            "care of",
            Real {
                unit: "c/o Pat Example".to_owned(),
                ..real.clone()
            },
        ));
    }
    if let Some((_, name)) = STATES.iter().find(|row| row.0 == real.state) {
        all.push((
            "state name",
            Real {
                state: (*name).to_owned(),
                ..real.clone()
            },
        ));
    }
    all.extend(suffix(real, |row| row.1.to_owned()).map(|it| ("suffix short", it)));
    all.extend(
        suffix(real, |row| format!("{}.", row.1.to_uppercase())).map(|it| ("suffix dotted", it)),
    );
    all.extend(suffix(real, |row| row.2.to_owned()).map(|it| ("suffix odd", it)));
    all.extend(direction(real, |row| row.1.to_owned()).map(|it| ("direction short", it)));
    all.extend(direction(real, |row| row.2.to_owned()).map(|it| ("direction dotted", it)));
    let both =
        suffix(real, |row| row.1.to_owned()).and_then(|it| direction(&it, |row| row.1.to_owned()));
    all.extend(both.map(|it| ("both short", it.with_line1(it.line1.to_uppercase()))));
    let ordinal = |word: &str| {
        ORDINALS
            .iter()
            .find(|row| row.0 == word)
            .map(|row| row.1.to_owned())
    };
    let spelled = words(&real.line1, ordinal);
    if spelled != real.line1 {
        all.push(("ordinal spelled", real.with_line1(spelled)));
    }
    let saint = |word: &str| (word == "Saint").then(|| "St.".to_owned());
    let (line1, city) = (words(&real.line1, saint), words(&real.city, saint));
    if line1 != real.line1 || city != real.city {
        all.push((
            "saint",
            Real {
                line1,
                city,
                ..real.clone()
            },
        ));
    }
    if !real.unit_id().is_empty() {
        all.extend(units(real));
    }
    all
}

fn units(real: &Real) -> Vec<(&'static str, Real)> {
    let id = real.unit_id();
    let plain = id.trim_start_matches('0');
    let below = |unit: String| Real {
        unit,
        ..real.clone()
    };
    let inside = |line1: String| Real {
        line1,
        unit: String::new(),
        ..real.clone()
    };
    vec![
        ("unit below", below(format!("Apt {plain}"))),
        ("unit sign below", below(format!("#{plain}"))),
        ("unit padded", below(format!("UNIT {}", padded(plain)))),
        ("unit inside", inside(format!("{} Apt {id}", real.line1))),
        ("unit sign inside", inside(format!("{} #{id}", real.line1))),
        (
            "unit after comma",
            inside(format!("{}, Unit {plain}", real.line1)),
        ),
        (
            "unit in front",
            inside(format!("Apt. {plain}, {}", real.line1)),
        ),
        (
            "unit twice",
            Real {
                line1: format!("{} Apt {plain}", real.line1),
                ..real.clone()
            },
        ),
    ]
}

/// Padded like some county lists, where that cannot change which unit it is.
fn padded(id: &str) -> String {
    if id.bytes().all(|b| b.is_ascii_digit()) {
        format!("{id:0>6}")
    } else {
        id.to_owned()
    }
}

/// Other properties that look much like this one.
pub fn near_misses(real: &Real) -> Vec<Real> {
    let (number, street) = real.line1.split_once(' ').unwrap_or((&real.line1, ""));
    let mut all = vec![
        real.with_line1(format!("{number}1 {street}")),
        real.with_line1(format!("1{number} {street}")),
        real.with_line1(format!("{number} 1/2 {street}")),
        real.with_line1(format!("{number}A {street}")),
        real.with_line1(format!("{number} Old {street}")),
        real.with_line1(format!("{number} {street} Extension")),
        Real {
            unit: format!("{}7", real.unit),
            ..real.clone()
        },
        Real {
            unit: format!("Bldg {}", real.unit_id()),
            ..real.clone()
        },
        Real {
            unit: "Rear".to_owned(),
            ..real.clone()
        },
        Real {
            zip: format!("{}9{}", &real.zip[..3], &real.zip[4..]),
            ..real.clone()
        },
        Real {
            city: format!("West {}", real.city),
            ..real.clone()
        },
        Real {
            state: if real.state == "NV" { "UT" } else { "NV" }.to_owned(),
            ..real.clone()
        },
    ];
    let other_suffix = suffix(real, |row| {
        if row.0 == "Court" { "Drive" } else { "Court" }.to_owned()
    });
    all.extend(other_suffix);
    let other_direction =
        |row: &(&str, &str, &str)| if row.0 == "North" { "South" } else { "North" }.to_owned();
    all.extend(direction(real, other_direction));
    let has_direction = DIRECTIONS.iter().any(|row| real.line1.contains(row.0));
    if !has_direction {
        all.push(real.with_line1(format!("{number} North {street}")));
        all.push(real.with_line1(format!("{} South", real.line1)));
    }
    // A unit that is one of these already, or has no identifier, is no near miss of itself.
    let is_named = matches!(
        real.unit.to_uppercase().trim_start_matches('#'),
        "REAR" | "BLDG"
    );
    all.retain(|near| near.fields() != real.fields() && !(is_named && near.unit != real.unit));
    all
}
