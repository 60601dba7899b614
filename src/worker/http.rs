//! The network thread: plain requests in, plain answers out.
//!
//! Never touches Postgres: no pgrx, no settings, no log; whatever it has to say it says by returning
//! a value. Never sends a request twice: no retries, no redirects, and no reused connection, because
//! the HTTP library resends by itself when a kept-alive connection turns out to be closed.
//! A failure is [`SendFailure::NotSent`] only where no byte of the request can have left; all else is
//! in doubt, since the vendor may have billed it. No text holds a URL, a key or personal data.
//!
//! Why a thread: the worker's main thread must serve interrupts within a second, also during a call
//! of 30 s. All signals are blocked here, so that Postgres's handlers only ever run over there; the
//! resolver's helper threads inherit the mask. The main thread waits on [`Network::wake_socket`].

mod failure;
mod signals;
mod smtp;

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, retry};
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout_at;

use crate::vendors::{HttpAnswer, HttpRequest, Method, Request};

use signals::SignalsBlocked;

/// A connection that takes longer will not come; failing here is free, timing out later is not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No call may last longer, whatever a setting says.
const LONGEST_CALL: Duration = Duration::from_secs(3600);
const LONGEST_RETRY_AFTER: usize = 64;

/// A request to be sent once.
#[derive(Debug)]
pub struct Outgoing {
    /// The caller's name for the call, handed back with the result.
    pub ticket: u64,
    pub request: Request,
    /// For the whole exchange, from the look-up of the name to the last byte of the answer.
    pub timeout: Duration,
    /// A longer answer is not kept.
    pub body_limit: usize,
}

/// How a call ended.
#[derive(Debug)]
pub struct Incoming {
    pub ticket: u64,
    pub result: Result<HttpAnswer, SendFailure>,
    pub elapsed: Duration,
}

/// Why there is no answer. The texts are fixed phrases, fit for a table or a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// No byte of the request left this machine: nothing can have been billed.
    NotSent(String),
    /// The vendor may have received and billed the request.
    InDoubt(String),
}

/// The network thread has ended. Calls without a result are in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkGone;

/// The main thread's end of the network thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Network {
    outgoing: UnboundedSender<Outgoing>,
    incoming: Receiver<Incoming>,
    wake: UnixStream,
    thread: JoinHandle<()>,
}

impl Network {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let _signals = SignalsBlocked::new()?;
        let line = Line::new()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (outgoing, queue) = unbounded_channel();
        let (sender, incoming) = mpsc::channel();
        let (wake, bell) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let bell = Bell {
            sender,
            socket: Arc::new(bell),
        };
        let thread = thread::Builder::new()
            .name("equity_network".into())
            .spawn(move || run(runtime, line, queue, bell))?;
        Ok(Self {
            outgoing,
            incoming,
            wake,
            thread,
        })
    }

    /// Hands a call over; gives it back, unsent, if the thread is gone.
    pub fn send(&self, outgoing: Outgoing) -> Result<(), Outgoing> {
        self.outgoing.send(outgoing).map_err(|refused| refused.0)
    }

    /// The next result, without waiting. Empty the wake socket first, then ask until `None`.
    pub fn receive(&self) -> Result<Option<Incoming>, NetworkGone> {
        match self.incoming.try_recv() {
            Ok(incoming) => Ok(Some(incoming)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(NetworkGone),
        }
    }

    /// Readable when a result has arrived or the thread has ended.
    pub fn wake_socket(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Empties the wake socket.
    pub fn drain_wake(&self) {
        let mut bytes = [0; 256];
        loop {
            match (&self.wake).read(&mut bytes) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Cuts off the calls that are out and waits for the thread to end, at most `deadline`.
    pub fn stop(self, deadline: Duration) {
        let Self {
            outgoing,
            incoming,
            wake: _wake,
            thread,
        } = self;
        drop(outgoing);
        let began = Instant::now();
        loop {
            let left = deadline.saturating_sub(began.elapsed());
            match incoming.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // All senders are gone, so the thread is past its last call. It may have panicked; that is
        // no news to somebody who is stopping it.
        let _ = thread.join();
    }
}

/// Delivers results and wakes the main thread.
#[derive(Clone, Debug)]
struct Bell {
    sender: Sender<Incoming>,
    socket: Arc<UnixStream>,
}

impl Bell {
    fn ring(&self, incoming: Incoming) {
        // Fails only when nobody listens any more, or when the socket is full and so readable anyway.
        let _ = self.sender.send(incoming);
        let _ = (&*self.socket).write(&[1]);
    }
}

/// The client, and whether it can trust any certificate.
#[derive(Clone)]
struct Line {
    client: Client,
    has_roots: bool,
}

impl Line {
    fn new() -> io::Result<Self> {
        // An error means that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if let Ok(client) = builder().build() {
            return Ok(Self {
                client,
                has_roots: true,
            });
        }
        // A system without CA certificates. Plain http to this machine still works, and every https
        // call fails before it is sent.
        let client = builder().tls_certs_only([]).build();
        Ok(Self {
            client: client.map_err(|_| io::Error::other("the HTTP client cannot be set up"))?,
            has_roots: false,
        })
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .retry(retry::never())
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("equity_connect/", env!("CARGO_PKG_VERSION")))
}

fn run(runtime: Runtime, line: Line, mut queue: UnboundedReceiver<Outgoing>, bell: Bell) {
    runtime.block_on(async {
        while let Some(outgoing) = queue.recv().await {
            let ticket = outgoing.ticket;
            let line = line.clone();
            let call = async move { exchange(&line, outgoing).await };
            tokio::spawn(report(ticket, call, bell.clone()));
        }
    });
    // A name look-up that hangs must not hold up the end.
    runtime.shutdown_background();
}

/// Runs a call to its end, a panic included, and delivers the result.
async fn report<C>(ticket: u64, call: C, bell: Bell)
where
    C: Future<Output = Result<HttpAnswer, SendFailure>> + Send + 'static,
{
    let began = Instant::now();
    let result = tokio::spawn(call).await.unwrap_or_else(|_| {
        let reason = "the network code failed in the middle of the call";
        Err(SendFailure::InDoubt(reason.into()))
    });
    bell.ring(Incoming {
        ticket,
        result,
        elapsed: began.elapsed(),
    });
}

async fn exchange(line: &Line, outgoing: Outgoing) -> Result<HttpAnswer, SendFailure> {
    let deadline = tokio::time::Instant::now() + outgoing.timeout.min(LONGEST_CALL);
    match outgoing.request {
        Request::Http(request) => exchange_http(line, request, deadline, outgoing.body_limit).await,
        Request::Mailbox(probe) => {
            let dialogue = smtp::converse(&probe, deadline).await;
            let body = serde_json::to_vec(&dialogue)
                .map_err(|_| SendFailure::InDoubt("the dialogue is no JSON".into()))?;
            Ok(HttpAnswer {
                status: 200,
                retry_after: None,
                body,
            })
        }
    }
}

async fn exchange_http(
    line: &Line,
    request: HttpRequest,
    deadline: tokio::time::Instant,
    body_limit: usize,
) -> Result<HttpAnswer, SendFailure> {
    let request = prepare(&line.client, request)
        .ok_or_else(|| SendFailure::NotSent("the request cannot be written as HTTP".into()))?;
    let timed_out = || SendFailure::InDoubt("no complete answer in time".into());
    let mut response = timeout_at(deadline, line.client.execute(request))
        .await
        .map_err(|_| timed_out())?
        .map_err(|error| failure::of_sending(&error, line.has_roots))?;
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok());
    let retry_after = retry_after.filter(|text| text.len() <= LONGEST_RETRY_AFTER);
    let mut answer = HttpAnswer {
        status: status.as_u16(),
        retry_after: retry_after.map(str::to_owned),
        body: Vec::new(),
    };
    let reading = read(&mut response, &mut answer.body, body_limit);
    let whole = timeout_at(deadline, reading).await;
    match whole.unwrap_or_else(|_| Err(timed_out())) {
        Ok(()) => Ok(answer),
        // The status alone tells what a refusal means; its text may be cut.
        Err(_) if !status.is_success() => Ok(answer),
        Err(failure) => Err(failure),
    }
}

fn prepare(client: &Client, request: HttpRequest) -> Option<reqwest::Request> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(*name, value);
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Delete => reqwest::Method::DELETE,
    };
    let mut prepared = client.request(method, &request.url).headers(headers);
    if let Some(body) = request.body {
        prepared = prepared.body(body);
    }
    prepared.build().ok()
}

async fn read(
    response: &mut Response,
    body: &mut Vec<u8>,
    limit: usize,
) -> Result<(), SendFailure> {
    let too_long = || SendFailure::InDoubt("the answer is longer than allowed".into());
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |length| length > limit) {
        return Err(too_long());
    }
    let broken = |_| SendFailure::InDoubt("the connection broke inside the answer".into());
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if chunk.len() > limit.saturating_sub(body.len()) {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
