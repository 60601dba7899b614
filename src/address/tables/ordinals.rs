//! Number words that name streets (`Twenty-Third St`): English ordinals, and the cardinals that
//! mile roads are named after (`Eight Mile Rd`). Source: USPS Publication 28, appendix D.

use super::lookup::Table;

/// What a number word adds to the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::address) enum NumberWord {
    /// Ends an ordinal: `THIRD`, `TWENTIETH`, `HUNDREDTH`.
    Ordinal(u32),
    /// Starts a compound: `TWENTY`.
    Tens(u32),
    /// A count: `EIGHT`.
    Cardinal(u32),
    /// `HUNDRED`, as in `ONE HUNDRED TENTH`.
    Hundred,
}

use NumberWord::{Cardinal, Hundred, Ordinal, Tens};

/// Word to number.
pub(in crate::address) static NUMBER_WORDS: Table<NumberWord, 128> = Table::new(&[
    ("FIRST", Ordinal(1)),
    ("SECOND", Ordinal(2)),
    ("THIRD", Ordinal(3)),
    ("FOURTH", Ordinal(4)),
    ("FIFTH", Ordinal(5)),
    ("SIXTH", Ordinal(6)),
    ("SEVENTH", Ordinal(7)),
    ("EIGHTH", Ordinal(8)),
    ("NINTH", Ordinal(9)),
    ("TENTH", Ordinal(10)),
    ("ELEVENTH", Ordinal(11)),
    ("TWELFTH", Ordinal(12)),
    ("THIRTEENTH", Ordinal(13)),
    ("FOURTEENTH", Ordinal(14)),
    ("FIFTEENTH", Ordinal(15)),
    ("SIXTEENTH", Ordinal(16)),
    ("SEVENTEENTH", Ordinal(17)),
    ("EIGHTEENTH", Ordinal(18)),
    ("NINETEENTH", Ordinal(19)),
    ("TWENTIETH", Ordinal(20)),
    ("THIRTIETH", Ordinal(30)),
    ("FORTIETH", Ordinal(40)),
    ("FIFTIETH", Ordinal(50)),
    ("SIXTIETH", Ordinal(60)),
    ("SEVENTIETH", Ordinal(70)),
    ("EIGHTIETH", Ordinal(80)),
    ("NINETIETH", Ordinal(90)),
    ("HUNDREDTH", Ordinal(100)),
    ("TWENTY", Tens(20)),
    ("THIRTY", Tens(30)),
    ("FORTY", Tens(40)),
    ("FIFTY", Tens(50)),
    ("SIXTY", Tens(60)),
    ("SEVENTY", Tens(70)),
    ("EIGHTY", Tens(80)),
    ("NINETY", Tens(90)),
    ("ONE", Cardinal(1)),
    ("TWO", Cardinal(2)),
    ("THREE", Cardinal(3)),
    ("FOUR", Cardinal(4)),
    ("FIVE", Cardinal(5)),
    ("SIX", Cardinal(6)),
    ("SEVEN", Cardinal(7)),
    ("EIGHT", Cardinal(8)),
    ("NINE", Cardinal(9)),
    ("TEN", Cardinal(10)),
    ("ELEVEN", Cardinal(11)),
    ("TWELVE", Cardinal(12)),
    ("HUNDRED", Hundred),
]);
