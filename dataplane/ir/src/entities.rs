//! Numbered things of the IR. Each has its own index type, printed with its own prefix.

use cranelift_entity::entity_impl;
use serde::{Deserialize, Serialize};

macro_rules! entities {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u32);
        entity_impl!($name, $prefix);

        impl Entity for $name {
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

/// An index type and what its numbers are written after.
pub(crate) trait Entity: cranelift_entity::EntityRef {
    const PREFIX: &'static str;
}

entities! {
    /// A header type: field names, widths and order on the wire.
    HeaderTypeId = "htype";
    /// A header instance: one slot for its fields and its validity.
    HeaderId = "hdr";
    /// A header stack: header instances of one type reached by index.
    StackId = "stack";
    /// A header union: header instances of which at most one is valid.
    UnionId = "union";
    /// A scalar slot of the packet's frame: metadata, local, parameter or action data.
    VarId = "var";
    /// An action: callable from tables, with data the control plane gives.
    ActionId = "action";
    /// A match-action table.
    TableId = "table";
    /// A callable body without states: control, function or deparser.
    BodyId = "body";
    /// A parser: callable, made of states.
    ParserId = "parser";
    /// A state of one parser.
    StateId = "state";
    /// A counter array, or a direct counter.
    CounterId = "counter";
    /// A meter array, or a direct meter.
    MeterId = "meter";
    /// A register array.
    RegisterId = "register";
    /// A digest: a message to the control plane.
    DigestId = "digest";
    /// An action profile, with or without a selector.
    ProfileId = "profile";
    /// A set of slots that outlive a pass.
    PreserveId = "preserve";
    /// A parser value set.
    ValueSetId = "valueset";
}
