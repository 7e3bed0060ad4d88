//! Cells of counters, meters and registers (sections 9.3, 9.4 and 9.7).

use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity as Kind;
use heddle_p4rt_proto::v1::update::Type;
use heddle_state::Update;

use super::table::{
    Allowed, Sink, check_colors, colors_data, counter_data, counter_value, meter_config, meter_of,
};
use super::value::{bits_of_data, data_of_bits};
use super::{Change, Decoder, Encoder, only_modify};
use crate::schema::{Counter, Meter, Object, Register};
use crate::status::Refusal;
use crate::translation::{Coding, Translations};

/// The cell that an index means; none for all cells.
fn cell(
    translations: &mut Translations,
    place: &str,
    coding: Coding,
    size: u64,
    index: Option<v1::Index>,
) -> Result<Option<u64>, Refusal> {
    let Some(v1::Index { index }) = index else { return Ok(None) };
    let Ok(index) = u64::try_from(index) else {
        return Err(Refusal::invalid(format!(
            "{place}: the index {index} is negative; cells are numbered from 0"
        )));
    };
    let cell = translations.decode_index(coding, index).map_err(|refusal| refusal.at(place))?;
    if cell >= size {
        return Err(Refusal::out_of_range(format!(
            "{place}: it has {size} cells, so there is no index {index}; give one below {size}"
        )));
    }
    Ok(Some(cell))
}

impl Decoder<'_> {
    pub(super) fn counter_entry(&mut self, kind: Type, entry: &v1::CounterEntry) -> Result<Change, Refusal> {
        let counter = self.schema.counter(entry.counter_id)?;
        let place = format!("counter `{}`", counter.object.name);
        only_modify(kind, &format!("a cell of {place}"))?;
        let index = cell(self.translations, &place, counter.index, counter.size, entry.index)?;
        // Without data nothing is changed (section 9.3.2).
        let Some(data) = &entry.data else { return Ok(Change::default()) };
        let value = counter_value(&place, data)?;
        let update = Update::WriteCounter { counter: counter.ir, index, value };
        Ok(Change { writes_cells: true, ..update.into() })
    }

    pub(super) fn meter_entry(&mut self, kind: Type, entry: &v1::MeterEntry) -> Result<Change, Refusal> {
        let meter = self.schema.meter(entry.meter_id)?;
        let place = format!("meter `{}`", meter.object.name);
        only_modify(kind, &format!("a cell of {place}"))?;
        let index = cell(self.translations, &place, meter.index, meter.size, entry.index)?;
        let config = entry.config.as_ref().map(|config| meter_of(&place, meter.kind, config)).transpose()?;
        let mut updates = vec![Update::WriteMeter { meter: meter.ir, index, config }];
        if let Some(data) = &entry.counter_data {
            check_colors(&place, data)?;
            updates.push(Update::ResetMeterColors { meter: meter.ir, index });
        }
        Ok(Change { updates, writes_cells: true, ..Change::default() })
    }

    pub(super) fn register_entry(
        &mut self,
        kind: Type,
        entry: &v1::RegisterEntry,
    ) -> Result<Change, Refusal> {
        let register = self.schema.register(entry.register_id)?;
        let place = format!("register `{}`", register.object.name);
        only_modify(kind, &format!("a cell of {place}"))?;
        let index = cell(self.translations, &place, register.index, register.size, entry.index)?;
        let Some(data) = &entry.data else {
            return Err(Refusal::invalid(format!(
                "{place}: no data is given; set `data` to the value of a cell"
            )));
        };
        let value = bits_of_data(self.translations, &self.schema.types, &register.ty, data, register.width)
            .map_err(|refusal| refusal.at(&place))?;
        if value.width() != register.width {
            return Err(Refusal::invalid(format!(
                "{place}: a cell has {} bits, and the data have {}",
                register.width,
                value.width()
            )));
        }
        let update = Update::WriteRegister { register: register.ir, index, value };
        Ok(Change { writes_cells: true, ..update.into() })
    }
}

/// The objects that a request asks for: one, or all of its kind.
fn asked<'s, T>(
    all: &'s [T],
    id: u32,
    one: impl FnOnce(u32) -> Result<&'s T, Refusal>,
    object: impl Fn(&T) -> &Object,
    allowed: &Allowed<'_>,
) -> Result<Vec<&'s T>, Refusal> {
    let mut found: Vec<&T> = if id == 0 { all.iter().collect() } else { vec![one(id)?] };
    found.retain(|found| allowed(object(found)));
    Ok(found)
}

/// The cells that a request asks for.
fn cells(
    decoder: &mut Decoder<'_>,
    place: &str,
    coding: Coding,
    size: u64,
    index: Option<v1::Index>,
    is_one: bool,
) -> Result<std::ops::Range<u64>, Refusal> {
    match cell(decoder.translations, place, coding, size, index.filter(|_| is_one))? {
        Some(cell) => Ok(cell..cell + 1),
        None => Ok(0..size),
    }
}

impl Encoder<'_> {
    fn index(&self, coding: Coding, cell: u64) -> Option<v1::Index> {
        Some(v1::Index { index: self.translations.encode_index(coding, cell) })
    }

    pub(crate) fn read_counters(
        &self,
        decoder: &mut Decoder<'_>,
        request: &v1::CounterEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        let id = request.counter_id;
        for counter in
            asked(&self.schema.counters, id, |id| self.schema.counter(id), |c: &Counter| &c.object, allowed)?
        {
            let place = format!("counter `{}`", counter.object.name);
            for cell in cells(decoder, &place, counter.index, counter.size, request.index, id != 0)? {
                sink(Kind::CounterEntry(v1::CounterEntry {
                    counter_id: counter.object.id,
                    index: self.index(counter.index, cell),
                    data: self.state.counter(counter.ir, cell).map(counter_data),
                }));
            }
        }
        Ok(())
    }

    pub(crate) fn read_meters(
        &self,
        decoder: &mut Decoder<'_>,
        request: &v1::MeterEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        let id = request.meter_id;
        for meter in
            asked(&self.schema.meters, id, |id| self.schema.meter(id), |m: &Meter| &m.object, allowed)?
        {
            let place = format!("meter `{}`", meter.object.name);
            for cell in cells(decoder, &place, meter.index, meter.size, request.index, id != 0)? {
                let colors =
                    request.counter_data.is_some().then(|| self.state.meter_colors(meter.ir, cell)).flatten();
                sink(Kind::MeterEntry(v1::MeterEntry {
                    meter_id: meter.object.id,
                    index: self.index(meter.index, cell),
                    config: self.state.meter_config(meter.ir, cell).as_ref().map(meter_config),
                    counter_data: colors.map(colors_data),
                }));
            }
        }
        Ok(())
    }

    pub(crate) fn read_registers(
        &self,
        decoder: &mut Decoder<'_>,
        request: &v1::RegisterEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        let id = request.register_id;
        let all = &self.schema.registers;
        for register in asked(all, id, |id| self.schema.register(id), |r: &Register| &r.object, allowed)? {
            let place = format!("register `{}`", register.object.name);
            for cell in cells(decoder, &place, register.index, register.size, request.index, id != 0)? {
                let Some(value) = self.state.register_value(register.ir, cell) else { continue };
                let data = data_of_bits(self.translations, &self.schema.types, &register.ty, &value)
                    .map_err(|refusal| refusal.at(&place))?;
                sink(Kind::RegisterEntry(v1::RegisterEntry {
                    register_id: register.object.id,
                    index: self.index(register.index, cell),
                    data: Some(data),
                }));
            }
        }
        Ok(())
    }
}
