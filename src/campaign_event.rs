//! What a campaign tool reports about a lead, and where that moves the lead.
//!
//! Pure. Events come twice and out of order, so a lead only ever moves forwards: an opening that is told after the reply
//! changes nothing. Instantly names one event differently in subscriptions and in payloads (vendor documentation, webhook
//! events); both are read, and short names too. An automatic reply is no reply.

use serde_json::Value;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Sent,
    Opened,
    Clicked,
    Replied,
    Bounced,
    Unsubscribed,
    /// The person does not want to hear more of this, without having unsubscribed.
    Declined,
    Interested,
    MeetingBooked,
    Completed,
    /// About the account, or without meaning for the lead.
    Nothing,
}

impl Event {
    /// Reads Instantly's names in either spelling; None: unknown.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric())
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Some(match plain.as_str() {
            "emailsent" | "sent" => Self::Sent,
            "emailopened" | "emailopen" | "opened" => Self::Opened,
            "emaillinkclicked" | "linkclicked" | "emailclicked" | "clicked" => Self::Clicked,
            "replyreceived" | "emailreplied" | "emailreply" | "replied" => Self::Replied,
            "emailbounced" | "emailbounce" | "bounced" => Self::Bounced,
            "leadunsubscribed" | "emailunsubscribed" | "unsubscribed" => Self::Unsubscribed,
            "leadnotinterested" | "notinterested" | "leadwrongperson" | "wrongperson" => {
                Self::Declined
            }
            "leadinterested" | "interested" => Self::Interested,
            "leadmeetingbooked" | "meetingbooked" => Self::MeetingBooked,
            "campaigncompleted" | "leadcampaigncompleted" | "completed" => Self::Completed,
            "autoreplyreceived"
            | "leadoutofoffice"
            | "outofoffice"
            | "accounterror"
            | "leadneutral"
            | "leadnoshow"
            | "leadmeetingcompleted"
            | "leadclosed"
            | "supersearchenrichmentcompleted" => Self::Nothing,
            _ => return None,
        })
    }

    fn campaign_status(self) -> Option<&'static str> {
        Some(match self {
            Self::Sent => "sent",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Replied | Self::Interested | Self::MeetingBooked => "replied",
            Self::Bounced => "bounced",
            Self::Unsubscribed => "unsubscribed",
            Self::Declined | Self::Completed => "completed",
            Self::Nothing => return None,
        })
    }

    fn status(self) -> Option<&'static str> {
        Some(match self {
            Self::Sent | Self::Opened | Self::Clicked => "contacted",
            Self::Replied => "replied",
            Self::Interested => "qualified",
            Self::MeetingBooked => "appointment_set",
            Self::Declined => "closed_lost",
            Self::Bounced | Self::Unsubscribed | Self::Completed | Self::Nothing => return None,
        })
    }
}

/// When the tool says that it happened. Workflow tools pass the request on, with what was told as its `body`.
pub fn told_at(payload: &Value) -> Option<&str> {
    [Some(payload), payload.get("body")]
        .into_iter()
        .flatten()
        .find_map(|told| told.get("timestamp"))
        .and_then(Value::as_str)
}

const CAMPAIGN_ORDER: [&str; 14] = [
    "new",
    "queued",
    "active",
    "paused",
    "sent",
    "delivered",
    "opened",
    "clicked",
    "completed",
    "replied",
    "bounced",
    "converted",
    "do_not_contact",
    "unsubscribed",
];

/// From the pipeline to the sale. `do_not_contact` is left by nobody; `closed_lost` and what follows a reply belong to people.
const LEAD_ORDER: [&str; 13] = [
    "new",
    "needs_contact_info",
    "enriched",
    "contactable",
    "contacted",
    "replied",
    "qualified",
    "appointment_set",
    "showed",
    "application",
    "funded",
    "closed_lost",
    "do_not_contact",
];

/// Where an event moves (status, campaign_status): forwards, or nowhere.
pub fn after<'a>(event: Event, status: &'a str, campaign_status: &'a str) -> (&'a str, &'a str) {
    (
        later(&LEAD_ORDER, status, event.status()),
        later(&CAMPAIGN_ORDER, campaign_status, event.campaign_status()),
    )
}

fn later<'a>(order: &[&str], is: &'a str, told: Option<&'static str>) -> &'a str {
    let place = |word: &str| order.iter().position(|known| *known == word);
    match told {
        // A word that this release does not know is nobody's to overwrite.
        Some(told) if place(is).is_some_and(|at| place(told) > Some(at)) => told,
        _ => is,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_event() {
        for (a, b) in [
            ("email_link_clicked", "link_clicked"),
            ("EMAIL_OPENED", "emailOpened"),
            ("reply_received", "replied"),
            ("lead_unsubscribed", "Unsubscribed"),
        ] {
            assert_eq!(Event::named(a), Event::named(b));
            assert!(Event::named(a).is_some());
        }
        assert_eq!(Event::named("auto_reply_received"), Some(Event::Nothing));
        assert_eq!(Event::named("my own label"), None);
    }

    #[test]
    fn events_in_any_order_and_number_end_the_same() {
        let events = [Event::Sent, Event::Opened, Event::Clicked, Event::Replied];
        let run = |order: &[usize]| {
            order.iter().fold(("contactable", "queued"), |(s, c), n| {
                after(events[*n], s, c)
            })
        };
        let forwards = run(&[0, 1, 2, 3]);
        assert_eq!(forwards, ("replied", "replied"));
        for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            assert_eq!(run(&order), forwards);
        }
        assert_eq!(run(&[0, 0, 1, 1, 2, 2, 3, 3, 0]), forwards);
    }

    #[test]
    fn a_sale_and_an_opt_out_are_not_moved() {
        assert_eq!(
            after(Event::Replied, "funded", "converted"),
            ("funded", "converted")
        );
        assert_eq!(
            after(Event::Opened, "do_not_contact", "unsubscribed"),
            ("do_not_contact", "unsubscribed")
        );
    }
}
