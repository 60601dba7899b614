//! Whose budgets a purchase counts against.

use std::fmt;

/// One row of `spend_budgets` a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Total,
    Vendor(String),
    Pull(i32),
    /// What is bought for a campaign.
    Campaign(String),
    /// The leads handed to a campaign.
    Handouts(String),
    /// What is bought again of a vendor while the first purchase is in doubt.
    Rebuy(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => write!(f, "total"),
            Self::Vendor(name) => write!(f, "vendor:{name}"),
            Self::Pull(id) => write!(f, "pull:{id}"),
            Self::Campaign(name) => write!(f, "campaign_spend:{name}"),
            Self::Handouts(name) => write!(f, "campaign:{name}"),
            Self::Rebuy(vendor) => write!(f, "rebuy:{vendor}"),
        }
    }
}

impl Scope {
    /// What a purchase of so many units counts as: a pull counts records, the others purchases.
    pub fn counted(&self, units: i64) -> i64 {
        match self {
            Self::Pull(_) => units,
            _ => 1,
        }
    }
}

/// Who pays for a purchase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payers {
    pub vendor: String,
    pub pull_id: Option<i32>,
    pub campaign: Option<String>,
    pub is_rebuy: bool,
}

impl Payers {
    /// The scopes it counts against.
    pub fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::Total, Scope::Vendor(self.vendor.clone())];
        scopes.extend(self.pull_id.map(Scope::Pull));
        scopes.extend(self.campaign.clone().map(Scope::Campaign));
        scopes.extend(self.is_rebuy.then(|| Scope::Rebuy(self.vendor.clone())));
        scopes
    }
}
