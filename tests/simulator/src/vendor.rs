//! The vendor products, under the names that the bill, the faults and the statistics use.

use serde::{Deserialize, Serialize};

/// One vendor product with its own price and its own bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    BatchdataSearch,
    BatchdataSkipTrace,
    Melissa,
    InstantlyVerify,
    SignalwireLookup,
    HlrLookup,
    SmtpProbe,
    InstantlyCampaign,
}

impl Vendor {
    /// Every product.
    pub const ALL: [Self; 8] = [
        Self::BatchdataSearch,
        Self::BatchdataSkipTrace,
        Self::Melissa,
        Self::InstantlyVerify,
        Self::SignalwireLookup,
        Self::HlrLookup,
        Self::SmtpProbe,
        Self::InstantlyCampaign,
    ];

    /// The name used in the control interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchdataSearch => "batchdata_search",
            Self::BatchdataSkipTrace => "batchdata_skip_trace",
            Self::Melissa => "melissa",
            Self::InstantlyVerify => "instantly_verify",
            Self::SignalwireLookup => "signalwire_lookup",
            Self::HlrLookup => "hlr_lookup",
            Self::SmtpProbe => "smtp_probe",
            Self::InstantlyCampaign => "instantly_campaign",
        }
    }

    /// The product of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == name)
    }

    /// The price of one unit in millionths of a dollar, unless the command line says otherwise.
    #[must_use]
    pub fn default_price(self) -> u64 {
        match self {
            Self::Melissa => 50_000,
            Self::BatchdataSkipTrace => 150_000,
            Self::InstantlyCampaign | Self::SmtpProbe => 0,
            _ => 10_000,
        }
    }

    /// Whose door a request path knocks at; nothing for a path outside every vendor's prefix.
    #[must_use]
    pub fn at_path(path: &str) -> Option<Self> {
        let prefix = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        match prefix {
            "batchdata" if path.contains("skip-trace") => Some(Self::BatchdataSkipTrace),
            "batchdata" => Some(Self::BatchdataSearch),
            "melissa" => Some(Self::Melissa),
            "instantly" if path.contains("/email-verification") => Some(Self::InstantlyVerify),
            "instantly" => Some(Self::InstantlyCampaign),
            "signalwire" => Some(Self::SignalwireLookup),
            "hlr" => Some(Self::HlrLookup),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for vendor in Vendor::ALL {
            assert_eq!(Vendor::named(vendor.name()), Some(vendor));
            assert_eq!(serde_json::to_value(vendor).expect("a name"), vendor.name());
        }
    }
}
