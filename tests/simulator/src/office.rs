//! The state behind the counter: the world, the bill, and what each vendor remembers.
//!
//! One request is handled at a time, whole, under one lock; a dialect gets the office and the
//! request and gives the answer. Waiting, cutting and breaking are the server's business.

use std::collections::BTreeSet;

use crate::bill::Bill;
use crate::dialect::batchdata::Searches;
use crate::dialect::instantly_campaigns::Campaigns;
use crate::dialect::instantly_verify::Verifications;
use crate::dialect::smtp::MailServer;
use crate::dice::{Dice, Purpose};
use crate::settings::Settings;
use crate::vendor::Vendor;
use crate::world::World;

/// All that the dialects share.
#[derive(Debug)]
pub struct Office {
    pub settings: Settings,
    pub world: World,
    pub bill: Bill,
    /// Vendors whose account is empty.
    pub empty_accounts: BTreeSet<Vendor>,
    /// Numbers (digits, with the country code) whose look-up fails inside the HLR vendor, whenever it is asked.
    pub broken_numbers: BTreeSet<String>,
    pub searches: Searches,
    pub verifications: Verifications,
    pub campaigns: Campaigns,
    pub mail: MailServer,
    /// Request ids and the order of answers.
    pub noise: Dice,
}

impl Office {
    /// Opens with a fresh world and an empty bill.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            world: World::new(settings.seed, settings.properties, &settings.zips),
            bill: Bill::new(settings.prices.clone()),
            empty_accounts: BTreeSet::new(),
            broken_numbers: BTreeSet::new(),
            searches: Searches::default(),
            verifications: Verifications::new(settings.instantly_credits),
            campaigns: Campaigns::default(),
            mail: MailServer::default(),
            noise: Dice::new(settings.seed, Purpose::Noise, 0),
            settings,
        }
    }

    /// Whether the customer's account with this vendor is empty.
    #[must_use]
    pub fn is_out_of_credit(&self, vendor: Vendor) -> bool {
        self.empty_accounts.contains(&vendor)
    }
}
