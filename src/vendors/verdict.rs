//! What verifiers find out, in one shape for all of them.

/// What is known about a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailVerdict {
    Verified,
    Invalid,
    /// The domain takes every address: this one is not verified.
    CatchAll,
    /// It is there, and takes no mail until its owner clears it out.
    MailboxFull,
    /// The verifier could not tell.
    Unknown,
    /// Ask again, with a poll.
    Pending,
}

/// What is known about a phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneVerdict {
    pub service: Service,
    /// `mobile`, `landline` or `voip`, by the carrier's word only.
    pub phone_type: Option<&'static str>,
    pub carrier: Option<String>,
}

/// Is the number in service?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// As far as the numbering plan and the carrier tell.
    In,
    Out,
    /// In service, and switched off or out of reach.
    Absent,
    /// The verifier could not tell.
    Unknown,
}
