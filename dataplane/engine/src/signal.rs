//! Putting a worker to sleep and waking it without losing a wake-up.
//!
//! Others first make their work visible (push to a ring or channel), then call [`Signal::notify`]. The worker,
//! having found nothing, calls [`Signal::prepare_to_sleep`]; if that says yes it sleeps on its bell, and says
//! [`Signal::awake`] afterwards. Invariant: if a notification comes after the worker last looked at its
//! queues, either `prepare_to_sleep` says no or the bell rings.
//!
//! Why it holds: all accesses are read-modify-writes of one word and so have one order. If the notification is
//! earlier in it than `prepare_to_sleep`, that one finds `NOTIFIED`, and by acquiring it sees what was made
//! visible before; the worker looks again. If it is later, it finds `SLEEPING` and rings. The model below has
//! loom try every interleaving.

use std::sync::atomic::{AtomicU32, Ordering};

/// The worker runs and nothing was said since it last looked.
const AWAKE: u32 = 0;
/// The worker sleeps or is about to.
const SLEEPING: u32 = 1;
/// There is something to look at.
const NOTIFIED: u32 = 2;

/// The word that both sides change; so that loom can put its own in place.
pub(crate) trait Word {
    fn new(value: u32) -> Self;
    /// Stores with release, loads with acquire.
    fn swap(&self, value: u32) -> u32;
    /// Like `swap` if the word is `expected`. Whether it was.
    fn replace(&self, expected: u32, value: u32) -> bool;
}

impl Word for AtomicU32 {
    fn new(value: u32) -> Self {
        AtomicU32::new(value)
    }

    fn swap(&self, value: u32) -> u32 {
        AtomicU32::swap(self, value, Ordering::AcqRel)
    }

    fn replace(&self, expected: u32, value: u32) -> bool {
        self.compare_exchange(expected, value, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What wakes a sleeper. Rung before sleep begins, it ends sleep at once.
pub(crate) trait Bell {
    fn ring(&self);
}

/// Whether a worker sleeps, and its bell.
#[derive(Debug)]
pub(crate) struct Signal<B, W = AtomicU32> {
    word: W,
    bell: B,
}

impl<B: Bell, W: Word> Signal<B, W> {
    pub(crate) fn new(bell: B) -> Self {
        Self { word: W::new(AWAKE), bell }
    }

    /// What the sleeper sleeps on.
    pub(crate) fn bell(&self) -> &B {
        &self.bell
    }

    /// Says that there is something to look at, which the caller has made visible before.
    pub(crate) fn notify(&self) {
        if self.word.swap(NOTIFIED) == SLEEPING {
            self.bell.ring();
        }
    }

    /// Whether the worker may sleep. If not it has to look at its queues again.
    pub(crate) fn prepare_to_sleep(&self) -> bool {
        if self.word.replace(AWAKE, SLEEPING) {
            return true;
        }
        self.word.swap(AWAKE);
        false
    }

    /// Sleep is over, for whatever cause; the queues have to be looked at.
    pub(crate) fn awake(&self) {
        self.word.swap(AWAKE);
    }
}

#[cfg(test)]
mod tests {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicU32 as LoomU32, Ordering::Relaxed};

    use super::*;

    struct LoomWord(LoomU32);

    impl Word for LoomWord {
        fn new(value: u32) -> Self {
            LoomWord(LoomU32::new(value))
        }

        fn swap(&self, value: u32) -> u32 {
            self.0.swap(value, Ordering::AcqRel)
        }

        fn replace(&self, expected: u32, value: u32) -> bool {
            self.0.compare_exchange(expected, value, Ordering::AcqRel, Ordering::Acquire).is_ok()
        }
    }

    /// An eventfd: a ring stays until it is heard.
    struct LoomBell(AtomicBool);

    impl Bell for LoomBell {
        fn ring(&self) {
            self.0.store(true, Ordering::Release);
        }
    }

    /// Two senders each leave a message and notify. The worker looks for messages until `sleeps` says that it may
    /// sleep. In no interleaving may it then lie there with a message that it has not seen and a silent bell. The
    /// messages are relaxed, so that only the signal can make them visible.
    fn check(sleeps: fn(&Signal<LoomBell, LoomWord>) -> bool) {
        let mut model = loom::model::Builder::new();
        // Every lost wake-up needs but two switches of thread; more make the model slow.
        model.preemption_bound = Some(3);
        model.check(move || {
            let signal = Arc::new(Signal::<_, LoomWord>::new(LoomBell(AtomicBool::new(false))));
            let messages = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
            let senders = [0, 1].map(|n| {
                let (signal, messages) = (Arc::clone(&signal), Arc::clone(&messages));
                loom::thread::spawn(move || {
                    messages[n].store(true, Relaxed);
                    signal.notify();
                })
            });
            let mut seen = [false; 2];
            loop {
                seen[0] |= messages[0].load(Relaxed);
                seen[1] |= messages[1].load(Relaxed);
                if sleeps(&signal) {
                    break;
                }
            }
            for sender in senders {
                sender.join().unwrap();
            }
            assert!(seen == [true; 2] || signal.bell().0.load(Ordering::Acquire), "a wake-up was lost");
        });
    }

    #[test]
    fn no_interleaving_loses_a_wake_up() {
        check(Signal::prepare_to_sleep);
    }

    /// The model can fail: it catches a worker that sleeps though it was told not to.
    #[test]
    #[should_panic(expected = "a wake-up was lost")]
    fn the_model_catches_a_lost_wake_up() {
        check(|signal| {
            signal.prepare_to_sleep();
            true
        });
    }
}
