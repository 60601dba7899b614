//! Whole leads: what a merge makes of two, and what a lead is without one merge among several.

use serde_json::Value;

use super::points;
use super::rows::{self, Row};
use crate::contact::Kind;

const POINTS: [(&str, Kind); 2] = [("phones", Kind::Phone), ("emails", Kind::Email)];

fn points_of(row: &Row, column: &str) -> Vec<Value> {
    rows::value(row, column)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

fn set_points(row: &mut Row, column: &str, points: Vec<Value>) {
    row.insert(column.to_string(), Value::Array(points).to_string());
}

/// What the survivor is after `folded` has been folded into it.
pub fn merged(kept: &Row, folded: &Row) -> Row {
    let mut all = rows::merged(kept, folded);
    for (column, kind) in POINTS {
        let (own, others) = (points_of(kept, column), points_of(folded, column));
        if let Some(points) = points::merged(kind, &own, &others) {
            set_points(&mut all, column, points);
        }
    }
    all
}

/// Takes the step `from` -> `to` on `now`, see `rows::replay`.
pub fn step(from: &Row, now: &Row, to: &Row) -> Row {
    let mut result = rows::replay(from, now, to);
    for (column, kind) in POINTS {
        if from.get(column) == now.get(column) {
            continue;
        }
        let [from, now, to] = [from, now, to].map(|row| points_of(row, column));
        let mut points = points::given_back(kind, &to, &from, &now);
        points.extend(points::gained(kind, &from, &now));
        set_points(&mut result, column, points);
    }
    result
}

/// The folded lead after the survivor went from `from` to `now`: it takes along what was learnt about its contact points,
/// and that they were handed out.
pub fn carried(folded: &Row, from: &Row, now: &Row) -> Row {
    let mut result = folded.clone();
    for (column, kind) in POINTS {
        if from.get(column) == now.get(column) {
            continue;
        }
        let [own, from, now] = [folded, from, now].map(|row| points_of(row, column));
        set_points(
            &mut result,
            column,
            points::given_back(kind, &own, &from, &now),
        );
    }
    let is_handed_out = |row| rows::value(row, "added_to_campaign_at").is_some();
    if is_handed_out(now) && !is_handed_out(from) && !is_handed_out(folded) {
        rows::copy_campaign(&mut result, now);
    }
    result
}

/// A merge as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub before: Row,
    pub folded: Row,
    pub after: Row,
}

/// What an undone merge leaves.
#[derive(Debug)]
pub struct Undone {
    pub kept: Row,
    pub folded: Row,
    /// Before and after of each later merge into the same lead, as they would have been.
    pub later: Vec<(Row, Row)>,
}

/// Undoes `merge`, although `later` ones into the same lead came after it.
pub fn undo(merge: &Recorded, later: &[Recorded], now: &Row) -> Undone {
    let (mut from, mut to) = (merge.after.clone(), merge.before.clone());
    let mut folded = merge.folded.clone();
    let mut rewritten = Vec::with_capacity(later.len());
    for next in later {
        folded = carried(&folded, &from, &next.before);
        let before = step(&from, &next.before, &to);
        let after = merged(&before, &next.folded);
        from.clone_from(&next.after);
        to.clone_from(&after);
        rewritten.push((before, after));
    }
    Undone {
        folded: carried(&folded, &from, now),
        kept: step(&from, now, &to),
        later: rewritten,
    }
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
