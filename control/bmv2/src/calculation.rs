//! Calculations (hashes over fields) and the checksums that use them.
//!
//! Invariant: fields are read when the calculation is made. Those of invalid headers are zero, where `simple_switch`
//! leaves them out: for a sum of 16-bit words that is the same.

use heddle_ir::{Expr, HashAlgorithm, Place, Stmt, Ty};
use heddle_p4::lower::fold;

use crate::error::Lower;
use crate::json::Node;
use crate::layout::no_such;
use crate::number::Number;
use crate::operand::hex;
use crate::switch::Lowerer;

/// A named calculation.
#[derive(Clone, Debug)]
pub(crate) struct Calculation<'a> {
    algorithm: HashAlgorithm,
    input: Vec<Node<'a>>,
}

/// The hash function of a name.
pub(crate) fn algorithm(name: &Node<'_>) -> Lower<HashAlgorithm> {
    Ok(match name.text()? {
        "crc32" => HashAlgorithm::Crc32,
        "crc32_custom" => HashAlgorithm::Crc32Custom,
        "crc16" => HashAlgorithm::Crc16,
        "crc16_custom" => HashAlgorithm::Crc16Custom,
        "random" => HashAlgorithm::Random,
        "identity" => HashAlgorithm::Identity,
        "csum16" | "cksum16" => HashAlgorithm::Csum16,
        "xor16" => HashAlgorithm::Xor16,
        other => {
            return name.wrong(format!(
                "the hash function `{other}` is not one of crc32, crc16, csum16, xor16, identity, random and the custom CRCs"
            ));
        }
    })
}

/// Bits of a function's result.
pub(crate) fn result_width(algorithm: HashAlgorithm) -> u32 {
    match algorithm {
        HashAlgorithm::Crc32 | HashAlgorithm::Crc32Custom | HashAlgorithm::Random => 32,
        HashAlgorithm::Crc16 | HashAlgorithm::Crc16Custom | HashAlgorithm::Csum16 | HashAlgorithm::Xor16 => {
            16
        }
        HashAlgorithm::Identity => 64,
    }
}

/// When a checksum is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChecksumUse {
    /// Behind the parser.
    Verify,
    /// Before the deparser.
    Update,
}

impl<'a> Lowerer<'a> {
    /// Reads all calculations.
    pub(crate) fn read_calculations(&mut self, root: &Node<'a>) -> Lower<()> {
        for node in root.list("calculations")? {
            let algorithm = algorithm(&node.get("algo")?)?;
            let calculation = Calculation { algorithm, input: node.get("input")?.items()? };
            self.calculations.insert(node.name()?, calculation);
        }
        Ok(())
    }

    /// The result of a calculation, in `width` bits or in as many as the function has.
    pub(crate) fn calculate(&mut self, name: &Node<'a>, width: Option<u32>) -> Lower<Number> {
        let text = name.text()?;
        let Some(calculation) = self.calculations.get(text).cloned() else {
            return name.wrong(no_such("calculation", text));
        };
        let (mut data, mut payload) = (Vec::new(), false);
        for input in &calculation.input {
            if payload {
                return input.wrong("nothing can follow the payload");
            }
            self.input(input, &mut data, &mut payload)?;
        }
        let width = width.unwrap_or(result_width(calculation.algorithm));
        let dst = self.temp(width);
        self.emit(Stmt::Hash { algorithm: calculation.algorithm, dst, data, payload });
        Ok(Number::unsigned(Expr::read(dst), width))
    }

    fn input(&mut self, input: &Node<'a>, data: &mut Vec<Expr>, payload: &mut bool) -> Lower<()> {
        match input.get("type")?.text()? {
            "payload" => *payload = true,
            "hexstr" => {
                let width = input.get("bitwidth")?.small()?;
                data.push(Expr::Const(fold::bits_of(&hex(&input.get("value")?)?, width)));
            }
            "header" => {
                let header = self.header_named(&input.get("value")?)?;
                let fields = self.layout.types[header.ty()].fields.len();
                data.extend((0..fields).filter_map(|i| header.field(i)).map(Expr::Read));
            }
            _ => {
                let place = self.place(input)?.place;
                data.push(Expr::Read(place));
            }
        }
        Ok(())
    }

    /// The checksums that are verified or updated, as the document says.
    pub(crate) fn checksums(&mut self, root: &Node<'a>, purpose: ChecksumUse) -> Lower<()> {
        for node in root.list("checksums")? {
            let key = if purpose == ChecksumUse::Verify { "verify" } else { "update" };
            if !node.flag(key, true)? {
                continue;
            }
            let kind = node.get("type")?;
            if kind.text()? != "generic" {
                return kind.wrong("a checksum of type `generic`, with a calculation, is expected here");
            }
            let cond = match node.opt("if_cond") {
                Some(cond) => self.truth(&cond)?,
                None => Expr::bool(true),
            };
            let target_node = node.get("target")?;
            let [header, field] = target_node.tuple()?;
            let (_, index) = self.layout.field(&header, &field)?;
            let Some(place) = self.header_named(&header)?.field(index) else {
                return field.wrong("the header has no such field");
            };
            let Ty::Bits(width) = self.layout.types[self.header_named(&header)?.ty()].fields[index].ty else {
                return field.wrong("a checksum is of fixed width");
            };
            let calculation = node.get("calculation")?;
            let block = self.in_block(|l| {
                let sum = l.calculate(&calculation, Some(width))?.expr;
                match purpose {
                    ChecksumUse::Update => l.emit(Stmt::Assign(place, sum)),
                    ChecksumUse::Verify => {
                        let wrong = fold::not(fold::eq(sum, Expr::Read(place)));
                        let then = match l.layout.intrinsic("standard_metadata", "checksum_error") {
                            Some(var) => {
                                let width = l.ir.vars[var].ty.width();
                                vec![Stmt::Assign(Place::Var(var), Expr::constant(width, 1))]
                            }
                            None => Vec::new(),
                        };
                        l.emit(Stmt::when(wrong, then));
                    }
                }
                Ok(())
            })?;
            match cond {
                Expr::Const(bits) if bits.is_zero() => {}
                Expr::Const(_) => self.block.extend(block),
                cond => self.emit(Stmt::when(cond, block)),
            }
        }
        Ok(())
    }
}
