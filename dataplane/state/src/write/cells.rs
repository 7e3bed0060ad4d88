//! Writes of counter, meter and register cells.
//!
//! They have no generations: a write is checked in its turn and made when the transaction is published.
//!
//! Invariant: a checked write cannot fail.

use heddle_ir::{Bits, CounterId, MeterId, RegisterId, TableId};

use super::{Change, Transaction};
use crate::error::UpdateError;
use crate::meter::MeterConfig;
use crate::reclaim::Later;
use crate::state::State;
use crate::update::{CounterValue, DirectOf};

/// A write that was checked.
pub(super) enum CellWrite {
    Counter(CounterId, Option<u64>, CounterValue),
    DirectCounter(TableId, u32, CounterValue),
    Meter(MeterId, Option<u64>, Option<MeterConfig>),
    DirectMeter(TableId, u32, Option<MeterConfig>),
    MeterColors(MeterId, Option<u64>),
    DirectMeterColors(TableId, u32),
    Register(RegisterId, Option<u64>, Vec<u64>),
}

/// The cells meant by an index.
fn range(index: Option<u64>, size: u64) -> std::ops::Range<u64> {
    match index {
        Some(index) => index..index.saturating_add(1).min(size),
        None => 0..size,
    }
}

impl CellWrite {
    /// Makes the write.
    pub(super) fn write(self, state: &State, later: &mut Vec<Later>) {
        match self {
            CellWrite::Counter(id, index, value) => {
                if let Some(Some(counter)) = state.counters.get(id.as_u32() as usize) {
                    range(index, counter.size()).for_each(|index| counter.set(index, value));
                }
            }
            CellWrite::DirectCounter(table, slot, value) => {
                if let Some(counter) =
                    state.tables.get(table.as_u32() as usize).and_then(|t| t.counter.as_ref())
                {
                    counter.set(slot, value);
                }
            }
            CellWrite::Meter(id, index, config) => {
                if let Some(Some(meter)) = state.meters.get(id.as_u32() as usize) {
                    later.extend(
                        range(index, meter.size()).filter_map(|index| meter.configure(index, config)),
                    );
                }
            }
            CellWrite::DirectMeter(table, slot, config) => {
                if let Some(meter) = state.tables.get(table.as_u32() as usize).and_then(|t| t.meter.as_ref())
                {
                    later.extend(meter.configure(slot, config));
                }
            }
            CellWrite::MeterColors(id, index) => {
                if let Some(Some(meter)) = state.meters.get(id.as_u32() as usize) {
                    range(index, meter.size()).for_each(|index| meter.reset_colors(index));
                }
            }
            CellWrite::DirectMeterColors(table, slot) => {
                if let Some(meter) = state.tables.get(table.as_u32() as usize).and_then(|t| t.meter.as_ref())
                {
                    meter.reset_colors(slot);
                }
            }
            CellWrite::Register(id, index, value) => {
                if let Some(register) = state.registers.get(id.as_u32() as usize) {
                    range(index, register.size()).for_each(|index| register.write(index, &value));
                }
            }
        }
    }
}

/// Checks an index.
fn check_index(kind: &'static str, name: &str, size: u64, index: Option<u64>) -> Result<(), UpdateError> {
    match index {
        Some(index) if index >= size => {
            Err(UpdateError::IndexOutOfRange { kind, name: name.to_string(), size, index })
        }
        _ => Ok(()),
    }
}

/// Checks a meter's rates (RFC 2698, section 2: the peak rate is at least the committed one).
fn check_rates(config: Option<MeterConfig>) -> Result<(), UpdateError> {
    match config {
        Some(MeterConfig { cir, pir, .. }) if pir < cir => Err(UpdateError::MeterRates { cir, pir }),
        _ => Ok(()),
    }
}

impl Transaction<'_> {
    fn push_cells(&mut self, write: CellWrite) -> Result<(), UpdateError> {
        self.log.push(Change::Cells(write));
        Ok(())
    }

    /// The slot of the owner of a direct counter or meter.
    fn direct_slot(&mut self, of: &DirectOf, kind: &'static str) -> Result<u32, UpdateError> {
        let id = of.table();
        let Some(declared) = self.state.program.tables.get(id) else {
            return Err(UpdateError::UnknownObject { kind: "table", number: id.as_u32() });
        };
        let has = match kind {
            "meter" => declared.direct_meter.is_some(),
            _ => declared.direct_counter.is_some(),
        };
        if !has {
            return Err(UpdateError::NoDirect { table: declared.control.name.clone(), kind });
        }
        match of {
            DirectOf::Default(_) => Ok(0),
            DirectOf::Entry(key) => self.slot_of(key),
        }
    }

    pub(super) fn write_counter(
        &mut self,
        id: CounterId,
        index: Option<u64>,
        value: CounterValue,
    ) -> Result<(), UpdateError> {
        let Some(declared) = self.state.program.counters.get(id) else {
            return Err(UpdateError::UnknownObject { kind: "counter", number: id.as_u32() });
        };
        let name = &declared.control.name;
        if declared.table.is_some() {
            return Err(UpdateError::Direct { kind: "counter", name: name.clone() });
        }
        check_index("counter", name, declared.size, index)?;
        self.push_cells(CellWrite::Counter(id, index, value))
    }

    pub(super) fn write_direct_counter(
        &mut self,
        of: &DirectOf,
        value: CounterValue,
    ) -> Result<(), UpdateError> {
        let slot = self.direct_slot(of, "counter")?;
        self.push_cells(CellWrite::DirectCounter(of.table(), slot, value))
    }

    pub(super) fn write_meter(
        &mut self,
        id: MeterId,
        index: Option<u64>,
        config: Option<MeterConfig>,
    ) -> Result<(), UpdateError> {
        self.check_meter(id, index)?;
        check_rates(config)?;
        self.push_cells(CellWrite::Meter(id, index, config))
    }

    pub(super) fn reset_meter_colors(&mut self, id: MeterId, index: Option<u64>) -> Result<(), UpdateError> {
        self.check_meter(id, index)?;
        self.push_cells(CellWrite::MeterColors(id, index))
    }

    pub(super) fn reset_direct_meter_colors(&mut self, of: &DirectOf) -> Result<(), UpdateError> {
        let slot = self.direct_slot(of, "meter")?;
        self.push_cells(CellWrite::DirectMeterColors(of.table(), slot))
    }

    fn check_meter(&self, id: MeterId, index: Option<u64>) -> Result<(), UpdateError> {
        let Some(declared) = self.state.program.meters.get(id) else {
            return Err(UpdateError::UnknownObject { kind: "meter", number: id.as_u32() });
        };
        let name = &declared.control.name;
        if declared.table.is_some() {
            return Err(UpdateError::Direct { kind: "meter", name: name.clone() });
        }
        check_index("meter", name, declared.size, index)
    }

    pub(super) fn write_direct_meter(
        &mut self,
        of: &DirectOf,
        config: Option<MeterConfig>,
    ) -> Result<(), UpdateError> {
        let slot = self.direct_slot(of, "meter")?;
        check_rates(config)?;
        self.push_cells(CellWrite::DirectMeter(of.table(), slot, config))
    }

    pub(super) fn write_register(
        &mut self,
        id: RegisterId,
        index: Option<u64>,
        value: &Bits,
    ) -> Result<(), UpdateError> {
        let Some(declared) = self.state.program.registers.get(id) else {
            return Err(UpdateError::UnknownObject { kind: "register", number: id.as_u32() });
        };
        let name = &declared.control.name;
        check_index("register", name, declared.size, index)?;
        if value.width() != declared.width {
            return Err(UpdateError::Width {
                what: "a cell".to_string(),
                of: name.clone(),
                wanted: declared.width,
                given: value.width(),
            });
        }
        self.push_cells(CellWrite::Register(id, index, value.limbs().collect()))
    }
}
