//! What stands in the way of a purchase: the same thing, bought before, and caps.

#[pgrx::pg_schema]
mod tests {
    use crate::money::Money;
    use crate::sql_tests::*;
    use crate::store;
    use crate::store::budgets::{self, Cap, Grant, Wish};
    use crate::store::calls::{self, NewCall};
    use crate::store::scopes::Scope;
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

    /// What is granted to one purchase of a dollar, where the scopes have these caps.
    fn grant(caps: &[(Scope, i64)]) -> Grant {
        let caps: Vec<Cap> = caps
            .iter()
            .map(|(scope, dollars)| Cap {
                scope: scope.clone(),
                calls: None,
                amount: Some(Money::from_micros(dollars * 1_000_000)),
            })
            .collect();
        let wish = Wish {
            purchases: 1,
            units: 1,
            unit_price: Money::from_micros(1_000_000),
        };
        store::connect(|db| {
            let today = budgets::today(db, "UTC")?;
            budgets::reserve(db, &today, &caps, wish)
        })
        .expect("the budgets work")
    }

    #[pg_test]
    fn money_that_is_only_reserved_is_not_spent_because_other_money_is() {
        run(
            "INSERT INTO spend_budgets (day, scope, reserved_calls, settled_calls, reserved_amount, settled_amount)
             SELECT (now() AT TIME ZONE 'UTC')::date, scope, reserved, settled, reserved, settled
             FROM (VALUES ('total', 2, 1), ('campaign_spend:spring', 0, 3)) AS b (scope, reserved, settled)",
        );
        let spring = Scope::Campaign("spring".into());
        let again = Scope::Rebuy("melissa".into());
        for (spent, cap) in [(&spring, 3), (&again, 0)] {
            let both = grant(&[(Scope::Total, 3), (spent.clone(), cap)]);
            assert_eq!((both.purchases, both.is_spent), (0, false));
            assert_eq!(both.limited_by, Some(Scope::Total));
            let alone = grant(&[(Scope::Total, 9), (spent.clone(), cap)]);
            assert_eq!((alone.purchases, alone.is_spent), (0, true));
            assert_eq!(alone.limited_by.as_ref(), Some(spent));
        }
        let all = grant(&[(Scope::Total, 9), (spring, 9)]);
        assert_eq!(
            (all.purchases, all.is_spent, all.limited_by),
            (1, false, None)
        );
    }
}
