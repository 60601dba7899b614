//! Scripted misfortune: which requests go wrong, and how.
//!
//! A rule is JSON: `{"vendor": "melissa", "kind": "status", "status": 429, "retry_after": "2",
//! "nth": 3, "times": 1}`. Without `vendor` it strikes every vendor; of `nth`, `every` and
//! `probability` none means every request. Requests are counted per rule in order of arrival,
//! and chance comes from the seed, so a script strikes the same requests in every run.

use serde::{Deserialize, Serialize};

use crate::dice::{Dice, Purpose};
use crate::vendor::Vendor;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Waits `ms`, then handles the request.
    Delay,
    /// Handles and bills the request, then waits `ms` before the answer.
    DelayAfterBill,
    /// Handles the request and lets the body trickle for `ms`.
    SlowBody,
    /// Refuses with `status` before anything is billed.
    Status,
    /// Handles and bills the request, then answers with `status` instead.
    StatusAfterBill,
    /// Cuts the connection before anything is billed.
    ResetBeforeBill,
    /// Handles and bills the request, then cuts the connection.
    ResetAfterBill,
    /// Bills, sends half of the body, cuts the connection.
    TruncateAfterBill,
    /// Bills, and sends half of the JSON as if it were whole.
    CutJsonAfterBill,
    /// Bills all items, and leaves the last one out of the answer.
    ForgetItemAfterBill,
}

/// The body of a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// As the vendor documents it.
    #[default]
    Vendor,
    /// A gateway's page.
    Html,
    /// No body.
    Empty,
}

/// One rule of misfortune.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Vendor>,
    /// Only requests whose method and path hold this text, such as `GET /instantly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default)]
    pub body: Shape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// Strikes only the n-th matching request, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Strikes every n-th matching request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Strikes this share of the matching requests, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Stops after so many strikes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// The rules in force and how often each was asked and struck.
#[derive(Debug, Default)]
pub struct Faults {
    seed: u64,
    added: u64,
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    dice: Dice,
    asked: u64,
    struck: u64,
}

impl Rule {
    /// A rule that strikes every request of `vendor`.
    #[must_use]
    pub fn new(vendor: Vendor, kind: Kind) -> Self {
        Self {
            vendor: Some(vendor),
            request: None,
            kind,
            ms: None,
            status: None,
            body: Shape::Vendor,
            message: None,
            retry_after: None,
            nth: None,
            every: None,
            probability: None,
            times: None,
        }
    }

    /// Why this rule makes no sense, if so.
    #[must_use]
    pub fn mistake(&self) -> Option<&'static str> {
        let timed = matches!(
            self.kind,
            Kind::Delay | Kind::DelayAfterBill | Kind::SlowBody
        );
        let refuses = matches!(self.kind, Kind::Status | Kind::StatusAfterBill);
        if timed && self.ms.is_none() {
            Some("this kind needs ms")
        } else if refuses
            && !self
                .status
                .is_some_and(|status| (400..=599).contains(&status))
        {
            Some("this kind needs a status from 400 to 599")
        } else if self
            .probability
            .is_some_and(|share| !(0.0..=1.0).contains(&share))
        {
            Some("probability is from 0 to 1")
        } else if self.nth == Some(0) || self.every == Some(0) {
            Some("requests are counted from 1")
        } else {
            None
        }
    }
}

impl Faults {
    /// No faults; chance comes from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// Puts a rule in force, after those that are.
    pub fn add(&mut self, rule: Rule) {
        let dice = Dice::new(self.seed, Purpose::Fault, self.added);
        self.added += 1;
        self.rules.push(Counted {
            rule,
            dice,
            asked: 0,
            struck: 0,
        });
    }

    /// Ends all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rule that strikes this request. Every rule that matches counts it; the first to
    /// strike wins.
    pub fn strike(&mut self, vendor: Vendor, request: &str) -> Option<Rule> {
        let mut struck = None;
        for counted in &mut self.rules {
            if counted.matches(vendor, request) && counted.asks() && struck.is_none() {
                counted.struck += 1;
                struck = Some(counted.rule.clone());
            }
        }
        struck
    }

    /// Each rule with its counts, as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let row = |counted: &Counted| serde_json::json!({"rule": counted.rule, "matched": counted.asked, "struck": counted.struck});
        self.rules.iter().map(row).collect()
    }
}

impl Counted {
    fn matches(&self, vendor: Vendor, request: &str) -> bool {
        self.rule.vendor.is_none_or(|own| own == vendor)
            && self
                .rule
                .request
                .as_ref()
                .is_none_or(|part| request.contains(part.as_str()))
    }

    /// Counts a matching request and says whether it is one to strike.
    fn asks(&mut self) -> bool {
        self.asked += 1;
        let chance = self.dice.below(1_000_000);
        let rule = &self.rule;
        rule.times.is_none_or(|times| self.struck < times)
            && rule.nth.is_none_or(|nth| self.asked == nth)
            && rule
                .every
                .is_none_or(|every| self.asked.is_multiple_of(every))
            && rule
                .probability
                .is_none_or(|share| (chance as f64) < share * 1_000_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(faults: &mut Faults, count: usize) -> Vec<usize> {
        let struck = |_: &usize| faults.strike(Vendor::Melissa, "POST /melissa/v3").is_some();
        (1..=count).filter(struck).collect()
    }

    #[test]
    fn a_rule_strikes_the_requests_it_names() {
        let base = Rule::new(Vendor::Melissa, Kind::ResetAfterBill);
        for (rule, expected) in [
            (
                Rule {
                    nth: Some(3),
                    ..base.clone()
                },
                vec![3],
            ),
            (
                Rule {
                    every: Some(2),
                    times: Some(2),
                    ..base.clone()
                },
                vec![2, 4],
            ),
            (
                Rule {
                    times: Some(1),
                    ..base.clone()
                },
                vec![1],
            ),
            (
                Rule {
                    vendor: Some(Vendor::HlrLookup),
                    ..base.clone()
                },
                vec![],
            ),
            (
                Rule {
                    request: Some("GET /instantly".into()),
                    ..base.clone()
                },
                vec![],
            ),
        ] {
            let mut faults = Faults::new(1);
            faults.add(rule);
            assert_eq!(strikes(&mut faults, 6), expected);
        }
    }

    #[test]
    fn chance_strikes_its_share_and_the_same_requests_every_time() {
        let run = |seed| {
            let mut faults = Faults::new(seed);
            let rule = Rule::new(Vendor::Melissa, Kind::ResetAfterBill);
            faults.add(Rule {
                probability: Some(0.2),
                ..rule
            });
            strikes(&mut faults, 1000)
        };
        assert_eq!(run(9), run(9));
        assert!((150..250).contains(&run(9).len()));
    }

    #[test]
    fn senseless_rules_are_told_apart() {
        let base = Rule::new(Vendor::Melissa, Kind::Delay);
        assert!(base.mistake().is_some());
        assert_eq!(
            Rule {
                ms: Some(5),
                ..base.clone()
            }
            .mistake(),
            None
        );
        assert!(
            Rule {
                kind: Kind::Status,
                status: Some(200),
                ..base
            }
            .mistake()
            .is_some()
        );
    }
}
