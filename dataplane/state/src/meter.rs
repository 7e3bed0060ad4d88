#![allow(unsafe_code)] // A configuration with its buckets is replaced by pointer.
//! Meters of three colours, colour-blind, shared by all workers: of two rates (RFC 2698, section 3) and of one rate with an
//! excess burst (RFC 2697, section 3).
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
use crate::update::CounterValue;

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
    /// Excess burst of a meter of one rate (RFC 2697): size of the bucket that takes what the committed one, being full, has
    /// no room for. Then the peak rate and burst are not looked at. 0 for a meter of two rates.
    pub eburst: u64,
}

/// What a meter makes of a packet; the numbers are those of [`heddle_ir::Stmt::Meter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Color {
    /// Within the committed rate.
    Green = 0,
    /// Within the peak rate, or the excess burst.
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

/// A bucket nobody has taken from. A number that clocks do not come near soon after they begin.
const FULL: u64 = 1 << 63;

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

    /// A bucket of the same level.
    fn copied(&self) -> Bucket {
        let empty_at = AtomicU64::new(self.empty_at.load(Ordering::Relaxed));
        Bucket { rate: self.rate, burst: self.burst, empty_at }
    }

    /// What fell in since it was empty, at a clock, if more than the burst was let in.
    fn since_empty(&self, clock: u64, empty_at: u64) -> u64 {
        if empty_at == FULL {
            return self.burst;
        }
        let since = clock.wrapping_sub(empty_at);
        // Another worker's clock may be ahead, by far less than a second: then the bucket is empty to us.
        if since > u64::MAX - self.rate { 0 } else { since }
    }

    /// Takes tokens if there are as many. What did not fit into the bucket before goes to `excess`.
    ///
    /// Whoever moves the word has found the overflow up to then and nobody else finds it again. Another worker may look into
    /// `excess` before it is there, which costs it a colour and gives nobody a token twice.
    fn take_or_overflow(&self, tokens: u64, now_ns: u64, excess: &Excess) -> bool {
        let clock = self.clock(now_ns);
        let mut empty_at = self.empty_at.load(Ordering::Relaxed);
        loop {
            let since = self.since_empty(clock, empty_at);
            let (level, over) = (since.min(self.burst), since.saturating_sub(self.burst));
            let is_taken = tokens <= level;
            // From the first look on, what falls in counts.
            if !is_taken && over == 0 && empty_at != FULL {
                return false;
            }
            let mut next = clock.wrapping_sub(level).wrapping_add(if is_taken { tokens } else { 0 });
            if next == FULL {
                next = FULL + 1;
            }
            match self.empty_at.compare_exchange_weak(empty_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    excess.fill(over);
                    return is_taken;
                }
                Err(now) => empty_at = now,
            }
        }
    }

    /// Takes tokens if there are as many.
    fn take(&self, tokens: u64, now_ns: u64) -> bool {
        if tokens == 0 {
            return true;
        }
        let clock = self.clock(now_ns);
        let mut empty_at = self.empty_at.load(Ordering::Relaxed);
        loop {
            let level = self.since_empty(clock, empty_at).min(self.burst);
            if tokens > level {
                return false;
            }
            let mut next = clock.wrapping_sub(level).wrapping_add(tokens);
            if next == FULL {
                // Costs this bucket one token once in 2^64.
                next = FULL + 1;
            }
            match self.empty_at.compare_exchange_weak(empty_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => empty_at = now,
            }
        }
    }
}

/// The second bucket of a meter of one rate: filled by what the first has no room for.
struct Excess {
    burst: u64,
    level: AtomicU64,
}

impl Excess {
    fn new(burst: u64) -> Excess {
        let burst = burst.min(TOKENS_MAX);
        Excess { burst, level: AtomicU64::new(burst) }
    }

    fn copied(&self) -> Excess {
        Excess { burst: self.burst, level: AtomicU64::new(self.level.load(Ordering::Relaxed)) }
    }

    fn fill(&self, tokens: u64) {
        if tokens > 0 {
            let filled = |level: u64| Some(level.saturating_add(tokens).min(self.burst));
            // It always says what it is to be.
            let _ = self.level.fetch_update(Ordering::Relaxed, Ordering::Relaxed, filled);
        }
    }

    fn take(&self, tokens: u64) -> bool {
        let taken = |level: u64| level.checked_sub(tokens);
        self.level.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

/// Packets of a colour.
#[derive(Default)]
struct Marked {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Marked {
    fn add(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn value(&self) -> CounterValue {
        CounterValue {
            packets: self.packets.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// A configured meter.
pub(crate) struct MeterCell {
    config: MeterConfig,
    committed: Bucket,
    peak: Bucket,
    /// Of a meter of one rate, in the place of `peak`.
    excess: Option<Excess>,
    /// By colour.
    marked: [Marked; 3],
}

impl MeterCell {
    /// With all buckets full.
    pub(crate) fn new(config: MeterConfig) -> MeterCell {
        MeterCell {
            config,
            committed: Bucket::new(config.cir, config.cburst),
            peak: Bucket::new(config.pir, config.pburst),
            excess: (config.eburst != 0).then(|| Excess::new(config.eburst)),
            marked: Default::default(),
        }
    }

    fn copied(&self) -> MeterCell {
        let copied = MeterCell {
            config: self.config,
            committed: self.committed.copied(),
            peak: self.peak.copied(),
            excess: self.excess.as_ref().map(Excess::copied),
            marked: Default::default(),
        };
        copied.add_marked(self);
        copied
    }

    /// Counts what another has counted as well.
    fn add_marked(&self, other: &MeterCell) {
        for (own, other) in self.marked.iter().zip(other.marked.iter().map(Marked::value)) {
            own.add(other.packets, other.bytes);
        }
    }

    /// Meters a packet of so many tokens (RFC 2698 or RFC 2697, section 3, colour-blind mode).
    ///
    /// Of one rate: the committed bucket overflows into the excess one, and a packet is taken from the first of the two that
    /// has as many tokens. Of two rates:
    /// The two buckets are taken from one after the other. That is the same as at once: only packets that the peak
    /// bucket admits ask the committed one, and which those are does not depend on the committed one.
    pub(crate) fn meter(&self, tokens: u64, now_ns: u64) -> Color {
        if let Some(excess) = &self.excess {
            return if self.committed.take_or_overflow(tokens, now_ns, excess) {
                Color::Green
            } else if excess.take(tokens) {
                Color::Yellow
            } else {
                Color::Red
            };
        }
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
    let Some(cell) = cell.map(|cell| unsafe { cell.get() }) else { return Color::Green };
    let color = cell.meter(tokens(unit, bytes), now_ns);
    let [green, yellow, red] = &cell.marked;
    let marked = match color {
        Color::Green => green,
        Color::Yellow => yellow,
        Color::Red => red,
    };
    marked.add(1, bytes);
    color
}

/// Packets by colour since the cell was first configured, or reset.
fn colors(cell: Option<&Published>) -> Option<[CounterValue; 3]> {
    let cell = Held::from_ptr(cell?.load(Ordering::Acquire));
    // SAFETY: the caller holds the writer's lock, under which alone cells are freed.
    Some(
        cell.map_or_else(Default::default, |cell| unsafe { cell.get() }.marked.each_ref().map(Marked::value)),
    )
}

/// Counts from zero again.
fn reset_colors(cell: Option<&Published>) {
    if let Some(cell) = cell.and_then(|cell| Held::from_ptr(cell.load(Ordering::Acquire))) {
        // SAFETY: the caller holds the writer's lock, under which alone cells are freed.
        for marked in &unsafe { cell.get() }.marked {
            marked.packets.store(0, Ordering::Relaxed);
            marked.bytes.store(0, Ordering::Relaxed);
        }
    }
}

fn config(cell: Option<&Published>) -> Option<MeterConfig> {
    let cell = cell.and_then(|cell| Held::from_ptr(cell.load(Ordering::Acquire)))?;
    // SAFETY: the caller holds the writer's lock, under which alone cells are freed.
    Some(unsafe { cell.get() }.config)
}

/// Gives a cell that nobody uses yet the configuration of another, with its buckets as they are.
fn copy(to: Option<&Published>, from: Option<&Published>) {
    let Some(from) = from.and_then(|cell| Held::from_ptr(cell.load(Ordering::Acquire))) else { return };
    // SAFETY: the caller holds the writer's lock of what `from` belongs to, under which alone cells are freed.
    let copied = unsafe { from.get() }.copied();
    if let Some(to) = to {
        let before = Held::from_ptr(to.swap(Held::new(copied).as_ptr(), Ordering::AcqRel));
        if let Some(before) = before {
            // SAFETY: nobody uses the cell yet, so nobody has loaded what was there.
            unsafe { before.free() }
        }
    }
}

/// Replaces a configuration; what was there is to be retired.
fn configure(cell: Option<&Published>, config: Option<MeterConfig>) -> Option<Later> {
    let new = config.map_or(null_mut(), |config| Held::new(MeterCell::new(config)).as_ptr());
    match cell {
        Some(cell) => {
            let old = Held::from_ptr(cell.swap(new, Ordering::AcqRel))?;
            if let Some(new) = Held::from_ptr(new) {
                // SAFETY: the new cell is freed under the writer's lock alone, which the caller holds, and the old one is
                // retired after this.
                unsafe { new.get().add_marked(old.get()) }
            }
            Some(old.into_later())
        }
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

    /// Packets by colour. Only under the writer's lock.
    pub(crate) fn colors(&self, index: u64) -> Option<[CounterValue; 3]> {
        colors(self.cell(index))
    }

    /// Counts colours from zero again. Only under the writer's lock.
    pub(crate) fn reset_colors(&self, index: u64) {
        reset_colors(self.cell(index));
    }

    /// Takes over the cells of a meter of the same size, whose writer's lock the caller holds, before anybody uses
    /// this one.
    pub(crate) fn copy_from(&self, other: &Meter) {
        if other.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
            (0..self.size()).for_each(|index| copy(self.cell(index), other.cell(index)));
        }
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

    /// Packets by colour. Only under the writer's lock.
    pub(crate) fn colors(&self, slot: u32) -> Option<[CounterValue; 3]> {
        colors(self.cells.get(slot as usize))
    }

    /// Counts colours from zero again. Only under the writer's lock.
    pub(crate) fn reset_colors(&self, slot: u32) {
        reset_colors(self.cells.get(slot as usize));
    }

    /// Takes over a cell of another meter, whose writer's lock the caller holds, before anybody uses this one.
    pub(crate) fn copy_cell(&self, slot: u32, other: &DirectMeter, other_slot: u32) {
        copy(self.cells.get(slot as usize), other.cells.get(other_slot as usize));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 2698 to the letter, with tokens that fall at the multiples of `1 / rate`.
    struct Model {
        config: MeterConfig,
        committed: u64,
        peak: u64,
        then_ns: u64,
    }

    impl Model {
        fn new(config: MeterConfig) -> Model {
            Model { config, committed: config.cburst, peak: config.pburst, then_ns: 0 }
        }

        fn fallen(rate: u64, from_ns: u64, to_ns: u64) -> u64 {
            let until = |ns| u128::from(rate) * u128::from(ns) / u128::from(NS_PER_S);
            u64::try_from(until(to_ns) - until(from_ns)).unwrap_or(u64::MAX)
        }

        fn meter(&mut self, tokens: u64, now_ns: u64) -> Color {
            let fill = |level: u64, rate, burst: u64| {
                burst.min(level.saturating_add(Model::fallen(rate, self.then_ns, now_ns)))
            };
            self.committed = fill(self.committed, self.config.cir, self.config.cburst);
            self.peak = fill(self.peak, self.config.pir, self.config.pburst);
            self.then_ns = now_ns;
            if self.peak < tokens {
                return Color::Red;
            }
            self.peak -= tokens;
            if self.committed < tokens {
                return Color::Yellow;
            }
            self.committed -= tokens;
            Color::Green
        }
    }

    /// RFC 2697 to the letter, likewise.
    struct OneRate {
        config: MeterConfig,
        committed: u64,
        excess: u64,
        then_ns: u64,
    }

    impl OneRate {
        fn meter(&mut self, tokens: u64, now_ns: u64) -> Color {
            let fallen = Model::fallen(self.config.cir, self.then_ns, now_ns);
            self.then_ns = now_ns;
            let room = self.config.cburst - self.committed;
            self.committed += fallen.min(room);
            let over = fallen.saturating_sub(room);
            self.excess = self.config.eburst.min(self.excess.saturating_add(over));
            if self.committed >= tokens {
                self.committed -= tokens;
                Color::Green
            } else if self.excess >= tokens {
                self.excess -= tokens;
                Color::Yellow
            } else {
                Color::Red
            }
        }
    }

    fn rate() -> impl Strategy<Value = u64> {
        // Up to 1.6 Tb/s in bytes.
        prop_oneof![0u64..5, 1u64..100_000, 1u64..200_000_000_000]
    }

    proptest! {
        #[test]
        fn colors_are_those_of_the_rfc(
            (cir, more) in (rate(), rate()),
            (cburst, pburst) in (0u64..20_000, 0u64..20_000),
            start_ns in prop_oneof![0u64..10, Just(1_700_000_000_000_000_000)],
            packets in proptest::collection::vec((0u64..3_000_000, 0u64..2_000), 1..200),
            slow in any::<bool>(),
        ) {
            let config = MeterConfig { cir, cburst, pir: cir + more, pburst, eburst: 0 };
            let cell = MeterCell::new(config);
            let mut model = Model::new(config);
            model.then_ns = start_ns;
            let mut now_ns = start_ns;
            for (gap, tokens) in packets {
                now_ns += if slow { gap * 1_000 } else { gap % 100 };
                prop_assert_eq!(cell.meter(tokens, now_ns), model.meter(tokens, now_ns));
            }
        }

        #[test]
        fn colors_of_one_rate_are_those_of_the_rfc(
            cir in rate(),
            (cburst, eburst) in (0u64..20_000, 1u64..20_000),
            start_ns in prop_oneof![0u64..10, Just(1_700_000_000_000_000_000)],
            packets in proptest::collection::vec((0u64..3_000_000, 0u64..2_000), 1..200),
            slow in any::<bool>(),
        ) {
            let config = MeterConfig { cir, cburst, pir: cir, pburst: cburst, eburst };
            let cell = MeterCell::new(config);
            let mut model = OneRate { config, committed: cburst, excess: eburst, then_ns: start_ns };
            let mut now_ns = start_ns;
            for (gap, tokens) in packets {
                now_ns += if slow { gap * 1_000 } else { gap % 100 };
                prop_assert_eq!(cell.meter(tokens, now_ns), model.meter(tokens, now_ns));
            }
        }

        #[test]
        fn clocks_count_tokens_exactly(rate in rate(), now_ns in any::<u64>()) {
            let exact = u128::from(rate) * u128::from(now_ns) / u128::from(NS_PER_S);
            prop_assert_eq!(Bucket::new(rate, 0).clock(now_ns), exact as u64);
        }
    }

    #[test]
    fn a_long_rest_fills_the_bucket_and_no_more() {
        let bucket = Bucket::new(50_000_000_000, 1_000);
        assert!(bucket.take(1_000, 5));
        assert!(!bucket.take(1, 5));
        // Ten years later.
        let later_ns = 10 * 365 * 86_400 * NS_PER_S;
        assert!(!bucket.take(1_001, later_ns));
        assert!(bucket.take(1_000, later_ns));
        assert!(!bucket.take(1, later_ns));
        // A worker whose clock is behind finds it empty, and spoils nothing.
        assert!(!bucket.take(1, later_ns - 1_000_000));
        assert!(bucket.take(50, later_ns + 1));
    }

    #[test]
    fn absurd_rates_do_no_harm() {
        let config =
            MeterConfig { cir: u64::MAX, cburst: u64::MAX, pir: u64::MAX, pburst: u64::MAX, eburst: 0 };
        let cell = MeterCell::new(config);
        for i in 0..1_000 {
            assert_eq!(cell.meter(9_000, i * 1_000), Color::Green);
        }
    }
}
