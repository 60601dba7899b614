//! A response body that can trickle, or break off halfway.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::server::Cut;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Whole,
    /// The length is announced in full; half of it comes.
    CutHalfway,
}

/// Pieces of a body and the pause before each.
#[derive(Debug)]
pub struct Paced {
    pieces: VecDeque<Bytes>,
    left: u64,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    ending: Ending,
}

/// A slow body comes in so many pieces.
const PIECES: usize = 10;
/// Time for the last bytes to leave before the connection is cut.
const BEFORE_CUT: Duration = Duration::from_millis(20);

impl Paced {
    /// A body that takes `over` to write and ends as told.
    #[must_use]
    pub fn new(whole: Vec<u8>, over: Duration, ending: Ending) -> Self {
        let left = whole.len() as u64;
        let mut whole = Bytes::from(whole);
        if ending == Ending::CutHalfway {
            whole.truncate(whole.len() / 2);
        }
        let count = if over.is_zero() { 1 } else { PIECES };
        let size = whole.len().div_ceil(count).max(1);
        let mut pieces = VecDeque::new();
        while !whole.is_empty() {
            pieces.push_back(whole.split_to(size.min(whole.len())));
        }
        let pause = over / u32::try_from(pieces.len().max(1)).unwrap_or(1);
        Self {
            pieces,
            left,
            pause,
            waiting: None,
            ending,
        }
    }
}

impl Paced {
    /// Ends as told. A cut waits a little, so that the bytes before it are on their way.
    fn end(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.ending == Ending::Whole || self.left == 0 {
            return Poll::Ready(None);
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(BEFORE_CUT)));
        waiting.as_mut().poll(context).map(|()| Some(Err(Cut)))
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.pieces.is_empty() {
            return self.end(context);
        }
        if !self.pause.is_zero() {
            let pause = self.pause;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
            if waiting.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.waiting = None;
        }
        let piece = self.pieces.pop_front().unwrap_or_default();
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
