//! Over a real socket: what a client sees when things go wrong, and what was billed then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::customer::{MELISSA, settings};
use equity_simulator::running::Running;
use equity_simulator::settings::Keys;
use equity_simulator::vendor::Vendor;
use serde_json::{Value, json};

/// Everything the server wrote until it closed the connection.
fn send(address: SocketAddr, method: &str, path: &str, body: &Value) -> String {
    let mut stream = TcpStream::connect(address).expect("listening");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket");
    write(&mut stream, (method, path), body);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn write(stream: &mut TcpStream, (method, path): (&str, &str), body: &Value) {
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all((head + &body).as_bytes())
        .expect("written");
}

fn question() -> Value {
    json!({"CustomerID": Keys::default().melissa, "Actions": "Check", "Records": [{"FullName": "Pat Example"}]})
}

fn with_fault(fault: &Value) -> Running {
    let running = Running::start(settings(), 0).expect("a free port");
    let said = send(running.address(), "POST", "/control/faults", fault);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    running
}

fn billed(running: &Running) -> u64 {
    running
        .simulator()
        .with_office(|office| office.bill.total(Vendor::Melissa).units)
}

#[test]
fn an_answer_comes_whole_over_the_wire() {
    let running = Running::start(settings(), 0).expect("a free port");
    let said = send(running.address(), "POST", MELISSA, &question());
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 200 OK")
            && head.contains(&format!("content-length: {}", body.len()))
    );
    assert_eq!(
        serde_json::from_str::<Value>(body).expect("JSON")["TotalRecords"],
        "1"
    );
    assert!(running.base_url().starts_with("http://127.0.0.1:"));
}

#[test]
fn a_cut_comes_before_or_after_the_bill() {
    for (kind, expected) in [("reset_before_bill", 0), ("reset_after_bill", 1)] {
        let running = with_fault(&json!({"vendor": "melissa", "kind": kind, "times": 1}));
        assert_eq!(send(running.address(), "POST", MELISSA, &question()), "");
        assert_eq!(billed(&running), expected, "{kind}");
        assert!(send(running.address(), "POST", MELISSA, &question()).contains("200 OK"));
        let stats = running
            .simulator()
            .with_stats(|stats| stats.of(Vendor::Melissa));
        assert_eq!(
            (
                stats.requests,
                stats.statuses.get(&0),
                stats.statuses.get(&200)
            ),
            (2, Some(&1), Some(&1))
        );
    }
}

#[test]
fn a_truncated_answer_was_billed() {
    let running = with_fault(&json!({"vendor": "melissa", "kind": "truncate_after_bill"}));
    let said = send(running.address(), "POST", MELISSA, &question());
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    let announced = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .expect("a length");
    assert!(!body.is_empty() && body.len() < announced.trim().parse().expect("a number"));
    assert_eq!(billed(&running), 1);
}

#[test]
fn cut_json_looks_whole_to_the_transport_and_was_billed() {
    let running = with_fault(&json!({"vendor": "melissa", "kind": "cut_json_after_bill"}));
    let said = send(running.address(), "POST", MELISSA, &question());
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("content-length: {}", body.len())));
    assert!(serde_json::from_str::<Value>(body).is_err());
    assert_eq!(billed(&running), 1);
}

#[test]
fn refusals_have_the_vendors_body_or_the_gateways_or_none() {
    for (fault, expected, body) in [
        (
            json!({"kind": "status", "status": 429, "body": "empty"}),
            "429",
            "",
        ),
        (
            json!({"kind": "status", "status": 429, "retry_after": "2"}),
            "retry-after: 2",
            "",
        ),
        (
            json!({"kind": "status", "status": 502, "body": "html"}),
            "text/html",
            "<html>",
        ),
        (json!({"kind": "status", "status": 503}), "503", ""),
    ] {
        let running = with_fault(&fault);
        let said = send(running.address(), "POST", MELISSA, &question());
        assert!(
            said.contains(expected) && said.contains(body),
            "{fault}: {said}"
        );
        assert_eq!(billed(&running), 0);
    }
    let running = with_fault(
        &json!({"kind": "status", "status": 403, "vendor": "batchdata_search", "message": "token lacks permission to access this API"}),
    );
    let said = send(
        running.address(),
        "POST",
        "/batchdata/api/v1/property/search",
        &json!({}),
    );
    assert!(
        said.contains("token lacks permission to access this API") && said.contains("\"code\":403")
    );
    let running =
        with_fault(&json!({"kind": "status_after_bill", "status": 500, "vendor": "melissa"}));
    assert!(send(running.address(), "POST", MELISSA, &question()).starts_with("HTTP/1.1 500"));
    assert_eq!(billed(&running), 1);
}

#[test]
fn a_client_that_goes_away_is_billed_all_the_same() {
    let running = with_fault(&json!({"vendor": "melissa", "kind": "delay", "ms": 150}));
    let mut stream = TcpStream::connect(running.address()).expect("listening");
    write(&mut stream, ("POST", MELISSA), &question());
    std::thread::sleep(Duration::from_millis(50));
    drop(stream);
    let until = Instant::now() + Duration::from_secs(5);
    while billed(&running) == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(billed(&running), 1);
}

#[test]
fn delays_latency_and_slow_bodies_take_their_time() {
    for fault in [
        json!({"vendor": "melissa", "kind": "delay", "ms": 120}),
        json!({"vendor": "melissa", "kind": "delay_after_bill", "ms": 120}),
        json!({"vendor": "melissa", "kind": "slow_body", "ms": 120}),
    ] {
        let running = with_fault(&fault);
        let began = Instant::now();
        let said = send(running.address(), "POST", MELISSA, &question());
        assert!(began.elapsed() >= Duration::from_millis(120), "{fault}");
        assert!(said.ends_with("}") && said.contains("200 OK"), "{said}");
    }
    let running = Running::start(settings(), 0).expect("a free port");
    send(
        running.address(),
        "POST",
        "/control/latency",
        &json!({"vendor": "melissa", "ms": 80}),
    );
    let began = Instant::now();
    send(running.address(), "POST", MELISSA, &question());
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[test]
fn many_requests_are_in_flight_at_once_and_counted() {
    let running = with_fault(&json!({"vendor": "melissa", "kind": "delay", "ms": 300}));
    let address = running.address();
    let clients: Vec<_> = (0..16)
        .map(|_| std::thread::spawn(move || send(address, "POST", MELISSA, &question())))
        .collect();
    for client in clients {
        assert!(client.join().expect("a client").contains("200 OK"));
    }
    let stats = running
        .simulator()
        .with_stats(|stats| stats.of(Vendor::Melissa));
    assert_eq!((stats.requests, stats.in_flight), (16, 0));
    assert!(stats.max_in_flight > 8, "{}", stats.max_in_flight);
    let said = send(address, "GET", "/control/stats", &Value::Null);
    assert!(said.contains("POST /melissa/v3") && !said.contains(&Keys::default().melissa));
}

#[test]
fn more_than_the_limit_is_refused_and_not_billed() {
    let running = Running::start(settings(), 0).expect("a free port");
    let limit = json!({"vendor": "melissa", "per_second": 3});
    assert!(send(running.address(), "POST", "/control/limits", &limit).contains("200 OK"));
    let said: Vec<String> = (0..5)
        .map(|_| send(running.address(), "POST", MELISSA, &question()))
        .collect();
    let refused = said.iter().filter(|said| said.starts_with("HTTP/1.1 429"));
    assert_eq!(refused.clone().count(), 2);
    assert!(
        refused.clone().all(|said| said.ends_with("\r\n\r\n")),
        "Melissa's 429 has no body"
    );
    assert_eq!(billed(&running), 3);
}
