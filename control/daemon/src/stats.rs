//! The engine's numbers as the switch's own service gives them.
//!
//! Invariant: every reason for which a packet can be lost is there, whether or not any was.

use heddle_engine::{Drops, Engine, Reason};

use crate::proto;

fn count(name: &str, count: u64) -> proto::Count {
    proto::Count { name: name.to_owned(), count }
}

fn drops(drops: &Drops) -> Vec<proto::Count> {
    drops.iter().map(|(reason, lost)| count(reason.label(), lost)).collect()
}

/// What happened so far.
pub(crate) fn message(engine: &Engine, server: &[(&'static str, u64)]) -> proto::GetStatsResponse {
    let stats = engine.stats();
    let state = engine.state();
    let tables = state.program().tables.iter().map(|(id, table)| {
        let memory = state.table_memory(id);
        proto::TableStats {
            name: table.control.name.clone(),
            entries: memory.entries as u64,
            size: table.size,
            memory_bytes: (memory.entry_bytes + memory.search_bytes) as u64,
        }
    });
    let ports = stats.ports.iter().map(|port| proto::PortStats {
        id: port.id.map(|id| id.0),
        up: port.up,
        rx_packets: port.rx_packets,
        rx_bytes: port.rx_bytes,
        rx_missed: port.rx_missed,
        rx_invalid: port.rx_invalid,
        injected: port.injected,
        tx_packets: port.tx_packets,
        tx_bytes: port.tx_bytes,
        drops: drops(&port.drops),
        queues: port
            .queues
            .iter()
            .map(|queue| proto::QueueStats {
                packets: queue.packets,
                bytes: queue.bytes,
                high_water_packets: queue.high_water_packets,
            })
            .collect(),
    });
    proto::GetStatsResponse {
        time_ns: engine.now_ns(),
        program: state.program().name.clone(),
        received: stats.received,
        injected: stats.injected,
        copies: stats.copies,
        transmitted: stats.transmitted,
        delivered: stats.delivered,
        in_flight: stats.in_flight(),
        drops: Reason::ALL.iter().map(|&reason| count(reason.label(), stats.drops.get(reason))).collect(),
        ports: ports.collect(),
        tables: tables.collect(),
        digests_lost: stats.digests_lost,
        events_lost: stats.events_lost,
        server: server.iter().map(|(name, number)| count(name, *number)).collect(),
    }
}
