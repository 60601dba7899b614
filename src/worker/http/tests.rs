//! What the network thread promises, against small servers that misbehave.
// long: one promise per test, and each brings its own server.

use std::collections::HashSet;
use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;

use super::*;
use crate::vendors::Secret;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that hands every connection to `serve`, each on its own thread.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    format!("http://{address}/secret-path")
}

/// Reads one request; `None` when the client closed instead.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        text.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

fn reply(stream: &mut TcpStream, text: &str) {
    // The client may have gone; that is what some tests are about.
    let _ = stream.write_all(text.as_bytes());
}

fn call(ticket: u64, url: &str) -> Outgoing {
    Outgoing {
        ticket,
        request: HttpRequest {
            method: Method::Post,
            url: url.into(),
            headers: vec![("authorization", Secret::new("Bearer hush"))],
            body: Some(format!("ticket {ticket}").into_bytes()),
        }
        .into(),
        timeout: Duration::from_secs(10),
        body_limit: 1000,
    }
}

/// The next result, waited for on the wake socket as the worker does.
fn next(network: &Network) -> Incoming {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(incoming) = network.receive().expect("the thread lives") {
            return incoming;
        }
        let mut poll = libc::pollfd {
            fd: network.wake_socket(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 15_000) };
        assert_eq!(ready, 1, "a result that arrives wakes");
        network.drain_wake();
    }
    panic!("no result");
}

fn result_of(outgoing: Outgoing) -> Result<HttpAnswer, SendFailure> {
    let network = Network::start().expect("a network");
    let ticket = outgoing.ticket;
    network.send(outgoing).expect("the thread lives");
    let incoming = next(&network);
    assert_eq!(incoming.ticket, ticket);
    network.stop(PATIENCE);
    incoming.result
}

fn in_doubt(result: Result<HttpAnswer, SendFailure>) -> String {
    match result {
        Err(SendFailure::InDoubt(reason)) => reason,
        other => panic!("not in doubt: {other:?}"),
    }
}

fn not_sent(result: Result<HttpAnswer, SendFailure>) -> String {
    match result {
        Err(SendFailure::NotSent(reason)) => reason,
        other => panic!("not unsent: {other:?}"),
    }
}

#[test]
fn a_request_arrives_as_built_and_the_answer_as_sent() {
    let url = server(|mut stream| {
        let request = read_request(&mut stream).expect("a request");
        assert!(request.starts_with("post /secret-path http/1.1"));
        assert!(request.contains("authorization: bearer hush"));
        assert!(request.ends_with("ticket 7"));
        reply(
            &mut stream,
            "HTTP/1.1 429 Too Many\r\nRetry-After: 30\r\nContent-Length: 2\r\n\r\n{}",
        );
    });
    let answer = result_of(call(7, &url)).expect("an answer");
    assert_eq!((answer.status, answer.body), (429, b"{}".to_vec()));
    assert_eq!(answer.retry_after.as_deref(), Some("30"));
}

#[test]
fn what_fails_before_the_first_byte_is_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused = format!("http://{}/", closed.local_addr().expect("an address"));
    drop(closed);
    assert_eq!(
        not_sent(result_of(call(1, &refused))),
        "the connection was refused"
    );
    let unknown = not_sent(result_of(call(2, "http://no-such-host.invalid/")));
    assert_eq!(unknown, "the vendor's host name was not found");
    let not_http = not_sent(result_of(call(3, "nonsense")));
    assert_eq!(not_http, "the request cannot be written as HTTP");
    let mut broken = call(4, &refused);
    if let Request::Http(request) = &mut broken.request {
        request.headers.push(("x-bad", Secret::new("a\r\nb: c")));
    }
    not_sent(result_of(broken));
}

#[test]
fn a_failed_tls_handshake_is_not_sent() {
    let plain = server(|mut stream| {
        // Read first: closing with unread bytes resets the connection instead of answering.
        let read = stream.read(&mut [0; 4096]);
        assert!(read.expect("a hello") > 0);
        reply(&mut stream, "HTTP/1.1 400 Bad\r\n\r\n");
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut [0; 4096]);
    });
    let reason = not_sent(result_of(call(1, &plain.replace("http:", "https:"))));
    assert!(
        [
            "the TLS handshake failed",
            "this system has no CA certificates"
        ]
        .contains(&reason.as_str()),
        "{reason}"
    );
}

#[test]
fn a_connection_that_breaks_after_the_request_is_in_doubt() {
    let url = server(|mut stream| {
        read_request(&mut stream);
        let _ = stream.shutdown(Shutdown::Both);
    });
    assert_eq!(
        in_doubt(result_of(call(1, &url))),
        "the connection broke before the answer"
    );
}

#[test]
fn an_answer_cut_short_is_in_doubt() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        "not http at all\r\n\r\n",
    ] {
        let url = server(move |mut stream| {
            read_request(&mut stream);
            reply(&mut stream, cut);
        });
        in_doubt(result_of(call(1, &url)));
    }
}

#[test]
fn a_slow_answer_is_in_doubt_once_its_time_is_up() {
    for start in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let url = server(move |mut stream| {
            read_request(&mut stream);
            reply(&mut stream, start);
            thread::sleep(PATIENCE);
        });
        let slow = Outgoing {
            timeout: Duration::from_millis(200),
            ..call(1, &url)
        };
        let began = Instant::now();
        assert_eq!(in_doubt(result_of(slow)), "no complete answer in time");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn an_answer_over_the_limit_is_in_doubt_whether_announced_or_not() {
    let long = "x".repeat(1001);
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{long}");
    let surprising = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{long}");
    for text in [announced, surprising] {
        let url = server(move |mut stream| {
            read_request(&mut stream);
            reply(&mut stream, &text);
        });
        assert_eq!(
            in_doubt(result_of(call(1, &url))),
            "the answer is longer than allowed"
        );
    }
    let exact = "x".repeat(1000);
    let url = server(move |mut stream| {
        read_request(&mut stream);
        reply(
            &mut stream,
            &format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{exact}"),
        );
    });
    assert_eq!(
        result_of(call(1, &url)).expect("an answer").body.len(),
        1000
    );
}

#[test]
fn a_refusal_counts_by_its_status_even_when_its_text_is_cut() {
    let url = server(|mut stream| {
        read_request(&mut stream);
        reply(
            &mut stream,
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 5000\r\n\r\nno",
        );
    });
    assert_eq!(result_of(call(1, &url)).expect("an answer").status, 403);
}

#[test]
fn a_redirect_is_not_followed() {
    let requests = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&requests);
    let url = server(move |mut stream| {
        read_request(&mut stream);
        *seen.lock().expect("a count") += 1;
        reply(
            &mut stream,
            "HTTP/1.1 307 Go\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        );
    });
    assert_eq!(result_of(call(1, &url)).expect("an answer").status, 307);
    assert_eq!(*requests.lock().expect("a count"), 1);
}

#[test]
fn no_request_is_seen_twice_where_idle_connections_are_closed() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let url = server(move |mut stream| {
        let mut served = 0;
        while let Some(request) = read_request(&mut stream) {
            seen.lock().expect("a list").push(request);
            served += 1;
            if served == 2 {
                // A second request on one connection: read it and hang up, as a dying server does.
                return;
            }
            reply(
                &mut stream,
                "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
            );
            stream
                .set_read_timeout(Some(Duration::from_millis(5)))
                .expect("a timeout");
        }
    });
    let network = Network::start().expect("a network");
    for ticket in 0..40 {
        network.send(call(ticket, &url)).expect("the thread lives");
        assert!(next(&network).result.is_ok());
        thread::sleep(Duration::from_millis(ticket % 9));
    }
    let bodies = bodies.lock().expect("a list");
    let distinct: HashSet<_> = bodies.iter().collect();
    assert_eq!((bodies.len(), distinct.len()), (40, 40));
}

#[test]
fn sixty_four_calls_are_out_at_once() {
    let waiting = Arc::new(std::sync::Barrier::new(64));
    let url = server(move |mut stream| {
        read_request(&mut stream);
        waiting.wait();
        reply(
            &mut stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        );
    });
    let network = Network::start().expect("a network");
    for ticket in 0..64 {
        network.send(call(ticket, &url)).expect("the thread lives");
    }
    let answered: HashSet<u64> = (0..64)
        .map(|_| {
            let incoming = next(&network);
            assert!(incoming.result.is_ok(), "{:?}", incoming.result);
            incoming.ticket
        })
        .collect();
    assert_eq!(answered.len(), 64);
    assert!(matches!(network.receive(), Ok(None)));
}

#[test]
fn a_panic_inside_a_call_puts_that_call_in_doubt() {
    let (sender, incoming) = mpsc::channel();
    let (wake, bell) = UnixStream::pair().expect("a pair");
    let bell = Bell {
        sender,
        socket: Arc::new(bell),
    };
    let runtime = runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(report(9, async { panic!("on purpose") }, bell));
    let incoming = incoming.recv().expect("a result");
    assert_eq!(incoming.ticket, 9);
    in_doubt(incoming.result);
    assert_eq!((&wake).read(&mut [0; 8]).expect("a byte"), 1);
}

#[test]
fn the_end_of_the_thread_is_seen() {
    let (outgoing, queue) = unbounded_channel();
    let (sender, incoming) = mpsc::channel();
    let (wake, bell) = UnixStream::pair().expect("a pair");
    let thread = thread::spawn(move || {
        let _held = (queue, sender, bell);
        panic!("on purpose");
    });
    while !thread.is_finished() {
        thread::yield_now();
    }
    let network = Network {
        outgoing,
        incoming,
        wake,
        thread,
    };
    assert!(matches!(network.receive(), Err(NetworkGone)));
    let refused = network
        .send(call(3, "http://127.0.0.1/"))
        .expect_err("gone");
    assert_eq!(refused.ticket, 3);
    let mut byte = [0];
    assert_eq!((&network.wake).read(&mut byte).expect("the end"), 0);
    network.drain_wake();
    network.stop(PATIENCE);
}

#[test]
fn stopping_does_not_wait_for_calls_that_are_out() {
    let url = server(|mut stream| {
        read_request(&mut stream);
        thread::sleep(PATIENCE);
    });
    let network = Network::start().expect("a network");
    network.send(call(1, &url)).expect("the thread lives");
    thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    network.stop(PATIENCE);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn signals_are_blocked_over_there_and_untouched_here() {
    // None if the thread, which may be another test's, has ended meanwhile.
    let blocked = |task: &str| {
        let status = fs::read_to_string(format!("{task}/status")).ok()?;
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigBlk:\t"))?;
        Some(u64::from_str_radix(mask, 16).expect("hexadecimal"))
    };
    let before = blocked("/proc/thread-self");
    let network = Network::start().expect("a network");
    assert_eq!(blocked("/proc/thread-self"), before);
    assert!(before.is_some());
    // A call first: a thread gives itself its name only once it runs.
    let url = server(|mut stream| {
        read_request(&mut stream);
        reply(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    network.send(call(1, &url)).expect("the thread lives");
    assert!(next(&network).result.is_ok());
    let tasks = fs::read_dir("/proc/self/task").expect("tasks").flatten();
    let masks: Vec<u64> = tasks
        .map(|task| task.path().display().to_string())
        .filter(|task| {
            fs::read_to_string(format!("{task}/comm")).is_ok_and(|name| name == "equity_network\n")
        })
        .filter_map(|task| blocked(&task))
        .collect();
    assert!(!masks.is_empty());
    for mask in masks {
        for signal in [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGUSR1,
            libc::SIGALRM,
            libc::SIGCHLD,
        ] {
            assert_ne!(mask & 1 << (signal - 1), 0, "signal {signal}");
        }
    }
    network.stop(PATIENCE);
}
