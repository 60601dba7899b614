//! What each vendor would have charged, item by item: the oracle of "never pay twice".
//!
//! An item is what a customer means to buy once: a property record of a search session, a traced
//! door, a checked record, a mailbox, a number. Only ever added to; a test starts a new simulator
//! for a new bill.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::vendor::Vendor;

/// Prices of one unit, in millionths of a dollar.
pub type Prices = BTreeMap<Vendor, u64>;

/// One item charged.
#[derive(Clone, Debug)]
pub struct Charge {
    pub vendor: Vendor,
    pub item: String,
    pub units: u64,
    /// Millionths of a dollar; nothing for the product's price times the units.
    pub micros: Option<u64>,
}

/// What one item has cost so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ItemTotal {
    pub times: u64,
    pub units: u64,
    pub micros: u64,
}

/// The whole bill.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    prices: Prices,
    items: BTreeMap<Vendor, BTreeMap<String, ItemTotal>>,
}

/// What one vendor has charged so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VendorTotal {
    /// Billings, counting an item each time.
    pub charges: u64,
    /// Distinct items.
    pub items: u64,
    pub units: u64,
    pub micros: u64,
}

/// An item that was charged more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    pub vendor: Vendor,
    pub item: String,
    pub times: u64,
    pub micros: u64,
}

impl Bill {
    /// An empty bill at these prices; products not named keep their default price.
    #[must_use]
    pub fn new(prices: Prices) -> Self {
        Self {
            prices,
            items: BTreeMap::new(),
        }
    }

    /// Charges one item.
    pub fn charge(&mut self, charge: Charge) {
        let price = self.price(charge.vendor);
        let items = self.items.entry(charge.vendor).or_default();
        let total = items.entry(charge.item).or_default();
        total.times += 1;
        total.units += charge.units;
        total.micros += charge
            .micros
            .unwrap_or_else(|| price.saturating_mul(charge.units));
    }

    /// Charges one unit of a product at its price.
    pub fn charge_unit(&mut self, vendor: Vendor, item: String) {
        self.charge(Charge {
            vendor,
            item,
            units: 1,
            micros: None,
        });
    }

    /// The price of one unit, in millionths of a dollar.
    #[must_use]
    pub fn price(&self, vendor: Vendor) -> u64 {
        self.prices
            .get(&vendor)
            .copied()
            .unwrap_or_else(|| vendor.default_price())
    }

    /// What one vendor has charged so far.
    #[must_use]
    pub fn total(&self, vendor: Vendor) -> VendorTotal {
        let items = self
            .items
            .get(&vendor)
            .into_iter()
            .flat_map(BTreeMap::values);
        items.fold(VendorTotal::default(), |sum, item| VendorTotal {
            charges: sum.charges + item.times,
            items: sum.items + 1,
            units: sum.units + item.units,
            micros: sum.micros + item.micros,
        })
    }

    /// Every item of a vendor.
    #[must_use]
    pub fn items(&self, vendor: Vendor) -> BTreeMap<String, ItemTotal> {
        self.items.get(&vendor).cloned().unwrap_or_default()
    }

    /// The items charged more than once.
    #[must_use]
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let all = self.items.iter();
        all.flat_map(|(vendor, items)| items.iter().map(|(item, total)| (*vendor, item, total)))
            .filter(|(_, _, total)| total.times > 1)
            .map(|(vendor, item, total)| Duplicate {
                vendor,
                item: item.clone(),
                times: total.times,
                micros: total.micros,
            })
            .collect()
    }

    /// The property records charged in more than one search session (or in none and in one),
    /// with the number of sessions: paid twice, though no single session did wrong.
    #[must_use]
    pub fn records_in_several_sessions(&self) -> BTreeMap<String, u64> {
        let mut sessions: BTreeMap<String, u64> = BTreeMap::new();
        let searched = self.items.get(&Vendor::BatchdataSearch);
        for item in searched.into_iter().flat_map(BTreeMap::keys) {
            let record = item.rsplit('/').next().unwrap_or(item);
            *sessions.entry(record.to_owned()).or_default() += 1;
        }
        sessions.retain(|_, count| *count > 1);
        sessions
    }

    /// The bill as the control interface shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let totals: BTreeMap<Vendor, VendorTotal> = Vendor::ALL
            .into_iter()
            .map(|vendor| (vendor, self.total(vendor)))
            .collect();
        let micros: u64 = totals.values().map(|total| total.micros).sum();
        json!({
            "total_micros": micros,
            "total_dollars": dollars(micros),
            "vendors": totals,
            "duplicates": self.duplicates(),
            "search_records_in_several_sessions": self.records_in_several_sessions(),
        })
    }
}

/// Millionths of a dollar as a decimal text.
#[must_use]
pub fn dollars(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A decimal text of dollars as millionths; nothing for any other text or a finer price.
#[must_use]
pub fn micros(dollars: &str) -> Option<u64> {
    let (whole, part) = dollars.split_once('.').unwrap_or((dollars, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() > 6 || !digits(whole) || !digits(part) || dollars.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_charged_twice_is_a_duplicate() {
        let mut bill = Bill::new(Prices::from([(Vendor::Melissa, 85_000)]));
        bill.charge_unit(Vendor::Melissa, "a".into());
        bill.charge_unit(Vendor::Melissa, "b".into());
        assert!(bill.duplicates().is_empty());
        bill.charge_unit(Vendor::Melissa, "a".into());
        let total = VendorTotal {
            charges: 3,
            items: 2,
            units: 3,
            micros: 255_000,
        };
        assert_eq!(bill.total(Vendor::Melissa), total);
        let twice = Duplicate {
            vendor: Vendor::Melissa,
            item: "a".into(),
            times: 2,
            micros: 170_000,
        };
        assert_eq!(bill.duplicates(), [twice]);
        assert_eq!(bill.to_json()["total_dollars"], "0.255000");
    }

    #[test]
    fn a_record_in_two_sessions_is_shown() {
        let mut bill = Bill::default();
        for item in ["one/r1", "one/r2", "two/r1"] {
            bill.charge_unit(Vendor::BatchdataSearch, item.into());
        }
        assert!(bill.duplicates().is_empty());
        assert_eq!(
            bill.records_in_several_sessions(),
            BTreeMap::from([("r1".to_owned(), 2)])
        );
    }

    #[test]
    fn prices_are_read_exactly() {
        assert_eq!(micros("0.15"), Some(150_000));
        assert_eq!(micros(".0025"), Some(2_500));
        assert_eq!(micros("12"), Some(12_000_000));
        for wrong in ["", "-1", "0.1234567", "1e3", "x"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
        assert_eq!(dollars(1_500_000), "1.500000");
    }
}
