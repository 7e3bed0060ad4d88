//! The parser and its value sets.
//!
//! Invariant: a transition's value is split as it was put together, every part padded to whole bytes.

use std::collections::HashMap;

use heddle_ir::{
    Bits, Expr, HeaderId, HeaderRef, Keyset, MatchKind, Parser, ParserId, SelectCase, SelectMatch, State,
    StateId, Stmt, Target, Transition, Ty, ValueSet, ValueSetId, error_code,
};
use heddle_p4::lower::fold;
use num_bigint::BigInt;

use crate::error::Lower;
use crate::json::Node;
use crate::layout::{INDEX_WIDTH, StackInfo, no_such};
use crate::number::Number;
use crate::operand::{HeaderValue, hex};
use crate::switch::Lowerer;

/// State transitions after which a parser gives up, as for P4 source.
const STEP_BOUND: u32 = 4096;

/// Entries that a value set holds if nobody says more.
const VALUE_SET_SIZE: u64 = 1024;

impl<'a> Lowerer<'a> {
    /// Lowers the parser `parser`.
    pub(crate) fn parser(&mut self, root: &Node<'a>, error: heddle_ir::VarId) -> Lower<ParserId> {
        for set in root.list("parse_vsets")? {
            self.value_set_sources.insert(set.name()?, set);
        }
        let parsers = root.get("parsers")?;
        let Some(node) = parsers.items()?.into_iter().find(|p| p.value["name"] == "parser") else {
            return parsers.wrong("simple_switch runs a parser called `parser`, and there is none");
        };
        let states_node = node.get("parse_states")?;
        let (mut states, mut parser) = (HashMap::new(), empty(error));
        for state in states_node.items()? {
            let name = state.name()?;
            let id = parser.states.push(State {
                name: name.to_owned(),
                block: Vec::new(),
                transition: Transition::Goto(Target::Accept),
            });
            if states.insert(name, id).is_some() {
                return state.wrong(format!("there is a state `{name}` already"));
            }
        }
        self.in_parser = true;
        for state in states_node.items()? {
            let (block, transition) = self.state(&state, &states)?;
            if let Some(id) = states.get(state.name()?) {
                parser.states[*id].block = block;
                parser.states[*id].transition = transition;
            }
        }
        self.in_parser = false;
        parser.start = match node.opt("init_state") {
            None => {
                // Nothing to parse.
                parser.states.push(State {
                    name: "start".to_owned(),
                    block: Vec::new(),
                    transition: Transition::Goto(Target::Accept),
                })
            }
            Some(start) => match target(&start, &states)? {
                Target::State(id) => id,
                Target::Accept | Target::Reject => return start.wrong("a state is expected here"),
            },
        };
        Ok(self.ir.parsers.push(parser))
    }

    fn state(
        &mut self,
        node: &Node<'a>,
        states: &HashMap<&'a str, StateId>,
    ) -> Lower<(Vec<Stmt>, Transition)> {
        let outer = std::mem::take(&mut self.block);
        let result = self.state_parts(node, states);
        let block = std::mem::replace(&mut self.block, outer);
        Ok((block, result?))
    }

    fn state_parts(&mut self, node: &Node<'a>, states: &HashMap<&'a str, StateId>) -> Lower<Transition> {
        for op in node.list("parser_ops")? {
            self.parser_op(&op)?;
        }
        let mut on: Vec<Number> = Vec::new();
        for part in node.list("transition_key")? {
            on.push(self.number(&part)?);
        }
        self.transition(node, on, states)
    }

    fn parser_op(&mut self, node: &Node<'a>) -> Lower<()> {
        let op = node.get("op")?;
        let params = node.get("parameters")?;
        match op.text()? {
            "extract" => {
                let [what] = params.tuple()?;
                self.extract(&what, None)
            }
            "extract_VL" => {
                let [what, length] = params.tuple()?;
                self.extract(&what, Some(&length))
            }
            "set" => {
                let [dst, src] = params.tuple()?;
                self.assign_to(&dst, &src)
            }
            "verify" => {
                let [cond, error] = params.tuple()?;
                let cond = self.truth(&cond)?;
                let code = match error.value.as_u64() {
                    // Older documents have the bare number.
                    Some(code) => Number::constant(&BigInt::from(code)),
                    None => self.number(&error)?,
                };
                let error = self.errors.inward(code.to(INDEX_WIDTH));
                self.emit(Stmt::Verify { cond, error });
                Ok(())
            }
            "advance" => {
                let [bits] = params.tuple()?;
                let bits = self.bits(&bits, 32)?;
                self.emit(Stmt::Advance(bits));
                Ok(())
            }
            "shift" => {
                let [bytes] = params.tuple()?;
                let bits = u128::from(bytes.small()?) * 8;
                self.emit(Stmt::Advance(Expr::constant(32, bits)));
                Ok(())
            }
            "primitive" => {
                let [call] = params.tuple()?;
                self.primitive(&call)
            }
            other => op.wrong(format!("`{other}` is no operation of a parser")),
        }
    }

    fn extract(&mut self, what: &Node<'a>, length: Option<&Node<'a>>) -> Lower<()> {
        let (kind, value) = what.typed()?;
        let (header, ty, stack) = match kind {
            "regular" => match self.header_named(&value)? {
                HeaderValue::Header(header, ty) => (header, ty, None),
                HeaderValue::Metadata(..) => return value.wrong("metadata cannot be extracted"),
            },
            "stack" => {
                let stack = self.layout.stack_named(&value)?.clone();
                let (header, ty) = self.next_element(&value, &stack, 0)?;
                (header, ty, Some(stack))
            }
            "union_stack" => {
                let [name, member] = value.tuple()?;
                let stack = self.layout.union_stack_named(&name)?.clone();
                let column = self.layout.union_stack_member(&name, &member)?;
                let (header, ty) = self.next_element(&name, &stack, column)?;
                (header, ty, Some(stack))
            }
            other => {
                return what
                    .wrong(format!("`regular`, `stack` or `union_stack` is expected here, not `{other}`"));
            }
        };
        let varbit = self.layout.types[ty].fields.iter().position(|f| matches!(f.ty, Ty::Varbit(_)));
        let varbit_bits = match (varbit, length, self.layout.types[ty].length.clone()) {
            (Some(_), Some(length), _) => Some(self.bits(length, 32)?),
            (Some(index), None, Some(length)) => Some(self.legacy_length(&length, ty, index)?),
            (Some(_), None, None) => {
                return what.wrong("a header with a field of variable length needs `extract_VL`");
            }
            (None, _, _) => None,
        };
        self.emit(Stmt::Extract { header, varbit_bits });
        if let Some(stack) = stack {
            let more = fold::binary(
                heddle_ir::BinaryOp::Add,
                Expr::read(stack.next),
                Expr::constant(INDEX_WIDTH, 1),
            );
            self.emit(Stmt::assign(stack.next, more));
        }
        Ok(())
    }

    /// The element of a stack that comes next; there has to be one.
    fn next_element(&mut self, at: &Node<'a>, stack: &StackInfo, column: usize) -> Lower<(HeaderRef, usize)> {
        let (Some(id), Some(ty)) = (stack.columns.get(column), stack.types.get(column)) else {
            return at.wrong("the stack has no elements");
        };
        let next = Expr::read(stack.next);
        let size = Expr::constant(INDEX_WIDTH, stack.size.into());
        let error = Expr::constant(INDEX_WIDTH, error_code::STACK_OUT_OF_BOUNDS.into());
        self.emit(Stmt::Verify { cond: next.clone().lt(size), error });
        Ok((HeaderRef::element(*id, next), *ty))
    }

    /// A length that a header type's own expression gives, from the fields before the `varbit`.
    fn legacy_length(&mut self, length: &Node<'a>, ty: usize, varbit: usize) -> Lower<Expr> {
        let widths: Vec<u32> = self.layout.types[ty].fields[..varbit].iter().map(|f| f.ty.width()).collect();
        let total: u32 = widths.iter().sum();
        let ahead = self.temp(total.max(1));
        if total > 0 {
            self.emit(Stmt::Lookahead(ahead));
        }
        let mut rest = total;
        let locals = widths.iter().map(|width| {
            rest -= width;
            match *width {
                0 => Number::unsigned(Expr::bool(false), 1),
                width => {
                    Number::unsigned(fold::slice(Expr::read(ahead), total, rest + width - 1, rest), width)
                }
            }
        });
        let outer = std::mem::replace(&mut self.locals, locals.collect());
        let bits = self.bits(length, 32);
        self.locals = outer;
        bits
    }

    fn transition(
        &mut self,
        node: &Node<'a>,
        mut on: Vec<Number>,
        states: &HashMap<&'a str, StateId>,
    ) -> Lower<Transition> {
        let widths: Vec<u32> = on.iter().map(|part| part.width).collect();
        // A document without a default accepts what nothing matches.
        let (mut cases, mut otherwise) = (Vec::new(), Target::Accept);
        // What only a masked value set looks at: other cases do not mind.
        let mut masked: Vec<Expr> = Vec::new();
        for case in node.list("transitions")? {
            let next = match case.opt("next_state") {
                Some(next) => target(&next, states)?,
                None => Target::Accept,
            };
            let value = case.opt("value");
            let kind = match (case.opt("type"), &value) {
                (Some(kind), _) if kind.text()? != "hexstr" => kind.text()?,
                (_, Some(value)) if value.value == "default" => "default",
                _ => "hexstr",
            };
            match (kind, value) {
                ("default", _) => otherwise = next,
                (_, _) if on.is_empty() => {
                    return case.wrong("only a default transition is possible without a `transition_key`");
                }
                ("hexstr", Some(value)) => {
                    let values = split(&value, &widths)?;
                    let masks = match case.opt("mask") {
                        Some(mask) => Some(split(&mask, &widths)?),
                        None => None,
                    };
                    let each = (0..widths.len()).map(|i| keyset(&values[i], masks.as_ref().map(|m| &m[i])));
                    cases.push((SelectMatch::Each(each.collect()), next));
                }
                ("parse_vset", Some(value)) => {
                    let set = self.value_set(&value, &widths)?;
                    match (case.opt("mask"), on.as_slice()) {
                        (None, [_]) => cases.push((SelectMatch::Each(vec![Keyset::ValueSet(set)]), next)),
                        (None, _) => cases.push((SelectMatch::ValueSet(set), next)),
                        (Some(mask), [one]) => {
                            let bits = split(&mask, &widths)?.swap_remove(0);
                            let cut =
                                fold::binary(heddle_ir::BinaryOp::And, one.expr.clone(), Expr::Const(bits));
                            masked.push(cut);
                            let mut each = vec![Keyset::Any; masked.len()];
                            each.push(Keyset::ValueSet(set));
                            cases.push((SelectMatch::Each(each), next));
                        }
                        (Some(mask), _) => {
                            return mask.wrong("a value set of several values cannot be masked");
                        }
                    }
                }
                (other, _) => {
                    return case.wrong(format!(
                        "a transition of type `default`, `hexstr` or `parse_vset` with a value is expected here, not `{other}`"
                    ));
                }
            }
        }
        if cases.is_empty() {
            return Ok(Transition::Goto(otherwise));
        }
        on.extend(
            masked.into_iter().map(|expr| Number::unsigned(expr, widths.first().copied().unwrap_or(1))),
        );
        let mut all: Vec<SelectCase> = Vec::new();
        for (matches, target) in cases {
            let matches = match matches {
                SelectMatch::Each(mut each) => {
                    each.resize(on.len(), Keyset::Any);
                    SelectMatch::Each(each)
                }
                SelectMatch::ValueSet(set) => SelectMatch::ValueSet(set),
            };
            all.push(SelectCase { matches, target });
        }
        all.push(SelectCase { matches: SelectMatch::Each(vec![Keyset::Any; on.len()]), target: otherwise });
        Ok(Transition::Select { on: on.into_iter().map(|part| part.expr).collect(), cases: all })
    }

    /// A value set. Its members are as wide as what it is asked for.
    fn value_set(&mut self, name: &Node<'a>, widths: &[u32]) -> Lower<ValueSetId> {
        let text = name.text()?;
        let Some(source) = self.value_set_sources.get(text).cloned() else {
            return name.wrong(no_such("parser value set", text));
        };
        let total = source.get("compressed_bitwidth")?.small()?;
        if u64::from(total) != widths.iter().map(|w| u64::from(*w)).sum::<u64>() {
            return name.wrong(format!("the value set has values of {total} bits, and the key has others"));
        }
        if let Some(id) = self.value_sets.get(text) {
            let known = self.ir.value_sets[*id].keys.iter().map(|(_, width, _)| *width);
            if known.eq(widths.iter().copied()) {
                return Ok(*id);
            }
            return name.wrong("the value set is asked for values of other widths elsewhere");
        }
        let keys = widths.iter().enumerate().map(|(i, w)| (format!("f{i}"), *w, MatchKind::Exact)).collect();
        let control = self.control(0x03, text);
        let id = self.ir.value_sets.push(ValueSet { control, keys, size: VALUE_SET_SIZE });
        self.value_sets.insert(text, id);
        Ok(id)
    }

    /// The headers that the deparser writes, in order.
    pub(crate) fn deparser_order(&self, root: &Node<'a>) -> Lower<Vec<HeaderId>> {
        let deparsers = root.get("deparsers")?;
        let Some(node) = deparsers.items()?.into_iter().find(|d| d.value["name"] == "deparser") else {
            return deparsers.wrong("simple_switch runs a deparser called `deparser`, and there is none");
        };
        let mut order = Vec::new();
        for name in node.get("order")?.items()? {
            match self.header_named(&name)? {
                HeaderValue::Header(HeaderRef::One(id), _) => order.push(id),
                HeaderValue::Header(HeaderRef::Element(..), _) | HeaderValue::Metadata(..) => {
                    return name.wrong("a header is expected here, not metadata");
                }
            }
        }
        Ok(order)
    }
}

fn empty(error: heddle_ir::VarId) -> Parser {
    Parser {
        name: "parser".to_owned(),
        states: Default::default(),
        start: StateId::from_u32(0),
        error,
        step_bound: STEP_BOUND,
    }
}

fn target(name: &Node<'_>, states: &HashMap<&str, StateId>) -> Lower<Target> {
    let text = name.text()?;
    match states.get(text) {
        Some(id) => Ok(Target::State(*id)),
        None => name.wrong(no_such("parser state", text)),
    }
}

/// A transition's value, part by part.
fn split(value: &Node<'_>, widths: &[u32]) -> Lower<Vec<Bits>> {
    let total: u32 = widths.iter().map(|w| w.div_ceil(8) * 8).sum();
    let number = hex(value)?;
    if number.bits() > u64::from(total) {
        return value.wrong(format!("the value has more than the {} bytes of the transition key", total / 8));
    }
    let all = fold::bits_of(&number, total);
    let mut rest = total;
    let parts = widths.iter().map(|width| {
        rest -= width.div_ceil(8) * 8;
        all.slice(rest + width - 1, rest)
    });
    Ok(parts.collect())
}

fn keyset(value: &Bits, mask: Option<&Bits>) -> Keyset {
    match mask {
        Some(mask) if mask.is_zero() => Keyset::Any,
        Some(mask) if !mask.is_ones() => {
            Keyset::Mask(Expr::Const(value.and(mask)), Expr::Const(mask.clone()))
        }
        Some(_) | None => Keyset::Value(Expr::Const(value.clone())),
    }
}

/// Codes of parser errors, in the document's numbers and in the IR's.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    /// Pairs of document's and IR's code.
    codes: Vec<(u64, u32)>,
}

impl Errors {
    /// Reads the errors that a document declares; those of `core.p4` have a place of their own.
    pub(crate) fn read(root: &Node<'_>, names: &mut Vec<String>) -> Lower<Errors> {
        let mut codes = Vec::new();
        for error in root.list("errors")? {
            let [name, code] = error.tuple()?;
            let text = name.text()?;
            let position = match names.iter().position(|known| known == text) {
                Some(position) => position,
                None => {
                    names.push(text.to_owned());
                    names.len() - 1
                }
            };
            codes.push((code.number()?, position as u32));
        }
        Ok(Errors { codes })
    }

    /// Whether both count alike.
    pub(crate) fn are_alike(&self) -> bool {
        self.codes.iter().all(|(outer, inner)| *outer == u64::from(*inner))
    }

    fn mapped(&self, code: Expr, pairs: impl Iterator<Item = (u64, u64)>) -> Expr {
        if self.are_alike() {
            return code;
        }
        let konst = |value: u64| Expr::constant(INDEX_WIDTH, value.into());
        pairs.fold(code.clone(), |rest, (from, to)| {
            fold::mux(fold::eq(code.clone(), konst(from)), konst(to), rest)
        })
    }

    /// A code of the document's as the IR has it.
    fn inward(&self, code: Expr) -> Expr {
        self.mapped(code, self.codes.iter().map(|(outer, inner)| (*outer, u64::from(*inner))))
    }

    /// A code of the IR's as the document has it.
    pub(crate) fn outward(&self, code: Expr) -> Expr {
        self.mapped(code, self.codes.iter().map(|(outer, inner)| (u64::from(*inner), *outer)))
    }
}
