//! What the tables say of a word, so that a word is looked up once and not once a table.
//!
//! Made by the compiler from the tables themselves; says nothing that they do not.

use super::directionals::{DIRECTIONALS, Directional};
use super::highways::{HEADS, Spelling, spellings};
use super::lookup::Table;
use super::ordinals::{NUMBER_WORDS, NumberWord};
use super::states::STATES;
use super::suffixes::{SUFFIXES, Suffix};
use super::units::{DESIGNATORS, Designator};

/// Longer words mean nothing; as long as a number that is compared in one step.
pub(in crate::address) const LONGEST: usize = 16;

/// A power of two, at least twice the number of words.
const SLOTS: usize = 2048;

/// Room for each word of each table; a word of two tables takes one row.
const ROWS: usize = SUFFIXES.rows().len()
    + DIRECTIONALS.rows().len()
    + DESIGNATORS.rows().len()
    + NUMBER_WORDS.rows().len()
    + HEADS.rows().len()
    + STATES.rows().len();

/// The rows of one word in the tables, each counted from 1; 0 where it stands in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) struct Meaning {
    suffix: u16,
    directional: u8,
    designator: u8,
    number: u8,
    head: u8,
    is_state: bool,
}

impl Meaning {
    /// That of a word which stands in no table.
    pub(in crate::address) const NONE: Self = Self {
        suffix: 0,
        directional: 0,
        designator: 0,
        number: 0,
        head: 0,
        is_state: false,
    };

    /// That of this word, which has only upper-case letters.
    #[inline]
    pub(in crate::address) fn of(word: &str) -> Self {
        match key(word.as_bytes()) {
            Some(key) => MEANINGS.get(key),
            None => Self::NONE,
        }
    }

    #[inline]
    pub(in crate::address) fn suffix(self) -> Option<Suffix> {
        SUFFIXES.row(self.suffix.into()).copied()
    }

    #[inline]
    pub(in crate::address) fn directional(self) -> Option<Directional> {
        DIRECTIONALS.row(self.directional.into()).copied()
    }

    #[inline]
    pub(in crate::address) fn designator(self) -> Option<Designator> {
        DESIGNATORS.row(self.designator.into()).copied()
    }

    #[inline]
    pub(in crate::address) fn number(self) -> Option<NumberWord> {
        NUMBER_WORDS.row(self.number.into()).copied()
    }

    /// The spellings of numbered roads that start with the word.
    #[inline]
    pub(in crate::address) fn road_spellings(self) -> &'static [Spelling] {
        spellings(self.head.into())
    }

    /// The word may be a state, its name or its code.
    pub(in crate::address) fn is_state(self) -> bool {
        self.is_state
    }
}

/// Notes for each word of a table its row there, counted from 1.
macro_rules! fill {
    ($all:ident, $table:ident, $field:ident) => {
        let rows = $table.rows();
        let mut row = 0;
        while row < rows.len() {
            let at = $all.row_of(rows[row].0);
            row += 1;
            $all.meanings[at].$field = row as _;
            assert!($all.meanings[at].$field as usize == row, "a table is too long");
        }
    };
}

static MEANINGS: Meanings = Meanings::of_tables();

struct Meanings {
    keys: [u128; ROWS],
    meanings: [Meaning; ROWS],
    /// Row number + 1; 0 is an empty slot.
    slots: [u16; SLOTS],
    count: usize,
}

impl Meanings {
    #[inline]
    fn get(&self, key: u128) -> Meaning {
        let mut slot = first_slot(key);
        loop {
            // Half of the slots are empty, so this ends.
            let Some(row) = self.slots[slot].checked_sub(1) else {
                return Meaning::NONE;
            };
            if self.keys[row as usize] == key {
                return self.meanings[row as usize];
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
    }

    const fn of_tables() -> Self {
        let mut all = Self {
            keys: [0; ROWS],
            meanings: [Meaning::NONE; ROWS],
            slots: [0; SLOTS],
            count: 0,
        };
        fill!(all, SUFFIXES, suffix);
        fill!(all, DIRECTIONALS, directional);
        fill!(all, DESIGNATORS, designator);
        fill!(all, NUMBER_WORDS, number);
        fill!(all, HEADS, head);
        all.add_states();
        assert!(all.count * 2 <= SLOTS);
        all
    }

    const fn add_states(&mut self) {
        let states = STATES.rows();
        let mut row = 0;
        while row < states.len() {
            // The longest are names of several words, run together.
            if states[row].0.len() <= LONGEST {
                let at = self.row_of(states[row].0);
                self.meanings[at].is_state = true;
            }
            row += 1;
        }
    }

    /// The row of this word, a new one if there is none.
    const fn row_of(&mut self, word: &str) -> usize {
        let Some(key) = key(word.as_bytes()) else {
            panic!("a word is longer than a look-up reads");
        };
        let mut slot = first_slot(key);
        while self.slots[slot] != 0 {
            let row = self.slots[slot] as usize - 1;
            if self.keys[row] == key {
                return row;
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
        let row = self.count;
        self.count += 1;
        self.keys[row] = key;
        self.slots[slot] = row as u16 + 1;
        row
    }
}

/// The bytes of the word as one number, or `None` when it is too long for that.
#[inline]
const fn key(word: &[u8]) -> Option<u128> {
    if let Some(eight) = word.first_chunk::<8>() {
        let low = u64::from_le_bytes(*eight) as u128;
        let Some(last) = word.last_chunk::<8>() else {
            return None;
        };
        return match word.len() {
            8 => Some(low),
            // The last eight bytes without those that were read before.
            length @ 9..=LONGEST => {
                let high = u64::from_le_bytes(*last) >> (8 * (LONGEST - length));
                Some(low | (high as u128) << 64)
            }
            _ => None,
        };
    }
    let mut low = 0;
    let mut at = word.len();
    while at > 0 {
        at -= 1;
        low = low << 8 | word[at] as u128;
    }
    Some(low)
}

#[inline]
const fn first_slot(key: u128) -> usize {
    let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}
