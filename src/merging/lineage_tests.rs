use proptest::prelude::*;
use serde_json::json;

use super::*;

const COLUMNS: [&str; 12] = [
    "mak",
    "apn",
    "county_fips",
    "address_line1",
    "addr_hash",
    "first_name",
    "last_name",
    "property_value",
    "microsite_url",
    "status",
    "custom.a",
    "custom.b",
];

fn phone(number: u8, verified: bool, score: u8) -> Value {
    json!({"phone": format!("+160255501{number:02}"), "verified": verified, "score": score})
}

fn points() -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::btree_map(0..4_u8, (any::<bool>(), 0..3_u8), 0..4).prop_map(|points| {
        points
            .into_iter()
            .map(|(number, (verified, score))| phone(number, verified, score))
            .collect()
    })
}

fn any_row() -> impl Strategy<Value = Row> {
    let fields = proptest::collection::vec(proptest::option::of(0..3_u8), COLUMNS.len());
    (fields, points(), 0..5_u8).prop_map(|(fields, points, seen)| {
        let mut row: Row = COLUMNS
            .iter()
            .zip(fields)
            .filter_map(|(column, value)| {
                let is_custom = column.starts_with("custom.");
                match (value, is_custom) {
                    (Some(value), _) => Some(((*column).to_string(), format!("\"{value}\""))),
                    (None, false) => Some(((*column).to_string(), "null".to_string())),
                    (None, true) => None,
                }
            })
            .collect();
        row.insert("id".into(), "\"x\"".into());
        row.insert("last_seen_at".into(), format!("\"{seen}\""));
        row.insert("at.last_seen_at".into(), seen.to_string());
        set_points(&mut row, "phones", points);
        row
    })
}

/// A row without what is for comparing only.
fn bare(row: &Row) -> Row {
    row.iter()
        .filter(|(field, _)| !field.starts_with("at."))
        .map(|(field, text)| (field.clone(), text.clone()))
        .collect()
}

fn recorded(before: &Row, folded: &Row) -> Recorded {
    Recorded {
        before: before.clone(),
        folded: folded.clone(),
        after: merged(before, folded),
    }
}

/// Columns that a user changes alone.
const SINGLE: [&str; 5] = [
    "microsite_url",
    "property_value",
    "status",
    "custom.a",
    "mak",
];

proptest! {
    #[test]
    fn an_undone_merge_leaves_no_trace(kept in any_row(), folded in any_row()) {
        let merge = recorded(&kept, &folded);
        let undone = undo(&merge, &[], &merge.after);
        prop_assert_eq!(bare(&undone.kept), bare(&kept));
        prop_assert_eq!(bare(&undone.folded), bare(&folded));
    }

    #[test]
    fn later_changes_stay_and_nothing_else_does(
        kept in any_row(), folded in any_row(), changed in 0..SINGLE.len(), gained in 5..9_u8,
    ) {
        let merge = recorded(&kept, &folded);
        let mut now = merge.after.clone();
        now.insert(SINGLE[changed].into(), "\"later\"".into());
        let mut phones = points_of(&now, "phones");
        phones.push(phone(gained, true, 1));
        set_points(&mut now, "phones", phones);
        let undone = undo(&merge, &[], &now);
        let mut expected = kept.clone();
        expected.insert(SINGLE[changed].into(), "\"later\"".into());
        let mut phones = points_of(&kept, "phones");
        phones.push(phone(gained, true, 1));
        set_points(&mut expected, "phones", phones);
        prop_assert_eq!(bare(&undone.kept), bare(&expected));
        prop_assert_eq!(bare(&undone.folded), bare(&folded));
    }

    #[test]
    fn a_check_stays_with_its_phone(kept in any_row(), folded in any_row(), number in 0..4_u8) {
        let merge = recorded(&kept, &folded);
        let mut now = merge.after.clone();
        let mut phones = points_of(&now, "phones");
        let name = phone(number, false, 0)["phone"].clone();
        for stored in phones.iter_mut().filter(|stored| stored["phone"] == name) {
            stored["check_result"] = json!("mobile");
        }
        set_points(&mut now, "phones", phones);
        let undone = undo(&merge, &[], &now);
        for (before, after) in [(&kept, &undone.kept), (&folded, &undone.folded)] {
            let (before, after) = (points_of(before, "phones"), points_of(after, "phones"));
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(&after) {
                let mut expected = before.clone();
                if before["phone"] == name {
                    expected["check_result"] = json!("mobile");
                }
                prop_assert_eq!(after, &expected);
            }
        }
    }

    #[test]
    fn stacked_merges_come_apart_in_any_order(
        kept in any_row(), folded in proptest::collection::vec(any_row(), 1..4), order in any::<prop::sample::Index>(),
    ) {
        let mut stack: Vec<(usize, Recorded)> = Vec::new();
        let mut now = kept.clone();
        for (n, row) in folded.iter().enumerate() {
            let merge = recorded(&now, row);
            now.clone_from(&merge.after);
            stack.push((n, merge));
        }
        let mut seed = order.index(usize::MAX);
        while !stack.is_empty() {
            let at = seed % stack.len();
            seed /= 3;
            let later: Vec<Recorded> = stack[at + 1..].iter().map(|(_, merge)| merge.clone()).collect();
            let undone = undo(&stack[at].1, &later, &now);
            prop_assert_eq!(bare(&undone.folded), bare(&folded[stack[at].0]));
            for ((_, merge), (before, after)) in stack[at + 1..].iter_mut().zip(&undone.later) {
                merge.before.clone_from(before);
                merge.after.clone_from(after);
            }
            stack.remove(at);
            now = undone.kept;
            // As if the others had been the only ones.
            let expected = stack.iter().fold(kept.clone(), |row, (n, _)| merged(&row, &folded[*n]));
            prop_assert_eq!(bare(&now), bare(&expected));
        }
    }
}
