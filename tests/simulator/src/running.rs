//! A simulator that serves on a thread of its own, for tests that use this crate as a library.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::mail;
use crate::server;
use crate::settings::Settings;
use crate::simulator::Simulator;

/// A serving simulator; it stops when dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    mail_address: SocketAddr,
    simulator: Arc<Simulator>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts on `port`, 0 for any free one, and returns when it listens.
    ///
    /// # Errors
    /// When the port is taken or the thread cannot start.
    pub fn start(settings: Settings, port: u16) -> io::Result<Self> {
        let simulator = Arc::new(Simulator::new(settings));
        let shared = Arc::clone(&simulator);
        let (stop, stopped) = oneshot::channel();
        let (listening, heard) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let listener = match server::listen(port).await {
                        Ok(listener) => listener,
                        Err(error) => return drop(listening.send(Err(error))),
                    };
                    let mail = match server::listen(0).await {
                        Ok(mail) => mail,
                        Err(error) => return drop(listening.send(Err(error))),
                    };
                    let addresses = listener
                        .local_addr()
                        .and_then(|address| Ok((address, mail.local_addr()?)));
                    let _ = listening.send(addresses);
                    tokio::select! {
                        _ = server::serve(listener, Arc::clone(&shared)) => {}
                        _ = mail::serve(mail, shared) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        let (address, mail_address) = heard.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            mail_address,
            simulator,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`, before the vendor's prefix.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `smtp://127.0.0.1:PORT` of the mail servers.
    #[must_use]
    pub fn mail_url(&self) -> String {
        format!("smtp://{}", self.mail_address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The simulator itself: its bill, faults, statistics and truth.
    #[must_use]
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
