//! v1model, as BMv2's `simple_switch` runs it: blocks, metadata, and what happens between ingress and egress.
//!
//! Where `simple_switch` and P4-16 disagree, P4-16 is followed. The differences, from `simple_switch`'s side:
//!
//! * It leaves `out` results of out-of-range accesses and of `random` with `lo > hi` as they were; here `read` gives
//!   zero, `execute_meter` green and `random` gives `lo`: an `out` argument is always written.
//! * It counts a direct counter and meters a direct meter in every action of a table whose entries match, writing the
//!   meter's colour wherever `read` says even in actions without `read`. Here the metering happens likewise, but only
//!   `read` writes a colour.
//! * It takes the fields of a digest when ingress ends and sends the last digest only; here every call sends, with the
//!   values at that time, as `v1model.p4` says.
//! * It loses `standard_metadata.ingress_port` on resubmission and recirculation and sets it to zero; here it is the
//!   port that the packet came in by. Clones of received packets keep it in both.
//! * It reads fields of invalid headers as whatever they held; here they are zero.
//! * It adjusts `packet_length` in egress by headers added and removed; here it is the length that the pass began with.
//! * It parses clones of received packets with an empty `instance_type`; here the parser sees that of a clone, as its
//!   documentation says.
//! * It drops a packet whose `priority` has no queue; here it goes to the highest queue that the port has.
//! * It cannot `reject` explicitly, read `packet_in.length()`, run `if` in parsers, run arbitrary code in the checksum
//!   controls and the deparser, or hold structs in registers; here all of this works.

use std::sync::Arc;

use heddle_ir as ir;
use heddle_ir::{
    BinaryOp, Bits, Callee, Decision, DropReason, Expr, Intrinsic, MirrorSource, Origin, Place, PreserveId,
    Stmt, VarId,
};

use super::v1model_externs::{FUNCTIONS, OBJECTS};
use super::v1model_tables::PROPERTIES;
use super::{Architecture, Direct, Drop};
use crate::hir::Ty;
use crate::lower::{
    Binding, CValue, InstId, InstKind, Location, Lower, Lowerer, Shape, annotation, annotation_ints, fold,
    konst,
};
use crate::source::Span;

/// The architecture.
pub(super) static V1MODEL: Architecture = Architecture {
    name: "v1model",
    package: "V1Switch",
    blocks: BLOCKS.len(),
    actions_are_atomic: true,
    entry_rank: Some("priority"),
    drop: Some(Drop { function: "mark_to_drop", metadata: "standard_metadata_t", field: "egress_spec" }),
    direct: &[
        Direct { object: "direct_counter", property: "counters" },
        Direct { object: "direct_meter", property: "meters" },
    ],
    objects: OBJECTS,
    functions: FUNCTIONS,
    properties: PROPERTIES,
    build,
};

/// The port of packets to drop: the largest that a port field can hold, which is 511 in v1model as it comes.
pub(super) fn drop_port(width: u32) -> Expr {
    Expr::Const(Bits::ones(width))
}

/// What the parameters of the blocks are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Packet,
    Headers,
    User,
    Standard,
}

/// The blocks in the order of the package's parameters.
const BLOCKS: &[&[Role]] = &[
    &[Role::Packet, Role::Headers, Role::User, Role::Standard],
    &[Role::Headers, Role::User],
    &[Role::Headers, Role::User, Role::Standard],
    &[Role::Headers, Role::User, Role::Standard],
    &[Role::Headers, Role::User],
    &[Role::Packet, Role::Headers],
];

/// Positions of the pipelines in [`BLOCKS`].
const INGRESS: usize = 2;
const EGRESS: usize = 3;

/// What a field of the standard metadata is at the start of a pass.
#[derive(Clone, Copy)]
enum Source {
    /// What the engine knows, cut to the field.
    Known(Intrinsic),
    /// A time in ns, in µs.
    Micros(Intrinsic),
    /// The time spent in the queue, in µs.
    QueueMicros,
    /// Zero.
    Zero,
}

/// Before the parser.
const AT_INGRESS: &[(&str, Source)] = &[
    ("ingress_port", Source::Known(Intrinsic::IngressPort)),
    ("packet_length", Source::Known(Intrinsic::PacketLength)),
    ("instance_type", Source::Known(Intrinsic::Origin)),
    ("ingress_global_timestamp", Source::Micros(Intrinsic::IngressTimeNs)),
];

/// Before egress, of a clone whose metadata nobody carried along.
const AT_CLONE: &[(&str, Source)] = &[
    ("ingress_port", Source::Known(Intrinsic::IngressPort)),
    ("packet_length", Source::Known(Intrinsic::PacketLength)),
    ("instance_type", Source::Known(Intrinsic::Origin)),
];

/// Before egress. `simple_switch` sets `egress_spec` to its drop port plus one, which nine bits hold as zero.
const AT_EGRESS: &[(&str, Source)] = &[
    ("egress_port", Source::Known(Intrinsic::EgressPort)),
    ("egress_spec", Source::Zero),
    ("instance_type", Source::Known(Intrinsic::Origin)),
    ("packet_length", Source::Known(Intrinsic::PacketLength)),
    ("egress_rid", Source::Known(Intrinsic::ReplicationId)),
    ("enq_timestamp", Source::Micros(Intrinsic::EnqueueTimeNs)),
    ("enq_qdepth", Source::Known(Intrinsic::EnqueueDepth)),
    ("deq_timedelta", Source::QueueMicros),
    ("deq_qdepth", Source::Known(Intrinsic::DequeueDepth)),
    ("egress_global_timestamp", Source::Micros(Intrinsic::NowNs)),
];

/// What the program can ask for, to happen at the end of the pass. The last request of a kind counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A clone.
    Clone,
    /// Ingress again.
    Resubmit,
    /// Ingress again, with the packet as deparsed.
    Recirculate,
}

/// Requests of one kind: a slot says which one was made last.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestKind {
    /// Zero for none, else one plus the index in `preserves`.
    slot: Option<VarId>,
    /// What the packet keeps, by request.
    preserves: Vec<PreserveId>,
    /// Whether each of them can be made in ingress and in egress.
    stages: Vec<[bool; 2]>,
}

impl RequestKind {
    /// The slot and the requests that can have been made in these stages.
    fn made_in(&self, ingress: bool, egress: bool) -> Option<(VarId, Vec<usize>)> {
        let slot = self.slot?;
        let made = |stages: &[bool; 2]| stages[0] && ingress || stages[1] && egress;
        let requests: Vec<usize> = (0..self.stages.len()).filter(|i| made(&self.stages[*i])).collect();
        (!requests.is_empty()).then_some((slot, requests))
    }
}

/// All requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    kinds: [RequestKind; 3],
    /// The session of the clone asked for.
    session: Option<VarId>,
    /// Whether what is being lowered runs in egress.
    in_egress: bool,
}

/// Bits of a slot that says which request was made.
const REQUEST_WIDTH: u32 = 16;

impl Lowerer<'_> {
    /// Makes a request that keeps these slots, and a session for a clone.
    pub(super) fn request(
        &mut self,
        request: Request,
        keep: ir::Preserve,
        session: Option<Expr>,
        span: Span,
    ) -> Lower<()> {
        let preserve = match self.ir.preserves.iter().find(|(_, p)| **p == keep) {
            Some((id, _)) => id,
            None => self.ir.preserves.push(keep),
        };
        let in_egress = self.arch_state.requests.in_egress;
        let in_function = self.container().is_none();
        let kind = request as usize;
        let slot = match self.arch_state.requests.kinds[kind].slot {
            Some(slot) => slot,
            None => self.new_var(["$clone", "$resubmit", "$recirculate"][kind], ir::Ty::Bits(REQUEST_WIDTH)),
        };
        let known = &mut self.arch_state.requests.kinds[kind];
        known.slot = Some(slot);
        let index = match known.preserves.iter().position(|p| *p == preserve) {
            Some(index) => index,
            None => {
                known.preserves.push(preserve);
                known.stages.push([false; 2]);
                known.preserves.len() - 1
            }
        };
        known.stages[index][usize::from(in_egress)] = true;
        if in_function {
            // A function is lowered once and may run in both.
            known.stages[index] = [true; 2];
        }
        if index + 1 >= 1 << REQUEST_WIDTH {
            return self.unsupported(span, "so many different requests");
        }
        if let Some(session) = session {
            let width = self.expr_width(&session);
            let session = fold::resize(session, width, 32, false);
            let slot = match self.arch_state.requests.session {
                Some(slot) => slot,
                None => self.new_var("$clone_session", ir::Ty::Bits(32)),
            };
            self.arch_state.requests.session = Some(slot);
            self.emit(Stmt::Assign(Place::Var(slot), session));
        }
        self.emit(Stmt::Assign(Place::Var(slot), konst(REQUEST_WIDTH, index as u128 + 1)));
        Ok(())
    }

    /// The fields of the user's metadata that `@field_list` puts in a list.
    pub(super) fn field_list(&mut self, index: u64) -> ir::Preserve {
        let mut keep = ir::Preserve::default();
        if let Some((location, ty)) = self.arch_state.user.clone() {
            self.collect_field_list(&location, &ty, index, false, &mut keep);
        }
        keep
    }

    fn collect_field_list(
        &self,
        location: &Location,
        ty: &Ty,
        index: u64,
        listed: bool,
        keep: &mut ir::Preserve,
    ) {
        if listed {
            return preserve_location(location, keep);
        }
        let Ty::Composite(id, _) = self.strip(ty) else { return };
        let annotations: Vec<_> =
            self.hir.types.composites[id].fields.iter().map(|f| f.decl.annotations.as_slice()).collect();
        for (i, (_, field_ty)) in self.fields(ty).into_iter().enumerate() {
            let Some(field) = self.field_of(location, i) else { continue };
            let listed = annotations
                .get(i)
                .and_then(|a| annotation(a, "field_list"))
                .is_some_and(|a| annotation_ints(a).iter().any(|n| *n == index.into()));
            self.collect_field_list(&field, &field_ty, index, listed, keep);
        }
    }

    /// A field of the standard metadata.
    pub(super) fn standard(&self, name: &str) -> Option<Location> {
        let (location, names) = self.arch_state.intrinsic.as_ref()?;
        let index = names.iter().position(|n| &**n == name)?;
        self.field_of(location, index)
    }

    /// Whether a field of the standard metadata has a value.
    fn standard_is(&self, name: &str, value: u128) -> Expr {
        match self.standard(name) {
            Some(Location::Scalar(place)) => {
                let width = self.place_ty(&place).width();
                fold::eq(Expr::Read(place), konst(width, value))
            }
            _ => Expr::Const(Bits::bool(value == 0)),
        }
    }

    /// Whether `egress_spec` is the port of packets to drop.
    fn is_dropped(&self) -> Expr {
        match self.standard("egress_spec") {
            Some(Location::Scalar(place)) => {
                let width = self.place_ty(&place).width();
                fold::eq(Expr::Read(place), drop_port(width))
            }
            _ => Expr::Const(Bits::bool(false)),
        }
    }

    /// How many ports a packet can be sent to: all that `egress_spec` holds but the one for packets to drop.
    fn port_numbers(&self) -> Option<u32> {
        let Some(Location::Scalar(place)) = self.standard("egress_spec") else { return None };
        let width = self.place_ty(&place).width();
        ir::port_numbers(width, Bits::ones(width).to_u64()?)
    }

    fn standard_read(&self, name: &str, width: u32) -> Expr {
        match self.standard(name) {
            Some(Location::Scalar(place)) => {
                let own = self.place_ty(&place).width();
                fold::resize(Expr::Read(place), own, width, false)
            }
            _ => konst(width, 0),
        }
    }

    fn set_standard(&mut self, fields: &[(&str, Source)]) {
        for (name, source) in fields {
            let Some(Location::Scalar(place)) = self.standard(name) else { continue };
            let width = self.place_ty(&place).width();
            let micros = |ns: Expr| fold::binary(BinaryOp::Div, ns, konst(64, 1000));
            let value = match source {
                Source::Known(known) => fold::resize(Expr::Intrinsic(*known), known.width(), width, false),
                Source::Micros(known) => fold::resize(micros(Expr::Intrinsic(*known)), 64, width, false),
                Source::QueueMicros => {
                    let spent = fold::binary(
                        BinaryOp::Sub,
                        Expr::Intrinsic(Intrinsic::NowNs),
                        Expr::Intrinsic(Intrinsic::EnqueueTimeNs),
                    );
                    fold::resize(micros(spent), 64, width, false)
                }
                Source::Zero => konst(width, 0),
            };
            self.emit(Stmt::Assign(place, value));
        }
    }
}

/// Adds all slots of a location.
pub(super) fn preserve_location(location: &Location, keep: &mut ir::Preserve) {
    match location {
        Location::Scalar(Place::Var(var)) => {
            if !keep.vars.contains(var) {
                keep.vars.push(*var);
            }
        }
        Location::Scalar(Place::Field(header, _)) | Location::Header(header, _) => {
            if let ir::HeaderRef::One(id) = header
                && !keep.headers.contains(id)
            {
                keep.headers.push(*id);
            }
        }
        Location::Struct(parts) | Location::Union(parts) => {
            parts.iter().for_each(|p| preserve_location(p, keep))
        }
        Location::Stack(stack) => {
            keep.vars.push(stack.next);
            stack.elements.iter().for_each(|e| preserve_location(e, keep));
        }
    }
}

fn build(l: &mut Lowerer<'_>, args: &[Option<CValue>]) -> Lower<()> {
    let mut blocks = Vec::new();
    for i in 0..BLOCKS.len() {
        match args.get(i) {
            Some(Some(CValue::Instance(inst))) => blocks.push(*inst),
            _ => return incomplete(l),
        }
    }
    let globals = globals(l, &blocks)?;
    l.ir.ports = l.port_numbers();
    let mut callees = Vec::new();
    let mut result = Ok(());
    for (i, (inst, roles)) in blocks.iter().zip(BLOCKS).enumerate() {
        l.arch_state.requests.in_egress = i >= EGRESS;
        let bindings: Vec<Binding> = roles
            .iter()
            .map(|role| match role {
                Role::Packet => Binding::Const(CValue::Packet),
                Role::Headers => Binding::Place(globals[0].clone()),
                Role::User => Binding::Place(globals[1].clone()),
                Role::Standard => Binding::Place(globals[2].clone()),
            })
            .collect();
        match l.top_level_block(*inst, &bindings) {
            Ok(callee) => callees.push(callee),
            Err(reported) => result = Err(reported),
        }
    }
    result?;
    let [parser, verify, ingress, egress, compute, deparser] = callees.as_slice() else {
        return incomplete(l);
    };
    let received = received_clones(l, *parser);
    let (block, ()) = l.in_block(|l| {
        l.set_standard(AT_INGRESS);
        run(l, *parser);
        run(l, *verify);
        run(l, *ingress);
        after_ingress(l, &received);
        Ok(())
    })?;
    l.ir.ingress = Some(l.ir.bodies.push(ir::Body { name: "ingress".to_owned(), block }));
    let (block, ()) = l.in_block(|l| {
        before_egress(l, *parser, &received)?;
        run(l, *egress);
        after_egress(l, &globals[0], *compute, *deparser)
    })?;
    l.ir.egress = Some(l.ir.bodies.push(ir::Body { name: "egress".to_owned(), block }));
    Ok(())
}

/// Some package of the same name has other blocks.
fn incomplete<T>(l: &mut Lowerer<'_>) -> Lower<T> {
    let span = l.hir.main.map(|main| l.hir.instances[main].decl.span).unwrap_or_default();
    l.unsupported(span, "a switch with other blocks than v1model's")
}

/// The one set of headers, user metadata and standard metadata that all blocks share.
fn globals(l: &mut Lowerer<'_>, blocks: &[InstId]) -> Lower<[Location; 3]> {
    let Some(ingress) = blocks.get(INGRESS) else {
        return incomplete(l);
    };
    let InstKind::Control(control) = l.insts[*ingress].kind else {
        return incomplete(l);
    };
    let params = l.hir.controls[control].params.clone();
    let mut made = Vec::new();
    for (param, role) in params.iter().zip(BLOCKS[INGRESS]) {
        let decl = &l.hir.variables[*param];
        let (ty, span) = (decl.ty.clone(), decl.decl.span);
        let name = match role {
            Role::Standard => "standard_metadata".to_owned(),
            Role::Packet | Role::Headers | Role::User => decl.decl.name.to_string(),
        };
        let location = match l.shape(&ty, span)? {
            // An empty struct, or a type argument that was never given.
            Shape::Nothing => Location::Struct(Arc::new([])),
            Shape::Scalar(_) | Shape::Header | Shape::Struct(_) | Shape::Union(_) | Shape::Stack(..) => {
                l.allocate(&ty, &name, span)?
            }
        };
        match role {
            Role::User => l.arch_state.user = Some((location.clone(), ty)),
            Role::Standard => {
                let names = l.fields(&ty).into_iter().map(|(n, _)| n).collect();
                l.arch_state.intrinsic = Some((location.clone(), names));
            }
            Role::Packet | Role::Headers => {}
        }
        made.push(location);
    }
    if let Some(Location::Scalar(Place::Var(var))) = l.standard("parser_error") {
        l.parser_error = Some(var);
    }
    match <[Location; 3]>::try_from(made) {
        Ok(globals) => Ok(globals),
        Err(_) => incomplete(l),
    }
}

/// Runs a block; an `exit` in it leaves that block only.
fn run(l: &mut Lowerer<'_>, callee: Callee) {
    let call = Stmt::Call { callee, copy_out: Vec::new() };
    match callee {
        Callee::Parser(_) => l.emit(call),
        Callee::Action(_) | Callee::Body(_) => l.emit(Stmt::Catch(vec![call])),
    }
}

/// What follows if one of these requests was made: one block per thing that the packet keeps.
fn on_request(
    made: Option<(VarId, Vec<usize>)>,
    preserves: &[PreserveId],
    block: impl Fn(PreserveId) -> ir::Block,
    otherwise: ir::Block,
) -> ir::Block {
    let Some((slot, requests)) = made else { return otherwise };
    let made = Expr::Read(Place::Var(slot));
    match requests.as_slice() {
        [one] => vec![Stmt::If {
            cond: fold::eq(made, Expr::Const(request_label(*one))),
            then: block(preserves[*one]),
            els: otherwise,
        }],
        many => vec![Stmt::Switch {
            on: made,
            cases: many.iter().map(|i| (vec![request_label(*i)], block(preserves[*i]))).collect(),
            default: otherwise,
        }],
    }
}

/// What a slot holds if this request was made last.
fn request_label(index: usize) -> Bits {
    Bits::new(REQUEST_WIDTH, index as u128 + 1)
}

fn mirror(requests: &Requests, source: MirrorSource) -> impl Fn(PreserveId) -> ir::Block {
    let session = match requests.session {
        Some(var) => Expr::Read(Place::Var(var)),
        None => konst(32, 0),
    };
    move |preserve| vec![Stmt::Mirror { session: session.clone(), source, preserve }]
}

/// What clones of received packets keep.
#[derive(Debug, Default)]
struct ReceivedClones {
    /// The slot that says which was requested, and which there can be.
    made: Option<(VarId, Vec<usize>)>,
    /// By request.
    preserves: Vec<PreserveId>,
    /// Slots that the clone's parser would overwrite, and where they are kept meanwhile.
    saved: Vec<(VarId, VarId)>,
}

fn received_clones(l: &mut Lowerer<'_>, parser: Callee) -> ReceivedClones {
    let clones = &l.arch_state.requests.kinds[Request::Clone as usize];
    let mut preserves = clones.preserves.clone();
    let Some((slot, requests)) = clones.made_in(true, false) else { return ReceivedClones::default() };
    let written = crate::lower::written_vars(&l.ir, parser);
    let mut saved: Vec<(VarId, VarId)> = Vec::new();
    for request in &requests {
        for var in l.ir.preserves[preserves[*request]].vars.clone() {
            if written.contains(&var) && saved.iter().all(|(v, _)| *v != var) {
                let ty = l.ir.vars[var].ty;
                let name = format!("{}.kept", l.ir.vars[var].name);
                saved.push((var, l.new_var(name, ty)));
            }
        }
    }
    if !saved.is_empty() {
        // Which request it was has to come along.
        for request in &requests {
            let mut keep = l.ir.preserves[preserves[*request]].clone();
            keep.vars.push(slot);
            preserves[*request] = l.ir.preserves.push(keep);
        }
    }
    ReceivedClones { made: Some((slot, requests)), preserves, saved }
}

/// `simple_switch`, after-ingress pseudocode: clone; then resubmit, else multicast, else drop, else unicast.
fn after_ingress(l: &mut Lowerer<'_>, received: &ReceivedClones) {
    let requests = &l.arch_state.requests;
    let clones = on_request(
        received.made.clone(),
        &received.preserves,
        mirror(requests, MirrorSource::Received),
        Vec::new(),
    );
    let queue = l.standard_read("priority", 32);
    let group = l.standard_read("mcast_grp", 32);
    let spec = l.standard_read("egress_spec", 32);
    let unicast = vec![Stmt::If {
        cond: l.is_dropped(),
        then: vec![Stmt::Decide(Decision::Drop(DropReason::IngressDrop))],
        els: vec![Stmt::Decide(Decision::Enqueue { port: spec, queue: queue.clone() })],
    }];
    let forward = vec![Stmt::If {
        cond: fold::not(l.standard_is("mcast_grp", 0)),
        then: vec![Stmt::Decide(Decision::Replicate { group, queue })],
        els: unicast,
    }];
    let resubmits = &requests.kinds[Request::Resubmit as usize];
    let decision = on_request(
        resubmits.made_in(true, false),
        &resubmits.preserves,
        |preserve| vec![Stmt::Decide(Decision::Resubmit(preserve))],
        forward,
    );
    l.block.extend(clones);
    l.block.extend(decision);
}

/// Clones of received packets are parsed now; what they keep is put back over what the parser does.
fn before_egress(l: &mut Lowerer<'_>, parser: Callee, received: &ReceivedClones) -> Lower<()> {
    if let Some((slot, requests)) = &received.made {
        let copy = |to: VarId, from: VarId| Stmt::Assign(Place::Var(to), Expr::Read(Place::Var(from)));
        let origin = Expr::Intrinsic(Intrinsic::Origin);
        let is_clone = fold::eq(origin, konst(32, Origin::CloneOfReceived as u128));
        let (then, ()) = l.in_block(|l| {
            l.set_standard(AT_CLONE);
            for (var, kept) in &received.saved {
                l.emit(copy(*kept, *var));
            }
            run(l, parser);
            if !received.saved.is_empty() {
                let mut cases = Vec::new();
                for request in requests {
                    let vars = &l.ir.preserves[received.preserves[*request]].vars;
                    let kept = received.saved.iter().filter(|(v, _)| vars.contains(v));
                    cases.push((vec![request_label(*request)], kept.map(|(v, k)| copy(*v, *k)).collect()));
                }
                l.emit(Stmt::Switch { on: Expr::Read(Place::Var(*slot)), cases, default: Vec::new() });
            }
            Ok(())
        })?;
        l.emit(Stmt::If { cond: is_clone, then, els: Vec::new() });
        // Ingress's request has been served.
        if l.arch_state.requests.kinds[Request::Clone as usize].made_in(false, true).is_some() {
            l.emit(Stmt::Assign(Place::Var(*slot), konst(REQUEST_WIDTH, 0)));
        }
    }
    l.set_standard(AT_EGRESS);
    Ok(())
}

/// `simple_switch`, after-egress pseudocode: clone; then drop, else deparse and recirculate or transmit.
fn after_egress(l: &mut Lowerer<'_>, headers: &Location, compute: Callee, deparser: Callee) -> Lower<()> {
    let clones = l.arch_state.requests.kinds[Request::Clone as usize].clone();
    if let Some((slot, requests)) = clones.made_in(false, true) {
        // A clone of what is sent has its headers as they are; metadata only as far as asked for.
        let mut preserves = clones.preserves.clone();
        for request in &requests {
            let mut keep = l.ir.preserves[preserves[*request]].clone();
            preserve_location(headers, &mut keep);
            preserves[*request] = l.ir.preserves.push(keep);
        }
        let session = mirror(&l.arch_state.requests, MirrorSource::Live);
        let block = on_request(Some((slot, requests)), &preserves, session, Vec::new());
        l.block.extend(block);
    }
    let (mut kept, ()) = l.in_block(|l| {
        run(l, compute);
        run(l, deparser);
        Ok(())
    })?;
    let recirculations = &l.arch_state.requests.kinds[Request::Recirculate as usize];
    kept.extend(on_request(
        recirculations.made_in(true, true),
        &recirculations.preserves,
        |preserve| vec![Stmt::Decide(Decision::Recirculate(preserve))],
        vec![Stmt::Decide(Decision::Transmit)],
    ));
    let cond = l.is_dropped();
    l.emit(Stmt::If { cond, then: vec![Stmt::Decide(Decision::Drop(DropReason::EgressDrop))], els: kept });
    Ok(())
}
