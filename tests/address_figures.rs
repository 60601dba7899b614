//! How well the address normaliser does: pairs written from the public rules, real addresses that
//! it was not tuned on, and the pinned output of a list of addresses.
//!
//! Needs no server. Prints one line a category; fails when a category falls under its pin. A pair
//! says `same` (one property), `different` (two) or `none` (no property); an address is
//! `line1 | line2 | city | state | zip`. A change that alters `canonical.tsv` alters stored hashes:
//! it must raise the normaliser's version.

#[allow(dead_code, unused_imports)]
#[path = "../src/address/mod.rs"]
mod address;

#[path = "address_figures/variants.rs"]
mod variants;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use address::{AddressParts, CanonicalAddress, canonical};
use variants::{Real, near_misses, rewritten};

/// What a category of pairs must reach: (category, missed, falsely merged). All others: 0 and 0.
const PINNED: &[(&str, usize, usize)] = &[];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/addresses")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("\\\\", "\\")
}

fn of_fields(fields: &[&str]) -> Option<CanonicalAddress> {
    let field = |index: usize| fields.get(index).copied().filter(|text| !text.is_empty());
    canonical(&AddressParts {
        line1: field(0),
        line2: field(1),
        city: field(2),
        state: field(3),
        zip: field(4),
    })
}

fn of_row(row: &str) -> Option<CanonicalAddress> {
    let row = unescaped(row);
    let fields: Vec<&str> = row
        .split(" | ")
        .map(|field| field.trim_matches(' '))
        .collect();
    of_fields(&fields)
}

fn shown(address: &Option<CanonicalAddress>) -> &str {
    address.as_ref().map_or("(none)", CanonicalAddress::text)
}

#[derive(Default)]
struct Figures {
    positives: usize,
    missed: usize,
    negatives: usize,
    merged: usize,
}

impl Figures {
    fn print(&self, name: &str) {
        let recall = 100.0 * (self.positives - self.missed) as f64 / self.positives.max(1) as f64;
        println!(
            "{name:20} positives {:5}, recall {recall:6.2} %; negatives {:5}, false merges {}",
            self.positives, self.negatives, self.merged
        );
    }
}

fn figures_of(pairs: &str) -> Figures {
    let mut figures = Figures::default();
    for row in pairs.lines().filter(|row| !row.is_empty()) {
        let columns: Vec<&str> = row.split('\t').collect();
        let left = of_row(columns[1]);
        match columns[0] {
            "same" => {
                let right = of_row(columns[2]);
                figures.positives += 1;
                if left.is_none() || left != right {
                    figures.missed += 1;
                    println!("missed: {row}\n    {}\n    {}", shown(&left), shown(&right));
                }
            }
            "different" => {
                figures.negatives += 1;
                if left.is_some() && left == of_row(columns[2]) {
                    figures.merged += 1;
                    println!("merged: {row}\n    {}", shown(&left));
                }
            }
            "none" => {
                figures.negatives += 1;
                if left.is_some() {
                    figures.merged += 1;
                    println!("not none: {row}\n    {}", shown(&left));
                }
            }
            other => panic!("unknown kind of pair: {other}"),
        }
    }
    figures
}

#[test]
fn every_category_of_pairs_reaches_its_figure() {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures().join("pairs"))
        .expect("the fixtures are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    let mut all = Figures::default();
    let mut failed = Vec::new();
    for file in &files {
        let name = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a plain name");
        let figures = figures_of(&read(file));
        figures.print(name);
        let pin = PINNED.iter().find(|pin| pin.0 == name);
        let (missed, merged) = pin.map_or((0, 0), |pin| (pin.1, pin.2));
        if figures.missed > missed || figures.merged > merged {
            failed.push(name.to_owned());
        }
        all.positives += figures.positives;
        all.missed += figures.missed;
        all.negatives += figures.negatives;
        all.merged += figures.merged;
    }
    all.print("all pairs");
    assert!(
        all.positives + all.negatives >= 1_000,
        "the fixtures are not whole"
    );
    assert!(failed.is_empty(), "under their figure: {failed:?}");
}

fn held_out() -> Vec<Real> {
    read(&fixtures().join("held_out.tsv"))
        .lines()
        .filter_map(Real::of_row)
        .collect()
}

#[test]
fn held_out_addresses_are_recognised_in_their_variants() {
    let addresses = held_out();
    let mut by_variant: Vec<(&str, Figures)> = Vec::new();
    for real in &addresses {
        let plain = of_fields(&real.fields());
        assert!(plain.is_some(), "no canonical form: {:?}", real.fields());
        for (name, variant) in rewritten(real) {
            let index = by_variant.iter().position(|(known, _)| *known == name);
            let index = index.unwrap_or_else(|| {
                by_variant.push((name, Figures::default()));
                by_variant.len() - 1
            });
            let figures = &mut by_variant[index].1;
            figures.positives += 1;
            let other = of_fields(&variant.fields());
            if other != plain {
                figures.missed += 1;
                if figures.missed <= 3 {
                    println!(
                        "missed: {:?}\n    {}\n    {}",
                        variant.fields(),
                        shown(&plain),
                        shown(&other)
                    );
                }
            }
        }
    }
    let mut all = Figures::default();
    for (name, figures) in &by_variant {
        figures.print(name);
        all.positives += figures.positives;
        all.missed += figures.missed;
    }
    all.print("held out");
    assert!(
        addresses.len() >= 900 && all.positives > 10_000,
        "the fixture is not whole"
    );
    assert!(
        all.missed * 1_000 <= all.positives * 5,
        "recall under 99.5 %"
    );
}

#[test]
fn held_out_near_misses_stay_different() {
    let addresses = held_out();
    let mut figures = Figures::default();
    let mut owners: HashMap<String, &Real> = HashMap::new();
    for real in &addresses {
        let plain = of_fields(&real.fields());
        let text = shown(&plain).to_owned();
        figures.negatives += addresses.len() - 1;
        if let Some(other) = owners.insert(text, real) {
            figures.merged += 1;
            println!("merged: {:?} and {:?}", other.fields(), real.fields());
        }
        for near in near_misses(real) {
            figures.negatives += 1;
            if of_fields(&near.fields()) == plain {
                figures.merged += 1;
                println!("merged: {:?}\n    {}", near.fields(), shown(&plain));
            }
        }
    }
    figures.print("held out, near");
    assert_eq!(figures.merged, 0);
}

#[test]
fn the_canonical_form_and_its_hash_are_pinned() {
    let mut pinned = 0;
    for row in read(&fixtures().join("canonical.tsv")).lines() {
        let columns: Vec<&str> = row.split('\t').collect();
        let address = of_row(columns[0]);
        assert_eq!(shown(&address), columns[1], "{}", columns[0]);
        let hash = address.map_or(String::new(), |address| address.hash_hex());
        assert_eq!(hash, columns[2], "{}", columns[0]);
        pinned += 1;
    }
    assert!(pinned >= 100, "the list is not whole");
    assert_eq!(
        address::NORMALIZER_VERSION,
        1,
        "a new version needs a new list"
    );
}

#[test]
fn no_text_takes_more_than_linear_time() {
    // A quadratic step would need minutes for these lengths.
    let started = std::time::Instant::now();
    for unit in [
        "1 - 2 - ", "APT ", "# ", "NO ", "BOX # ", "N ", "ST ", "½", "&amp;", "C/O X ", "A.",
    ] {
        let long = unit.repeat(200_000);
        let line1 = format!("12 Main St {long}");
        let _ = of_fields(&[&line1, &long, &long, &long, "62701"]);
        let _ = of_fields(&[&format!("{long}12 Main St"), "", "Springfield", "IL", &long]);
    }
    assert!(
        started.elapsed().as_secs() < 60,
        "took {:?}",
        started.elapsed()
    );
}
