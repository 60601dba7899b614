//! The short ways of reading an address say what the long one says.

use proptest::prelude::*;

use super::tables::directionals::DIRECTIONALS;
use super::tables::highways::{HEADS, is_road_type};
use super::tables::meanings::{LONGEST, Meaning};
use super::tables::ordinals::NUMBER_WORDS;
use super::tables::states::STATES;
use super::tables::suffixes::{SUFFIXES, is_plain_road};
use super::tables::units::DESIGNATORS;
use super::words::Gap;
use super::*;

/// Reads every text and every line as the odd ones are read.
fn the_long_way(parts: &AddressParts<'_>) -> Option<CanonicalAddress> {
    let texts = Texts::of(parts)?;
    read(&Folded::of_texts(&texts).cut(), parts, line::write_any)
}

fn words_of_the_tables() -> Vec<&'static str> {
    let mut words = Vec::new();
    words.extend(SUFFIXES.rows().iter().map(|row| row.0));
    words.extend(DIRECTIONALS.rows().iter().map(|row| row.0));
    words.extend(DESIGNATORS.rows().iter().map(|row| row.0));
    words.extend(NUMBER_WORDS.rows().iter().map(|row| row.0));
    words.extend(HEADS.rows().iter().map(|row| row.0));
    words.extend(STATES.rows().iter().map(|row| row.0));
    words
}

#[test]
fn a_word_means_what_each_table_says_of_it() {
    let plain = [
        "",
        "A",
        "MAIN",
        "BROADWAY",
        "STREETSTREETSTRE",
        "STREETSTREETSTREE",
    ];
    for word in words_of_the_tables().into_iter().chain(plain) {
        let meaning = Word::new(word, Gap::Space).meaning;
        assert_eq!(meaning.suffix().as_ref(), SUFFIXES.get(word), "{word}");
        assert_eq!(
            meaning.directional().as_ref(),
            DIRECTIONALS.get(word),
            "{word}"
        );
        assert_eq!(
            meaning.designator().as_ref(),
            DESIGNATORS.get(word),
            "{word}"
        );
        assert_eq!(meaning.number().as_ref(), NUMBER_WORDS.get(word), "{word}");
        if word.len() <= LONGEST {
            assert_eq!(meaning.state().as_ref(), STATES.get(word), "{word}");
        }
        let standard = SUFFIXES.get(word).map(|suffix| suffix.standard());
        let is_road = standard.is_some_and(is_plain_road);
        assert_eq!(meaning.is_plain_road(), is_road, "{word}");
        let road_type = standard.filter(|standard| is_road_type(standard));
        assert_eq!(meaning.road_type(), road_type, "{word}");
        let head = meaning.road_type().unwrap_or(word);
        let spellings = tables::highways::SPELLINGS.iter();
        let spelled = spellings
            .filter(|spelling| spelling.words[0] == head)
            .count();
        assert_eq!(meaning.road_spellings().len(), spelled, "{word}");
        assert!(
            meaning
                .road_spellings()
                .iter()
                .all(|spelling| spelling.words[0] == head)
        );
    }
    assert_eq!(Meaning::of("STREETSTREETSTREET"), Meaning::NONE);
}

#[test]
fn the_fixtures_read_alike_both_ways() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/addresses");
    let pairs = std::fs::read_dir(format!("{folder}/pairs")).expect("the fixtures are there");
    let mut files: Vec<_> = pairs
        .map(|pair| pair.expect("the folder can be read").path())
        .collect();
    files.extend(["canonical.tsv", "held_out.tsv"].map(|name| format!("{folder}/{name}").into()));
    let mut count = 0;
    for file in files {
        let rows = std::fs::read_to_string(file).expect("the file can be read");
        for row in rows.lines() {
            let columns: Vec<&str> = row.split('\t').collect();
            count += 1;
            assert_same_of_fields(&columns, row);
            for column in columns {
                let fields: Vec<&str> = column.split(" | ").collect();
                assert_same_of_fields(&fields, column);
            }
        }
    }
    assert!(count > 2_000, "the fixtures are not whole");
}

fn assert_same_of_fields(fields: &[&str], row: &str) {
    let field = |index: usize| fields.get(index).map(|text| text.trim());
    let parts = AddressParts {
        line1: field(0),
        line2: field(1),
        city: field(2),
        state: field(3),
        zip: field(4),
    };
    assert_eq!(canonical(&parts), the_long_way(&parts), "{row}");
}

fn words() -> impl Strategy<Value = String> {
    const ODD: &[&str] = &[
        "&",
        "&amp;",
        "<br>",
        "½",
        "é",
        "e\u{301}",
        "№",
        "улица",
        "①",
        "'",
        "`",
        "%",
        "|",
        "\n",
        "\t",
        "(",
        ")",
        "[",
        "/",
        "\\",
        "-",
        "--",
        ".",
        "..",
        ",",
        ";",
        "#",
        "##",
        "\u{a0}",
        "\0",
        "C/O",
        "N.W.",
        "5.5",
        "I-35",
        "87-12",
        "O'Brien",
    ];
    const OTHERS: &[&str] = &[
        "MAIN",
        "OAK",
        "LOS",
        "ANGELES",
        "BROADWAY",
        "BOWERY",
        "SAINT",
        "SAINTE",
        "MC",
        "O",
        "SO",
        "OLD",
        "BUSINESS",
        "DOCTOR",
        "AVENIDA",
        "ATTN",
        "ATTENTION",
        "CARE",
        "OF",
        "PO",
        "P",
        "BOX",
        "POBOX",
        "POST",
        "RR",
        "HC",
        "RURAL",
        "ROUTE",
        "GROUND",
        "TOP",
        "MILE",
        "AND",
        "USA",
        "UNITED",
        "STATES",
        "ZIP",
        "COUNTY",
        "NOT",
        "AVAILABLE",
        "NONE",
        "TOWNSHIP",
        "TWENTYTHIRD",
        "CALLE",
        "5TH",
        "5B",
        "B5",
        "PH3",
        "BOX5",
        "N123W456",
        "26W",
        "APT5",
        "US50",
        "0",
        "00",
        "90001",
        "Twenty-Third",
        "Wilkes-Barre",
        "Dr.",
        "Apt.",
    ];
    prop_oneof![
        6 => prop::sample::select(words_of_the_tables()).prop_map(str::to_owned),
        4 => prop::sample::select(OTHERS).prop_map(str::to_owned),
        2 => "[A-Za-z]{1,17}",
        2 => "[0-9]{1,6}",
        1 => "[0-9A-Z]{1,5}",
        1 => prop::sample::select(ODD).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

fn text(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let gap = prop::sample::select(
        &[
            " ", " ", " ", " ", " ", " ", " ", " ", ", ", "-", ". ", "", " - ", " # ",
        ][..],
    );
    let words = prop::collection::vec((words(), gap), count);
    (words, any::<bool>()).prop_map(|(words, is_low)| {
        let text: String = words.into_iter().map(|(word, gap)| word + gap).collect();
        if is_low { text.to_lowercase() } else { text }
    })
}

/// Lines that start with a house number, and any others.
fn line() -> impl Strategy<Value = String> {
    let numbered =
        (0_u32..20_000, text(0..8)).prop_map(|(number, text)| format!("{number} {text}"));
    let unit = prop::sample::select(
        &[
            "Apt 5",
            "Apt 05b",
            "# 12",
            "Unit B",
            "Ste #7",
            "Fl 2",
            "Bldg 3 Apt 4",
            "APT-9",
        ][..],
    );
    let with_unit = (1_u32..20_000, text(1..5), unit)
        .prop_map(|(number, text, unit)| format!("{number} {text} {unit}"));
    prop_oneof![4 => numbered, 3 => with_unit, 2 => text(0..9), 1 => any::<String>()]
}

/// Of every text of a few characters that mean something, behind every other.
#[test]
fn every_short_text_is_cut_alike_where_it_lies() {
    const TELLING: [char; 8] = ['A', '7', ' ', '.', ',', '-', '#', '/'];
    let mut texts = vec![String::new()];
    let mut from = 0;
    for _ in 0..4 {
        let end = texts.len();
        for at in from..end {
            texts.extend(TELLING.map(|c| format!("{}{c}", texts[at])));
        }
        from = end;
    }
    for text in &texts {
        for (first, second) in [(text.as_str(), "B 7"), ("B 7", text), (text, text)] {
            let texts = Texts {
                first,
                second,
                city: "A",
            };
            let (plain, folded) = (PlainTexts::of(&texts), Folded::of_texts(&texts));
            let mut cut = Cut::default();
            if plain.cut(&mut cut).is_some() {
                assert_eq!(cut, folded.cut(), "{first:?} {second:?}");
            }
        }
    }
}

/// The second line often starts with a mark.
fn second_line() -> impl Strategy<Value = String> {
    let mark = prop::sample::select(&["", "", ", ", "# ", "- ", "(", "/ "][..]);
    (mark, text(0..4)).prop_map(|(mark, text)| format!("{mark}{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_address_reads_alike_both_ways(
        line1 in line(),
        line2 in prop::option::weighted(0.4, second_line()),
        city in prop_oneof![text(0..4), Just("Los Angeles".to_owned()), Just("St Louis".to_owned())],
        state in prop_oneof![2 => "[A-Za-z]{2}", 2 => prop::sample::select(STATES.rows()).prop_map(|row| row.1.to_owned()), 1 => text(0..3)],
        zip in prop_oneof![4 => "[0-9]{5}", 1 => "[0-9]{5}-[0-9]{4}", 1 => text(0..2), 1 => Just("90001".to_owned())],
        ending in 0_usize..12,
    ) {
        // Writers repeat the last line at the end of the street line.
        let line1 = match ending {
            0 => format!("{line1} {city}"),
            1 => format!("{line1}, {city} {state} {zip}"),
            2 => format!("{line1} {state} {zip}"),
            _ => line1,
        };
        let parts = AddressParts {
            line1: Some(&line1),
            line2: line2.as_deref(),
            city: Some(&city),
            state: Some(&state),
            zip: Some(&zip),
        };
        prop_assert_eq!(canonical(&parts), the_long_way(&parts));
    }

    #[test]
    fn a_text_that_is_cut_where_it_lies_has_the_same_words(first in line(), second in second_line(), city in text(0..4)) {
        let texts = Texts { first: &first, second: &second, city: &city };
        let plain = PlainTexts::of(&texts);
        let folded = Folded::of_texts(&texts);
        let mut cut = Cut::default();
        if plain.cut(&mut cut).is_some() {
            prop_assert_eq!(&cut, &folded.cut());
        }
    }
}
