//! What stands in the way of a purchase: the same thing, bought before, and caps.

#[pgrx::pg_schema]
mod tests {
    use crate::money::Money;
    use crate::sql_tests::*;
    use crate::store::calls::{self, NewCall};
    use crate::store::{self, budgets};
    use crate::vendors::{Product, Subject};

    /// A purchase under the key "k".
    fn bought(generation: i32, state: &str, rebuys: Option<i64>) -> i64 {
        let rebuys = rebuys.map_or("NULL".to_string(), |id| id.to_string());
        one(&format!(
            "INSERT INTO vendor_calls (vendor, stage, lead_id, purchase_key, generation, state, epoch, day, reserved_amount, rebuys_call_id,
                                       settled_amount, answer)
             SELECT 'hlr_lookup', 'verify', gen_random_uuid(), 'k', {generation}, state, 1, current_date, 0.01, {rebuys},
                    CASE state WHEN 'applied' THEN 0.01 END, CASE state WHEN 'applied' THEN jsonb '{{}}' END
             FROM (VALUES ('{state}')) AS s (state) RETURNING id"
        ))
        .expect("an id")
    }

    /// What a lead wants to buy under the key "k", in the first generation.
    fn wanted() -> NewCall {
        NewCall {
            job_id: 1,
            product: Product::HlrLookup,
            stage: "verify",
            lead_id: None,
            pull_id: None,
            purchase_key: "k".into(),
            generation: 1,
            subject: Subject::Phone("+13235550101".into()),
            units: 1,
            amount: Money::from_micros(10_000),
            campaign: None,
            rebuys_call_id: None,
        }
    }

    /// Ids of what stands in its way, the best first; none: it was inserted.
    fn in_the_way(call: &NewCall) -> Vec<i64> {
        store::connect(|db| {
            let today = budgets::today(db, "UTC")?;
            if !calls::insert(db, std::slice::from_ref(call), 1, &today)?.is_empty() {
                return Ok(Vec::new());
            }
            let existing = calls::existing(db, &[call])?;
            Ok(existing.iter().map(|earlier| earlier.id).collect())
        })
        .expect("the ledger works")
    }

    #[pg_test]
    fn what_was_bought_again_answers_whoever_wants_it_first() {
        let first = bought(1, "in_doubt", None);
        let second = bought(2, "sending", Some(first));
        // While it is under way it is waited for, not the doubt.
        assert_eq!(in_the_way(&wanted()), [second, first]);
        run(&format!(
            "UPDATE vendor_calls SET state = 'applied', settled_amount = 0.05, answer = '{{}}' WHERE id = {second}"
        ));
        assert_eq!(in_the_way(&wanted()), [second, first]);
        let resolve = |resolution: &str| {
            run(&format!(
                "UPDATE vendor_calls SET state = 'resolved', resolution = '{resolution}', settled_amount = 0 WHERE id = {first}"
            ));
        };
        resolve("charged");
        assert_eq!(in_the_way(&wanted()), [second, first]);
        resolve("not_charged");
        assert_eq!(in_the_way(&wanted()), [second]);
        // What holds no money for it stands in nobody's way.
        run(&format!(
            "UPDATE vendor_calls SET state = 'released' WHERE id = {second}"
        ));
        assert!(in_the_way(&wanted()).is_empty());
    }

    #[pg_test]
    fn an_answer_is_better_than_a_later_doubt() {
        let first = bought(1, "applied", None);
        let second = bought(2, "in_doubt", Some(first));
        assert_eq!(in_the_way(&wanted()), [first, second]);
    }
}
