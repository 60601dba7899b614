//! The socket side: reads a request whole, lets it wait, fail or be handled, and writes or cuts
//! the answer.
//!
//! A request is worked on in a task of its own, so a client that goes away is billed all the
//! same, as a real vendor would. Loopback only.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::body::{Ending, Paced};
use crate::control;
use crate::dialect;
use crate::exchange::{Answer, Call, parse_query};
use crate::faults::{Kind, Rule, Shape};
use crate::simulator::Simulator;
use crate::vendor::Vendor;

/// The largest request read.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The connection is to be cut without an answer.
#[derive(Debug)]
pub struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("connection cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// An answer and the way it is written.
struct Reply {
    answer: Answer,
    over: Duration,
    ending: Ending,
}

/// Opens a listener on the loopback address; port 0 for any free one.
///
/// # Errors
/// When the port is taken.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> Infallible {
    accept(listener, |stream| {
        connection(stream, Arc::clone(&simulator))
    })
    .await
}

/// Gives each connection a task of its own, until this one is dropped.
pub(crate) async fn accept<Serving>(
    listener: TcpListener,
    serve: impl Fn(TcpStream) -> Serving,
) -> Infallible
where
    Serving: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream));
            }
            // Out of file handles, most likely: wait for some to be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, simulator: Arc<Simulator>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(Arc::clone(&simulator), request));
    // An error here is a client that went away or a connection cut on purpose.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    simulator: Arc<Simulator>,
    request: Request<Incoming>,
) -> Result<Response<Paced>, Cut> {
    let Some(call) = read(request).await else {
        return write(Reply::plain(Answer::empty(413)));
    };
    let Some(vendor) = Vendor::at_path(&call.path) else {
        return write(Reply::plain(control::answer(&simulator, &call)));
    };
    let task = tokio::spawn(async move { work(&simulator, vendor, &call).await });
    match task.await {
        Ok(Some(reply)) => write(reply),
        Ok(None) | Err(_) => Err(Cut),
    }
}

async fn read(request: Request<Incoming>) -> Option<Call> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY)
        .collect()
        .await
        .ok()?
        .to_bytes();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Some(Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: parse_query(head.uri.query().unwrap_or_default()),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: body.to_vec(),
    })
}

/// Works on one request; nothing means that the connection is to be cut.
async fn work(simulator: &Simulator, vendor: Vendor, call: &Call) -> Option<Reply> {
    let began = Instant::now();
    let request = format!("{} {}", call.method, call.path);
    let in_flight = simulator.with_stats(|stats| stats.begin(vendor));
    let admitted = simulator.with_limits(|limits| limits.admits(vendor, in_flight, began));
    let half = simulator.latency(vendor) / 2;
    let reply = if admitted {
        let fault = simulator.with_faults(|faults| faults.strike(vendor, &request));
        tokio::time::sleep(half).await;
        let reply = attempt(simulator, (vendor, call), fault.as_ref()).await;
        tokio::time::sleep(half).await;
        reply
    } else {
        Some(Reply::plain(dialect::refusal(vendor, 429, None)))
    };
    let status = reply.as_ref().map_or(0, |reply| reply.answer.status);
    simulator.with_stats(|stats| stats.end(vendor, request, (status, began.elapsed())));
    reply
}

async fn attempt(
    simulator: &Simulator,
    asked: (Vendor, &Call),
    fault: Option<&Rule>,
) -> Option<Reply> {
    let (vendor, call) = asked;
    let handle = || simulator.handle(vendor, call);
    let Some(rule) = fault else {
        return Some(Reply::plain(handle()));
    };
    let time = Duration::from_millis(rule.ms.unwrap_or(0));
    match rule.kind {
        Kind::Delay => {
            tokio::time::sleep(time).await;
            Some(Reply::plain(handle()))
        }
        Kind::DelayAfterBill => {
            let answer = handle();
            tokio::time::sleep(time).await;
            Some(Reply::plain(answer))
        }
        Kind::SlowBody => Some(Reply {
            over: time,
            ..Reply::plain(handle())
        }),
        Kind::Status => Some(Reply::plain(refusal(vendor, rule))),
        Kind::StatusAfterBill => {
            handle();
            Some(Reply::plain(refusal(vendor, rule)))
        }
        Kind::ResetBeforeBill => None,
        Kind::ResetAfterBill => {
            handle();
            None
        }
        Kind::TruncateAfterBill => Some(Reply {
            ending: Ending::CutHalfway,
            ..Reply::plain(handle())
        }),
        Kind::CutJsonAfterBill => {
            let mut answer = handle();
            answer.body.truncate(answer.body.len() / 2);
            Some(Reply::plain(answer))
        }
        Kind::ForgetItemAfterBill => {
            let mut answer = handle();
            forget_item(&mut answer.body);
            Some(Reply::plain(answer))
        }
    }
}

/// Takes the last item out of an answer, wherever its vendor lists them.
fn forget_item(body: &mut Vec<u8>) {
    let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(body) else {
        return;
    };
    for place in ["/Records", "/result/data", "/results/persons", "/results"] {
        if let Some(items) = json
            .pointer_mut(place)
            .and_then(serde_json::Value::as_array_mut)
        {
            items.pop();
            break;
        }
    }
    *body = json.to_string().into_bytes();
}

fn refusal(vendor: Vendor, rule: &Rule) -> Answer {
    let status = rule.status.unwrap_or(500);
    let mut answer = match rule.body {
        Shape::Vendor => dialect::refusal(vendor, status, rule.message.as_deref()),
        Shape::Html => Answer::html(status),
        Shape::Empty => Answer::empty(status),
    };
    if let Some(wait) = &rule.retry_after {
        answer.headers.push(("retry-after", wait.clone()));
    }
    answer
}

impl Reply {
    fn plain(answer: Answer) -> Self {
        Self {
            answer,
            over: Duration::ZERO,
            ending: Ending::Whole,
        }
    }
}

fn write(reply: Reply) -> Result<Response<Paced>, Cut> {
    let mut response = Response::builder().status(reply.answer.status);
    for (name, value) in &reply.answer.headers {
        response = response.header(*name, value);
    }
    let body = Paced::new(reply.answer.body, reply.over, reply.ending);
    response.body(body).map_err(|_| Cut)
}
