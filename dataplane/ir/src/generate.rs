//! Arbitrary programs for tests: every variant of everything, in any combination, right or wrong.
//!
//! Invariant: choices are drawn from a list of numbers, and once it is used up every choice is the first, which
//! never leads deeper; so every list gives a program, and a shorter list a smaller one.

use cranelift_entity::{EntityRef, PrimaryMap};
use proptest::prelude::*;

use crate::*;

/// An arbitrary program.
pub(crate) fn program() -> impl Strategy<Value = Program> {
    prop::collection::vec(any::<u32>(), 0..3000)
        .prop_map(|choices| Source { choices: choices.into_iter() }.program())
}

struct Source {
    choices: std::vec::IntoIter<u32>,
}

impl Source {
    fn below(&mut self, n: u32) -> u32 {
        self.choices.next().unwrap_or(0) % n
    }

    fn bool(&mut self) -> bool {
        self.below(2) == 1
    }

    fn number(&mut self) -> u32 {
        match self.below(4) {
            0 => 0,
            1 => self.below(9),
            2 => self.below(400),
            _ => self.below(u32::MAX),
        }
    }

    fn size(&mut self) -> u64 {
        u64::from(self.number()) * u64::from(self.below(3) + 1)
    }

    /// Mostly in range of what there is.
    fn id<K: EntityRef>(&mut self) -> K {
        K::new(if self.below(20) == 19 { self.below(u32::MAX) } else { self.below(4) } as usize)
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.bool().then(|| one(self))
    }

    fn some<T>(&mut self, most: u32, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| one(self)).collect()
    }

    fn map<K: EntityRef, T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> PrimaryMap<K, T> {
        self.some(4, &mut one).into_iter().collect()
    }

    fn name(&mut self) -> String {
        let names = [
            "",
            "x",
            "a.b",
            "hdr.vlan[1]",
            "\"q\" \\ \n\t\r\0",
            "é\u{85}\u{2028}",
            "id",
            "accept",
            "7up",
            "// no",
        ];
        names[self.below(names.len() as u32) as usize].to_string()
    }

    fn bits(&mut self) -> Bits {
        let width = self.below(300);
        let limbs: Vec<u64> =
            self.some(5, |s| u64::from(s.below(u32::MAX)) << 32 | u64::from(s.below(u32::MAX)));
        Bits::from_limbs(width, &limbs)
    }

    fn ty(&mut self) -> Ty {
        let width = self.number();
        if self.bool() { Ty::Varbit(width) } else { Ty::Bits(width) }
    }

    fn control(&mut self) -> ControlName {
        ControlName { name: self.name(), id: self.number(), hidden: self.bool() }
    }

    fn match_kind(&mut self) -> MatchKind {
        match self.below(6) {
            0 => MatchKind::Exact,
            1 => MatchKind::Lpm,
            2 => MatchKind::Ternary,
            3 => MatchKind::Range,
            4 => MatchKind::Optional,
            _ => MatchKind::Selector,
        }
    }

    fn unit(&mut self) -> CounterUnit {
        match self.below(3) {
            0 => CounterUnit::Packets,
            1 => CounterUnit::Bytes,
            _ => CounterUnit::PacketsAndBytes,
        }
    }

    fn hash_algorithm(&mut self) -> HashAlgorithm {
        match self.below(8) {
            0 => HashAlgorithm::Crc32,
            1 => HashAlgorithm::Crc32Custom,
            2 => HashAlgorithm::Crc16,
            3 => HashAlgorithm::Crc16Custom,
            4 => HashAlgorithm::Random,
            5 => HashAlgorithm::Identity,
            6 => HashAlgorithm::Csum16,
            _ => HashAlgorithm::Xor16,
        }
    }

    fn program(&mut self) -> Program {
        Program {
            name: self.name(),
            architecture: self.name(),
            ports: self.maybe(Self::number),
            header_types: self.map(|s| HeaderType {
                name: s.name(),
                fields: s.some(4, |s| HeaderField { name: s.name(), ty: s.ty() }),
            }),
            headers: self.map(|s| Header { name: s.name(), ty: s.id(), union: s.maybe(Self::id) }),
            stacks: self.map(|s| Stack { name: s.name(), elements: s.some(3, Self::id), next: s.id() }),
            unions: self.map(|s| Union { name: s.name(), members: s.some(3, Self::id) }),
            vars: self.map(|s| Var { name: s.name(), ty: s.ty() }),
            errors: self.some(9, Self::name),
            actions: self.map(|s| Action {
                control: s.control(),
                params: s.some(3, |s| ActionParam { name: s.name(), var: s.id() }),
                body: s.block(3),
            }),
            tables: self.map(Self::table),
            bodies: self.map(|s| Body { name: s.name(), block: s.block(4) }),
            parsers: self.map(|s| Parser {
                name: s.name(),
                states: s.map(|s| State { name: s.name(), block: s.block(2), transition: s.transition() }),
                start: s.id(),
                error: s.id(),
                step_bound: s.number(),
            }),
            counters: self.map(|s| Counter {
                control: s.control(),
                unit: s.unit(),
                size: s.size(),
                table: s.maybe(Self::id),
            }),
            meters: self.map(|s| Meter {
                control: s.control(),
                unit: s.unit(),
                size: s.size(),
                table: s.maybe(Self::id),
            }),
            registers: self.map(|s| Register {
                control: s.control(),
                width: s.number(),
                size: s.size(),
                initial: s.bits(),
            }),
            digests: self
                .map(|s| Digest { control: s.control(), fields: s.some(3, |s| (s.name(), s.number())) }),
            profiles: self.map(|s| Profile {
                control: s.control(),
                size: s.size(),
                selector: s.maybe(|s| Selector {
                    algorithm: s.hash_algorithm(),
                    width: s.number(),
                    max_group_size: s.number(),
                }),
            }),
            value_sets: self.map(|s| ValueSet {
                control: s.control(),
                keys: s.some(3, |s| (s.name(), s.number(), s.match_kind())),
                size: s.size(),
            }),
            preserves: self.map(|s| Preserve { vars: s.some(3, Self::id), headers: s.some(3, Self::id) }),
            ingress: self.maybe(Self::id),
            egress: self.maybe(Self::id),
        }
    }

    fn table(&mut self) -> Table {
        Table {
            control: self.control(),
            keys: self.some(3, |s| Key {
                name: s.name(),
                expr: s.expr(3),
                width: s.number(),
                kind: s.match_kind(),
            }),
            actions: self.some(3, |s| TableAction {
                action: s.id(),
                copy_in: s.block(1),
                copy_out: s.block(1),
                default_only: s.bool(),
                table_only: s.bool(),
            }),
            default_action: self.action_call(),
            const_default: self.bool(),
            entries: self.some(3, |s| TableEntry {
                matches: s.some(3, Self::key_match),
                priority: s.number(),
                action: s.action_call(),
                is_const: s.bool(),
            }),
            const_entries: self.bool(),
            largest_priority_wins: self.bool(),
            size: self.size(),
            profile: self.maybe(Self::id),
            direct_counter: self.maybe(Self::id),
            direct_meter: self.maybe(Self::id),
            idle_timeout: self.bool(),
        }
    }

    fn action_call(&mut self) -> ActionCall {
        ActionCall { action: self.below(5) as usize, args: self.some(3, Self::bits) }
    }

    fn key_match(&mut self) -> KeyMatch {
        match self.below(5) {
            0 => KeyMatch::Any,
            1 => KeyMatch::Exact(self.bits()),
            2 => KeyMatch::Lpm { value: self.bits(), prefix_len: self.number() },
            3 => KeyMatch::Ternary { value: self.bits(), mask: self.bits() },
            _ => KeyMatch::Range { low: self.bits(), high: self.bits() },
        }
    }

    fn target(&mut self) -> Target {
        match self.below(3) {
            0 => Target::Accept,
            1 => Target::Reject,
            _ => Target::State(self.id()),
        }
    }

    fn transition(&mut self) -> Transition {
        if self.bool() {
            Transition::Select {
                on: self.some(3, |s| s.expr(2)),
                cases: self.some(3, |s| SelectCase {
                    matches: if s.bool() {
                        SelectMatch::ValueSet(s.id())
                    } else {
                        SelectMatch::Each(s.some(3, Self::keyset))
                    },
                    target: s.target(),
                }),
            }
        } else {
            Transition::Goto(self.target())
        }
    }

    fn keyset(&mut self) -> Keyset {
        match self.below(6) {
            0 => Keyset::Any,
            1 => Keyset::Value(self.expr(2)),
            2 => Keyset::Mask(self.expr(1), self.expr(1)),
            3 => Keyset::Range(self.expr(1), self.expr(1)),
            4 => Keyset::RangeSigned(self.expr(1), self.expr(1)),
            _ => Keyset::ValueSet(self.id()),
        }
    }

    fn header_ref(&mut self, depth: u32) -> HeaderRef {
        if depth > 0 && self.bool() {
            HeaderRef::Element(self.id(), Box::new(self.expr(depth - 1)))
        } else {
            HeaderRef::One(self.id())
        }
    }

    fn place(&mut self, depth: u32) -> Place {
        if self.bool() {
            Place::Field(self.header_ref(depth), self.below(5) as usize)
        } else {
            Place::Var(self.id())
        }
    }

    fn expr(&mut self, depth: u32) -> Expr {
        let inner = depth.saturating_sub(1);
        match self.below(if depth == 0 { 2 } else { 9 }) {
            0 => Expr::Const(self.bits()),
            1 => Expr::Intrinsic(self.intrinsic()),
            2 => Expr::Read(self.place(inner)),
            3 => Expr::Valid(self.header_ref(inner)),
            4 => {
                Expr::Unary(if self.bool() { UnaryOp::Neg } else { UnaryOp::Not }, Box::new(self.expr(inner)))
            }
            5 => Expr::binary(self.binary_op(), self.expr(inner), self.expr(inner)),
            6 => Expr::Slice { of: Box::new(self.expr(inner)), high: self.number(), low: self.number() },
            7 => Expr::Resize { of: Box::new(self.expr(inner)), width: self.number(), signed: self.bool() },
            _ => self.expr(inner).mux(self.expr(inner), self.expr(inner)),
        }
    }

    fn intrinsic(&mut self) -> Intrinsic {
        match self.below(11) {
            0 => Intrinsic::IngressPort,
            1 => Intrinsic::EgressPort,
            2 => Intrinsic::PacketLength,
            3 => Intrinsic::Origin,
            4 => Intrinsic::ReplicationId,
            5 => Intrinsic::IngressTimeNs,
            6 => Intrinsic::NowNs,
            7 => Intrinsic::EnqueueTimeNs,
            8 => Intrinsic::EnqueueDepth,
            9 => Intrinsic::DequeueDepth,
            _ => Intrinsic::QueueId,
        }
    }

    fn binary_op(&mut self) -> BinaryOp {
        match self.below(22) {
            0 => BinaryOp::Add,
            1 => BinaryOp::Sub,
            2 => BinaryOp::Mul,
            3 => BinaryOp::Div,
            4 => BinaryOp::Mod,
            5 => BinaryOp::SatAddU,
            6 => BinaryOp::SatSubU,
            7 => BinaryOp::SatAddS,
            8 => BinaryOp::SatSubS,
            9 => BinaryOp::And,
            10 => BinaryOp::Or,
            11 => BinaryOp::Xor,
            12 => BinaryOp::Shl,
            13 => BinaryOp::Shr,
            14 => BinaryOp::Sar,
            15 => BinaryOp::Eq,
            16 => BinaryOp::Ne,
            17 => BinaryOp::LtU,
            18 => BinaryOp::LeU,
            19 => BinaryOp::LtS,
            20 => BinaryOp::LeS,
            _ => BinaryOp::Concat,
        }
    }

    fn block(&mut self, depth: u32) -> Block {
        self.some(4, |s| s.stmt(depth))
    }

    fn stmt(&mut self, depth: u32) -> Stmt {
        let inner = depth.saturating_sub(1);
        match self.below(if depth == 0 { 32 } else { 38 }) {
            0 => Stmt::Return,
            1 => Stmt::Assign(self.place(2), self.expr(4)),
            2 => Stmt::AssignSlice {
                dst: self.place(2),
                high: self.number(),
                low: self.number(),
                value: self.expr(2),
            },
            3 => Stmt::SetValid(self.header_ref(2)),
            4 => Stmt::SetInvalid(self.header_ref(2)),
            5 => Stmt::CopyHeader { dst: self.header_ref(2), src: self.header_ref(2) },
            6 => Stmt::PushFront(self.id(), self.number()),
            7 => Stmt::PopFront(self.id(), self.number()),
            8 => Stmt::Break,
            9 => Stmt::Continue,
            10 => Stmt::Exit,
            11 => {
                Stmt::Apply { table: self.id(), hit: self.maybe(Self::id), action_run: self.maybe(Self::id) }
            }
            12 => Stmt::Extract { header: self.header_ref(2), varbit_bits: self.maybe(|s| s.expr(2)) },
            13 => Stmt::Lookahead(self.id()),
            14 => Stmt::Advance(self.expr(2)),
            15 => Stmt::Verify { cond: self.expr(2), error: self.expr(2) },
            16 => Stmt::Emit(self.header_ref(2)),
            17 => Stmt::Count { counter: self.id(), index: self.maybe(|s| s.expr(2)) },
            18 => Stmt::Meter { meter: self.id(), index: self.maybe(|s| s.expr(2)), color: self.id() },
            19 => Stmt::RegisterRead { register: self.id(), index: self.expr(2), dst: self.id() },
            20 => Stmt::RegisterWrite { register: self.id(), index: self.expr(2), value: self.expr(2) },
            21 => Stmt::Hash {
                algorithm: self.hash_algorithm(),
                dst: self.id(),
                data: self.some(3, |s| s.expr(2)),
                payload: self.bool(),
            },
            22 => Stmt::Random { dst: self.id(), low: self.expr(2), high: self.expr(2) },
            23 => Stmt::Digest { digest: self.id(), values: self.some(3, |s| s.expr(2)) },
            24 => Stmt::Log { format: self.name(), args: self.some(3, |s| s.expr(2)) },
            25 => Stmt::Assert { cond: self.expr(2), message: self.name() },
            26 => Stmt::Truncate(self.expr(2)),
            27 => Stmt::Mirror {
                session: self.expr(2),
                source: if self.bool() { MirrorSource::Live } else { MirrorSource::Received },
                preserve: self.id(),
            },
            28 => Stmt::Decide(self.decision()),
            29..=31 => Stmt::assign(self.place(2), self.expr(4)),
            32 => Stmt::either(self.expr(2), self.block(inner), self.block(inner)),
            33 => Stmt::Switch {
                on: self.expr(2),
                cases: self.some(3, |s| (s.some(3, Self::bits), s.block(inner))),
                default: self.block(inner),
            },
            34 => Stmt::Loop { bound: self.number(), body: self.block(inner), update: self.block(inner) },
            35 => Stmt::Catch(self.block(inner)),
            36 => Stmt::Atomic(self.block(inner)),
            _ => Stmt::Call {
                callee: match self.below(3) {
                    0 => Callee::Action(self.id()),
                    1 => Callee::Body(self.id()),
                    _ => Callee::Parser(self.id()),
                },
                copy_out: self.block(inner),
            },
        }
    }

    fn decision(&mut self) -> Decision {
        match self.below(6) {
            0 => Decision::Transmit,
            1 => Decision::Enqueue { port: self.expr(2), queue: self.expr(2) },
            2 => Decision::Replicate { group: self.expr(2), queue: self.expr(2) },
            3 => Decision::Resubmit(self.id()),
            4 => Decision::Recirculate(self.id()),
            _ => Decision::Drop(match self.below(6) {
                0 => DropReason::IngressDrop,
                1 => DropReason::EgressDrop,
                2 => DropReason::ParserReject,
                3 => DropReason::NoDecision,
                4 => DropReason::AssertFailed,
                _ => DropReason::LoopBound,
            }),
        }
    }
}
