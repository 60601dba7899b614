//! The socket side of the mail servers: lines in, replies out, faults in between. Loopback only.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::dialect::smtp::{Conversation, GREETING};
use crate::faults::{Kind, Rule};
use crate::server::accept;
use crate::simulator::Simulator;
use crate::vendor::Vendor;

const VENDOR: Vendor = Vendor::SmtpProbe;
const LONGEST_LINE: u64 = 2048;

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> Infallible {
    accept(listener, |stream| {
        connection(stream, Arc::clone(&simulator))
    })
    .await
}

async fn connection(stream: TcpStream, simulator: Arc<Simulator>) {
    let began = Instant::now();
    simulator.with_stats(|stats| stats.begin(VENDOR));
    // An error here is a client that went away or a connection cut on purpose.
    let status = talk(stream, &simulator).await.unwrap_or(0);
    simulator.with_stats(|stats| stats.end(VENDOR, "SMTP".to_owned(), (status, began.elapsed())));
}

/// The code of the last reply to a recipient.
async fn talk(stream: TcpStream, simulator: &Simulator) -> io::Result<u16> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut conversation = Conversation::default();
    let mut last = 0;
    tokio::time::sleep(simulator.latency(VENDOR)).await;
    let fault = simulator.with_faults(|faults| faults.strike(VENDOR, "CONNECT"));
    let refusal = meet(fault).await?;
    let greeting = refusal.as_deref().unwrap_or(GREETING);
    stream.write_all(greeting.as_bytes()).await?;
    loop {
        let mut line = String::new();
        if (&mut stream)
            .take(LONGEST_LINE)
            .read_line(&mut line)
            .await?
            == 0
        {
            return Ok(last);
        }
        let is_recipient = line.to_ascii_uppercase().starts_with("RCPT ");
        let fault = is_recipient
            .then(|| simulator.with_faults(|faults| faults.strike(VENDOR, line.trim_end())))
            .flatten();
        let (text, hangs_up) = match meet(fault).await? {
            // Many servers close the line after they say 421.
            Some(text) => (text.clone(), text.starts_with("421")),
            None => {
                let said = simulator.with_office(|office| conversation.hear(office, &line));
                (said.text, said.hangs_up)
            }
        };
        if is_recipient {
            last = text
                .get(..3)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0);
        }
        stream.write_all(text.as_bytes()).await?;
        if hangs_up {
            return Ok(last);
        }
    }
}

/// What a rule makes of the next reply: another reply, a wait, or an end.
async fn meet(fault: Option<Rule>) -> io::Result<Option<String>> {
    let Some(rule) = fault else { return Ok(None) };
    match rule.kind {
        Kind::Status | Kind::StatusAfterBill => {
            let code = rule.status.unwrap_or(451);
            let text = rule.message.unwrap_or_else(|| wording(code).to_owned());
            Ok(Some(format!("{code} {text}\r\n")))
        }
        Kind::Delay | Kind::DelayAfterBill | Kind::SlowBody => {
            tokio::time::sleep(Duration::from_millis(rule.ms.unwrap_or(0))).await;
            Ok(None)
        }
        _ => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

fn wording(code: u16) -> &'static str {
    match code {
        421 => "4.3.2 Service not available, closing transmission channel",
        450 => "4.7.1 Greylisted, please try again",
        452 => "4.2.2 The email account is over quota",
        552 => "5.2.2 Mailbox full",
        554 => "5.7.1 Client host blocked using a block list",
        550 => "5.1.1 No such user",
        _ => "Requested action not taken",
    }
}
