//! A program built is the one that its text says.

use expect_test::expect;

use super::*;
use crate::{Callee, Decision, DropReason, HeaderRef, Intrinsic, Place, Stmt, text, verify};

#[test]
fn a_router() {
    let mut b = ProgramBuilder::new("router");
    b.architecture("v1model");
    let ethernet = b.header_type("ethernet_t", &[("dst", 48), ("src", 48), ("type", 16)]);
    let ipv4 = b.header_type_of("ipv4_t", &[("dst", Ty::Bits(32)), ("options", Ty::Varbit(320))]);
    let (eth, ip) = (b.header("hdr.ethernet", ethernet), b.header("hdr.ipv4", ipv4));
    let vlan = b.stack("hdr.vlan", ethernet, 2);
    b.union("hdr.l3", &[ip]);
    let (port, spare) = (b.var("meta.port", 32), b.varbit("meta.spare", 16));
    assert_eq!(b.error("BadVersion"), 7);

    let mut p = b.parser("MyParser");
    let start = p.declare("start");
    let parse_ip = p.state(
        "ipv4",
        vec![Stmt::Extract { header: ip.into(), varbit_bits: Some(Expr::constant(32, 0)) }],
        Transition::goto(Target::Accept),
    );
    let by_type = &[(Bits::new(16, 0x800), parse_ip.into())];
    p.define(
        start,
        vec![Stmt::extract(eth)],
        Transition::select(Expr::field(eth, 2), by_type, Target::Accept),
    );
    let parser = p.finish();

    let set = b.action("I.set", &[("port", port)], vec![]);
    let drop = b.action("I.drop", &[], vec![Stmt::drop(DropReason::IngressDrop)]);
    let table = b
        .table("I.route")
        .key("hdr.ipv4.dst", MatchKind::Lpm, Expr::field(ip, 0))
        .action(set)
        .default_action(drop, vec![])
        .entry(
            vec![KeyMatch::Lpm { value: Bits::new(32, 0x0a00_0000), prefix_len: 8 }],
            0,
            set,
            vec![Bits::new(32, 3)],
        )
        .size(64)
        .with(|t| t.const_default = true)
        .finish();
    let counter = b.direct_counter("I.hits", CounterUnit::Packets, table);
    b.program_mut().actions[set].body.push(Stmt::Count { counter, index: None });
    let keep = b.preserve(&[port], &[]);
    b.ingress(vec![
        Stmt::call(parser),
        Stmt::either(
            Expr::valid(ip),
            vec![Stmt::apply(table)],
            vec![Stmt::assign(port, Expr::from(Intrinsic::IngressPort) + Expr::constant(32, 1))],
        ),
        Stmt::assign(
            Place::field(HeaderRef::element(vlan, Expr::read(port)), 2),
            Expr::field(eth, 2).slice(7, 0).concat(Expr::constant(8, 1)),
        ),
        Stmt::when(Expr::read(port).eq(Expr::constant(32, 0)), vec![Stmt::Decide(Decision::Resubmit(keep))]),
        Stmt::when(!Expr::read(spare).ne(Expr::read(spare)), vec![]),
        Stmt::enqueue(port),
    ]);
    let deparser = b.body("MyDeparser", vec![Stmt::emit(eth), Stmt::emit(ip)]);
    b.egress(vec![Stmt::Call { callee: Callee::Body(deparser), copy_out: vec![] }, Stmt::transmit()]);

    let program = b.finish();
    let printed = text::print(&program);
    expect![[r#"
        program router for v1model {
            errors NoError, PacketTooShort, NoMatch, StackOutOfBounds, HeaderTooShort, ParserTimeout, ParserInvalidArgument, BadVersion;
            header_type htype0 ethernet_t { dst: 48; src: 48; type: 16; }
            header_type htype1 ipv4_t { dst: 32; options: varbit 320; }
            header hdr0 "hdr.ethernet": htype0;
            header hdr1 "hdr.ipv4": htype1 in union0;
            header hdr2 "hdr.vlan[0]": htype0;
            header hdr3 "hdr.vlan[1]": htype0;
            stack stack0 "hdr.vlan": hdr2, hdr3 next var0;
            union union0 "hdr.l3": hdr1;
            var var0 "hdr.vlan.nextIndex": 32;
            var var1 "meta.port": 32;
            var var2 "meta.spare": varbit 16;
            var var3 "MyParser.parser_error": 32;
            counter counter0 "I.hits" id 0x13000004 packets size 0 direct table0;
            preserve preserve0 vars var1 headers;
            action action0 "I.set" id 0x01000001 (port: var1) {
                count counter0;
            }
            action action1 "I.drop" id 0x01000002 () {
                drop ingress_drop;
            }
            table table0 "I.route" id 0x02000003 {
                key lpm 32 "hdr.ipv4.dst" = hdr1.dst;
                action action0;
                action action1;
                default const action1();
                entry (32w0xa000000/8): action0(32w0x3);
                size 64;
                direct_counter counter0;
            }
            parser parser0 MyParser {
                error var3;
                steps 256;
                start state0;
                state state0 start {
                    extract hdr0;
                    transition select (hdr0.type) {
                        (16w0x800): state1;
                        (any): accept;
                    }
                }
                state state1 ipv4 {
                    extract hdr1, 32w0x0;
                    transition accept;
                }
            }
            body body0 ingress {
                call parser0;
                if valid hdr1 {
                    apply table0;
                } else {
                    var1 = add(ingress_port, 32w0x1);
                }
                stack0[var1].type = concat(slice(hdr0.type, 7, 0), 8w0x1);
                if eq(var1, 32w0x0) {
                    resubmit preserve0;
                }
                if not(ne(var2, var2)) {}
                enqueue var1, 32w0x0;
            }
            body body1 MyDeparser {
                emit hdr0;
                emit hdr1;
            }
            body body2 egress {
                call body1;
                transmit;
            }
            ingress body0;
            egress body2;
        }
    "#]].assert_eq(&printed);
    assert_eq!(text::parse(&printed).unwrap(), program);
    assert_eq!(verify::violations(&program), []);
    assert!(verify(program).is_ok());
}

#[test]
fn ids_have_the_prefix_of_their_kind_and_are_unique() {
    let mut b = ProgramBuilder::new("x");
    let action = b.action("a", &[], vec![]);
    let table = b.table("t").action(action).finish();
    b.counter("c", CounterUnit::Bytes, 4);
    b.direct_counter("dc", CounterUnit::Bytes, table);
    b.meter("m", CounterUnit::Bytes, 4);
    b.direct_meter("dm", CounterUnit::Bytes, table);
    b.register("r", 32, 4);
    b.digest("d", &[("x", 1)]);
    b.profile("p", 4);
    b.selector("s", 4, HashAlgorithm::Crc16, 16);
    b.value_set("v", &[("k", 8, MatchKind::Exact)], 4);
    b.ingress(vec![]);
    let program = b.finish();
    let prefix = |control: &ControlName| control.id >> 24;
    assert_eq!(prefix(&program.actions[action].control), 0x01);
    assert_eq!(prefix(&program.tables[table].control), 0x02);
    let counters: Vec<u32> = program.counters.values().map(|c| prefix(&c.control)).collect();
    let meters: Vec<u32> = program.meters.values().map(|m| prefix(&m.control)).collect();
    assert_eq!((counters, meters), (vec![0x12, 0x13], vec![0x14, 0x15]));
    assert_eq!(verify::violations(&program), []);
}
