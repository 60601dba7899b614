//! jsonb and jsonb[] read where they lie, without a call of PostgreSQL, as src/include/utils/array.h and jsonb.h lay them
//! out: contact points, and the records of a page.
//!
//! None of these functions trusts what it reads: whatever is not of this shape is None, and has to be read by
//! PostgreSQL's own functions.

use pgrx::pg_sys;

use crate::contact::flag::Said;

const WORD: usize = 4;
/// What precedes the elements of an array of one dimension, without its own header.
const ARRAY_HEAD: usize = 20;

const COUNT: u32 = pg_sys::JB_CMASK;
const IS_OBJECT: u32 = pg_sys::JB_FOBJECT;
const IS_ARRAY: u32 = pg_sys::JB_FARRAY;
const IS_SCALAR: u32 = pg_sys::JB_FSCALAR;
const IS_OFFSET: u32 = pg_sys::JENTRY_HAS_OFF;
const PLACE: u32 = pg_sys::JENTRY_OFFLENMASK;
const KIND: u32 = pg_sys::JENTRY_TYPEMASK;

/// The elements of a jsonb[] value, from behind its header.
pub fn objects(array: &[u8]) -> Option<Objects<'_>> {
    let dimensions = word(array, 0)?;
    let count = match (dimensions, word(array, WORD)?) {
        (0, _) => 0,
        (1, 0) => word(array, 3 * WORD)?,
        _ => return None,
    };
    let holds_jsonb = word(array, 2 * WORD)? == pg_sys::JSONBOID.to_u32();
    holds_jsonb.then_some(Objects {
        array,
        at: ARRAY_HEAD,
        left: count,
    })
}

/// The elements of an array, as objects; None for one that cannot be read here, which is the last.
pub struct Objects<'a> {
    array: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Iterator for Objects<'a> {
    type Item = Option<Object<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let object = self.read();
        if object.is_none() {
            self.left = 0;
        }
        Some(object)
    }
}

impl<'a> Objects<'a> {
    fn read(&mut self) -> Option<Object<'a>> {
        let size = whole_size(word(self.array, self.at)?)?;
        let end = self.at.checked_add(size)?;
        let element = self.array.get(self.at + WORD..end)?;
        self.at = end.next_multiple_of(WORD);
        Object::of(element)
    }
}

/// The elements of a jsonb value that is an array, from behind its header.
pub fn elements(stored: &[u8]) -> Option<Entries<'_>> {
    let head = word(stored, 0)?;
    let count = usize::try_from(head & COUNT).ok()?;
    let size = count.checked_mul(WORD)?;
    let (entries, data) = stored.get(WORD..)?.split_at_checked(size)?;
    let is_array = head & IS_ARRAY != 0 && head & IS_SCALAR == 0;
    is_array.then_some(Entries {
        entries,
        data,
        offset: 0,
    })
}

/// An object of jsonb.
pub struct Object<'a> {
    count: usize,
    entries: &'a [u8],
    data: &'a [u8],
}

impl<'a> Object<'a> {
    /// None: it is no object, or damaged.
    pub fn of(container: &'a [u8]) -> Option<Self> {
        let head = word(container, 0)?;
        let count = usize::try_from(head & COUNT).ok()?;
        let size = count.checked_mul(2 * WORD)?;
        let (entries, data) = container.get(WORD..)?.split_at_checked(size)?;
        (head & IS_OBJECT != 0).then_some(Self {
            count,
            entries,
            data,
        })
    }

    /// Passes the wanted members to `take`. None: not all of them can be read here.
    pub fn members(
        &self,
        is_wanted: impl Fn(&[u8]) -> bool,
        mut take: impl FnMut(&'a [u8], Said<'a>),
    ) -> Option<()> {
        let (mut keys, mut values) = (self.keys(), self.values()?);
        for _ in 0..self.count {
            let (key, value) = (keys.next()?, values.next()?);
            let key = key.bytes()?;
            if is_wanted(key) {
                take(key, value.said()?);
            }
        }
        Some(())
    }

    /// How many members it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The keys, after which the values come.
    pub fn keys(&self) -> Entries<'a> {
        Entries {
            entries: self.entries,
            data: self.data,
            offset: 0,
        }
    }

    /// The values, in the order of the keys.
    pub fn values(&self) -> Option<Entries<'a>> {
        let mut walk = self.keys();
        for _ in 0..self.count {
            walk.next()?;
        }
        Some(walk)
    }
}

/// A walk over the entries of an object or an array.
pub struct Entries<'a> {
    entries: &'a [u8],
    data: &'a [u8],
    offset: usize,
}

impl Entries<'_> {
    /// How many are left.
    pub fn count_left(&self) -> usize {
        self.entries.len() / WORD
    }
}

/// None before the end: the value is damaged.
impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, rest) = self.entries.split_first_chunk::<WORD>()?;
        let entry = u32::from_ne_bytes(*entry);
        let place = usize::try_from(entry & PLACE).ok()?;
        let end = match entry & IS_OFFSET {
            0 => self.offset.checked_add(place)?,
            _ => place,
        };
        let kind = entry & KIND;
        let start = match kind {
            pg_sys::JENTRY_ISNUMERIC | pg_sys::JENTRY_ISCONTAINER => {
                self.offset.next_multiple_of(WORD)
            }
            _ => self.offset,
        };
        let found = Entry {
            kind,
            bytes: self.data.get(start..end)?,
        };
        (self.entries, self.offset) = (rest, end);
        Some(found)
    }
}

/// A key, a value or an element.
pub struct Entry<'a> {
    kind: u32,
    bytes: &'a [u8],
}

/// What an entry holds, as it is stored.
pub enum Stored<'a> {
    Null,
    Flag(bool),
    Text(&'a [u8]),
    /// A numeric with its header.
    Number(&'a [u8]),
    /// An array or an object.
    Container(&'a [u8]),
}

impl<'a> Entry<'a> {
    /// None: it is damaged.
    pub fn stored(&self) -> Option<Stored<'a>> {
        Some(match self.kind {
            pg_sys::JENTRY_ISNULL => Stored::Null,
            pg_sys::JENTRY_ISBOOL_TRUE => Stored::Flag(true),
            pg_sys::JENTRY_ISBOOL_FALSE => Stored::Flag(false),
            pg_sys::JENTRY_ISSTRING => Stored::Text(self.bytes),
            pg_sys::JENTRY_ISNUMERIC => Stored::Number(self.bytes),
            pg_sys::JENTRY_ISCONTAINER => Stored::Container(self.bytes),
            _ => return None,
        })
    }

    /// Of a text.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        (self.kind == pg_sys::JENTRY_ISSTRING).then_some(self.bytes)
    }

    fn said(&self) -> Option<Said<'a>> {
        match self.kind {
            pg_sys::JENTRY_ISSTRING => std::str::from_utf8(self.bytes).ok().map(Said::Words),
            pg_sys::JENTRY_ISBOOL_TRUE => Some(Said::Flag(true)),
            pg_sys::JENTRY_ISBOOL_FALSE => Some(Said::Flag(false)),
            pg_sys::JENTRY_ISNULL => Some(Said::Nothing),
            _ => None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk::<WORD>()?;
    Some(u32::from_ne_bytes(*word))
}

/// The size of a value, from its header of four bytes; None for a short or a compressed one.
fn whole_size(header: u32) -> Option<usize> {
    let size = if cfg!(target_endian = "little") {
        (header & 3 == 0).then_some(header >> 2)
    } else {
        (header >> 30 == 0).then_some(header)
    };
    size.and_then(|size| usize::try_from(size).ok())
}
