//! The switch's own service: ports, statistics, a look at a write before it is made.
//!
//! Invariant: whoever changes something by it needs the role with all rights, and whoever looks needs no role.

use heddle_ports::PortDescription;
use tonic::{Request, Response, Status};

use super::p4runtime::{peer, status};
use crate::call::{Ask, Caller, Gone};
use crate::proto;
use crate::proto::switch_server::Switch;

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) caller: Caller,
}

fn answered<T>(answer: Result<Result<T, heddle_p4rt::Status>, Gone>) -> Result<Response<T>, Status> {
    answer?.map(Response::new).map_err(|error| status(&error))
}

/// What is told of a port.
pub(crate) fn port(spec: String, id: u32, description: Option<&PortDescription>, up: bool) -> proto::Port {
    let mut port = proto::Port { id, spec, up, ..proto::Port::default() };
    if let Some(description) = description {
        port.kind = description.kind.to_owned();
        port.queues = u32::try_from(description.queues).unwrap_or(u32::MAX);
        port.mtu_bytes = u32::try_from(description.mtu_bytes).unwrap_or(u32::MAX);
        port.notes = description.notes.clone();
    }
    port
}

#[tonic::async_trait]
impl Switch for Service {
    async fn list_ports(
        &self,
        _: Request<proto::ListPortsRequest>,
    ) -> Result<Response<proto::ListPortsResponse>, Status> {
        Ok(Response::new(self.caller.ask(Ask::ListPorts).await?))
    }

    async fn add_port(
        &self,
        request: Request<proto::AddPortRequest>,
    ) -> Result<Response<proto::AddPortResponse>, Status> {
        peer(&request)?.check_role("")?;
        let request = request.into_inner();
        answered(self.caller.ask(|reply| Ask::AddPort(request, reply)).await)
    }

    async fn remove_port(
        &self,
        request: Request<proto::RemovePortRequest>,
    ) -> Result<Response<proto::RemovePortResponse>, Status> {
        peer(&request)?.check_role("")?;
        let request = request.into_inner();
        answered(self.caller.ask(|reply| Ask::RemovePort(request, reply)).await)
    }

    async fn get_stats(
        &self,
        _: Request<proto::GetStatsRequest>,
    ) -> Result<Response<proto::GetStatsResponse>, Status> {
        Ok(Response::new(self.caller.ask(Ask::Stats).await?))
    }

    async fn validate(
        &self,
        request: Request<proto::ValidateRequest>,
    ) -> Result<Response<proto::ValidateResponse>, Status> {
        let request = Box::new(request.into_inner());
        answered(self.caller.ask(|reply| Ask::Validate(request, reply)).await)
    }

    async fn reload(
        &self,
        request: Request<proto::ReloadRequest>,
    ) -> Result<Response<proto::ReloadResponse>, Status> {
        peer(&request)?.check_role("")?;
        answered(self.caller.ask(Ask::Reload).await)
    }
}
