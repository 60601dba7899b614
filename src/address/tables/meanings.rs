//! What the tables say of a word, so that a word is looked up once and not once a table.
//!
//! Made by the compiler from the tables themselves; says nothing that they do not.

use super::directionals::{DIRECTIONALS, Directional};
use super::highways::{HEADS, Spelling, is_road_type, spellings};
use super::ordinals::{NUMBER_WORDS, NumberWord};
use super::states::STATES;
use super::suffixes::{SUFFIXES, Suffix, is_plain_road};
use super::units::{DESIGNATORS, Designator};

/// Longer words mean nothing; as long as a number that is compared in one step.
pub(in crate::address) const LONGEST: usize = 16;

/// A power of two, at least twice the number of words.
const SLOTS: usize = 2048;

/// Room for each word of each table; a word of two tables takes one row.
const ROWS: usize = 1
    + SUFFIXES.rows().len()
    + DIRECTIONALS.rows().len()
    + DESIGNATORS.rows().len()
    + NUMBER_WORDS.rows().len()
    + HEADS.rows().len()
    + STATES.rows().len();

/// What the tables say of one word: its row among the words of all tables, counted from 1; 0 where it stands in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) struct Meaning(u16);

impl Meaning {
    /// That of a word which stands in no table.
    pub(in crate::address) const NONE: Self = Self(0);

    /// That of this word, which has only upper-case letters.
    #[inline]
    pub(in crate::address) fn of(word: &str) -> Self {
        match key(word.as_bytes()) {
            Some(key) => MEANINGS.get(key),
            None => Self::NONE,
        }
    }

    #[inline]
    fn rows(self) -> &'static Rows {
        &MEANINGS.rows[self.0 as usize]
    }

    #[inline]
    pub(in crate::address) fn suffix(self) -> Option<Suffix> {
        SUFFIXES.row(self.rows().suffix.into()).copied()
    }

    #[inline]
    pub(in crate::address) fn directional(self) -> Option<Directional> {
        DIRECTIONALS.row(self.rows().directional.into()).copied()
    }

    #[inline]
    pub(in crate::address) fn designator(self) -> Option<Designator> {
        DESIGNATORS.row(self.rows().designator.into()).copied()
    }

    #[inline]
    pub(in crate::address) fn number(self) -> Option<NumberWord> {
        NUMBER_WORDS.row(self.rows().number.into()).copied()
    }

    /// The code of the state whose name or code the word is. Names longer than [`LONGEST`] are not known here.
    #[inline]
    pub(in crate::address) fn state(self) -> Option<&'static str> {
        STATES.row(self.rows().state.into()).copied()
    }

    /// The word is a suffix that is no name of its own (`St`, `Ave`), where `Park` and `Lake` are.
    #[inline]
    pub(in crate::address) fn is_plain_road(self) -> bool {
        self.rows().is_plain_road
    }

    /// `HWY`, `RTE` and `RD` for all their spellings.
    #[inline]
    pub(in crate::address) fn road_type(self) -> Option<&'static str> {
        match self.rows().is_road_type {
            true => self.suffix().map(Suffix::standard),
            false => None,
        }
    }

    /// The spellings of numbered roads that start with the word, or with the road type that it stands for.
    #[inline]
    pub(in crate::address) fn road_spellings(self) -> &'static [Spelling] {
        spellings(self.rows().head.into())
    }
}

/// The rows of one word in the tables, each counted from 1; 0 where it stands in none.
#[derive(Clone, Copy)]
struct Rows {
    suffix: u16,
    directional: u8,
    designator: u8,
    number: u8,
    head: u8,
    state: u8,
    is_plain_road: bool,
    is_road_type: bool,
}

const NOWHERE: Rows = Rows {
    suffix: 0,
    directional: 0,
    designator: 0,
    number: 0,
    head: 0,
    state: 0,
    is_plain_road: false,
    is_road_type: false,
};

/// Notes for each word of a table its row there, counted from 1.
macro_rules! fill {
    ($all:ident, $table:ident, $field:ident) => {
        let rows = $table.rows();
        let mut row = 0;
        while row < rows.len() {
            let word = rows[row].0;
            row += 1;
            assert!(
                is_of_letters(word),
                "only words of capital letters are looked up"
            );
            if word.len() > LONGEST {
                continue;
            }
            let rows = &mut $all.rows[$all.row_of(word)];
            rows.$field = row as _;
            assert!(rows.$field as usize == row, "a table is too long");
        }
    };
}

static MEANINGS: Meanings = Meanings::of_tables();

struct Meanings {
    /// The words; the first row is no word.
    keys: [u128; ROWS],
    rows: [Rows; ROWS],
    /// Row numbers; 0 is an empty slot.
    slots: [u16; SLOTS],
    count: usize,
}

impl Meanings {
    #[inline]
    fn get(&self, key: u128) -> Meaning {
        let mut slot = first_slot(key);
        loop {
            // Half of the slots are empty, so this ends.
            let row = self.slots[slot];
            if row == 0 || self.keys[row as usize] == key {
                return Meaning(row);
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
    }

    const fn of_tables() -> Self {
        let mut all = Self {
            keys: [0; ROWS],
            rows: [NOWHERE; ROWS],
            slots: [0; SLOTS],
            count: 1,
        };
        // Only names of states are longer than what is looked up here: several words, run together.
        assert!(longest(SUFFIXES.rows()) <= LONGEST);
        assert!(longest(DIRECTIONALS.rows()) <= LONGEST);
        assert!(longest(DESIGNATORS.rows()) <= LONGEST);
        assert!(longest(NUMBER_WORDS.rows()) <= LONGEST);
        assert!(longest(HEADS.rows()) <= LONGEST);
        fill!(all, SUFFIXES, suffix);
        fill!(all, DIRECTIONALS, directional);
        fill!(all, DESIGNATORS, designator);
        fill!(all, NUMBER_WORDS, number);
        fill!(all, HEADS, head);
        fill!(all, STATES, state);
        all.note_roads();
        assert!(all.count * 2 <= SLOTS);
        all
    }

    /// Notes which suffixes are roads, once all heads of numbered ones are there.
    const fn note_roads(&mut self) {
        let suffixes = SUFFIXES.rows();
        let mut row = 0;
        while row < suffixes.len() {
            let (word, suffix) = &suffixes[row];
            let standard = suffix.standard();
            let at = self.row_of(word);
            self.rows[at].is_plain_road = is_plain_road(standard);
            if is_road_type(standard) {
                self.rows[at].is_road_type = true;
                self.rows[at].head = self.rows[self.row_of(standard)].head;
            }
            row += 1;
        }
    }

    /// The row of this word, a new one if there is none.
    const fn row_of(&mut self, word: &str) -> usize {
        let Some(key) = key(word.as_bytes()) else {
            panic!("the word is too long");
        };
        let mut slot = first_slot(key);
        while self.slots[slot] != 0 {
            let row = self.slots[slot] as usize;
            if self.keys[row] == key {
                return row;
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
        let row = self.count;
        self.count += 1;
        self.keys[row] = key;
        self.slots[slot] = row as u16;
        row
    }
}

const fn is_of_letters(word: &str) -> bool {
    let word = word.as_bytes();
    let mut at = 0;
    while at < word.len() {
        if !word[at].is_ascii_uppercase() {
            return false;
        }
        at += 1;
    }
    true
}

const fn longest<V>(rows: &[(&str, V)]) -> usize {
    let mut longest = 0;
    let mut row = 0;
    while row < rows.len() {
        if rows[row].0.len() > longest {
            longest = rows[row].0.len();
        }
        row += 1;
    }
    longest
}

/// The bytes of the word as one number, or `None` when it is too long for that.
///
/// Reads the first bytes and the last ones; where these are the same bytes, they come to lie on one another.
#[inline]
const fn key(word: &[u8]) -> Option<u128> {
    let length = word.len();
    if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        return if length <= LONGEST {
            Some(first as u128 | (last as u128) << (8 * (length - 8)))
        } else {
            None
        };
    }
    if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return Some((first as u64 | (last as u64) << (8 * (length - 4))) as u128);
    }
    let bytes = match word {
        [] => [0, 0, 0],
        [one] => [*one, 0, 0],
        [one, two] => [*one, *two, 0],
        [one, two, three, ..] => [*one, *two, *three],
    };
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as u128)
}

#[inline]
const fn first_slot(key: u128) -> usize {
    let mixed =
        (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}
