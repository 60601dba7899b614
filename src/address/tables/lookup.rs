//! A table of words with its hash index, both made by the compiler.
//!
//! A word that is listed twice, or a table that is too full, does not compile.

/// Longer words are in no table; the limit keeps one look-up at constant cost.
const LONGEST: usize = 24;

/// Rows by their first column. `SLOTS` is a power of two, at least twice the number of rows.
pub(in crate::address) struct Table<V: 'static, const SLOTS: usize> {
    rows: &'static [(&'static str, V)],
    /// Row number + 1; 0 is an empty slot.
    slots: [u16; SLOTS],
}

impl<V, const SLOTS: usize> Table<V, SLOTS> {
    pub(in crate::address) const fn new(rows: &'static [(&'static str, V)]) -> Self {
        assert!(SLOTS.is_power_of_two() && rows.len() * 2 <= SLOTS && rows.len() < 65_535);
        let mut slots = [0; SLOTS];
        let mut row = 0;
        while row < rows.len() {
            let word = rows[row].0.as_bytes();
            assert!(
                word.len() <= LONGEST,
                "a word is longer than a look-up reads"
            );
            let mut slot = hash(word) as usize & (SLOTS - 1);
            while slots[slot] != 0 {
                let other = rows[slots[slot] as usize - 1].0.as_bytes();
                assert!(!same(word, other), "a word is listed twice");
                slot = (slot + 1) & (SLOTS - 1);
            }
            slots[slot] = row as u16 + 1;
            row += 1;
        }
        Self { rows, slots }
    }

    /// The row's value for exactly this word.
    #[inline]
    pub(in crate::address) fn get(&self, word: &str) -> Option<&'static V> {
        if word.len() > LONGEST {
            return None;
        }
        let mut slot = hash(word.as_bytes()) as usize & (SLOTS - 1);
        loop {
            // Half of the slots are empty, so this ends.
            let row = self.slots[slot].checked_sub(1)?;
            let (key, value) = &self.rows[row as usize];
            if *key == word {
                return Some(value);
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
    }

    /// The value of a row, counted from 1; nothing for 0.
    #[inline]
    pub(in crate::address) fn row(&self, number: usize) -> Option<&'static V> {
        let (_, value) = self.rows.get(number.wrapping_sub(1))?;
        Some(value)
    }

    pub(in crate::address) const fn rows(&self) -> &'static [(&'static str, V)] {
        self.rows
    }
}

/// FNV-1a with a last mix, so that the low bits depend on every byte.
const fn hash(word: &[u8]) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < word.len() {
        hash = (hash ^ word[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash ^ (hash >> 15)
}

pub(super) const fn is_any_of(word: &str, words: &[&str]) -> bool {
    let mut at = 0;
    while at < words.len() {
        if same(word.as_bytes(), words[at].as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

pub(super) const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}
