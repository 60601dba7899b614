//! Made-up contact points, and how they are made up.

use serde_json::{Value, json};

const KEYS: [&str; 16] = [
    "phone",
    "email",
    "verified",
    "type",
    "dnc",
    "DNC",
    "Tcpa",
    "litigator",
    "suppressed",
    "SUPPRESSED",
    "note",
    "",
    "Phone",
    "verified_at",
    "größe",
    "手机",
];
const WORDS: [&str; 16] = [
    "",
    " ",
    "\u{a0}",
    "yes",
    " Yes ",
    "no",
    "N/A",
    "unknown",
    "true",
    "mobile",
    "Cell Phone",
    "voip",
    "landline",
    "手机",
    "+16025550143",
    "pat@example.com",
];

/// Made-up values, the same in each run.
pub struct Made(pub u64);

impl Made {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub fn one_of(&mut self, all: &[&str]) -> String {
        all[self.below(all.len())].to_owned()
    }

    pub fn text(&mut self) -> String {
        match self.below(6) {
            0 => "long ".repeat(self.below(400)),
            1 => (0..self.below(30)).map(|_| self.letter()).collect(),
            _ => self.one_of(&WORDS),
        }
    }

    pub fn letter(&mut self) -> char {
        let code = 1 + self.below(if self.0.is_multiple_of(2) {
            0x7f
        } else {
            0x1_f600
        });
        char::from_u32(code as u32).unwrap_or('ß')
    }

    pub fn simple(&mut self) -> Value {
        match self.below(7) {
            0 => Value::Null,
            1..4 => (self.below(2) == 0).into(),
            _ => self.text().into(),
        }
    }

    pub fn any(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 8 } else { 12 }) {
            0 => (self.below(4) as i64 - 1).into(),
            1 => (self.0 as i64).into(),
            2 => (self.0 as f64 / 1e9).into(),
            3..8 => self.simple(),
            8 | 9 => (0..self.below(4)).map(|_| self.any(depth - 1)).collect(),
            _ => self.object(12, |made| made.any(depth - 1)),
        }
    }

    pub fn object(&mut self, most: usize, member: impl Fn(&mut Self) -> Value) -> Value {
        let members = (0..self.below(most)).map(|n| {
            let key = match self.below(10) {
                0 => self.text(),
                1 => format!("member {n}"),
                _ => self.one_of(&KEYS),
            };
            (key, member(self))
        });
        Value::Object(members.collect())
    }

    /// A point that a campaign may use, but for some of its members.
    pub fn usable(&mut self) -> Value {
        let mut point = json!({"phone": "+16025550143", "email": "pat@example.com", "verified": true, "type": "mobile"});
        for _ in 0..self.below(4) {
            point[self.one_of(&KEYS)] = match self.below(8) {
                0 => self.any(2),
                _ => self.simple(),
            };
        }
        point
    }

    /// More members than PostgreSQL gives lengths for one after another.
    pub fn large(&mut self, member: impl Fn(&mut Self) -> Value) -> Value {
        let mut object = self.object(12, &member);
        for _ in 0..self.below(100) {
            object[format!("{:x}", self.below(4_000))] = member(self);
        }
        object
    }

    pub fn points(&mut self, point: impl Fn(&mut Self) -> Value) -> Vec<Value> {
        (0..self.below(4)).map(|_| point(self)).collect()
    }
}
