//! Pipelines: graphs of tables, conditions and calls, as structured control flow.
//!
//! A node is followed, in the same block, by the node that all ways from it lead to. What several ways lead to
//! without all doing so is a body of its own, so that the program stays as small as the graph.
//!
//! Invariant: every node runs where, and only where, the graph has it run.

use std::collections::HashMap;

use heddle_ir::{Bits, Block, Body, BodyId, Callee, Expr, Stmt, Ty};

use crate::action::ActionRef;
use crate::error::Lower;
use crate::json::Node;
use crate::layout::no_such;
use crate::switch::Lowerer;
use crate::table::{TableInfo, TableIs};

/// Blocks that may nest: what the IR allows, less what stands around a pipeline.
const NESTING_MAX: usize = 200;

/// Bits of the slot that says which action ran.
const ACTION_RUN_WIDTH: u32 = 32;

/// A node of the graph.
struct Stage<'a> {
    node: Node<'a>,
    does: Does<'a>,
    /// Where it can lead, each once.
    next: Vec<usize>,
    /// What leads to it.
    previous: Vec<usize>,
}

enum Does<'a> {
    /// By position of the action that ran, and if none did.
    Table(TableInfo<'a>, ByAction),
    HitMiss(TableInfo<'a>, usize, usize),
    Condition(Node<'a>, usize, usize),
    Call(ActionRef, usize),
}

struct ByAction {
    actions: Vec<usize>,
    none: usize,
}

/// A pipeline's nodes; the number after the last stands for the end.
struct Graph<'a> {
    stages: Vec<Stage<'a>>,
    start: usize,
    /// The nearest node that every way from a node leads to.
    joins: Vec<usize>,
    /// The nearest node that every way to a node comes from.
    dominators: Vec<usize>,
    /// Position of nodes in an order in which every node is behind those that lead to it.
    ranks: Vec<usize>,
    shared: HashMap<(usize, usize), BodyId>,
}

impl Graph<'_> {
    fn end(&self) -> usize {
        self.stages.len()
    }

    /// Whether every way to `node` comes through `through`.
    fn comes_through(&self, node: usize, through: usize) -> bool {
        let mut at = node;
        while self.ranks[at] > self.ranks[through] {
            at = self.dominators[at];
        }
        at == through
    }
}

impl<'a> Lowerer<'a> {
    /// Lowers a pipeline.
    pub(crate) fn pipeline(&mut self, root: &Node<'a>, name: &str) -> Lower<Block> {
        let pipelines = root.get("pipelines")?;
        let Some(node) = pipelines.items()?.into_iter().find(|p| p.value["name"] == name) else {
            return pipelines
                .wrong(format!("simple_switch runs a pipeline called `{name}`, and there is none"));
        };
        self.read_profiles(&node)?;
        let mut graph = self.graph(&node)?;
        let start = graph.start;
        let end = graph.end();
        self.sequence(&mut graph, start, end, 0)
    }

    fn graph(&mut self, node: &Node<'a>) -> Lower<Graph<'a>> {
        let (tables, conditions, calls) =
            (node.list("tables")?, node.list("conditionals")?, node.list("action_calls")?);
        let mut names = HashMap::new();
        for (i, stage) in tables.iter().chain(&conditions).chain(&calls).enumerate() {
            if names.insert(stage.name()?, i).is_some() {
                return stage.wrong(format!("`{}` is the name of something else already", stage.name()?));
            }
        }
        let end = names.len();
        let target = |node: Option<Node<'a>>| match node {
            None => Ok(end),
            Some(node) => {
                let text = node.text()?;
                let known = names.get(text).copied();
                known.map_or_else(|| node.wrong(no_such("table, condition or call", text)), Ok)
            }
        };
        let mut stages = Vec::new();
        for node in tables {
            let info = self.table(&node)?;
            let next = node.get("next_tables")?;
            let missed = node.opt("base_default_next");
            let does = if next.value.get("__HIT__").is_some() || next.value.get("__MISS__").is_some() {
                Does::HitMiss(info, target(next.opt("__HIT__"))?, target(next.opt("__MISS__"))?)
            } else {
                let mut actions = Vec::new();
                for name in &info.action_names {
                    next.get(name)?;
                    actions.push(target(next.opt(name))?);
                }
                let none = target(missed)?;
                Does::Table(info, ByAction { actions, none })
            };
            stages.push(Stage { node, does, next: Vec::new(), previous: Vec::new() });
        }
        for node in conditions {
            let (yes, no) = (target(node.opt("true_next"))?, target(node.opt("false_next"))?);
            let does = Does::Condition(node.get("expression")?, yes, no);
            stages.push(Stage { node, does, next: Vec::new(), previous: Vec::new() });
        }
        for node in calls {
            let id = node.get("action_id")?;
            let action = self.action_by_id(&id)?;
            if !self.ir.actions[action.id].params.is_empty() {
                return id.wrong("an action with parameters cannot be called without a table");
            }
            let does = Does::Call(action, target(node.opt("next_node"))?);
            stages.push(Stage { node, does, next: Vec::new(), previous: Vec::new() });
        }
        for stage in &mut stages {
            let mut next = match &stage.does {
                Does::Table(info, by) => match &info.is {
                    TableIs::Call(position, _) => vec![by.actions[*position]],
                    TableIs::Table(id, _) => {
                        let mut next = by.actions.clone();
                        // Only an action that the document does not name leads there.
                        if self.ir.tables[*id].actions.len() > by.actions.len() {
                            next.push(by.none);
                        }
                        next
                    }
                },
                Does::HitMiss(_, a, b) | Does::Condition(_, a, b) => vec![*a, *b],
                Does::Call(_, to) => vec![*to],
            };
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                next.push(end);
            }
            stage.next = next;
        }
        let start = target(node.opt("init_table"))?;
        connect(stages, start)
    }

    /// A run of nodes up to `stop`.
    fn sequence(&mut self, graph: &mut Graph<'a>, head: usize, stop: usize, depth: usize) -> Lower<Block> {
        self.in_block(|l| {
            let mut at = head;
            while at != stop && at != graph.end() {
                l.stage(graph, at, depth)?;
                let after = graph.joins[at];
                if after == stop || after == graph.end() {
                    break;
                }
                if !graph.comes_through(after, at) {
                    let call = l.shared(graph, after, stop, depth)?;
                    l.emit(call);
                    break;
                }
                at = after;
            }
            Ok(())
        })
    }

    /// What follows node `from` on its way to `to`, up to where all its ways meet.
    fn branch(&mut self, graph: &mut Graph<'a>, from: usize, to: usize, depth: usize) -> Lower<Block> {
        let stop = graph.joins[from];
        if to == stop || to == graph.end() {
            return Ok(Vec::new());
        }
        if depth >= NESTING_MAX {
            return graph.stages[from].node.wrong(format!("conditions nest deeper than {NESTING_MAX}"));
        }
        if graph.stages[to].previous == [from] {
            return self.sequence(graph, to, stop, depth + 1);
        }
        Ok(vec![self.shared(graph, to, stop, depth + 1)?])
    }

    /// A call of what several ways lead to.
    fn shared(&mut self, graph: &mut Graph<'a>, head: usize, stop: usize, depth: usize) -> Lower<Stmt> {
        if depth >= NESTING_MAX {
            return graph.stages[head].node.wrong(format!("conditions nest deeper than {NESTING_MAX}"));
        }
        let body = match graph.shared.get(&(head, stop)) {
            Some(body) => *body,
            None => {
                let block = self.sequence(graph, head, stop, depth + 1)?;
                let name = graph.stages[head].node.name()?.to_owned();
                let body = self.ir.bodies.push(Body { name, block });
                graph.shared.insert((head, stop), body);
                body
            }
        };
        Ok(Stmt::call(body))
    }

    fn stage(&mut self, graph: &mut Graph<'a>, at: usize, depth: usize) -> Lower<()> {
        match &graph.stages[at].does {
            Does::Call(action, _) => {
                let action = action.clone();
                self.call_action(&action);
                Ok(())
            }
            Does::Condition(expression, yes, no) => {
                let (expression, yes, no) = (expression.clone(), *yes, *no);
                let cond = self.truth(&expression)?;
                let then = self.branch(graph, at, yes, depth)?;
                let els = self.branch(graph, at, no, depth)?;
                self.emit(Stmt::If { cond, then, els });
                Ok(())
            }
            Does::HitMiss(info, yes, no) => {
                let (yes, no) = (*yes, *no);
                let table = match &info.is {
                    TableIs::Table(table, hit) => Ok((*table, *hit)),
                    TableIs::Call(_, action) => Err(action.clone()),
                };
                let (table, hit) = match table {
                    Ok(found) => found,
                    Err(action) => {
                        // A table without keys never has a hit.
                        self.call_action(&action);
                        let block = self.branch(graph, at, no, depth)?;
                        self.block.extend(block);
                        return Ok(());
                    }
                };
                let hit = hit.unwrap_or_else(|| self.temp(1));
                self.emit(Stmt::Apply { table, hit: Some(hit), action_run: None });
                let then = self.branch(graph, at, yes, depth)?;
                let els = self.branch(graph, at, no, depth)?;
                self.emit(Stmt::If { cond: Expr::read(hit), then, els });
                Ok(())
            }
            Does::Table(info, by) => {
                let (actions, none) = (by.actions.clone(), by.none);
                match &info.is {
                    TableIs::Call(position, action) => {
                        let (to, action) = (actions[*position], action.clone());
                        self.call_action(&action);
                        let block = self.branch(graph, at, to, depth)?;
                        self.block.extend(block);
                    }
                    TableIs::Table(table, hit) => {
                        let (table, hit) = (*table, *hit);
                        if let [_] = graph.stages[at].next.as_slice() {
                            self.emit(Stmt::Apply { table, hit, action_run: None });
                        } else {
                            let run = self.temp(ACTION_RUN_WIDTH);
                            self.emit(Stmt::Apply { table, hit, action_run: Some(run) });
                            let switch = self.by_action(graph, at, &actions, none, run, depth)?;
                            self.emit(switch);
                        }
                    }
                }
                Ok(())
            }
        }
    }

    fn by_action(
        &mut self,
        graph: &mut Graph<'a>,
        at: usize,
        actions: &[usize],
        none: usize,
        run: heddle_ir::VarId,
        depth: usize,
    ) -> Lower<Stmt> {
        let mut cases = Vec::new();
        for to in graph.stages[at].next.clone() {
            let labels: Vec<Bits> = (0u32..)
                .zip(actions)
                .filter(|(_, action_to)| **action_to == to)
                .map(|(i, _)| Bits::new(ACTION_RUN_WIDTH, i.into()))
                .collect();
            if to != none && !labels.is_empty() {
                cases.push((labels, self.branch(graph, at, to, depth)?));
            }
        }
        let default = match graph.stages[at].next.contains(&none) {
            true => self.branch(graph, at, none, depth)?,
            false => Vec::new(),
        };
        Ok(Stmt::Switch { on: Expr::read(run), cases, default })
    }

    fn call_action(&mut self, action: &ActionRef) {
        self.block.extend(action.before());
        self.emit(Stmt::Call { callee: Callee::Action(action.id), copy_out: Vec::new() });
    }

    /// A slot for something that is used at once.
    pub(crate) fn temp(&mut self, width: u32) -> heddle_ir::VarId {
        self.temps += 1;
        self.new_var(format!("$tmp{}", self.temps), Ty::Bits(width))
    }
}

/// Puts the nodes that `start` leads to into an order and finds where ways meet.
fn connect(mut stages: Vec<Stage<'_>>, start: usize) -> Lower<Graph<'_>> {
    let end = stages.len();
    // Depth first; a node is done when all that it leads to are.
    let mut done: Vec<usize> = Vec::new();
    let (mut open, mut finished) = (vec![false; end + 1], vec![false; end + 1]);
    let mut work = vec![(start, 0)];
    while let Some((at, i)) = work.pop() {
        open[at] = true;
        let next = stages.get(at).and_then(|stage| stage.next.get(i)).copied();
        match next {
            Some(to) if finished[to] => work.push((at, i + 1)),
            Some(to) if open[to] => {
                return stages[to].node.wrong("what follows leads back to it; pipelines have no loops");
            }
            Some(to) => {
                work.push((at, i + 1));
                work.push((to, 0));
            }
            None => {
                finished[at] = true;
                done.push(at);
            }
        }
    }
    if !finished[end] {
        done.insert(0, end);
    }
    let mut ranks = vec![0; end + 1];
    for (rank, at) in done.iter().rev().enumerate() {
        ranks[*at] = rank;
    }
    // Towards the end: the nearest that all ways lead to.
    let mut joins = vec![end; end + 1];
    for at in done.iter().copied().filter(|at| *at != end) {
        let next = stages[at].next.clone();
        joins[at] = meet(&next, &joins, |a, b| ranks[a] < ranks[b]);
        for to in next.into_iter().filter(|to| *to != end) {
            stages[to].previous.push(at);
        }
    }
    // From the start: the nearest that all ways come from.
    let mut dominators = vec![start; end + 1];
    for at in done.iter().rev().copied().filter(|at| *at != end && *at != start) {
        dominators[at] = meet(&stages[at].previous, &dominators, |a, b| ranks[a] > ranks[b]);
    }
    Ok(Graph { stages, start, joins, dominators, ranks, shared: HashMap::new() })
}

/// Where the ways from several nodes along `tree` meet; `first` says which of two nodes has to go on.
fn meet(nodes: &[usize], tree: &[usize], first: impl Fn(usize, usize) -> bool) -> usize {
    let mut nodes = nodes.iter().copied();
    let Some(mut at) = nodes.next() else { return 0 };
    for mut other in nodes {
        while at != other {
            if first(at, other) { at = tree[at] } else { other = tree[other] }
        }
    }
    at
}
