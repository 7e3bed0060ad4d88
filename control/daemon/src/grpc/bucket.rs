//! A bucket of calls.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// So many calls a second, and as many at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u32,
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(crate) fn new(per_second: u32, now: Instant) -> Bucket {
        Bucket { per_second, level: Mutex::new((f64::from(per_second), now)) }
    }

    pub(crate) fn per_second(&self) -> u32 {
        self.per_second
    }

    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = *level;
        let full = f64::from(self.per_second);
        let tokens = (tokens + now.saturating_duration_since(since).as_secs_f64() * full).min(full);
        let is_taken = tokens >= 1.0;
        *level = (if is_taken { tokens - 1.0 } else { tokens }, now);
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_gives_its_rate_and_no_more() {
        let start = Instant::now();
        let bucket = Bucket::new(10, start);
        assert_eq!((0..20).filter(|_| bucket.take(start)).count(), 10);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..20).filter(|_| bucket.take(later)).count(), 5);
        let much_later = start + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| bucket.take(much_later)).count(), 10);
    }
}
