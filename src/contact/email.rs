//! E-mail addresses: any spelling to one address that can really receive mail.
//!
//! RFC syntax is the crates' work (`email_address`, `idna`); the subset is ours. No quoted local
//! parts, no IP literals, no domain without a dot, ASCII local parts only: mail tools and verifiers
//! do not take the rest, so it would be bought and verified for nothing. Fillers ("none@none.com",
//! "test@…") are refused, because one filler shared by many leads looks like one person.
//!
//! The local part keeps the case it came with (RFC 5321 2.4 leaves it to the receiver), but two
//! addresses that differ only in case are one contact point: see [`EmailAddress::comparison_key`].

use std::fmt;

use email_address::{EmailAddress as Syntax, Options};

/// RFC 5321 4.5.3.1.3: a path has 256 octets with its angle brackets.
const LONGEST_ADDRESS: usize = 254;
/// Room for a display name, `mailto:` and a subject around the address.
const LONGEST_TEXT: usize = 1_000;

/// Local parts that no person has, whatever the domain.
const FILLER_LOCALS: [&str; 27] = [
    "none",
    "noemail",
    "no-email",
    "no.email",
    "no_email",
    "nomail",
    "noaddress",
    "notavailable",
    "notprovided",
    "notgiven",
    "notapplicable",
    "n/a",
    "refused",
    "declined",
    "unknown",
    "nobody",
    "null",
    "undefined",
    "test",
    "fake",
    "asdf",
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "mailer-daemon",
];

/// Domains that are typed to get past a mandatory field.
const FILLER_DOMAINS: [&str; 18] = [
    "none.com",
    "none.net",
    "none.none",
    "na.com",
    "na.na",
    "no.com",
    "noemail.com",
    "noemail.net",
    "nomail.com",
    "noreply.com",
    "unknown.com",
    "nowhere.com",
    "null.com",
    "test.com",
    "test.test",
    "fake.com",
    "asdf.com",
    "xxx.xxx",
];

/// Short words that are a filler only when local part and domain say the same: na@na.org.
const FILLER_PAIRS: [&str; 10] = [
    "na", "no", "x", "xx", "xxx", "a", "abc", "email", "mail", "user",
];

/// Top-level domains that never reach a mailbox (RFC 2606, RFC 6761, RFC 6762, ICANN's .internal).
const DEAD_TOP_LEVELS: [&str; 6] = [
    "invalid",
    "localhost",
    "local",
    "localdomain",
    "internal",
    "onion",
];

/// An e-mail address: local part as given, domain in lower-case ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress {
    text: String,
    local_length: usize,
}

impl EmailAddress {
    /// The address as text, for example `Pat@example.com`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no caller yet: near matches compare it")
    )]
    pub fn local(&self) -> &str {
        &self.text[..self.local_length]
    }

    /// What stands after the `@`, in lower-case ASCII.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no caller yet: near matches compare it")
    )]
    pub fn domain(&self) -> &str {
        &self.text[self.local_length + 1..]
    }

    /// The form on which two addresses are the same contact point.
    pub fn comparison_key(&self) -> String {
        self.text.to_ascii_lowercase()
    }

    /// The mailbox behind the address, by the big providers' own rules: Gmail ignores dots, several
    /// ignore `+tag`. For finding likely duplicates; never for identity, because rules change.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no caller yet: near matches compare it")
    )]
    pub fn provider_key(&self) -> String {
        let key = self.comparison_key();
        let (local, domain) = key.split_at(self.local_length);
        let domain = match &domain[1..] {
            "googlemail.com" => "gmail.com",
            other => other,
        };
        let untagged = match local.split_once('+') {
            Some((name, _)) if ignores_tag(domain) && !name.is_empty() => name,
            _ => local,
        };
        if domain == "gmail.com" {
            format!("{}@{domain}", untagged.replace('.', ""))
        } else {
            format!("{untagged}@{domain}")
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not an e-mail address. Never holds the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailProblem {
    /// Nothing there.
    #[error("the e-mail address is blank")]
    Blank,
    /// Longer than mail systems take.
    #[error("the e-mail address is too long")]
    TooLong,
    /// No `@` with something on both sides.
    #[error("an e-mail address needs a name, an @ and a domain")]
    NoDomain,
    /// More than one `@`.
    #[error("the text is more than one e-mail address")]
    NotOne,
    /// A local part outside the plain ASCII form.
    #[error("the part before the @ is not a plain mailbox name")]
    BadLocalPart,
    /// A domain that is not a dotted internet name.
    #[error("the part after the @ is not an internet domain with a dot")]
    BadDomain,
    /// A domain that cannot receive mail.
    #[error("the e-mail domain never receives mail")]
    DeadDomain,
    /// A filler, not somebody's address.
    #[error("the e-mail address is a placeholder")]
    Placeholder,
}

/// Reads an e-mail address, with or without `mailto:`, angle brackets and a display name.
pub fn parse(text: &str) -> Result<EmailAddress, EmailProblem> {
    if text.len() > LONGEST_TEXT {
        return Err(EmailProblem::TooLong);
    }
    let bare = bare_address(text);
    if bare.is_empty() {
        return Err(EmailProblem::Blank);
    }
    let (local, domain) = split(bare)?;
    let domain = ascii_domain(domain)?;
    let address = format!("{local}@{domain}");
    if address.len() > LONGEST_ADDRESS {
        return Err(EmailProblem::TooLong);
    }
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    if local.starts_with('"')
        || !local.is_ascii()
        || Syntax::parse_with_options(&address, options).is_err()
    {
        return Err(EmailProblem::BadLocalPart);
    }
    if is_filler(local, &domain) {
        return Err(EmailProblem::Placeholder);
    }
    Ok(EmailAddress {
        text: address,
        local_length: local.len(),
    })
}

/// `Pat Example <mailto:pat@example.com?subject=hi>;` without all that is around the address.
fn bare_address(text: &str) -> &str {
    let text = text.trim_matches(is_padding);
    let inner = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(unclosed)) => &unclosed[open + 1..],
        _ => text,
    };
    let address = match inner.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => {
            inner[7..].split('?').next().unwrap_or_default()
        }
        _ => inner,
    };
    address.trim_matches(is_padding).trim_end_matches('.')
}

fn split(address: &str) -> Result<(&str, &str), EmailProblem> {
    let (local, domain) = address.split_once('@').ok_or(EmailProblem::NoDomain)?;
    if domain.contains('@') {
        return Err(EmailProblem::NotOne);
    }
    if local.is_empty() || domain.is_empty() {
        return Err(EmailProblem::NoDomain);
    }
    Ok((local, domain))
}

fn ascii_domain(domain: &str) -> Result<String, EmailProblem> {
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| EmailProblem::BadDomain)?;
    let (_, top_level) = ascii.rsplit_once('.').ok_or(EmailProblem::BadDomain)?;
    // An address like 192.168.0.1 is four labels to IDNA; no top-level domain starts with a digit.
    if top_level.len() < 2 || top_level.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(EmailProblem::BadDomain);
    }
    if DEAD_TOP_LEVELS.contains(&top_level) {
        return Err(EmailProblem::DeadDomain);
    }
    Ok(ascii)
}

fn is_filler(local: &str, domain: &str) -> bool {
    let is_local = |word: &str| local.eq_ignore_ascii_case(word);
    FILLER_DOMAINS.contains(&domain)
        || FILLER_LOCALS.iter().any(|word| is_local(word))
        || domain
            .split_once('.')
            .is_some_and(|(name, _)| FILLER_PAIRS.contains(&name) && is_local(name))
}

fn ignores_tag(domain: &str) -> bool {
    matches!(
        domain,
        "gmail.com"
            | "outlook.com"
            | "hotmail.com"
            | "live.com"
            | "icloud.com"
            | "me.com"
            | "mac.com"
            | "proton.me"
            | "protonmail.com"
            | "pm.me"
            | "fastmail.com"
    )
}

fn is_padding(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, ',' | ';' | '\'' | '"')
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests;
