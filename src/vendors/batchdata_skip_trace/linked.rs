//! Sorts the elements of a skip trace answer to the items they belong to.
//!
//! Evidence only: our id, the index the element states (unless its address contradicts), its address.
//! What is left over is a miss only if the answer accounts for exactly as many misses.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{is_failed, is_match, street};
use crate::vendors::same_address::{Door, Written};
use crate::vendors::{Item, Part, Subject, lenient};

/// The elements of an answer, sorted to the items they belong to.
pub(super) struct Linked<'a> {
    items: &'a [Item],
    by_id: HashMap<&'a str, usize>,
    doors: Vec<Option<Door>>,
    found: Vec<Vec<Value>>,
    nulls: usize,
    strays: usize,
}

impl<'a> Linked<'a> {
    pub(super) fn new(items: &'a [Item]) -> Self {
        let ids = items.iter().enumerate();
        Self {
            items,
            by_id: ids.map(|(index, item)| (item.id.as_str(), index)).collect(),
            doors: items.iter().map(door).collect(),
            found: vec![Vec::new(); items.len()],
            nulls: 0,
            strays: 0,
        }
    }

    pub(super) fn add(&mut self, element: &Value, version: &str) {
        if element.is_null() {
            self.nulls += 1;
            return;
        }
        match self.owner_of(element) {
            // V3 has one element per request; a second one would be somebody else's.
            Some(index) if version == "v1" || self.found[index].is_empty() => {
                self.found[index].push(element.clone());
            }
            _ => self.strays += 1,
        }
    }

    /// The item an element belongs to: by our id, else by the index it states, else by its address.
    fn owner_of(&self, element: &Value) -> Option<usize> {
        const IDS: [&str; 5] = [
            "input.requestId",
            "requestId",
            "request.requestId",
            "meta.requestId",
            "property.requestId",
        ];
        let named = IDS.iter().filter_map(|place| lenient::text(element, place));
        let mut foreign = false;
        for id in named {
            match self.by_id.get(id.as_str()) {
                Some(index) => return Some(*index),
                // `meta.requestId` may be the vendor's own number of the call.
                None => foreign |= lenient::text(element, "meta.requestId").as_ref() != Some(&id),
            }
        }
        if foreign {
            return None;
        }
        let echoed = [
            "input.propertyAddress",
            "propertyAddress",
            "property.address",
        ];
        let door = echoed
            .iter()
            .find_map(|place| Door::of_json(lenient::at(element, place)?));
        let stated = ["input.inputIndex", "inputIndex"];
        let index = stated
            .iter()
            .find_map(|place| usize::try_from(lenient::count(element, place)?).ok());
        match (index.filter(|index| *index < self.items.len()), door) {
            (Some(index), None) => Some(index),
            (Some(index), Some(door)) => self.is_at(index, &door).then_some(index),
            (None, Some(door)) => {
                let mut at = (0..self.items.len()).filter(|index| self.is_at(*index, &door));
                let first = at.next();
                first.filter(|_| at.next().is_none())
            }
            (None, None) => None,
        }
    }

    fn is_at(&self, index: usize, door: &Door) -> bool {
        self.doors[index].as_ref().is_some_and(|mine| mine.is(door))
    }

    /// Misses that the answer speaks of without saying whose: null elements, or the vendor's count.
    pub(super) fn counted_misses(&self, results: &Value) -> usize {
        let counted = lenient::count(results, "meta.results.noMatchCount").unwrap_or(0);
        let is_miss = |element: &&Value| !is_match(element) && !is_failed(element);
        let shown = self.found.iter().flatten().filter(is_miss).count();
        let hidden = usize::try_from(counted).unwrap_or(usize::MAX);
        self.nulls.max(hidden.saturating_sub(shown))
    }

    /// Items that are left over are misses only if there are as many as the answer accounts for.
    pub(super) fn parts(self, version: &str, misses: usize) -> Vec<Part> {
        let left = self.found.iter().filter(|found| found.is_empty()).count();
        let all_missed = self.strays == 0 && left > 0 && left == misses;
        let pairs = self.items.iter().zip(self.found);
        pairs
            .filter_map(|(item, found)| match found.as_slice() {
                [] if !all_missed => None,
                [] => Some(part(item, json!({"no_match": true}), false)),
                [one] if version == "v3" => Some(part(item, json!({"v3": one}), is_match(one))),
                many => Some(part(item, json!({"v1": many}), many.iter().any(is_match))),
            })
            .collect()
    }
}

fn part(item: &Item, body: Value, matched: bool) -> Part {
    Part {
        item_id: item.id.clone(),
        units: u32::from(matched),
        matched,
        pending: false,
        body,
    }
}

fn door(item: &Item) -> Option<Door> {
    let Subject::Property(property) = &item.subject else {
        return None;
    };
    let property = property.cleaned();
    Door::of(&Written {
        street: &street(&property)?,
        city: property.city.as_deref(),
        state: property.state.as_deref(),
        zip: property.zip.as_deref(),
    })
}
