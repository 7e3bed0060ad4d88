//! How the states of a parser follow each other.

use cranelift_entity::EntitySet;

use crate::hir::{Parser, StateId, Target};

/// The states that can be reached, each before those it leads to unless these lead back to it.
pub(super) fn reverse_postorder(parser: &Parser, start: StateId) -> Vec<StateId> {
    let mut seen = EntitySet::<StateId>::new();
    seen.insert(start);
    let mut path = vec![(start, parser.states[start].transition.targets())];
    let mut order = Vec::new();
    while let Some((id, ahead)) = path.last_mut() {
        match ahead.next() {
            Some(Target::State(next)) if seen.insert(next) => {
                path.push((next, parser.states[next].transition.targets()));
            }
            Some(_) => {}
            None => {
                order.push(*id);
                path.pop();
            }
        }
    }
    order.reverse();
    order
}
