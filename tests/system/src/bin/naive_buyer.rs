//! Two designs that many would write, for the kill tests to find fault with:
//! `transaction` calls the vendor inside the transaction that claims the work; `timeout` hides the work for a second,
//! calls, and lets anybody have it again after that. Both pay twice, and a harness that does not see it is broken.
//!
//! Arguments: directory of the server's socket, address of the vendors, design. Buys until it is killed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use equity_system_tests::Outcome;
use equity_system_tests::session::connect;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, vendors, design] = arguments.as_slice() else {
        return Err("usage: naive_buyer SOCKET VENDORS transaction|timeout".into());
    };
    let mut db = connect(socket.as_ref(), "leads")?;
    loop {
        if design == "transaction" {
            db.run("BEGIN")?;
        }
        // One statement is one transaction, unless one is open.
        let claimed: Vec<String> = db.column(
            "UPDATE naive_jobs SET hidden_until = clock_timestamp() + interval '1 s'
             WHERE email = (SELECT email FROM naive_jobs WHERE answer IS NULL AND hidden_until < clock_timestamp() ORDER BY email LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING email",
        )?;
        if let Some(email) = claimed.first() {
            // A vendor that cut the connection has no answer for us: the work comes back.
            if let Ok(answer) = buy(vendors, email) {
                db.client.execute(
                    "UPDATE naive_jobs SET answer = $2 WHERE email = $1",
                    &[email, &answer],
                )?;
            }
        }
        if design == "transaction" {
            db.run("COMMIT")?;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Buys a verification of one address.
fn buy(vendors: &str, email: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(vendors)?;
    let body = format!("{{\"email\": \"{email}\"}}");
    write!(
        stream,
        "POST /instantly/api/v2/email-verification HTTP/1.1\r\nHost: vendor\r\nConnection: close\r\n\
         Authorization: Bearer simulator-instantly-key\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") {
        Ok(answer)
    } else {
        Err("no answer".into())
    }
}
