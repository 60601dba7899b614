//! The mail servers: what a probe hears about each kind of mailbox.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use equity_simulator::faults::{Kind, Rule};
use equity_simulator::running::Running;
use equity_simulator::settings::Settings;
use equity_simulator::vendor::Vendor;
use equity_simulator::world::property::{Email, Mailbox};

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn greeted(running: &Running) -> Self {
        let address = running.mail_url().replace("smtp://", "");
        let mut client = Self {
            stream: BufReader::new(TcpStream::connect(address).expect("a server")),
        };
        assert_eq!(client.reply().0, 220);
        assert_eq!(client.say("EHLO sender.example.net").0, 250);
        assert_eq!(client.say("MAIL FROM:<probe@sender.example.net>").0, 250);
        client
    }

    fn say(&mut self, line: &str) -> (u16, String) {
        let stream = self.stream.get_mut();
        stream
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("sent");
        self.reply()
    }

    fn reply(&mut self) -> (u16, String) {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a line");
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                return (line.get(..3).unwrap_or("0").parse().unwrap_or(0), text);
            }
        }
    }

    fn recipient(&mut self, address: &str) -> u16 {
        self.say(&format!("RCPT TO:<{address}>")).0
    }
}

fn running() -> Running {
    let settings = Settings {
        properties: 200,
        ..Settings::default()
    };
    Running::start(settings, 0).expect("a simulator")
}

fn address(running: &Running, wanted: impl Fn(&Email) -> bool) -> String {
    running.simulator().with_office(|office| {
        let mut emails = office
            .world
            .properties()
            .iter()
            .flat_map(|property| &property.emails);
        emails
            .find(|email| wanted(email))
            .expect("such a mailbox")
            .address
            .clone()
    })
}

#[test]
fn each_kind_of_mailbox_answers_as_it_is() {
    let running = running();
    let mut client = Client::greeted(&running);
    let kind = |kind| address(&running, |email| email.mailbox == kind && !email.slow);
    assert_eq!(client.recipient(&kind(Mailbox::Valid)), 250);
    assert_eq!(client.recipient(&kind(Mailbox::Invalid)), 550);
    let catch_all = kind(Mailbox::CatchAll);
    let (_, domain) = catch_all.split_once('@').expect("an address");
    assert_eq!(client.recipient(&catch_all), 250);
    assert_eq!(client.recipient(&format!("nobody-at-all@{domain}")), 250);
    assert_eq!(client.recipient("nobody-at-all@mail.example.com"), 550);
    assert_eq!(client.say("DATA").0, 554);
    assert_eq!(
        running
            .simulator()
            .with_office(|office| office.mail.data_commands),
        1
    );
    assert_eq!(client.say("QUIT").0, 221);
}

#[test]
fn a_slow_mailbox_is_greylisted_for_each_sender() {
    let running = running();
    let slow = address(&running, |email| {
        email.mailbox == Mailbox::Valid && email.slow
    });
    let told: Vec<u16> = (0..3)
        .map(|_| Client::greeted(&running).recipient(&slow))
        .collect();
    assert_eq!(told, [450, 450, 250]);
}

#[test]
fn rules_put_words_into_a_servers_mouth_and_cut_it_off() {
    let running = running();
    let good = address(&running, |email| {
        email.mailbox == Mailbox::Valid && !email.slow
    });
    let rule = |kind, status| Rule {
        status,
        request: Some(format!("<{good}>")),
        times: Some(1),
        ..Rule::new(Vendor::SmtpProbe, kind)
    };
    running
        .simulator()
        .with_faults(|faults| faults.add(rule(Kind::Status, Some(552))));
    let mut client = Client::greeted(&running);
    assert_eq!(
        client.say(&format!("RCPT TO:<{good}>")),
        (552, "5.2.2 Mailbox full\r\n".to_owned())
    );
    assert_eq!(client.recipient(&good), 250);
    running
        .simulator()
        .with_faults(|faults| faults.add(rule(Kind::ResetBeforeBill, None)));
    assert_eq!(client.recipient(&good), 0);
}
