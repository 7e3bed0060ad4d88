//! Packets that the log tells of, and how it counts what it does not.

use heddle_exec::trace::Event;
use heddle_exec::{Entry, Intrinsics, Verdict};
use heddle_ir::{Bits, DropReason, Program};

use super::{Budget, Prefix, bmv2};

fn shown(events: &[Event<'_>], bytes: usize) -> String {
    let mut view = bmv2::View::default();
    let mut text = String::new();
    for event in events {
        let prefix = Prefix { time_ms: 3_723_004 };
        view.event(&Program::default(), event, true, &mut bmv2::Lines { text: &mut text, prefix, bytes });
    }
    text.replace(&format!("[thread {}]", std::process::id()), "[thread N]")
}

#[test]
fn a_packet_keeps_its_number_from_ingress_to_egress() {
    let of = |ingress_time_ns| Intrinsics {
        ingress_port: 1,
        egress_port: 2,
        ingress_time_ns,
        ..Intrinsics::default()
    };
    let (first, second) = (of(10), of(20));
    let began = |entry, intrinsics| Event::PassBegan { entry, intrinsics, bytes: &[0xab, 0xcd] };
    let enqueued = Event::PassEnded { verdict: Verdict::Enqueue { port: 2, queue: 0 }, bytes: &[] };
    let sent = Event::PassEnded { verdict: Verdict::Transmit, bytes: &[0xab, 0xcd] };
    let args = [Bits::new(16, 300), Bits::new(8, 7)];
    let text = shown(
        &[
            began(Entry::Ingress, &first),
            enqueued.clone(),
            began(Entry::Ingress, &second),
            Event::Logged { format: "x={} y={}", args: &args },
            enqueued,
            began(Entry::Egress, &first),
            sent.clone(),
            began(Entry::Egress, &second),
            Event::Dropped { reason: DropReason::EgressDrop },
        ],
        1,
    );
    expect_test::expect![[r#"
        [01:02:03.004] [bmv2] [I] [thread N] Received packet of length 2 on port 1: ab
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Processing packet received on port 1
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Pipeline 'ingress': start
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Pipeline 'ingress': end
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Egress port is 2
        [01:02:03.004] [bmv2] [I] [thread N] Received packet of length 2 on port 1: ab
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Processing packet received on port 1
        [01:02:03.004] [bmv2] [I] [thread N] x=300 y=7
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Pipeline 'ingress': start
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Pipeline 'ingress': end
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Egress port is 2
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Pipeline 'egress': start
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Pipeline 'egress': end
        [01:02:03.004] [bmv2] [D] [thread N] [0.0] [cxt 0] Transmitting packet of size 2 out of port 2
        [01:02:03.004] [bmv2] [I] [thread N] Sending packet of length 2 on port 2: ab
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Pipeline 'egress': start
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Pipeline 'egress': end
        [01:02:03.004] [bmv2] [D] [thread N] [1.0] [cxt 0] Dropping packet at the end of egress
    "#]]
    .assert_eq(&text);
}

#[test]
fn no_more_packets_are_shown_than_the_rate_says() {
    let mut budget = Budget::new(2);
    assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
    assert!(!Budget::new(0).take());
}
