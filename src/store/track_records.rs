//! What the vendors' last purchases came to: the planner's numbers, out of the ledger.

use std::collections::HashMap;

use super::Db;
use super::plan::{required, select};
use crate::error::Error;
use crate::vendors::Product;
use crate::waterfall::odds::{Odds, Yield};

// The newest rows only: vendors change, and the cost of looking stays the same however long the ledger grows.
const LAST_PURCHASES: &str = "
SELECT vendor, LEAST(COALESCE(new_emails, 0), 2)::integer, LEAST(COALESCE(new_phones, 0), 2)::integer,
       count(*), sum(LEAST(units, 1))::bigint, count(*) FILTER (WHERE matched)
FROM vendor_calls
WHERE id > (SELECT max(id) - 20000 FROM vendor_calls)
    AND state = 'applied' AND reuses_call_id IS NULL AND lead_id IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3";

/// One line of the above.
struct Group {
    emails: u8,
    phones: u8,
    calls: i64,
    billed: i64,
    hits: i64,
}

/// The track record of every product that was bought lately.
pub fn read(db: &Db<'_>) -> Result<HashMap<Product, Odds>, Error> {
    let mut groups: HashMap<Product, Vec<Group>> = HashMap::new();
    for row in select(db, LAST_PURCHASES, &[])? {
        let name: String = required(&row, 1)?;
        let Some(product) = Product::from_name(&name) else {
            continue;
        };
        let small = |count: i32| u8::try_from(count).unwrap_or(0);
        groups.entry(product).or_default().push(Group {
            emails: small(required(&row, 2)?),
            phones: small(required(&row, 3)?),
            calls: required(&row, 4)?,
            billed: required(&row, 5)?,
            hits: required(&row, 6)?,
        });
    }
    let records = groups
        .into_iter()
        .map(|(product, groups)| (product, odds(&groups)));
    Ok(records.collect())
}

fn odds(groups: &[Group]) -> Odds {
    let sum = |count: fn(&Group) -> i64| groups.iter().map(count).sum::<i64>();
    let calls = sum(|group| group.calls);
    let share = |count: i64| count as f64 / calls.max(1) as f64;
    let passes = groups
        .iter()
        .filter(|group| group.emails + group.phones > 0);
    Odds {
        calls: u32::try_from(calls).unwrap_or(u32::MAX),
        billed: share(sum(|group| group.billed)),
        hits: share(sum(|group| group.hits)),
        passes: share(passes.map(|group| group.calls).sum()),
        yields: groups
            .iter()
            .map(|group| Yield {
                share: share(group.calls),
                emails: group.emails,
                phones: group.phones,
            })
            .collect(),
    }
}
