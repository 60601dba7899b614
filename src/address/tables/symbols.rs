//! Characters and HTML entities that stand for something a normaliser must not lose or glue.
//! Source: the Unicode names list and the HTML 4 entity list.

use super::lookup::Table;

/// What a character beyond ASCII is read as before compatibility decomposition, where that
/// decomposition would glue (`12½` to `121⁄2`) or lose a letter.
pub(in crate::address) fn replacement(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '½' => " 1/2",
        '¼' => " 1/4",
        '¾' => " 3/4",
        '⅓' => " 1/3",
        '⅔' => " 2/3",
        '⅛' => " 1/8",
        '⅜' => " 3/8",
        '⅝' => " 5/8",
        '⅞' => " 7/8",
        '⅕' => " 1/5",
        '⅖' => " 2/5",
        '⅗' => " 3/5",
        '⅘' => " 4/5",
        '⁄' | '∕' => "/",
        '\u{2010}'..='\u{2015}' | '−' | '﹘' | '﹣' | '－' | '⁃' => "-",
        // Soft hyphen, zero-width characters, direction marks, byte order mark: not there.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => {
            ""
        }
        // Apostrophes, primes and the okina vanish like the ASCII apostrophe.
        '\u{2018}'..='\u{201b}' | '\u{2032}' | 'ʻ' | 'ʼ' | 'ʹ' | 'ˈ' | '´' | '＇' => "",
        '\u{2028}' | '\u{2029}' | '\u{85}' => "\n",
        '№' => " # ",
        'ß' | 'ẞ' => "SS",
        'æ' | 'Æ' => "AE",
        'œ' | 'Œ' => "OE",
        'ø' | 'Ø' => "O",
        'ł' | 'Ł' => "L",
        'đ' | 'Đ' | 'ð' | 'Ð' => "D",
        'þ' | 'Þ' => "TH",
        'ı' => "I",
        _ => return None,
    })
}

/// Named entities, without `&` and `;`. Letters with accents follow a rule instead of a table.
pub(in crate::address) static ENTITIES: Table<&str, 64> = Table::new(&[
    ("amp", "&"),
    ("AMP", "&"),
    ("nbsp", " "),
    ("quot", " "),
    ("apos", "'"),
    ("lt", " "),
    ("gt", " "),
    ("num", "#"),
    ("comma", ","),
    ("period", "."),
    ("sol", "/"),
    ("hyphen", "-"),
    ("ndash", "-"),
    ("mdash", "-"),
    ("minus", "-"),
    ("shy", ""),
    ("lsquo", "'"),
    ("rsquo", "'"),
    ("ldquo", " "),
    ("rdquo", " "),
    ("ensp", " "),
    ("emsp", " "),
    ("thinsp", " "),
    ("frac12", " 1/2"),
    ("half", " 1/2"),
    ("frac14", " 1/4"),
    ("frac34", " 3/4"),
    ("szlig", "SS"),
    ("aelig", "AE"),
    ("AElig", "AE"),
]);

/// The endings of entities that are a letter with a mark: `eacute`, `ntilde`.
pub(in crate::address) const MARKS: [&str; 8] = [
    "acute", "grave", "circ", "tilde", "uml", "cedil", "ring", "slash",
];
