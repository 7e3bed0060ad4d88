//! Header types, headers, stacks, unions, slots, preserve lists, errors and entry points.

use std::collections::HashSet;

use crate::{Ty, VarId};

use super::{Checker, Part, Rule, limit};

/// The errors that every program has, in the order of their codes.
pub(crate) const CORE_ERRORS: [&str; 7] = [
    "NoError",
    "PacketTooShort",
    "NoMatch",
    "StackOutOfBounds",
    "HeaderTooShort",
    "ParserTimeout",
    "ParserInvalidArgument",
];

impl Checker<'_> {
    pub(super) fn declarations(&mut self) {
        self.entry_points();
        let has_core = self.program.errors.iter().map(String::as_str).take(7).eq(CORE_ERRORS);
        self.within("errors", |c| {
            c.require(has_core, Rule::CoreErrors, "the first seven are not those of core.p4")
        });
        self.header_types();
        self.headers();
        self.stacks();
        self.unions();
        self.vars();
        self.frame_size();
        self.preserves();
    }

    fn entry_points(&mut self) {
        let program = self.program;
        match program.ingress {
            Some(body) => {
                self.within("ingress", |c| c.index(&program.bodies, body));
            }
            None => self.within("ingress", |c| c.report(Rule::Entry, "there is none")),
        }
        if let Some(body) = program.egress {
            self.within("egress", |c| c.index(&program.bodies, body));
        }
    }

    fn header_types(&mut self) {
        for (id, header_type) in &self.program.header_types {
            self.within_part(id, &header_type.name, |c| {
                let varbits = header_type.fields.iter().filter(|f| matches!(f.ty, Ty::Varbit(_))).count();
                c.require(varbits <= 1, Rule::HeaderLayout, "there is more than one varbit field");
                // Summed here rather than by `max_width`, which relies on this very limit.
                let width: u64 = header_type.fields.iter().map(|f| u64::from(f.ty.width())).sum();
                c.width_limit(width);
            });
        }
    }

    fn headers(&mut self) {
        let program = self.program;
        for (id, header) in &program.headers {
            self.within_part(id, &header.name, |c| {
                c.index(&program.header_types, header.ty);
                if let Some(union) = header.union
                    && c.index(&program.unions, union)
                {
                    let is_member = program.unions[union].members.contains(&id);
                    c.require(
                        is_member,
                        Rule::UnionMembers,
                        format_args!("it is not among the members of {union}"),
                    );
                }
            });
        }
    }

    fn stacks(&mut self) {
        let program = self.program;
        let mut seen = HashSet::new();
        for (id, stack) in &program.stacks {
            self.within_part(id, &stack.name, |c| {
                c.require(!stack.elements.is_empty(), Rule::StackElements, "it has no elements");
                let count = stack.elements.len();
                c.require(
                    count <= limit::STACK_ELEMENTS,
                    Rule::Limit,
                    format_args!("{count} elements are more than {}", limit::STACK_ELEMENTS),
                );
                let mut first = None;
                for header in &stack.elements {
                    if !c.index(&program.headers, *header) {
                        continue;
                    }
                    let ty = program.headers[*header].ty;
                    c.require(
                        *first.get_or_insert(ty) == ty,
                        Rule::StackElements,
                        format_args!("{header} is not of the first element's type"),
                    );
                    let fresh = seen.insert(*header);
                    c.require(
                        fresh,
                        Rule::StackElements,
                        format_args!("{header} is an element of a stack already"),
                    );
                }
                c.var_of("next", stack.next, Ty::Bits(32));
            });
        }
    }

    fn unions(&mut self) {
        let program = self.program;
        for (id, union) in &program.unions {
            self.within_part(id, &union.name, |c| {
                let mut seen = HashSet::new();
                for header in &union.members {
                    if !c.index(&program.headers, *header) {
                        continue;
                    }
                    let fresh = seen.insert(*header);
                    c.require(fresh, Rule::UnionMembers, format_args!("{header} is a member twice"));
                    c.require(
                        program.headers[*header].union == Some(id),
                        Rule::UnionMembers,
                        format_args!("{header} does not say that it is a member"),
                    );
                }
            });
        }
    }

    fn vars(&mut self) {
        for (id, var) in &self.program.vars {
            self.within_part(id, &var.name, |c| c.width_limit(u64::from(var.ty.width())));
        }
    }

    fn frame_size(&mut self) {
        let program = self.program;
        // Saturating, since the summands have not been bounded for a program that is wrong anyway.
        let header_width = |header: &crate::Header| {
            let fields = program.header_types.get(header.ty).into_iter().flat_map(|ty| &ty.fields);
            fields.map(|field| u64::from(field.ty.width())).fold(0, u64::saturating_add)
        };
        let headers = program.headers.iter().map(|(id, header)| (Part::Header(id), header_width(header)));
        let vars = program.vars.iter().map(|(id, var)| (Part::Var(id), u64::from(var.ty.width())));
        let sizes: Vec<(Part, u64)> = headers.chain(vars).collect();
        self.within("frame", |c| {
            c.total_limit(&sizes, limit::FRAME_BITS, "bits of headers and slots");
        });
    }

    fn preserves(&mut self) {
        let program = self.program;
        for (id, preserve) in &program.preserves {
            self.within(id, |c| {
                for var in &preserve.vars {
                    c.index(&program.vars, *var);
                }
                for header in &preserve.headers {
                    c.index(&program.headers, *header);
                }
            });
        }
    }

    /// A slot that has to exist and be of a certain type.
    pub(super) fn var_of(&mut self, part: &'static str, var: VarId, expected: Ty) {
        let program = self.program;
        self.within(part, |c| {
            if c.index(&program.vars, var) {
                let found = program.vars[var].ty;
                c.require(
                    found == expected,
                    Rule::Type,
                    format_args!("{var} has to be {expected} but is {found}"),
                );
            }
        });
    }

    pub(super) fn width_limit(&mut self, width: u64) {
        let what = format_args!("{width} bits are more than {}", limit::WIDTH_BITS);
        self.require(width <= u64::from(limit::WIDTH_BITS), Rule::Limit, what);
    }

    /// The sum of some sizes. The largest of them is blamed.
    pub(super) fn total_limit(&mut self, sizes: &[(Part, u64)], max: u64, what: &str) {
        let total = sizes.iter().fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
        let largest = sizes.iter().max_by_key(|(_, size)| *size).map(|(part, _)| *part);
        let outer = std::mem::replace(&mut self.part, largest);
        self.require(total <= max, Rule::Limit, format_args!("{total} {what} are more than {max}"));
        self.part = outer;
    }

    pub(super) fn entries_limit(&mut self, entries: u64) {
        let what = format_args!("{entries} entries are more than {}", limit::ENTRIES);
        self.require(entries <= limit::ENTRIES, Rule::Limit, what);
    }
}
