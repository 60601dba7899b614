//! Records that may turn out to be one house only when a lead has completed an address.
//!
//! A record with a street line and no place has no address hash; where its lead has the place, the row gets one. So another
//! record of the call may mean that lead, although the two share no key.

use std::collections::HashSet;

use crate::record::LeadRecord;
use crate::store::at_hand::Ready;

/// The numbers in street lines, one of which is the house's.
#[derive(Default)]
struct Numbers<'a> {
    written: HashSet<&'a str>,
    /// In words, or in other digits: it may be any number.
    has_unknown: bool,
}

impl<'a> Numbers<'a> {
    fn add(&mut self, record: &'a LeadRecord) {
        let mut has_number = false;
        for line in lines(record) {
            let runs = line.split(|c: char| !c.is_ascii_digit());
            for run in runs.filter(|run| !run.is_empty()) {
                self.written.insert(run.trim_start_matches('0'));
                has_number = true;
            }
            self.has_unknown |= !line.is_ascii();
        }
        self.has_unknown |= !has_number;
    }

    fn of(records: &[(usize, &'a Ready)]) -> Self {
        let mut numbers = Self::default();
        for (_, ready) in records {
            numbers.add(&ready.record);
        }
        numbers
    }

    fn may_hold(&self, record: &LeadRecord) -> bool {
        let mut theirs = Numbers::default();
        theirs.add(record);
        self.has_unknown || theirs.has_unknown || !self.written.is_disjoint(&theirs.written)
    }
}

fn lines(record: &LeadRecord) -> impl Iterator<Item = &String> {
    [&record.address_line1, &record.address_line2]
        .into_iter()
        .flatten()
}

/// The places of such records.
pub fn half_known<'a>(ready: impl Iterator<Item = (usize, &'a Ready)>) -> HashSet<usize> {
    let with_line = ready.filter(|(_, ready)| lines(&ready.record).next().is_some());
    let (whole, half): (Vec<_>, Vec<_>) =
        with_line.partition(|(_, ready)| ready.addr_hash.is_some());
    let may_be_one_of = |others: &[(usize, &'a Ready)], set: Vec<(usize, &'a Ready)>| {
        let numbers = Numbers::of(others);
        let may_be = set
            .into_iter()
            .filter(|(_, one)| numbers.may_hold(&one.record));
        may_be.collect::<Vec<_>>()
    };
    if half.is_empty() || whole.is_empty() {
        return HashSet::new();
    }
    let whole = may_be_one_of(&half, whole);
    let half = may_be_one_of(&whole, half);
    whole.iter().chain(&half).map(|(n, _)| *n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgrx::Uuid;

    fn ready(line1: &str, is_whole: bool) -> Ready {
        Ready {
            source: "list".into(),
            record: LeadRecord {
                address_line1: Some(line1.to_string()),
                ..LeadRecord::default()
            },
            addr_hash: is_whole.then(|| line1.to_string()),
            new_id: Uuid::from_bytes([0; 16]),
        }
    }

    fn found(records: &[(&str, bool)]) -> Vec<usize> {
        let all: Vec<Ready> = records
            .iter()
            .map(|(line, is_whole)| ready(line, *is_whole))
            .collect();
        let mut found: Vec<usize> = half_known(all.iter().enumerate()).into_iter().collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_house_without_its_place_may_be_any_of_that_number() {
        let oak = ("12 Oak St", true);
        assert_eq!(found(&[oak, ("14 Oak St", true)]), [0_usize; 0]);
        assert_eq!(found(&[oak, ("14 Oak St", false)]), [0_usize; 0]);
        assert_eq!(
            found(&[("14 Elm St", true), oak, ("012 Oak", false)]),
            [1, 2]
        );
        assert_eq!(found(&[oak, ("Unit 5, 12 Oak", false)]), [0, 1]);
        assert_eq!(found(&[oak, ("Twelve Oak Street", false)]), [0, 1]);
        assert_eq!(found(&[oak, ("１２ Oak St", false)]), [0, 1]);
        assert_eq!(
            found(&[("12 Oak St", false), ("12 Oak St", false)]),
            [0_usize; 0]
        );
    }
}
