//! `heddle compile --emit graph`: parser states and the order of tables, in Graphviz' language.

use std::fmt::Write as _;

use heddle_ir::{Block, Callee, Parser, Program, Stmt, Target, Transition};

/// The whole program as a `digraph`.
pub(crate) fn dot(program: &Program) -> String {
    let mut out = String::from("digraph pipeline {\n  rankdir=TB;\n  node [fontname=\"monospace\"];\n");
    for (id, parser) in program.parsers.iter() {
        let _ = writeln!(out, "  subgraph cluster_{id} {{\n    label=\"parser {}\";", escape(&parser.name));
        parser_states(&id.to_string(), parser, &mut out);
        out.push_str("  }\n");
    }
    for (name, entry) in [("ingress", program.ingress), ("egress", program.egress)] {
        let Some(body) = entry else { continue };
        let _ = writeln!(out, "  subgraph cluster_{name} {{\n    label=\"{name}\";");
        let mut tables = Vec::new();
        order(program, &program.bodies[body].block, &mut tables);
        let _ = writeln!(out, "    {name}_start [shape=point];");
        let mut last = format!("{name}_start");
        for (step, table) in tables.iter().enumerate() {
            let node = format!("{name}_{step}");
            let label = escape(&program.tables[*table].control.name);
            let _ = writeln!(out, "    {node} [shape=box, label=\"{label}\"];\n    {last} -> {node};");
            last = node;
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

fn parser_states(prefix: &str, parser: &Parser, out: &mut String) {
    let node = |target: Target| match target {
        Target::State(state) => format!("{prefix}_{state}"),
        Target::Accept => format!("{prefix}_accept"),
        Target::Reject => format!("{prefix}_reject"),
    };
    let _ = writeln!(out, "    {prefix}_accept [label=\"accept\"];\n    {prefix}_reject [label=\"reject\"];");
    for (id, state) in parser.states.iter() {
        let here = node(Target::State(id));
        let _ = writeln!(out, "    {here} [shape=ellipse, label=\"{}\"];", escape(&state.name));
        match &state.transition {
            Transition::Goto(target) => {
                let _ = writeln!(out, "    {here} -> {};", node(*target));
            }
            Transition::Select { cases, .. } => {
                for case in cases {
                    let _ = writeln!(out, "    {here} -> {};", node(case.target));
                }
            }
        }
    }
}

/// Tables in the order in which the text of the program applies them.
fn order(program: &Program, block: &Block, tables: &mut Vec<heddle_ir::TableId>) {
    for stmt in block {
        match stmt {
            Stmt::Apply { table, .. } => tables.push(*table),
            Stmt::Call { callee: Callee::Body(body), copy_out } => {
                order(program, &program.bodies[*body].block, tables);
                order(program, copy_out, tables);
            }
            _ => stmt.blocks().for_each(|block| order(program, block, tables)),
        }
    }
}

fn escape(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}
