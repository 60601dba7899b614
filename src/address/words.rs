//! Cuts a text into upper-case words and remembers what stood between them.
//!
//! What a mark means depends on its neighbours: `N.W.` is one word and `St.Paul` two; `39.4` and
//! `87-12` keep their mark; `Wilkes-Barre` and `Apt-5` are two words; `O'Brien` is one.

use smallvec::SmallVec;

use super::AddressParts;
use super::clean::clean;
use super::tables::meanings::Meaning;

/// What stood before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing but space, or the word is the first.
    Space,
    /// A hyphen without spaces, between letters or a word and a number.
    Hyphen,
    /// A hyphen with spaces.
    Dash,
    /// A slash with spaces.
    Slash,
    /// Comma, semicolon, bracket, line feed.
    Comma,
    /// The second address line starts here.
    Line,
}

impl Gap {
    /// The writer ended one thing and began another.
    pub(super) fn is_break(self) -> bool {
        matches!(self, Self::Dash | Self::Slash | Self::Comma | Self::Line)
    }
}

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    pub gap: Gap,
    /// What the tables say of it.
    pub meaning: Meaning,
    is_letters: bool,
}

impl<'a> Word<'a> {
    #[inline]
    pub(super) fn new(text: &'a str, gap: Gap) -> Self {
        let is_letters = text.bytes().all(|b| b.is_ascii_uppercase());
        Self::known(text, gap, is_letters)
    }

    /// A word of which is known whether it has only the letters A to Z.
    #[inline]
    pub(super) fn known(text: &'a str, gap: Gap, is_letters: bool) -> Self {
        let meaning = match is_letters {
            true => Meaning::of(text),
            // The tables hold words of letters only.
            false => Meaning::NONE,
        };
        Self {
            text,
            gap,
            meaning,
            is_letters,
        }
    }

    /// Nothing but the letters A to Z.
    pub(super) fn is_letters(&self) -> bool {
        self.is_letters
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(super) fn is_digits(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_digit())
    }

    pub(super) fn starts_with_digit(&self) -> bool {
        self.text.as_bytes().first().is_some_and(u8::is_ascii_digit)
    }

    pub(super) fn is_letter(&self) -> bool {
        self.text.len() == 1 && self.text.as_bytes()[0].is_ascii_uppercase()
    }
}

/// The texts of one address.
pub(super) struct Texts<'a> {
    pub first: &'a str,
    pub second: &'a str,
    pub city: &'a str,
}

impl<'a> Texts<'a> {
    /// Those of the parts that are given; none without a line. A line that is given twice is one line.
    pub(super) fn of(parts: &AddressParts<'a>) -> Option<Self> {
        let first = parts.line1.or(parts.line2)?;
        let second = parts
            .line2
            .filter(|second| parts.line1.is_some() && *second != first);
        Some(Self {
            first,
            second: second.unwrap_or_default(),
            city: parts.city.unwrap_or_default(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.second.len() + self.city.len()
    }
}

/// Words, with room for those of most addresses.
pub(super) type Words<'a> = SmallVec<[Word<'a>; 16]>;

/// The words of the texts of one address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cut<'a> {
    pub words: Words<'a>,
    /// How many of the words are those of the first line.
    pub first_length: usize,
    /// How many are those of both lines.
    pub line_length: usize,
}

/// The folded text with the places of its words.
pub(super) struct Folded {
    text: String,
    places: Vec<(usize, usize, Gap)>,
}

impl Folded {
    /// Folds the texts of an address.
    pub(super) fn of_texts(texts: &Texts<'_>) -> FoldedTexts {
        let mut folded = Self::with_room(texts.len());
        folded.append(texts.first, Gap::Space);
        let first_length = folded.places.len();
        folded.append(texts.second, Gap::Line);
        let line_length = folded.places.len();
        folded.append(texts.city, Gap::Space);
        FoldedTexts {
            folded,
            first_length,
            line_length,
        }
    }

    /// Folds one text.
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self::with_room(text.len());
        folded.append(text, Gap::Space);
        folded
    }

    /// Nothing yet, with room for texts of this length in all.
    fn with_room(length: usize) -> Self {
        Self {
            text: String::with_capacity(length + 8),
            places: Vec::with_capacity(16),
        }
    }

    /// Folds a further text; `gap` stands before its first word.
    fn append(&mut self, text: &str, gap: Gap) {
        let plain = clean(text);
        let mut cutter = Cutter {
            folded: self,
            gap,
            start: None,
            run: 0,
        };
        cutter.cut(plain.as_bytes(), &plain);
    }

    /// The words in order.
    pub(super) fn words(&self) -> Words<'_> {
        let mut words = Words::with_capacity(self.places.len());
        // One by one: collecting takes twice as long.
        for &(start, end, gap) in &self.places {
            words.push(Word::new(&self.text[start..end], gap));
        }
        words
    }
}

/// The folded texts of one address.
pub(super) struct FoldedTexts {
    folded: Folded,
    first_length: usize,
    line_length: usize,
}

impl FoldedTexts {
    pub(super) fn cut(&self) -> Cut<'_> {
        Cut {
            words: self.folded.words(),
            first_length: self.first_length,
            line_length: self.line_length,
        }
    }
}

struct Cutter<'f> {
    folded: &'f mut Folded,
    /// What will stand before the next word.
    gap: Gap,
    /// Where the word being built starts.
    start: Option<usize>,
    /// Letters of that word since its start or last dropped period.
    run: usize,
}

impl Cutter<'_> {
    fn cut(&mut self, bytes: &[u8], plain: &str) {
        let mut at = 0;
        while at < bytes.len() {
            let next = bytes.get(at + 1).copied().unwrap_or(b' ');
            match bytes[at] {
                b if b.is_ascii_alphanumeric() => {
                    self.begin();
                    self.run += usize::from(b.is_ascii_alphabetic());
                    self.folded.text.push(b.to_ascii_uppercase() as char);
                }
                b if !b.is_ascii() => {
                    self.begin();
                    let length = plain[at..].chars().next().map_or(1, char::len_utf8);
                    self.folded.text.push_str(&plain[at..at + length]);
                    self.run += 2;
                    at += length;
                    continue;
                }
                b'\'' | b'`' => {}
                b'.' => self.period(next, bytes.get(at + 2).copied().unwrap_or(b' ')),
                b'-' => self.hyphen(&bytes[at + 1..]),
                b'/' | b'\\' => self.slash(next),
                b'#' => self.mark("#"),
                b'&' => self.mark("AND"),
                b'%' if self.start.is_none() => self.mark("C/O"),
                b',' | b';' | b'|' | b'\n' | b'\r' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => {
                    self.end(Gap::Comma)
                }
                _ => self.end(Gap::Space),
            }
            at += 1;
        }
        self.end(Gap::Space);
    }

    fn begin(&mut self) {
        if self.start.is_none() {
            self.start = Some(self.folded.text.len());
            self.run = 0;
        }
    }

    /// Ends the word, if one is being built. A stronger gap wins over what was seen before.
    fn end(&mut self, gap: Gap) {
        if let Some(start) = self.start.take() {
            let end = self.folded.text.len();
            self.folded.places.push((start, end, self.gap));
            self.gap = gap;
        } else if gap != Gap::Space && self.gap != Gap::Line {
            self.gap = gap;
        }
    }

    fn mark(&mut self, text: &str) {
        self.end(Gap::Space);
        self.begin();
        self.folded.text.push_str(text);
        self.end(Gap::Space);
    }

    fn last(&self) -> u8 {
        let last = self.folded.text.as_bytes().last().copied();
        last.filter(|_| self.start.is_some()).unwrap_or(b' ')
    }

    /// A decimal point is data; the period between single letters (`N.W.`) is nothing; any other ends a word.
    fn period(&mut self, next: u8, after: u8) {
        if self.last().is_ascii_digit() && next.is_ascii_digit() {
            self.folded.text.push('.');
        } else if self.run == 1
            && self.last().is_ascii_uppercase()
            && next.is_ascii_alphabetic()
            && !after.is_ascii_alphanumeric()
        {
            self.run = 0;
        } else {
            self.end(Gap::Space);
        }
    }

    fn hyphen(&mut self, rest: &[u8]) {
        let next = rest.first().copied().unwrap_or(b' ');
        if self.start.is_none() || !is_word(next) {
            self.end(Gap::Dash);
            return;
        }
        let long_next = rest
            .get(1)
            .is_some_and(|b| !b.is_ascii_digit() && is_word(*b));
        let is_kept = match (self.last().is_ascii_digit(), next.is_ascii_digit()) {
            (true, true) => true,
            (true, false) => !long_next,
            (false, true) => self.run == 1,
            (false, false) => false,
        };
        if is_kept {
            self.folded.text.push('-');
            self.run = 0;
        } else {
            self.end(Gap::Hyphen);
        }
    }

    fn slash(&mut self, next: u8) {
        if self.start.is_some() && is_word(next) {
            self.folded.text.push('/');
        } else {
            self.end(Gap::Slash);
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::Folded;

    fn words(text: &str) -> String {
        let folded = Folded::of(text);
        let words = folded.words();
        words
            .iter()
            .map(|word| word.text)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn marks_are_read_by_their_neighbours() {
        for (raw, cut) in [
            ("1 N.W. Main St.", "1 NW MAIN ST"),
            ("1 U.S.Hwy 5", "1 US HWY 5"),
            ("P.O.Box 5", "PO BOX 5"),
            ("1 N.Main", "1 N MAIN"),
            ("1 St.Paul", "1 ST PAUL"),
            ("39.4 Rd", "39.4 RD"),
            ("87-12 O'Brien", "87-12 OBRIEN"),
            ("Wilkes-Barre", "WILKES BARRE"),
            ("Apt-5", "APT 5"),
            ("5-B", "5-B"),
            ("I-35", "I-35"),
            ("5-Rear", "5 REAR"),
            ("1 / 2", "1 2"),
            ("1/2", "1/2"),
            ("#5B", "# 5B"),
            ("A&B", "A AND B"),
            ("", ""),
            ("-- . ,", ""),
        ] {
            assert_eq!(words(raw), cut, "{raw}");
        }
    }
}
