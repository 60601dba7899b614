//! What the sources' own past purchases came to.

/// Purchases that a source must have behind it before its numbers count. With 300, a rate of one half is known
/// to within six points in 95 of 100 cases.
pub const LEAST_HISTORY: u32 = 300;

/// What a source's past purchases came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    pub calls: u32,
    /// Units billed per purchase: a source that bills matches only costs less than its price.
    pub billed: f64,
    /// The share that knew the property or the contact point.
    pub hits: f64,
    /// For verifiers: the share of checks after which the contact point earns points.
    pub passes: f64,
    /// For enriching sources: how often a purchase brought so many e-mails and phones worth checking.
    pub yields: Vec<Yield>,
}

/// A share of the purchases, and what they brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Yield {
    pub share: f64,
    pub emails: u8,
    pub phones: u8,
}

/// An enriching source on the road.
#[derive(Debug, Clone, PartialEq)]
pub struct Enricher {
    pub odds: Odds,
    /// Dollars per purchase, on average.
    pub cost: f64,
    /// It tells the property's key.
    pub knows_keys: bool,
}

/// The verifier that is asked first about a kind of contact point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verifier {
    pub passes: f64,
    /// Dollars per check, on average.
    pub cost: f64,
}

impl Verifier {
    /// Passes nothing, for nothing.
    pub const NONE: Self = Self {
        passes: 0.0,
        cost: 0.0,
    };
}
