//! Ports that come and go while a worker runs, and their links.
//!
//! Invariant: what waits for a port that is not sent to any more is counted as lost there, and its gate is looked at before
//! another packet passes.

use heddle_packet::PortId;
use heddle_ports::{Queue, QueueError, Shapes};

use super::port::Egress;
use super::{Core, ReceiveQueue, Route};
use crate::config::PortConfig;
use crate::event::Event;
use crate::reason::Reason;

impl Core {
    /// Takes a port that failed out of service: what waits for it is lost, the others go on.
    pub(super) fn detach(&mut self, position: usize, error: &QueueError) {
        self.let_go(position);
        self.take_down(position, &error.to_string());
    }

    /// Puts a port into service.
    pub(super) fn attach(
        &mut self,
        position: usize,
        number: u32,
        route: Route,
        config: &PortConfig,
        queues: Vec<Box<dyn Queue>>,
    ) {
        let mut first = None;
        let takes_whole = queues.first().is_some_and(|queue| queue.takes_whole());
        for queue in queues {
            let of = ReceiveQueue {
                port: position,
                queue: Some(queue),
                missed: 0,
                invalid: 0,
                whole: Shapes::NONE,
            };
            let vacant = self.queues.iter().position(|of| of.port == position && of.queue.is_none());
            let index = vacant.unwrap_or(self.queues.len());
            match self.queues.get_mut(index) {
                Some(place) => *place = of,
                None => self.queues.push(of),
            }
            first.get_or_insert(index);
        }
        let receives = |of: &ReceiveQueue| of.queue.as_ref().is_some_and(|queue| queue.receives());
        let asked = self.queues.iter().enumerate().filter(|(_, of)| receives(of));
        self.receiving = asked.map(|(index, _)| index).collect();
        if let Some(place) = self.routes.get_mut(position) {
            *place = route;
        }
        if let Some(egress) = self.egress.get_mut(position) {
            let is_listed = egress.as_ref().map(Egress::listed);
            *egress = (route == Route::Here)
                .then(|| Egress::attached(number, config, first, takes_whole, is_listed));
            self.backlog_due_ns = 0;
        }
        self.has_gates = self.egress.iter().flatten().any(Egress::has_gate);
        self.grow_stale(position);
        let sends = route == Route::Here && first.is_some();
        if let Some(port) = self.shared.ports.ports().get(position)
            && sends
            && port.bring_up()
        {
            self.shared.tell_up(port);
            self.tell(Event::PortUp { port: PortId(number) });
        }
    }

    /// Drops a port's queue pairs and what waits for it.
    pub(super) fn let_go(&mut self, position: usize) {
        for of in self.queues.iter_mut().filter(|of| of.port == position) {
            of.queue = None;
        }
        self.stop_sending(position);
    }

    /// What waits for a port is lost, and what is yet sent to it.
    fn stop_sending(&mut self, position: usize) {
        self.grow_stale(position);
        if let Some(Some(egress)) = self.egress.get_mut(position) {
            let lost = egress.detach(&mut self.waiting);
            let cells = self.port_cells(position);
            cells.drops[Reason::PortDown.index()].add(lost as u64);
            for queue in &cells.queues {
                queue.depth_packets.set(0);
                queue.depth_bytes.set(0);
            }
        }
    }

    /// A port goes on receiving without a link, if only to hear why.
    pub(super) fn set_link(&mut self, position: usize, has_link: bool) {
        if has_link {
            let sends = |of: &ReceiveQueue| of.port == position && of.queue.is_some();
            if let (Some(queue), Some(Some(egress))) =
                (self.queues.iter().position(sends), self.egress.get_mut(position))
            {
                egress.attach(queue);
            }
            self.grow_stale(position);
        } else {
            self.stop_sending(position);
        }
        self.has_gates = self.egress.iter().flatten().any(Egress::has_gate);
    }

    /// Tells everybody that a port works no more, once.
    fn take_down(&self, position: usize, error: &str) {
        let Some(port) = self.shared.ports.ports().get(position) else { return };
        if let Some(id) = port.id()
            && port.take_down()
        {
            self.shared.tell_up(port);
            self.tell(Event::PortGone { port: id, error: error.to_owned() });
        }
    }
}
