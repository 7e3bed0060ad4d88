//! Parsers: states, transitions, value sets.
//!
//! Invariant: only states that `start` reaches are lowered; the block that gives variables their first values runs
//! once per application, even if `start` is entered again.

use cranelift_entity::PrimaryMap;
use hashbrown::{HashMap, HashSet};
use heddle_ir as ir;
use heddle_ir::{Expr as IrExpr, MatchKind, Stmt};

use super::layout::{SYMBOL_WIDTH, Shape};
use super::mention::has_effects;
use super::names::{is_hidden, qualified};
use super::{InstId, Lower, Lowerer, annotation, codes};
use crate::hir::{
    AnnotationBody, Expr, Keyset, KeysetKind, ParserId, SelectCase, StateId, Target, Transition, Ty,
    ValueSetId,
};
use crate::source::Span;

impl Lowerer<'_> {
    /// A parser in the current activation.
    pub(crate) fn lower_parser(
        &mut self,
        inst: InstId,
        parser: ParserId,
        reset_out: bool,
    ) -> Lower<ir::ParserId> {
        let decl = &self.hir.parsers[parser];
        let span = decl.decl.span;
        let Some(start) = decl.start else {
            return self.unsupported(span, "a parser without a state `start`");
        };
        let reachable = reachable_states(parser, self.hir, start);
        let (init, ()) = self.in_block(|l| {
            if reset_out {
                l.reset_out_params(&decl.params, None)?;
            }
            l.declare_locals(&decl.locals)
        })?;
        let start_again =
            reachable.iter().any(|s| decl.states[*s].transition.targets().any(|t| t == Target::State(start)));
        let own_init = !init.is_empty() && start_again;

        // Numbers first: transitions may lead anywhere.
        let mut states: PrimaryMap<ir::StateId, ir::State> = PrimaryMap::new();
        let empty = |name: &str| ir::State {
            name: name.to_owned(),
            block: Vec::new(),
            transition: ir::Transition::Goto(ir::Target::Reject),
        };
        let first = own_init.then(|| states.push(empty("$init")));
        let mut numbers = HashMap::new();
        for state in &reachable {
            numbers.insert(*state, states.push(empty(&decl.states[*state].decl.name)));
        }
        let mut result = Ok(());
        for state in &reachable {
            let number = numbers[state];
            match self.in_loop(|l| l.lower_state(parser, *state, &numbers)) {
                Ok(steps) => {
                    let name = &decl.states[*state].decl.name;
                    chain(steps, number, || empty(&format!("{name}.select")), &mut states);
                }
                Err(reported) => result = Err(reported),
            }
        }
        result?;
        let start = numbers[&start];
        let entry = match first {
            Some(first) => {
                states[first].block = init;
                states[first].transition = ir::Transition::Goto(ir::Target::State(start));
                first
            }
            None => {
                states[start].block.splice(0..0, init);
                start
            }
        };
        let error = match self.parser_error {
            Some(var) => var,
            None => {
                let var = self.new_var("parser_error", ir::Ty::Bits(SYMBOL_WIDTH));
                self.parser_error = Some(var);
                var
            }
        };
        let lowered = self.ir.parsers.push(ir::Parser {
            name: self.insts[inst].name.clone(),
            states,
            start: entry,
            error,
            step_bound: self.options.parser_step_bound,
        });
        self.attribute(span);
        Ok(lowered)
    }

    /// What a state does, and then, for every case with a keyset that calls something, what is done if no case before
    /// has matched.
    fn lower_state(
        &mut self,
        parser: ParserId,
        state: StateId,
        numbers: &HashMap<StateId, ir::StateId>,
    ) -> Lower<Vec<Step>> {
        let state = &self.hir.parsers[parser].states[state];
        let mut steps = Vec::new();
        let (block, transition) = self.in_block(|l| {
            l.lower_block(&state.body)?;
            l.transition(&state.transition, numbers, &mut steps)
        })?;
        steps.push((block, transition));
        if annotation(&state.decl.annotations, "atomic").is_some() {
            // A section ends with its block, and what a later keyset calls is in another one.
            let [(block, _)] = &mut steps[..] else {
                return self.unsupported(
                    state.decl.span,
                    "an `@atomic` state in which a keyset calls something behind another case",
                );
            };
            *block = vec![Stmt::Atomic(std::mem::take(block))];
        }
        Ok(steps)
    }

    fn transition(
        &mut self,
        transition: &Transition,
        numbers: &HashMap<StateId, ir::StateId>,
        steps: &mut Vec<Step>,
    ) -> Lower<ir::Transition> {
        match transition {
            Transition::Goto(target) => Ok(ir::Transition::Goto(target_of(*target, numbers))),
            Transition::Select { on, cases, span } => {
                let calls = cases.iter().any(calls_something);
                let mut exprs = Vec::new();
                // How many scalars each value has, and whether it is signed.
                let mut parts = Vec::new();
                for (expr, value) in on.iter().zip(self.values(on)?) {
                    let before = exprs.len();
                    let value = if calls { self.pin(value) } else { value };
                    self.flatten(value, expr.span, &mut exprs)?;
                    parts.push((exprs.len() - before, self.is_signed(&expr.ty)));
                }
                let mut lowered = Vec::new();
                for case in cases {
                    if calls_something(case) && !lowered.is_empty() {
                        let cases = std::mem::take(&mut lowered);
                        let step = ir::Transition::Select { on: exprs.clone(), cases };
                        steps.push((std::mem::take(&mut self.block), step));
                    }
                    let matches = self.select_case(case, on, &parts, &exprs, *span)?;
                    let target = target_of(case.target, numbers);
                    let all = match &matches {
                        ir::SelectMatch::Each(keys) => keys.iter().all(|k| *k == ir::Keyset::Any),
                        ir::SelectMatch::ValueSet(_) => false,
                    };
                    if all && lowered.is_empty() {
                        return Ok(ir::Transition::Goto(target));
                    }
                    lowered.push(ir::SelectCase { matches, target });
                    if all {
                        // Nothing gets past it.
                        break;
                    }
                }
                Ok(ir::Transition::Select { on: exprs, cases: lowered })
            }
        }
    }

    fn select_case(
        &mut self,
        case: &SelectCase,
        on: &[Expr],
        parts: &[(usize, bool)],
        exprs: &[IrExpr],
        span: Span,
    ) -> Lower<ir::SelectMatch> {
        if let [key] = case.keys.as_slice() {
            match &key.kind {
                KeysetKind::Any => return Ok(ir::SelectMatch::Each(vec![ir::Keyset::Any; exprs.len()])),
                KeysetKind::ValueSet(id) if on.len() > 1 || parts.iter().all(|(n, _)| *n != 1) => {
                    return Ok(ir::SelectMatch::ValueSet(self.value_set(*id)?));
                }
                KeysetKind::ValueSet(_)
                | KeysetKind::Value(_)
                | KeysetKind::Mask(..)
                | KeysetKind::Range(..) => {}
            }
        }
        if case.keys.len() != on.len() {
            return self.unsupported(span, "a case with another number of values than the select");
        }
        let calls = calls_something(case);
        let mut keys = Vec::new();
        let mut at = 0;
        for (key, (count, signed)) in case.keys.iter().zip(parts) {
            let widths: Vec<u32> = exprs[at..at + count].iter().map(|e| self.expr_width(e)).collect();
            at += count;
            self.keyset(key, &widths, *signed, calls, &mut keys)?;
        }
        Ok(ir::SelectMatch::Each(keys))
    }

    /// What a keyset holds; it must be kept if a later one calls something.
    fn keyset(
        &mut self,
        key: &Keyset,
        widths: &[u32],
        signed: bool,
        keep: bool,
        into: &mut Vec<ir::Keyset>,
    ) -> Lower<()> {
        let span = key.span;
        match &key.kind {
            KeysetKind::Any => into.extend(widths.iter().map(|_| ir::Keyset::Any)),
            KeysetKind::Value(expr) => {
                let flat = self.key_parts(expr, widths, keep)?;
                into.extend(flat.into_iter().map(ir::Keyset::Value));
            }
            KeysetKind::Mask(value, mask) => {
                let values = self.key_parts(value, widths, keep)?;
                let masks = self.key_parts(mask, widths, keep)?;
                for (value, mask) in values.into_iter().zip(masks) {
                    into.push(ir::Keyset::Mask(value, mask));
                }
            }
            KeysetKind::Range(low, high) => {
                let lows = self.key_parts(low, widths, keep)?;
                let highs = self.key_parts(high, widths, keep)?;
                for (low, high) in lows.into_iter().zip(highs) {
                    into.push(if signed {
                        ir::Keyset::RangeSigned(low, high)
                    } else {
                        ir::Keyset::Range(low, high)
                    });
                }
            }
            KeysetKind::ValueSet(id) if widths.len() == 1 => {
                into.push(ir::Keyset::ValueSet(self.value_set(*id)?))
            }
            KeysetKind::ValueSet(_) => {
                return self.unsupported(span, "a value set of structs among other values");
            }
        }
        Ok(())
    }

    /// The scalars of a keyset's value, with the widths of what is selected on.
    fn key_parts(&mut self, expr: &Expr, widths: &[u32], keep: bool) -> Lower<Vec<IrExpr>> {
        let value = self.value(expr)?;
        let value = if keep { self.pin(value) } else { value };
        let mut flat = Vec::new();
        if let (super::Value::Const(super::CValue::Int(int)), [width]) = (&value, widths) {
            return Ok(vec![IrExpr::Const(super::bits_of(int, *width))]);
        }
        self.flatten(value, expr.span, &mut flat)?;
        if flat.len() != widths.len() {
            return self.unsupported(expr.span, "a case of another shape than what is selected on");
        }
        Ok(flat
            .into_iter()
            .zip(widths)
            .map(|(expr, width)| {
                let own = self.expr_width(&expr);
                super::fold::resize(expr, own, *width, false)
            })
            .collect())
    }

    /// A value set of the parser around.
    fn value_set(&mut self, id: ValueSetId) -> Lower<ir::ValueSetId> {
        let decl = &self.hir.value_sets[id];
        let span = decl.decl.span;
        let Some(inst) = self.current_inst() else {
            return self.unsupported(span, "a value set outside of a parser");
        };
        if let Some(&known) = self.value_sets.get(&(inst, id)) {
            return Ok(known);
        }
        let size = self.constant_size(&decl.size)?;
        let mut keys = Vec::new();
        self.value_set_keys(&decl.element, "", MatchKind::Exact, span, &mut keys)?;
        let control = ir::ControlName {
            name: qualified(&self.insts[inst].name, &decl.decl),
            id: 0,
            hidden: is_hidden(&decl.decl.annotations),
        };
        let lowered = self.ir.value_sets.push(ir::ValueSet { control, keys, size });
        self.attribute(span);
        self.value_sets.insert((inst, id), lowered);
        self.value_set_origins.insert(lowered, id);
        Ok(lowered)
    }

    fn value_set_keys(
        &mut self,
        ty: &Ty,
        name: &str,
        kind: MatchKind,
        span: Span,
        into: &mut Vec<(String, u32, MatchKind)>,
    ) -> Lower<()> {
        match self.shape(ty, span)? {
            Shape::Scalar(ir::Ty::Bits(width)) => into.push((name.to_owned(), width, kind)),
            Shape::Struct(fields) => {
                let kinds: Vec<MatchKind> = match self.strip(ty) {
                    Ty::Composite(id, _) => {
                        let fields = &self.hir.types.composites[id].fields;
                        fields.iter().map(|f| match_annotation(&f.decl.annotations).unwrap_or(kind)).collect()
                    }
                    _ => vec![kind; fields.len()],
                };
                for ((field, ty), kind) in fields.into_iter().zip(kinds) {
                    let name = if name.is_empty() { field.to_string() } else { format!("{name}.{field}") };
                    self.value_set_keys(&ty, &name, kind, span, into)?;
                }
            }
            Shape::Scalar(ir::Ty::Varbit(_))
            | Shape::Header
            | Shape::Union(_)
            | Shape::Stack(..)
            | Shape::Nothing => {
                return self.unsupported(span, "a value set of this type");
            }
        }
        Ok(())
    }

    /// How a key is matched, by the name of its match kind.
    pub(crate) fn match_kind(&mut self, name: &str, span: Span) -> Lower<MatchKind> {
        match kind_named(name) {
            Some(kind) => Ok(kind),
            None => {
                self.error(codes::NOT_SUPPORTED, span, format!("match kind `{name}` is not supported yet"))
            }
        }
    }
}

/// The match kind of that name.
fn kind_named(name: &str) -> Option<MatchKind> {
    Some(match name {
        "exact" => MatchKind::Exact,
        "lpm" => MatchKind::Lpm,
        "ternary" => MatchKind::Ternary,
        "range" => MatchKind::Range,
        "optional" => MatchKind::Optional,
        "selector" => MatchKind::Selector,
        _ => return None,
    })
}

/// The match kind that `@match` gives a field of a value set's element (P4Runtime, value sets).
pub(crate) fn match_annotation(annotations: &[crate::hir::Annotation]) -> Option<MatchKind> {
    match &annotation(annotations, "match")?.body {
        AnnotationBody::Unstructured(tokens) => tokens.iter().find_map(|t| kind_named(&t.text)),
        AnnotationBody::Empty | AnnotationBody::Expressions(_) | AnnotationBody::Pairs(_) => None,
    }
}

/// What a state does, and where it goes then.
type Step = (ir::Block, ir::Transition);

/// Lets one step follow the other where no case of a select matches: the first is the state with that number, the others
/// are states of their own.
fn chain(
    steps: Vec<Step>,
    mut number: ir::StateId,
    mut new: impl FnMut() -> ir::State,
    states: &mut PrimaryMap<ir::StateId, ir::State>,
) {
    let mut steps = steps.into_iter().peekable();
    while let Some((block, mut transition)) = steps.next() {
        let current = number;
        if let (ir::Transition::Select { on, cases }, true) = (&mut transition, steps.peek().is_some()) {
            number = states.push(new());
            let matches = ir::SelectMatch::Each(vec![ir::Keyset::Any; on.len()]);
            cases.push(ir::SelectCase { matches, target: ir::Target::State(number) });
        }
        states[current].block = block;
        states[current].transition = transition;
    }
}

/// Whether a keyset of the case does more than give a value.
fn calls_something(case: &SelectCase) -> bool {
    case.keys.iter().any(|key| match &key.kind {
        KeysetKind::Any | KeysetKind::ValueSet(_) => false,
        KeysetKind::Value(value) => has_effects(value),
        KeysetKind::Mask(a, b) | KeysetKind::Range(a, b) => has_effects(a) || has_effects(b),
    })
}

fn reachable_states(parser: ParserId, hir: &crate::hir::Program, start: StateId) -> Vec<StateId> {
    let states = &hir.parsers[parser].states;
    let mut seen: HashSet<StateId> = HashSet::from_iter([start]);
    let mut order = vec![start];
    let mut at = 0;
    while let Some(state) = order.get(at).copied() {
        at += 1;
        for target in states[state].transition.targets() {
            if let Target::State(next) = target
                && seen.insert(next)
            {
                order.push(next);
            }
        }
    }
    order
}

fn target_of(target: Target, numbers: &HashMap<StateId, ir::StateId>) -> ir::Target {
    match target {
        Target::State(state) => numbers.get(&state).map_or(ir::Target::Reject, |s| ir::Target::State(*s)),
        Target::Accept => ir::Target::Accept,
        Target::Reject => ir::Target::Reject,
    }
}
