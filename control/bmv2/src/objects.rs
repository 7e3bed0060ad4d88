//! Counters, meters, registers, digests and value sets: what keeps state beside the tables.
//!
//! Invariant: a direct counter or meter is made here and bound to its table when the table is lowered.

use heddle_ir::{
    Bits, ControlName, Counter, CounterId, CounterUnit, Digest, Meter, MeterId, Register, RegisterId, Stmt,
};
use num_traits::ToPrimitive as _;

use crate::error::Lower;
use crate::json::Node;
use crate::layout::no_such;
use crate::operand::{Target, constant};
use crate::switch::Lowerer;

/// A direct meter of a table, and where its colour goes.
#[derive(Clone, Debug)]
pub(crate) struct DirectMeter {
    pub(crate) meter: MeterId,
    pub(crate) target: Target,
}

impl<'a> Lowerer<'a> {
    /// The next control-plane name; ids count up within a kind's prefix, as P4Runtime has them.
    pub(crate) fn control(&mut self, prefix: u32, name: &str) -> ControlName {
        self.last_id += 1;
        ControlName { name: name.to_owned(), id: prefix << 24 | self.last_id, hidden: false }
    }

    /// Reads all of them.
    pub(crate) fn read_objects(&mut self, root: &Node<'a>) -> Lower<()> {
        let instances = root.list("extern_instances")?;
        if let Some(instance) = instances.first() {
            let (name, ty) = (instance.name()?, instance.get("type")?.text()?);
            return instance.wrong(format!(
                "`{name}` is an instance of the extern `{ty}`, which simple_switch itself does not have"
            ));
        }
        for node in root.list("counter_arrays")? {
            let name = node.name()?;
            let direct = node.flag("is_direct", false)?;
            let size = if direct { 0 } else { node.get("size")?.number()? };
            let control = self.control(if direct { 0x13 } else { 0x12 }, name);
            let unit = CounterUnit::PacketsAndBytes;
            let id = self.ir.counters.push(Counter { control, unit, size, table: None });
            if direct {
                self.direct_counters.insert(node.get("binding")?.text()?, id);
            } else {
                self.counters.insert(name, id);
            }
        }
        for node in root.list("meter_arrays")? {
            self.meter(&node)?;
        }
        for node in root.list("register_arrays")? {
            let name = node.name()?;
            let (width, size) = (node.get("bitwidth")?.small()?, node.get("size")?.number()?);
            let control = self.control(0x16, name);
            let initial = Bits::zero(width.min(1 << 19));
            let id = self.ir.registers.push(Register { control, width, size, initial });
            self.registers.insert(name, id);
        }
        for node in root.list("field_lists")? {
            self.field_lists.insert(node.get("id")?.number()?, node.get("elements")?);
        }
        for node in root.list("learn_lists")? {
            self.learn_list(&node)?;
        }
        Ok(())
    }

    fn meter(&mut self, node: &Node<'a>) -> Lower<()> {
        let name = node.name()?;
        let kind = node.get("type")?;
        let unit = match kind.text()? {
            "packets" => CounterUnit::Packets,
            "bytes" => CounterUnit::Bytes,
            other => return kind.wrong(format!("`packets` or `bytes` is expected here, not `{other}`")),
        };
        if let Some(rates) = node.opt("rate_count")
            && !(1..=2).contains(&rates.number()?)
        {
            return rates.wrong("a meter has one rate or two");
        }
        let direct = node.flag("is_direct", false)?;
        let size = if direct { 0 } else { node.get("size")?.number()? };
        let control = self.control(if direct { 0x15 } else { 0x14 }, name);
        let meter = self.ir.meters.push(Meter { control, unit, size, table: None });
        if direct {
            let result = node.get("result_target")?;
            let [header, field] = result.tuple()?;
            let (_, index) = self.layout.field(&header, &field)?;
            let header = self.header_named(&header)?;
            let target = self.target(&field, &header, index)?;
            self.direct_meters.insert(name, DirectMeter { meter, target });
        } else {
            self.meters.insert(name, meter);
        }
        Ok(())
    }

    /// Documents have a list for every place that learns; lists of one name are one digest.
    fn learn_list(&mut self, node: &Node<'a>) -> Lower<()> {
        let (name, list) = (node.name()?, node.get("elements")?);
        let mut fields = Vec::new();
        for (i, element) in list.items()?.iter().enumerate() {
            let named = element.get("value")?.items()?;
            let name = named.last().and_then(|n| n.value.as_str()).map_or(format!("f{i}"), str::to_owned);
            fields.push((name, self.number(element)?.width));
        }
        let widths = |fields: &[(String, u32)]| fields.iter().map(|(_, w)| *w).collect::<Vec<_>>();
        let known = self.ir.digests.iter().find(|(_, d)| d.control.name == name);
        let id = match known {
            Some((id, digest)) if widths(&digest.fields) == widths(&fields) => id,
            Some(_) => return node.wrong(format!("another digest `{name}` has other fields")),
            None => {
                let control = self.control(0x17, name);
                self.ir.digests.push(Digest { control, fields })
            }
        };
        self.digests.insert(node.get("id")?.number()?, (id, list));
        Ok(())
    }

    /// Sends a digest, with the values of now.
    pub(crate) fn digest(&mut self, list: &Node<'a>) -> Lower<()> {
        let id = constant(list)?.and_then(|n| n.to_u64());
        let Some((digest, elements)) = id.and_then(|id| self.digests.get(&id)).cloned() else {
            return list.wrong("the constant id of a learn list is expected here");
        };
        let mut values = Vec::new();
        for element in elements.items()? {
            values.push(self.number(&element)?.expr);
        }
        self.emit(Stmt::Digest { digest, values });
        Ok(())
    }

    /// The register of a name.
    pub(crate) fn register_named(&self, name: &Node<'a>) -> Lower<RegisterId> {
        let text = name.text()?;
        self.registers.get(text).copied().map_or_else(|| name.wrong(no_such("register array", text)), Ok)
    }

    /// The register that a parameter names.
    pub(crate) fn register_operand(&self, node: &Node<'a>) -> Lower<RegisterId> {
        match node.typed()? {
            ("register_array", name) => self.register_named(&name),
            (other, _) => node.wrong(format!("a `register_array` is expected here, not `{other}`")),
        }
    }

    /// The counter that a parameter names.
    pub(crate) fn counter_operand(&self, node: &Node<'a>) -> Lower<CounterId> {
        match node.typed()? {
            ("counter_array", name) => {
                let text = name.text()?;
                let id = self.counters.get(text).copied();
                id.map_or_else(|| name.wrong(no_such("indirect counter array", text)), Ok)
            }
            (other, _) => node.wrong(format!("a `counter_array` is expected here, not `{other}`")),
        }
    }

    /// The meter that a parameter names.
    pub(crate) fn meter_operand(&self, node: &Node<'a>) -> Lower<MeterId> {
        match node.typed()? {
            ("meter_array", name) => {
                let text = name.text()?;
                let id = self.meters.get(text).copied();
                id.map_or_else(|| name.wrong(no_such("indirect meter array", text)), Ok)
            }
            (other, _) => node.wrong(format!("a `meter_array` is expected here, not `{other}`")),
        }
    }
}
