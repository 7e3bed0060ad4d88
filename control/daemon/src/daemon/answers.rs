//! What is asked of the daemon from outside, and its answers.
//!
//! Invariant: everything asked is answered before the next is looked at, so that what one caller is told is true when it is
//! told.

use std::sync::Arc;

use heddle_engine::PortChangeError;
use heddle_packet::PortId;
use heddle_ports::spec::{BareName, PortSpec};
use tonic::Code;

use super::Daemon;
use crate::attachments::{PortError, chain};
use crate::call::{Ask, Reply};
use crate::grpc::port_message;
use crate::notice::Notice;
use crate::proto;

/// Answers, if whoever asked is still there.
fn give<T>(reply: Reply<T>, answer: T) {
    let _ = reply.send(answer);
}

fn refused(code: Code, message: String) -> heddle_p4rt::Status {
    heddle_p4rt::Status { code: code.into(), message, details: Vec::new() }
}

fn port_refused(error: &PortError) -> heddle_p4rt::Status {
    let code = match error {
        PortError::NumberTaken { .. } | PortError::NameTaken { .. } => Code::AlreadyExists,
        PortError::Open { .. } => Code::FailedPrecondition,
        PortError::Engine(error) => match error {
            PortChangeError::Attached(_) => Code::AlreadyExists,
            PortChangeError::Unknown(_) => Code::NotFound,
            PortChangeError::NoRoom(_) => Code::ResourceExhausted,
            PortChangeError::Controller(_) | PortChangeError::Unnameable(_) => Code::InvalidArgument,
            PortChangeError::Busy => Code::Unavailable,
        },
    };
    refused(code, chain(error))
}

/// What is asked from outside.
impl Daemon {
    pub(super) fn answer(&mut self, ask: Ask) {
        let now_ns = self.engine.now_ns();
        let Some(control) = &mut self.control else { return };
        match ask {
            Ask::OpenStream(outlet, reply) => give(reply, control.open_stream(now_ns, outlet)),
            Ask::StreamMessage(stream, message) => control.stream_message(now_ns, stream, *message),
            Ask::Resume(stream) => control.pump_stream(stream),
            Ask::CloseStream(stream) => control.close_stream(now_ns, stream),
            Ask::EndStream(stream, reason) => control.end_stream(now_ns, stream, reason),
            Ask::Write(request, reply) => give(reply, control.write(now_ns, *request)),
            Ask::Read(request, reply) => give(reply, control.core().read(now_ns, &request)),
            Ask::SetPipeline(request, reply) => {
                let response = control.set_pipeline(now_ns, *request);
                self.after_pipeline();
                give(reply, response);
            }
            Ask::GetPipeline(request, reply) => {
                give(reply, control.core().get_forwarding_pipeline_config(&request));
            }
            Ask::Capabilities(request, reply) => give(reply, control.core().capabilities(&request)),
            Ask::Validate(request, reply) => {
                let valid = control.validate(&request.updates);
                give(reply, valid.map(|()| proto::ValidateResponse {}));
            }
            Ask::ListPorts(reply) => {
                give(reply, proto::ListPortsResponse { ports: self.port_messages() });
            }
            Ask::AddPort(request, reply) => give(reply, self.answer_add_port(&request)),
            Ask::RemovePort(request, reply) => give(reply, self.answer_remove_port(&request)),
            Ask::Stats(reply) => give(reply, self.stats_message()),
            Ask::Reload(reply) => give(reply, self.answer_reload()),
        }
    }

    fn answer_reload(&mut self) -> Result<proto::ReloadResponse, heddle_p4rt::Status> {
        if self.is_draining && self.engine.is_draining() {
            let why = "packets of the program before are still under way; try again".to_owned();
            return Err(refused(Code::Unavailable, why));
        }
        let kept = self.reload().map_err(|error| refused(Code::FailedPrecondition, chain(error.as_ref())))?;
        self.is_draining = true;
        self.observer.notice(&Notice::Reloaded(&kept));
        Ok(proto::ReloadResponse {
            entries_kept: kept.entries as u64,
            left: kept.left.iter().map(ToString::to_string).collect(),
        })
    }

    pub(super) fn port_messages(&self) -> Vec<proto::Port> {
        let attached: Vec<_> = self.engine.ports().collect();
        let stats = self.engine.stats();
        let message = |spec: &PortSpec| {
            let description = attached.iter().find(|port| port.id == spec.id);
            let up = stats.port(spec.id).is_some_and(|port| port.up);
            port_message(spec.to_string(), spec.id.0, description.map(Arc::as_ref), up)
        };
        self.attachments.specs().iter().map(message).collect()
    }

    fn keep_ports(&mut self) -> Result<(), heddle_p4rt::Status> {
        let ports = self.port_messages();
        self.control.as_mut().map_or(Ok(()), |control| control.keep_ports(ports))
    }

    fn answer_add_port(
        &mut self,
        request: &proto::AddPortRequest,
    ) -> Result<proto::AddPortResponse, heddle_p4rt::Status> {
        let spec = PortSpec::parse(&request.spec, BareName::Interface)
            .map_err(|error| refused(Code::InvalidArgument, error.to_string()))?;
        let text = spec.to_string();
        let description = self.add_port(spec).map_err(|error| port_refused(&error))?;
        self.observer.notice(&Notice::Attached(&description));
        self.keep_ports()?;
        let port = port_message(text, description.id.0, Some(&description), true);
        Ok(proto::AddPortResponse { port: Some(port) })
    }

    fn answer_remove_port(
        &mut self,
        request: &proto::RemovePortRequest,
    ) -> Result<proto::RemovePortResponse, heddle_p4rt::Status> {
        self.remove_port(PortId(request.id)).map_err(|error| port_refused(&error))?;
        self.keep_ports()?;
        Ok(proto::RemovePortResponse {})
    }

    fn stats_message(&self) -> proto::GetStatsResponse {
        let counts = self.control.as_ref().map(super::ControlPlane::numbers).unwrap_or_default();
        crate::stats::message(&self.engine, &counts)
    }
}
