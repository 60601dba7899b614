//! A gate between the worker and the vendors: it lets everything through, holds requests half-way, or cuts every
//! connection; and a door that nobody opens, for a caller to be stuck while connecting.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Outcome;

/// How much of a request comes through a gate that holds requests: not even the whole first line.
const HELD_AT: usize = 12;

#[derive(Debug, Default)]
struct State {
    holds: AtomicBool,
    /// Requests that are held.
    held: AtomicU64,
    /// Bytes that the vendors have answered.
    answered: AtomicU64,
    connections: Mutex<Vec<TcpStream>>,
}

/// A gate in front of `behind`.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    state: Arc<State>,
}

impl Gate {
    /// Opens a gate in front of an address.
    pub fn open(behind: SocketAddr) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || pass(client, behind, &state));
            }
        });
        Ok(Self { address, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Holds the requests that come from now on after their first bytes; or lets all through again.
    pub fn hold_requests(&self, holds: bool) {
        self.state.holds.store(holds, Ordering::SeqCst);
    }

    /// How many requests are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.state.held.load(Ordering::SeqCst)
    }

    /// Bytes that the vendors have answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.state.answered.load(Ordering::SeqCst)
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        let mut connections = lock(&self.state.connections);
        for connection in connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn lock(connections: &Mutex<Vec<TcpStream>>) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries one connection; errors are its end.
fn pass(client: TcpStream, behind: SocketAddr, state: &Arc<State>) {
    let Ok(vendor) = TcpStream::connect(behind) else {
        return;
    };
    let (Ok(other_client), Ok(other_vendor)) = (client.try_clone(), vendor.try_clone()) else {
        return;
    };
    let kept = [client.try_clone(), vendor.try_clone()];
    lock(&state.connections).extend(kept.into_iter().flatten());
    let answers = Arc::clone(state);
    thread::spawn(move || {
        carry(&other_vendor, &other_client, |count| {
            answers.answered.fetch_add(count as u64, Ordering::SeqCst);
        });
    });
    if state.holds.load(Ordering::SeqCst) && hold(&client, &vendor, state).is_err() {
        let _ = client.shutdown(Shutdown::Both);
        let _ = vendor.shutdown(Shutdown::Both);
        return;
    }
    carry(&client, &vendor, |_| ());
}

/// Lets the first bytes through and waits until the gate holds nothing any more, or the connection is cut.
fn hold(mut client: &TcpStream, mut vendor: &TcpStream, state: &State) -> std::io::Result<()> {
    let mut first = [0; HELD_AT];
    client.read_exact(&mut first)?;
    vendor.write_all(&first)?;
    state.held.fetch_add(1, Ordering::SeqCst);
    let mut is_cut = false;
    while state.holds.load(Ordering::SeqCst) && !is_cut {
        thread::sleep(Duration::from_millis(2));
        is_cut = is_over(client) || is_over(vendor);
    }
    state.held.fetch_sub(1, Ordering::SeqCst);
    if is_cut {
        Err(std::io::ErrorKind::ConnectionAborted.into())
    } else {
        Ok(())
    }
}

/// Is the connection shut down, by us or by the other side?
fn is_over(stream: &TcpStream) -> bool {
    let mut poll = libc::pollfd {
        fd: stream.as_raw_fd(),
        events: libc::POLLRDHUP,
        revents: 0,
    };
    // SAFETY: one valid pollfd, and no waiting.
    unsafe { libc::poll(&raw mut poll, 1, 0) > 0 }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, passed: impl Fn(usize)) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut bytes) {
        if count == 0 || to.write_all(&bytes[..count]).is_err() {
            break;
        }
        passed(count);
    }
    let _ = from.shutdown(Shutdown::Read);
    let _ = to.shutdown(Shutdown::Write);
}

/// An address that takes no connection and refuses none: its queue is full.
#[derive(Debug)]
pub struct FullDoor {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl FullDoor {
    /// Fills a queue that nobody serves.
    pub fn new() -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        // SAFETY: the listener's own descriptor; a second listen only makes its queue shorter.
        if unsafe { libc::listen(listener.as_raw_fd(), 0) } != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
            if waiting.len() > 16 {
                return Err("a queue of length zero takes any number of connections".into());
            }
        }
        Ok(Self {
            address,
            _listener: listener,
            _waiting: waiting,
        })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}
