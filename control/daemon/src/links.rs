//! A thread that listens for interfaces that lose their links, and have them again.
//!
//! Invariant: what is told last is how it is; the thread ends soon after nobody listens any more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam::channel::{self, Receiver};
use heddle_ports::links::{LinkState, Links};

/// How long the thread listens before it looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(200);
/// News that wait; the kernel keeps what comes beyond them, or has all asked for again.
const NEWS: usize = 1_024;

/// The listener's end of the thread.
#[derive(Debug)]
pub(crate) struct LinkWatch {
    links: Arc<Links>,
    news: Receiver<LinkState>,
    is_over: Arc<AtomicBool>,
}

impl LinkWatch {
    /// Listens from now on; all that there are are told first.
    ///
    /// # Errors
    /// What the system says, where it has no netlink or a policy forbids it, or no more threads.
    pub(crate) fn start() -> io::Result<LinkWatch> {
        let (links, is_over) = (Arc::new(Links::open(PATIENCE)?), Arc::new(AtomicBool::new(false)));
        let (sender, news) = channel::bounded(NEWS);
        let (listens, over) = (Arc::clone(&links), Arc::clone(&is_over));
        let listen = move || {
            while !over.load(Ordering::Relaxed) {
                match listens.wait() {
                    Ok(told) => {
                        if told.into_iter().any(|link| sender.send(link).is_err()) {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "links are not watched any more");
                        return;
                    }
                }
            }
        };
        std::thread::Builder::new().name("links".to_owned()).spawn(listen)?;
        Ok(LinkWatch { links, news, is_over })
    }

    /// What is told.
    pub(crate) fn news(&self) -> &Receiver<LinkState> {
        &self.news
    }

    /// Has all links told again.
    pub(crate) fn ask(&self) {
        if let Err(error) = self.links.ask() {
            tracing::warn!(%error, "links cannot be asked for");
        }
    }
}

impl Drop for LinkWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
