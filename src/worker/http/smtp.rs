//! One conversation with a mail server: greeting, EHLO, MAIL FROM, two recipients, QUIT. Never DATA.
//!
//! Everything that happens is an observation, not a failure: the server is the domain's, not a vendor's, and what it
//! does (or that there is none) is the answer. Lines, replies and time are limited; nothing is sent twice but
//! what a server that hangs up after a refusal must hear again.

use std::io;
use std::net::SocketAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::CONNECT_TIMEOUT;
use crate::vendors::smtp_probe::{Dialogue, MailboxProbe, Problem, SmtpReply};

const SMTP_PORT: u16 = 25;
/// Mail exchangers of one domain that are tried.
const MOST_SERVERS: usize = 3;
/// All lines of one reply together.
const LONGEST_REPLY: u64 = 8192;
/// Of a reply's text, what is kept.
const LONGEST_TEXT: usize = 400;

/// Asks about a mailbox; what happened until `deadline`.
pub(super) async fn converse(probe: &MailboxProbe, deadline: Instant) -> Dialogue {
    let mut dialogue = Dialogue::default();
    // What was learnt before the time was over is kept.
    if timeout_at(deadline, ask(probe, &mut dialogue))
        .await
        .is_err()
    {
        dialogue.problem = Some(Problem::Unreachable);
    }
    dialogue
}

async fn ask(probe: &MailboxProbe, dialogue: &mut Dialogue) {
    let servers = match servers(probe).await {
        Ok(servers) => servers,
        Err(problem) => {
            dialogue.problem = Some(problem);
            return;
        }
    };
    for server in servers {
        *dialogue = Dialogue::default();
        match recipients(probe, server, dialogue).await {
            Ok(()) => return,
            Err(_) => dialogue.problem = Some(Problem::Unreachable),
        }
        // Whoever answered has answered; the next exchanger is for those that cannot be reached.
        if dialogue.decoy.is_some() || dialogue.refusal.is_some() {
            return;
        }
    }
}

/// Names both recipients; a server that hangs up after it refused the decoy is called again for the mailbox.
async fn recipients(
    probe: &MailboxProbe,
    server: SocketAddr,
    told: &mut Dialogue,
) -> io::Result<()> {
    let mut line = match Line::open(probe, server).await? {
        Ok(line) => line,
        Err(refusal) => {
            told.refusal = Some(refusal);
            return Ok(());
        }
    };
    let decoy = line.recipient(&probe.decoy).await?;
    let hangs_up = decoy.code == 421;
    told.decoy = Some(decoy);
    let first = if hangs_up {
        None
    } else {
        line.recipient(&probe.email)
            .await
            .ok()
            .filter(|reply| reply.code != 421)
    };
    told.recipient = match first {
        Some(reply) => Some(reply),
        None => {
            line = match Line::open(probe, server).await? {
                Ok(line) => line,
                Err(refusal) => {
                    told.recipient = Some(refusal);
                    return Ok(());
                }
            };
            Some(line.recipient(&probe.email).await?)
        }
    };
    line.quit().await;
    Ok(())
}

/// A connection on which the sender was accepted.
struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    /// Gets as far as the sender; else the reply that refused it.
    async fn open(probe: &MailboxProbe, server: SocketAddr) -> io::Result<Result<Self, SmtpReply>> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(server))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let mut line = Self {
            stream: BufReader::new(stream),
        };
        let greeting = line.reply().await?;
        if greeting.code != 220 {
            return Ok(Err(greeting));
        }
        for command in [
            format!("EHLO {}", probe.helo),
            format!("MAIL FROM:<{}>", probe.mail_from),
        ] {
            let reply = line.say(&command).await?;
            if reply.code != 250 {
                line.quit().await;
                return Ok(Err(reply));
            }
        }
        Ok(Ok(line))
    }

    async fn recipient(&mut self, mailbox: &str) -> io::Result<SmtpReply> {
        self.say(&format!("RCPT TO:<{mailbox}>")).await
    }

    async fn say(&mut self, command: &str) -> io::Result<SmtpReply> {
        self.stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        self.reply().await
    }

    async fn quit(&mut self) {
        // Out of politeness: the answer is there already.
        let _ = self.stream.write_all(b"QUIT\r\n").await;
        let _ = timeout(std::time::Duration::from_secs(1), self.reply()).await;
    }

    /// A reply of one or several lines (`250-…`, and `250 …` at the end).
    async fn reply(&mut self) -> io::Result<SmtpReply> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut limited = (&mut self.stream).take(LONGEST_REPLY);
        let mut text = String::new();
        loop {
            let mut raw = Vec::new();
            limited.read_until(b'\n', &mut raw).await?;
            if raw.last() != Some(&b'\n') {
                return Err(broken());
            }
            let line = String::from_utf8_lossy(&raw);
            let line = line.trim_end();
            let code = line
                .get(..3)
                .and_then(|code| code.parse().ok())
                .filter(|code| (200..=599).contains(code))
                .ok_or_else(broken)?;
            let rest = line.get(4..).unwrap_or_default().trim();
            if !rest.is_empty() && text.len() < LONGEST_TEXT {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.extend(rest.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(SmtpReply { code, text });
            }
        }
    }
}

/// Where to ask: the configured server, or the domain's mail exchangers, the preferred first.
async fn servers(probe: &MailboxProbe) -> Result<Vec<SocketAddr>, Problem> {
    if let Some((host, port)) = &probe.server {
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        return Ok(found.map_err(|_| Problem::Unreachable)?.collect());
    }
    let resolver = TokioResolver::builder_tokio()
        .and_then(|builder| builder.build())
        .map_err(|_| Problem::Unreachable)?;
    let domain = probe
        .email
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain);
    let mut addresses = Vec::new();
    for host in exchangers(&resolver, domain).await? {
        if let Ok(found) = resolver.lookup_ip(host).await {
            addresses.extend(found.iter().map(|ip| SocketAddr::new(ip, SMTP_PORT)));
        }
    }
    // Mail goes to the outside: an exchanger that names an inner address is not asked.
    addresses.retain(is_public);
    addresses.truncate(MOST_SERVERS);
    if addresses.is_empty() {
        return Err(Problem::Unreachable);
    }
    Ok(addresses)
}

/// The hosts that take a domain's mail; a domain without MX records is its own.
async fn exchangers(resolver: &TokioResolver, domain: &str) -> Result<Vec<String>, Problem> {
    let name = format!("{}.", domain.trim_end_matches('.'));
    let found = match resolver.mx_lookup(name.as_str()).await {
        Ok(found) => found,
        Err(error) if error.is_nx_domain() => return Err(Problem::NoMailHost),
        Err(error) if error.is_no_records_found() => {
            return match resolver.lookup_ip(name.as_str()).await {
                Ok(_) => Ok(vec![name]),
                Err(error) if error.is_no_records_found() => Err(Problem::NoMailHost),
                Err(_) => Err(Problem::Unreachable),
            };
        }
        Err(_) => return Err(Problem::Unreachable),
    };
    let mut hosts: Vec<(u16, String)> = found
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::MX(mx) => Some((mx.preference, mx.exchange.to_string())),
            _ => None,
        })
        .collect();
    hosts.sort();
    // A single "." says that the domain takes no mail (RFC 7505).
    hosts.retain(|(_, host)| host != ".");
    if hosts.is_empty() {
        return Err(Problem::NoMailHost);
    }
    Ok(hosts
        .into_iter()
        .map(|(_, host)| host)
        .take(MOST_SERVERS)
        .collect())
}

/// Not loopback, private, link-local, or otherwise of this machine's own surroundings.
fn is_public(address: &SocketAddr) -> bool {
    match address {
        SocketAddr::V4(v4) => {
            let ip = v4.ip();
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0)
        }
        SocketAddr::V6(v6) => {
            let ip = v6.ip();
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some())
        }
    }
}
