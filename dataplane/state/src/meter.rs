#![allow(unsafe_code)] // A configuration with its buckets is replaced by pointer.
//! Meters: two rates, three colours, colour-blind (RFC 2698, section 3), shared by all workers.
//!
//! RFC 2698 has a bucket gain one token `rate` times per second. So the tokens that fell into it up to a time are a
//! function of the time alone, the bucket's clock, and its level is the clock minus one number: the clock when it
//! was last empty, give or take what was taken since. That number is one word, moved by compare-and-swap, so no
//! rounding adds up and no token is given out twice, however many workers meter at once.
//!
//! Invariant: the tokens taken from a bucket in any interval are at most its burst plus what fell into it then.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use heddle_ir::CounterUnit;

use crate::memory::{Array, NoMemory};
use crate::reclaim::{Held, Later};
use crate::slots::Slots;

const NS_PER_S: u64 = 1_000_000_000;
/// Rates and bursts above this are taken as this, so that clocks can be compared although they wrap around.
const TOKENS_MAX: u64 = 1 << 62;

/// Rates and bursts of a meter, in the meter's unit (bytes or packets), rates per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterConfig {
    /// Committed information rate.
    pub cir: u64,
    /// Committed burst: size of the committed bucket.
    pub cburst: u64,
    /// Peak information rate; not below `cir`.
    pub pir: u64,
    /// Peak burst: size of the peak bucket.
    pub pburst: u64,
}

/// What a meter makes of a packet; the numbers are those of [`heddle_ir::Stmt::Meter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Color {
    /// Within the committed rate.
    Green = 0,
    /// Within the peak rate.
    Yellow = 1,
    /// Above it.
    Red = 2,
}

/// A token bucket.
struct Bucket {
    rate: u64,
    burst: u64,
    /// What the clock showed when the bucket was empty, had it been refilled ever since; [`FULL`] before first use.
    empty_at: AtomicU64,
}

/// A bucket nobody has taken from.
const FULL: u64 = u64::MAX;

impl Bucket {
    fn new(rate: u64, burst: u64) -> Bucket {
        Bucket { rate: rate.min(TOKENS_MAX), burst: burst.min(TOKENS_MAX), empty_at: AtomicU64::new(FULL) }
    }

    /// `floor(now_ns * rate / 10^9)`, modulo 2^64.
    #[inline]
    fn clock(&self, now_ns: u64) -> u64 {
        let (s, ns) = (now_ns / NS_PER_S, now_ns % NS_PER_S);
        let (per_ns, rest) = (self.rate / NS_PER_S, self.rate % NS_PER_S);
        // `ns * rest` is below 10^18.
        s.wrapping_mul(self.rate).wrapping_add(ns.wrapping_mul(per_ns)).wrapping_add(ns * rest / NS_PER_S)
    }

    /// Takes tokens if there are as many.
    fn take(&self, tokens: u64, now_ns: u64) -> bool {
        if tokens == 0 {
            return true;
        }
        let clock = self.clock(now_ns);
        let mut empty_at = self.empty_at.load(Ordering::Relaxed);
        loop {
            let level = if empty_at == FULL {
                self.burst
            } else {
                let since = clock.wrapping_sub(empty_at);
                // Another worker's clock may be ahead, by far less than a second: then the bucket is empty to us.
                if since > u64::MAX - self.rate { 0 } else { since.min(self.burst) }
            };
            if tokens > level {
                return false;
            }
            let mut next = clock.wrapping_sub(level).wrapping_add(tokens);
            if next == FULL {
                // Costs this bucket one token once in 2^64.
                next = 0;
            }
            match self.empty_at.compare_exchange_weak(empty_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => empty_at = now,
            }
        }
    }
}

/// A configured meter.
pub(crate) struct MeterCell {
    config: MeterConfig,
    committed: Bucket,
    peak: Bucket,
}

impl MeterCell {
    /// With both buckets full.
    pub(crate) fn new(config: MeterConfig) -> MeterCell {
        MeterCell {
            config,
            committed: Bucket::new(config.cir, config.cburst),
            peak: Bucket::new(config.pir, config.pburst),
        }
    }

    /// Meters a packet of so many tokens (RFC 2698, section 3, colour-blind mode).
    ///
    /// The two buckets are taken from one after the other. That is the same as at once: only packets that the peak
    /// bucket admits ask the committed one, and which those are does not depend on the committed one.
    pub(crate) fn meter(&self, tokens: u64, now_ns: u64) -> Color {
        if !self.peak.take(tokens, now_ns) {
            Color::Red
        } else if !self.committed.take(tokens, now_ns) {
            Color::Yellow
        } else {
            Color::Green
        }
    }
}

/// Tokens that a packet takes.
#[inline]
fn tokens(unit: CounterUnit, bytes: u64) -> u64 {
    match unit {
        CounterUnit::Packets => 1,
        CounterUnit::Bytes | CounterUnit::PacketsAndBytes => bytes,
    }
}

/// Where a meter's configuration is published; null if there is none.
type Published = AtomicPtr<MeterCell>;

#[inline]
fn meter(cell: Option<&Published>, unit: CounterUnit, bytes: u64, now_ns: u64) -> Color {
    let cell = cell.and_then(|cell| Held::from_ptr(cell.load(Ordering::Acquire)));
    // SAFETY: the caller holds a snapshot, and a cell is freed only after those that could load it are gone.
    cell.map_or(Color::Green, |cell| unsafe { cell.get() }.meter(tokens(unit, bytes), now_ns))
}

fn config(cell: Option<&Published>) -> Option<MeterConfig> {
    let cell = cell.and_then(|cell| Held::from_ptr(cell.load(Ordering::Acquire)))?;
    // SAFETY: the caller holds the writer's lock, under which alone cells are freed.
    Some(unsafe { cell.get() }.config)
}

/// Replaces a configuration; what was there is to be retired.
fn configure(cell: Option<&Published>, config: Option<MeterConfig>) -> Option<Later> {
    let new = config.map_or(null_mut(), |config| Held::new(MeterCell::new(config)).as_ptr());
    match cell {
        Some(cell) => Held::from_ptr(cell.swap(new, Ordering::AcqRel)).map(Held::into_later),
        None => Held::from_ptr(new).map(Held::into_later),
    }
}

fn free(cell: &Published) {
    if let Some(cell) = Held::from_ptr(cell.load(Ordering::Relaxed)) {
        // SAFETY: called when the meter is dropped, so no reader is left.
        unsafe { cell.free() }
    }
}

/// An indirect meter.
pub(crate) struct Meter {
    unit: CounterUnit,
    cells: Array<Published>,
    /// Whether a cell ever was configured, so that dropping a large meter that is not used touches nothing.
    used: AtomicBool,
}

impl Meter {
    /// All unconfigured.
    pub(crate) fn new(unit: CounterUnit, size: u64) -> Result<Meter, NoMemory> {
        let cells = Array::new(usize::try_from(size).map_err(|_| NoMemory)?)?;
        Ok(Meter { unit, cells, used: AtomicBool::new(false) })
    }

    fn cell(&self, index: u64) -> Option<&Published> {
        self.cells.get(usize::try_from(index).ok()?)
    }

    /// Cells.
    pub(crate) fn size(&self) -> u64 {
        self.cells.len() as u64
    }

    /// Meters a packet; the caller holds a snapshot.
    #[inline]
    pub(crate) fn meter(&self, index: u64, bytes: u64, now_ns: u64) -> Color {
        meter(self.cell(index), self.unit, bytes, now_ns)
    }

    /// The configuration of a cell. Only under the writer's lock.
    pub(crate) fn config(&self, index: u64) -> Option<MeterConfig> {
        config(self.cell(index))
    }

    /// Configures a cell. Only under the writer's lock.
    pub(crate) fn configure(&self, index: u64, config: Option<MeterConfig>) -> Option<Later> {
        self.used.store(true, Ordering::Relaxed);
        configure(self.cell(index), config)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.used.load(Ordering::Relaxed) {
            self.cells.iter().for_each(free);
        }
    }
}

/// The direct meter of a table: a cell per slot.
pub(crate) struct DirectMeter {
    unit: CounterUnit,
    cells: Slots<Published>,
}

impl DirectMeter {
    /// No cells.
    pub(crate) fn new(unit: CounterUnit) -> DirectMeter {
        DirectMeter { unit, cells: Slots::new() }
    }

    /// Makes the cell of a slot be there. Only the writer calls this.
    pub(crate) fn ensure(&self, slot: u32) -> Result<(), NoMemory> {
        self.cells.ensure(slot as usize)
    }

    /// Meters a packet; the caller holds a snapshot.
    #[inline]
    pub(crate) fn meter(&self, slot: u32, bytes: u64, now_ns: u64) -> Color {
        meter(self.cells.get(slot as usize), self.unit, bytes, now_ns)
    }

    /// The configuration of a cell. Only under the writer's lock.
    pub(crate) fn config(&self, slot: u32) -> Option<MeterConfig> {
        config(self.cells.get(slot as usize))
    }

    /// Configures a cell. Only under the writer's lock.
    pub(crate) fn configure(&self, slot: u32, config: Option<MeterConfig>) -> Option<Later> {
        configure(self.cells.get(slot as usize), config)
    }
}

impl Drop for DirectMeter {
    fn drop(&mut self) {
        self.cells.for_each(free);
    }
}
