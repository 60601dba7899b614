//! Numbered roads: USPS Publication 28, appendix F (county, state, US and interstate roads in
//! their spellings), and the Texas roads to market of TxDOT's highway designation file.
//!
//! One class a road system. State road, route and highway are one system in every state. County
//! road and county highway are two in some states, so they stay apart when numbered. A plain
//! `Highway 9` says no system and equals only itself.

use super::lookup::{Table, is_any_of, same};

/// A road system; the word of the canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) enum System {
    Interstate,
    Us,
    State,
    County,
    CountyHighway,
    CountyStreet,
    FarmToMarket,
    RanchToMarket,
    Loop,
    Spur,
    Township,
    Private,
    Forest,
    Parish,
    Farm,
    Ranch,
    Carretera,
    Highway,
    Route,
}

impl System {
    /// The word of the canonical form.
    pub(in crate::address) fn label(self) -> &'static str {
        match self {
            Self::Interstate => "I",
            Self::Us => "US",
            Self::State => "SR",
            Self::County => "CR",
            Self::CountyHighway => "CO HWY",
            Self::CountyStreet => "COUNTY ST",
            Self::FarmToMarket => "FM",
            Self::RanchToMarket => "RM",
            Self::Loop => "LOOP",
            Self::Spur => "SPUR",
            Self::Township => "TWP RD",
            Self::Private => "PVT RD",
            Self::Forest => "FOREST RD",
            Self::Parish => "PARISH RD",
            Self::Farm => "FARM RD",
            Self::Ranch => "RANCH RD",
            Self::Carretera => "CARR",
            Self::Highway => "HWY",
            Self::Route => "RTE",
        }
    }
}

impl System {
    /// A `#` after the words marks the road's number (`County Road #12`), not a unit.
    pub(in crate::address) fn takes_number_sign(self) -> bool {
        matches!(
            self,
            Self::Us
                | Self::State
                | Self::County
                | Self::CountyHighway
                | Self::FarmToMarket
                | Self::Township
                | Self::Highway
                | Self::Route
        )
    }
}

/// Where in the street a spelling may be read as a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) enum Place {
    /// Only at the start of the name: short forms are other words elsewhere (`Mill Cr 5`).
    Start,
    /// Anywhere, because nothing else is spelled like this.
    Anywhere,
}

/// One spelling: its words, where `HWY`, `RTE` and `RD` stand for all spellings of these.
pub(in crate::address) struct Spelling {
    pub words: &'static [&'static str],
    pub system: System,
    pub place: Place,
    /// Holds only in this state.
    pub only_in: Option<&'static str>,
}

const fn any(words: &'static [&'static str], system: System) -> Spelling {
    let (place, only_in) = (Place::Anywhere, None);
    Spelling {
        words,
        system,
        place,
        only_in,
    }
}

const fn start(words: &'static [&'static str], system: System) -> Spelling {
    let (place, only_in) = (Place::Start, None);
    Spelling {
        words,
        system,
        place,
        only_in,
    }
}

const fn within(state: &'static str, words: &'static [&'static str], system: System) -> Spelling {
    let (place, only_in) = (Place::Start, Some(state));
    Spelling {
        words,
        system,
        place,
        only_in,
    }
}

/// Grouped by first word; within a group the longer spelling comes first.
pub(in crate::address) static SPELLINGS: &[Spelling] = &[
    any(&["UNITED", "STATES", "HWY"], System::Us),
    any(&["UNITED", "STATES", "RTE"], System::Us),
    any(&["HWY", "US"], System::Us),
    any(&["HWY"], System::Highway),
    any(&["RTE", "US"], System::Us),
    any(&["RTE"], System::Route),
    any(&["US", "HWY"], System::Us),
    any(&["US", "RTE"], System::Us),
    any(&["US"], System::Us),
    any(&["U", "S", "HWY"], System::Us),
    any(&["U", "S", "RTE"], System::Us),
    start(&["U", "S"], System::Us),
    any(&["USHWY"], System::Us),
    any(&["INTERSTATE", "HWY"], System::Interstate),
    any(&["INTERSTATE", "RTE"], System::Interstate),
    any(&["INTERSTATE"], System::Interstate),
    any(&["IH"], System::Interstate),
    start(&["I", "HWY"], System::Interstate),
    start(&["I"], System::Interstate),
    any(&["STATE", "HWY", "LOOP"], System::Loop),
    any(&["STATE", "HWY", "SPUR"], System::Spur),
    any(&["STATE", "HWY"], System::State),
    any(&["STATE", "RTE"], System::State),
    any(&["STATE", "RD"], System::State),
    any(&["STATE", "LOOP"], System::Loop),
    any(&["STATE", "SPUR"], System::Spur),
    any(&["ST", "HWY"], System::State),
    any(&["ST", "RTE"], System::State),
    any(&["ST", "RD"], System::State),
    any(&["STHWY"], System::State),
    any(&["STATEHWY"], System::State),
    start(&["SR"], System::State),
    start(&["SH"], System::State),
    start(&["S", "R"], System::State),
    start(&["S", "H"], System::State),
    any(&["COUNTY", "TRUNK", "HWY"], System::CountyHighway),
    any(&["COUNTY", "HWY"], System::CountyHighway),
    any(&["COUNTY", "RTE"], System::County),
    any(&["COUNTY", "RD"], System::County),
    any(&["COUNTY", "STREET"], System::CountyStreet),
    any(&["COUNTY", "ST"], System::CountyStreet),
    any(&["CNTY", "HWY"], System::CountyHighway),
    any(&["CNTY", "RTE"], System::County),
    any(&["CNTY", "RD"], System::County),
    any(&["CTY", "HWY"], System::CountyHighway),
    any(&["CTY", "RTE"], System::County),
    any(&["CTY", "RD"], System::County),
    any(&["CO", "HWY"], System::CountyHighway),
    any(&["CO", "RTE"], System::County),
    any(&["CO", "RD"], System::County),
    start(&["CTH"], System::CountyHighway),
    start(&["CR"], System::County),
    start(&["C", "R"], System::County),
    any(&["FARM", "TO", "MARKET", "RD"], System::FarmToMarket),
    any(&["FARM", "TO", "MARKET"], System::FarmToMarket),
    within("TX", &["FARM", "MARKET", "RD"], System::FarmToMarket),
    within("TX", &["FARM", "RD"], System::FarmToMarket),
    start(&["FARM", "RD"], System::Farm),
    start(&["FM", "RD"], System::FarmToMarket),
    start(&["FM"], System::FarmToMarket),
    start(&["F", "M", "RD"], System::FarmToMarket),
    start(&["F", "M"], System::FarmToMarket),
    any(&["RANCH", "TO", "MARKET", "RD"], System::RanchToMarket),
    any(&["RANCH", "TO", "MARKET"], System::RanchToMarket),
    within("TX", &["RANCH", "RD"], System::RanchToMarket),
    start(&["RANCH", "RD"], System::Ranch),
    start(&["RM", "RD"], System::RanchToMarket),
    start(&["RM"], System::RanchToMarket),
    within("TX", &["RR"], System::RanchToMarket),
    start(&["LOOP"], System::Loop),
    within("TX", &["LP"], System::Loop),
    start(&["SPUR"], System::Spur),
    any(&["TOWNSHIP", "RD"], System::Township),
    any(&["TOWNSHIP", "HWY"], System::Township),
    any(&["TWP", "RD"], System::Township),
    any(&["TWP", "HWY"], System::Township),
    start(&["TR"], System::Township),
    start(&["PRIVATE", "RD"], System::Private),
    start(&["PVT", "RD"], System::Private),
    start(&["FOREST", "RD"], System::Forest),
    start(&["PARISH", "RD"], System::Parish),
    any(&["CARRETERA", "ESTATAL"], System::Carretera),
    any(&["CARRETERA", "PR"], System::Carretera),
    any(&["CARRETERA"], System::Carretera),
    any(&["CARR", "ESTATAL"], System::Carretera),
    any(&["CARR", "PR"], System::Carretera),
    any(&["CARR"], System::Carretera),
    within("PR", &["PR"], System::Carretera),
    within("MI", &["M"], System::State),
    within("KS", &["K"], System::State),
];

/// First words of [`SPELLINGS`], so that most words need no search.
pub(in crate::address) static HEADS: Table<(), 128> = Table::new(&[
    ("UNITED", ()),
    ("HWY", ()),
    ("RTE", ()),
    ("US", ()),
    ("U", ()),
    ("USHWY", ()),
    ("INTERSTATE", ()),
    ("IH", ()),
    ("I", ()),
    ("STATE", ()),
    ("ST", ()),
    ("STHWY", ()),
    ("STATEHWY", ()),
    ("SR", ()),
    ("SH", ()),
    ("S", ()),
    ("COUNTY", ()),
    ("CNTY", ()),
    ("CTY", ()),
    ("CO", ()),
    ("CTH", ()),
    ("CR", ()),
    ("C", ()),
    ("FARM", ()),
    ("FM", ()),
    ("F", ()),
    ("RANCH", ()),
    ("RM", ()),
    ("RR", ()),
    ("LOOP", ()),
    ("LP", ()),
    ("SPUR", ()),
    ("TOWNSHIP", ()),
    ("TWP", ()),
    ("TR", ()),
    ("PRIVATE", ()),
    ("PVT", ()),
    ("FOREST", ()),
    ("PARISH", ()),
    ("CARRETERA", ()),
    ("CARR", ()),
    ("PR", ()),
    ("M", ()),
    ("K", ()),
]);

/// Stands in [`SPELLINGS`] for all its own spellings.
pub(in crate::address) const fn is_road_type(standard: &str) -> bool {
    is_any_of(standard, &["HWY", "RTE", "RD"])
}

/// The spellings that start with the word in this row of [`HEADS`], counted from 1; none for 0.
#[inline]
pub(in crate::address) fn spellings(head: usize) -> &'static [Spelling] {
    let group = GROUPS.get(head.wrapping_sub(1));
    let spellings = group.and_then(|(start, end)| SPELLINGS.get(*start..*end));
    spellings.unwrap_or_default()
}

/// Where in [`SPELLINGS`] the group of each head starts and ends.
static GROUPS: [(usize, usize); HEADS.rows().len()] = groups();

const fn groups() -> [(usize, usize); HEADS.rows().len()] {
    let heads = HEADS.rows();
    let mut groups = [(0, 0); HEADS.rows().len()];
    let mut grouped = 0;
    let mut head = 0;
    while head < heads.len() {
        let mut start = 0;
        while !starts_with(start, heads[head].0) {
            start += 1;
        }
        let mut end = start;
        while end < SPELLINGS.len() && starts_with(end, heads[head].0) {
            end += 1;
        }
        groups[head] = (start, end);
        grouped += end - start;
        head += 1;
    }
    assert!(
        grouped == SPELLINGS.len(),
        "a spelling stands apart from its group"
    );
    groups
}

const fn starts_with(spelling: usize, head: &str) -> bool {
    same(SPELLINGS[spelling].words[0].as_bytes(), head.as_bytes())
}

/// Words before a road that are part of its name and keep it at the start of the street.
pub(in crate::address) fn is_lead(word: &str) -> bool {
    matches!(
        word,
        "OLD" | "NEW" | "FORMER" | "BUS" | "BUSINESS" | "ALT" | "ALTERNATE"
    )
}

/// Qualifiers of a numbered road, folded only in the same street as one.
pub(in crate::address) fn qualifier(word: &str) -> Option<&'static str> {
    Some(match word {
        "BUSINESS" | "BUSN" => "BUS",
        "ALTERNATE" | "ALTERNATIVE" => "ALT",
        "BYPASS" => "BYP",
        _ => return None,
    })
}
