//! Where in the source the parts of a lowered program come from, so that a limit they pass can be shown there.
//!
//! Invariant: a part that has no origin of its own has that of whatever was being lowered when it was made.

use cranelift_entity::{EntityRef, PrimaryMap};
use heddle_ir as ir;
use heddle_ir::verify::Part;

use crate::source::Span;

macro_rules! origins {
    ($($kind:ident, $map:ident: $id:ident;)*) => {
        /// A span for every numbered part.
        #[derive(Clone, Debug, Default)]
        pub struct Origins {
            $(pub(super) $map: PrimaryMap<ir::$id, Span>,)*
        }

        impl Origins {
            /// Takes what was made since the last call as coming from here.
            pub(super) fn extend(&mut self, program: &ir::Program, span: Span) {
                $(grow(&mut self.$map, program.$map.len(), span);)*
            }

            /// Where a part comes from.
            pub fn of(&self, part: Part) -> Option<Span> {
                match part {
                    $(Part::$kind(id) => self.$map.get(id).copied(),)*
                }
            }
        }
    };
}

origins! {
    HeaderType, header_types: HeaderTypeId;
    Header, headers: HeaderId;
    Stack, stacks: StackId;
    Union, unions: UnionId;
    Var, vars: VarId;
    Register, registers: RegisterId;
    Digest, digests: DigestId;
    Profile, profiles: ProfileId;
    ValueSet, value_sets: ValueSetId;
    Counter, counters: CounterId;
    Meter, meters: MeterId;
    Action, actions: ActionId;
    Table, tables: TableId;
    Body, bodies: BodyId;
    Parser, parsers: ParserId;
}

fn grow<K: EntityRef>(map: &mut PrimaryMap<K, Span>, len: usize, span: Span) {
    while map.len() < len {
        map.push(span);
    }
}
