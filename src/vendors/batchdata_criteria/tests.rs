//! What the criteria promise.

use super::*;

fn search(params: Value) -> Value {
    from_params(&params).expect("understood").search
}

#[test]
fn the_specifications_query_is_understood() {
    let params = json!({
        "zip_codes": ["90028", "90038"],
        "filters": {"owner_occupied": true, "property_type": "single_family"},
        "sort": "created_desc"
    });
    let criteria = from_params(&params).expect("understood");
    assert_eq!(
        criteria.search,
        json!({
            "query": "90028, 90038",
            "address": {"zip": {"inList": ["90028", "90038"]}},
            "owner": {"ownerOccupied": {"equals": true}},
            "general": {"propertyTypeDetail": {"equals": "Single Family"}}
        })
    );
    assert_eq!(criteria.sort, Sort::Newest);
}

#[test]
fn ranges_are_read_in_all_their_spellings() {
    let params = json!({
        "city": "Phoenix", "state": "AZ", "quick_lists": ["owner-occupied", "not-corporate-owned"],
        "filters": {"min_property_value": 100000, "estimated_equity": {"min": "50000", "max": null},
                    "age_min": 62, "age_max": "90", "equity_percent": {"min": 40.5},
                    "last_sale_date": {"max": "2020-12-31"}, "city": ["Mesa", "Tempe"], "ltv": {"max": 60},
                    "county": null}
    });
    assert_eq!(
        search(params),
        json!({
            "query": "Phoenix, AZ",
            "quickLists": ["owner-occupied", "not-corporate-owned"],
            "valuation": {"estimatedValue": {"min": 100000}, "estimatedEquity": {"min": 50000},
                          "equityPercent": {"min": 40.5}, "ltv": {"max": 60}},
            "demographics": {"age": {"min": 62, "max": 90}},
            "sale": {"lastSaleDate": {"maxDate": "2020-12-31"}},
            "address": {"city": {"inList": ["Mesa", "Tempe"]}}
        })
    );
}

#[test]
fn a_zip_that_lost_its_zeros_or_has_nine_digits_is_five_digits() {
    let found = search(json!({"zip_codes": [2108, "02109-1234", " 90028 ", "90028"]}));
    assert_eq!(found["query"], "02108, 02109, 90028");
    assert_eq!(search(json!({"zip_codes": "90028"}))["query"], "90028");
}

#[test]
fn verbatim_criteria_pass_untouched() {
    let own = json!({"query": "x", "or": [{"listing": {}}], "anything": null});
    let criteria =
        from_params(&json!({"search_criteria": own, "sort": {"field": "a.b", "sortOrder": "asc"}}));
    let criteria = criteria.expect("understood");
    assert_eq!(criteria.search, own);
    assert_eq!(
        criteria.sort,
        Sort::Verbatim(json!({"field": "a.b", "sortOrder": "asc"}))
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    for params in [
        json!(null),
        json!([]),
        json!({}),
        json!({"zip_codes": []}),
        json!({"zip_codes": ["9002"]}),
        json!({"zip_codes": ["90028-12"]}),
        json!({"zip_codes": [true]}),
        json!({"zip_codes": ["90028"], "city": "Mesa", "state": "AZ"}),
        json!({"city": "Mesa"}),
        json!({"zip_codes": ["90028"], "page": 2}),
        json!({"zip_codes": ["90028"], "zip": "90028"}),
        json!({"zip_codes": ["90028"], "filters": []}),
        json!({"zip_codes": ["90028"], "filters": {"pool": true}}),
        json!({"zip_codes": ["90028"], "filters": {"owner_occupied": "maybe"}}),
        json!({"zip_codes": ["90028"], "filters": {"age": 62}}),
        json!({"zip_codes": ["90028"], "filters": {"age": {}}}),
        json!({"zip_codes": ["90028"], "filters": {"age": {"above": 62}}}),
        json!({"zip_codes": ["90028"], "filters": {"min_age": "old"}}),
        json!({"zip_codes": ["90028"], "filters": {"min_age": "NaN"}}),
        json!({"zip_codes": ["90028"], "filters": {"property_type": []}}),
        json!({"zip_codes": ["90028"], "filters": {"property_type": 7}}),
        json!({"zip_codes": ["90028"], "filters": {"last_sale_date": {"min": "1/2/2020"}}}),
        json!({"zip_codes": ["90028"], "sort": "best"}),
        json!({"zip_codes": ["90028"], "sort": {"by": "x"}}),
        json!({"search_criteria": {}, "zip_codes": ["90028"]}),
        json!({"search_criteria": "x"}),
        json!({"search_criteria": {}}),
        json!({"zip_codes": ["90028"], "sort": {"field": 1}}),
        json!({"zip_codes": ["90028"], "sort": {"field": "a", "sortOrder": "up"}}),
        json!({"city": "Mesa", "county": "Maricopa", "state": "AZ"}),
    ] {
        assert!(from_params(&params).is_err(), "{params}");
    }
}

#[test]
fn a_county_is_not_taken_for_the_city_of_its_name() {
    let query = |county: &str| search(json!({"county": county, "state": "AZ"}))["query"].clone();
    assert_eq!(query("Maricopa"), "Maricopa County, AZ");
    assert_eq!(query("Orleans Parish"), "Orleans Parish, AZ");
}
