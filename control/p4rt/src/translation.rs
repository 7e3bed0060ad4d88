//! Values that controllers call otherwise than the program does: `@p4runtime_translation` (sections 8.4.6 and 18.1).
//!
//! A mapping is given by the set-up, or is the identity. Names that no mapping knows get the lowest number that is free,
//! unless they are numbers themselves, or name ports, which have to exist.
//!
//! Invariant: within a mapping no two names have the same number.

use std::collections::HashMap;

use heddle_ir::Bits;
use heddle_p4rt_proto::config::p4_new_type_translation::SdnType;
use heddle_p4rt_proto::config::{P4NewTypeSpec, P4TypeInfo, p4_new_type_spec};

use crate::bytestring;
use crate::config::{Config, SdnValue};
use crate::status::Refusal;

/// What P4Runtime reserves for the controller's port (section 18.1.1).
const SDN_PORT_CPU: u64 = 0xffff_fffd;
/// The largest number of an ordinary port.
const SDN_PORT_MAX: u64 = 0xffff_feff;

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As the program has it.
    #[default]
    Plain,
    /// By this mapping.
    Mapped(usize),
}

/// Names or numbers of one kind.
#[derive(Clone, Debug)]
struct Mapping {
    /// The URI; the type's name if that is empty.
    uri: String,
    /// Bits that controllers use; none: names.
    sdn_bitwidth: Option<u32>,
    /// Whether these are ports, so that nothing is made up.
    is_port: bool,
    to: HashMap<SdnValue, u64>,
    from: HashMap<u64, SdnValue>,
    /// Numbers given to names as they came, latest last.
    given: Vec<u64>,
    /// No number below is free.
    lowest: u64,
}

/// All mappings of a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Translations {
    mappings: Vec<Mapping>,
    /// By name of the type.
    types: HashMap<String, usize>,
    /// That of ports outside the program's own objects: replicas and watch ports.
    port: Option<usize>,
    controller_port: u64,
}

impl Translations {
    /// Those that a program's types ask for.
    pub(crate) fn new(types: Option<&P4TypeInfo>, config: &Config) -> Translations {
        let mut own =
            Translations { controller_port: u64::from(config.controller_port), ..Translations::default() };
        let mut named: Vec<_> = types.map(|types| types.new_types.iter().collect()).unwrap_or_default();
        named.sort_by_key(|(name, _)| name.as_str());
        for (name, spec) in named {
            own.add(name, spec, config);
        }
        own
    }

    fn add(&mut self, name: &str, spec: &P4NewTypeSpec, config: &Config) {
        let Some(p4_new_type_spec::Representation::TranslatedType(translated)) = &spec.representation else {
            return;
        };
        let uri = if translated.uri.is_empty() { name } else { translated.uri.as_str() };
        let is_port = name.to_ascii_lowercase().contains("port");
        let sdn_bitwidth = match &translated.sdn_type {
            Some(SdnType::SdnBitwidth(bits)) => Some(u32::try_from(*bits).unwrap_or(0)),
            Some(SdnType::SdnString(_)) | None => None,
        };
        let known = self.mappings.iter().position(|m| m.uri == uri && m.sdn_bitwidth == sdn_bitwidth);
        let index = known.unwrap_or_else(|| {
            let pairs =
                config.translations.iter().filter(|given| given.uri == uri).flat_map(|given| &given.pairs);
            let is_of_kind = |sdn: &SdnValue| matches!(sdn, SdnValue::Number(_)) == sdn_bitwidth.is_some();
            let mut to: HashMap<SdnValue, u64> = pairs.filter(|(sdn, _)| is_of_kind(sdn)).cloned().collect();
            if is_port && sdn_bitwidth.is_some() {
                to.entry(SdnValue::Number(SDN_PORT_CPU)).or_insert(self.controller_port);
            }
            let from = to.iter().map(|(sdn, own)| (*own, sdn.clone())).collect();
            let uri = uri.to_owned();
            self.mappings.push(Mapping {
                uri,
                sdn_bitwidth,
                is_port,
                to,
                from,
                given: Vec::new(),
                lowest: 0,
            });
            self.mappings.len() - 1
        });
        self.types.insert(name.to_owned(), index);
        if is_port && self.port.is_none() {
            self.port = Some(index);
        }
    }

    /// How values of a type are written.
    pub(crate) fn coding(&self, type_name: Option<&str>) -> Coding {
        match type_name.and_then(|name| self.types.get(name)) {
            Some(mapping) => Coding::Mapped(*mapping),
            None => Coding::Plain,
        }
    }

    /// How ports are written.
    pub(crate) fn port(&self) -> Coding {
        self.port.map_or(Coding::Plain, Coding::Mapped)
    }

    /// The program's value, of so many bits.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn decode(&mut self, coding: Coding, width: u32, bytes: &[u8]) -> Result<Bits, Refusal> {
        let Coding::Mapped(index) = coding else { return bytestring::decode(width, bytes) };
        match self.mappings.get_mut(index) {
            Some(mapping) => mapping.decode(width, bytes),
            None => bytestring::decode(width, bytes),
        }
    }

    /// What controllers call it.
    pub(crate) fn encode(&self, coding: Coding, value: &Bits) -> Vec<u8> {
        let Coding::Mapped(index) = coding else { return bytestring::encode(value) };
        match self.mappings.get(index) {
            Some(mapping) => mapping.encode(value),
            None => bytestring::encode(value),
        }
    }

    /// The cell that a controller's index means.
    ///
    /// # Errors
    /// If it means none.
    pub(crate) fn decode_index(&mut self, coding: Coding, index: u64) -> Result<u64, Refusal> {
        match coding {
            Coding::Plain => Ok(index),
            Coding::Mapped(_) => Ok(self.decode(coding, u64::BITS, &index.to_be_bytes())?.low_u64()),
        }
    }

    /// The index that controllers know a cell by.
    pub(crate) fn encode_index(&self, coding: Coding, cell: u64) -> i64 {
        let mapping = match coding {
            Coding::Plain => None,
            Coding::Mapped(index) => self.mappings.get(index),
        };
        let index = match mapping.and_then(|mapping| mapping.from.get(&cell)) {
            Some(SdnValue::Number(number)) => *number,
            Some(SdnValue::Text(_)) | None => cell,
        };
        i64::try_from(index).unwrap_or(i64::MAX)
    }

    /// Numbers given so far, to come back to with [`Translations::take_back`].
    pub(crate) fn mark(&self) -> Vec<usize> {
        self.mappings.iter().map(|mapping| mapping.given.len()).collect()
    }

    /// Forgets numbers given since.
    pub(crate) fn take_back(&mut self, mark: &[usize]) {
        for (mapping, given) in self.mappings.iter_mut().zip(mark) {
            for number in mapping.given.split_off((*given).min(mapping.given.len())) {
                mapping.lowest = mapping.lowest.min(number);
                if let Some(sdn) = mapping.from.remove(&number) {
                    mapping.to.remove(&sdn);
                }
            }
        }
    }

    /// Takes over the numbers that another program's mappings of the same kinds have given.
    pub(crate) fn succeed(&mut self, before: &Translations) {
        for mapping in &mut self.mappings {
            let of_before = before
                .mappings
                .iter()
                .find(|m| m.uri == mapping.uri && m.sdn_bitwidth == mapping.sdn_bitwidth);
            for number in of_before.map(|m| m.given.as_slice()).unwrap_or_default() {
                if let Some(sdn) = of_before.and_then(|m| m.from.get(number)) {
                    mapping.give(sdn.clone(), *number);
                }
            }
        }
    }
}

impl Mapping {
    fn give(&mut self, sdn: SdnValue, number: u64) {
        self.to.insert(sdn.clone(), number);
        self.from.insert(number, sdn);
        self.given.push(number);
    }

    fn decode(&mut self, width: u32, bytes: &[u8]) -> Result<Bits, Refusal> {
        let number = match self.sdn_bitwidth {
            Some(sdn_bitwidth) => self.number(sdn_bitwidth, bytes)?,
            None => self.name(width, bytes)?,
        };
        let fits = width >= u64::BITS || number >> width == 0;
        if !fits {
            return Err(Refusal::out_of_range(format!(
                "{number} has no counterpart of {width} bits in the translation `{}`; map it in the switch's set-up",
                self.uri
            )));
        }
        Ok(Bits::new(width, u128::from(number)))
    }

    fn number(&self, sdn_bitwidth: u32, bytes: &[u8]) -> Result<u64, Refusal> {
        let value = bytestring::decode(sdn_bitwidth, bytes)?;
        let Some(number) = value.to_u64() else {
            return Err(Refusal::out_of_range(format!(
                "the translation `{}` knows no number of more than 64 bits",
                self.uri
            )));
        };
        match self.to.get(&SdnValue::Number(number)) {
            Some(own) => Ok(*own),
            None if self.is_port && number > SDN_PORT_MAX => {
                Err(Refusal::out_of_range(format!("port {number:#x} is reserved and means nothing here")))
            }
            // What another number is mapped to cannot be had by its own name as well.
            None if self.from.contains_key(&number) => Err(Refusal::out_of_range(format!(
                "{number} is not known to the translation `{}`; map it in the switch's set-up",
                self.uri
            ))),
            None => Ok(number),
        }
    }

    fn name(&mut self, width: u32, bytes: &[u8]) -> Result<u64, Refusal> {
        let Ok(name) = std::str::from_utf8(bytes) else {
            return Err(Refusal::invalid(format!("the translation `{}` takes names, as UTF-8", self.uri)));
        };
        if name.is_empty() {
            return Err(Refusal::out_of_range(format!("the translation `{}` has no empty name", self.uri)));
        }
        let sdn = SdnValue::Text(name.to_owned());
        if let Some(number) = self.to.get(&sdn) {
            return Ok(*number);
        }
        let fits = |number: u64| width >= u64::BITS || number >> width == 0;
        if let Ok(number) = name.parse::<u64>()
            && number.to_string() == name
            && fits(number)
            && !self.from.contains_key(&number)
        {
            self.give(sdn, number);
            return Ok(number);
        }
        if self.is_port {
            return Err(Refusal::invalid(format!(
                "there is no port `{name}`; name one that the switch's set-up knows, or give its number"
            )));
        }
        while self.from.contains_key(&self.lowest) {
            self.lowest += 1;
        }
        if !fits(self.lowest) {
            return Err(Refusal::exhausted(format!(
                "no number of {width} bits is left for `{name}` in the translation `{}`",
                self.uri
            )));
        }
        self.give(sdn, self.lowest);
        Ok(self.lowest)
    }

    fn encode(&self, value: &Bits) -> Vec<u8> {
        let number = value.to_u64();
        match number.and_then(|number| self.from.get(&number)) {
            Some(SdnValue::Number(number)) => bytestring::encode(&Bits::new(u64::BITS, u128::from(*number))),
            Some(SdnValue::Text(name)) => name.clone().into_bytes(),
            None if self.sdn_bitwidth.is_some() => bytestring::encode(value),
            None => {
                number.map_or_else(|| bytestring::encode(value), |number| number.to_string().into_bytes())
            }
        }
    }
}
