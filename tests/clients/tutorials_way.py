"""A P4Runtime client the way the P4 tutorials' library does it: tutorials_way.py ADDRESS DEVICE_ID P4INFO CONFIG

Election id 1, the config in a P4DeviceConfig, an RPC for each entry, values as wide as their fields, default actions by
MODIFY, groups and clone sessions by INSERT, packets over the stream.
"""

import queue
import sys
import threading

import google.protobuf.text_format
import grpc
from google.rpc import code_pb2, status_pb2
from p4.config.v1 import p4info_pb2
from p4.v1 import p4runtime_pb2, p4runtime_pb2_grpc

address, device, p4info_path, config_path = sys.argv[1:]
device = int(device)

p4info = p4info_pb2.P4Info()
with open(p4info_path) as file:
    google.protobuf.text_format.Merge(file.read(), p4info, allow_unknown_field=True)


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def device_config():
    """p4.tmp.P4DeviceConfig { reassign: true, device_data: ... }, by hand: its module is not in the package."""
    with open(config_path, "rb") as file:
        data = file.read()
    return b"\x08\x01\x1a" + varint(len(data)) + data


def table(name):
    return next(t for t in p4info.tables if name in (t.preamble.name, t.preamble.alias))


def action(name):
    return next(a for a in p4info.actions if name in (a.preamble.name, a.preamble.alias))


channel = grpc.insecure_channel(address)
stub = p4runtime_pb2_grpc.P4RuntimeStub(channel)
outgoing, incoming = queue.Queue(), {"arbitration": queue.Queue(), "packet": queue.Queue()}
stream = stub.StreamChannel(iter(outgoing.get, None))


def receive():
    try:
        for message in stream:
            kind = message.WhichOneof("update")
            incoming.setdefault(kind, queue.Queue()).put(message)
    except grpc.RpcError:
        pass


threading.Thread(target=receive, daemon=True).start()

# Before there is a pipeline, controllers of BMv2 count on an error.
try:
    stub.GetForwardingPipelineConfig(p4runtime_pb2.GetForwardingPipelineConfigRequest(device_id=device))
    raise AssertionError("there is a pipeline already")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert "No forwarding pipeline config set for this device" in error.details(), error

hello = p4runtime_pb2.StreamMessageRequest()
hello.arbitration.device_id = device
hello.arbitration.election_id.low = 1
outgoing.put(hello)
reply = incoming["arbitration"].get(timeout=10)
assert reply.arbitration.status.code == code_pb2.OK, reply

request = p4runtime_pb2.SetForwardingPipelineConfigRequest(device_id=device)
request.election_id.low = 1
request.action = p4runtime_pb2.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
request.config.p4info.CopyFrom(p4info)
request.config.p4_device_config = device_config()
stub.SetForwardingPipelineConfig(request)


def write(kind, fill):
    request = p4runtime_pb2.WriteRequest(device_id=device)
    request.election_id.low = 1
    update = request.updates.add()
    update.type = kind
    fill(update.entity)
    stub.Write(request)


def route(address, length, action_name, params, default=False):
    def fill(entity):
        entry = entity.table_entry
        entry.table_id = table("routes").preamble.id
        if default:
            entry.is_default_action = True
        else:
            match = entry.match.add()
            match.field_id = 1
            match.lpm.value = address
            match.lpm.prefix_len = length
        chosen = action(action_name)
        entry.action.action.action_id = chosen.preamble.id
        for param, value in zip(chosen.params, params):
            # As many bytes as the type has, zeros in front.
            entry.action.action.params.add(param_id=param.id, value=value.to_bytes((param.bitwidth + 7) // 8, "big"))

    write(p4runtime_pb2.Update.MODIFY if default else p4runtime_pb2.Update.INSERT, fill)


route(None, 0, "to_controller", [], default=True)
route(b"\x0a\x00\x01\x00", 24, "forward", [0x020000000001, 1])
route(b"\x0a\x00\x02\x02", 32, "forward", [0x020000000002, 2])
try:
    route(b"\x0a\x00\x02\x02", 32, "forward", [0x020000000002, 2])
    raise AssertionError("the same entry twice")
except grpc.RpcError as error:
    # As printGrpcError takes it apart.
    assert error.code() == grpc.StatusCode.UNKNOWN, error
    details = next(value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin")
    status = status_pb2.Status.FromString(details)
    found = p4runtime_pb2.Error()
    assert status.details[0].Unpack(found)
    assert found.canonical_code == code_pb2.ALREADY_EXISTS, found


def group(entity):
    entity.packet_replication_engine_entry.multicast_group_entry.multicast_group_id = 1
    for port in (1, 2, 3):
        replica = entity.packet_replication_engine_entry.multicast_group_entry.replicas.add()
        replica.egress_port, replica.instance = port, 1


def session(entity):
    clone = entity.packet_replication_engine_entry.clone_session_entry
    clone.session_id, clone.packet_length_bytes = 57, 128
    replica = clone.replicas.add()
    replica.egress_port, replica.instance = 510, 1


write(p4runtime_pb2.Update.INSERT, group)
write(p4runtime_pb2.Update.INSERT, session)

# Everything there is in all tables.
read = p4runtime_pb2.ReadRequest(device_id=device)
read.entities.add().table_entry.table_id = 0
entries = [entity.table_entry for response in stub.Read(read) for entity in response.entities]
routes = [e for e in entries if e.table_id == table("routes").preamble.id and not e.is_default_action]
assert {e.match[0].lpm.prefix_len for e in routes} == {24, 32}, entries

read = p4runtime_pb2.ReadRequest(device_id=device)
counter = read.entities.add().counter_entry
counter.counter_id = next(c.preamble.id for c in p4info.counters if c.preamble.alias == "routed")
counter.index.index = 1
cells = [entity.counter_entry for response in stub.Read(read) for entity in response.entities]
assert len(cells) == 1 and cells[0].data.packet_count == 0, cells

packet = p4runtime_pb2.StreamMessageRequest()
packet.packet.payload = b"\x02" * 12 + b"\x88\xb5" + b"tutorials" * 8
packet.packet.metadata.add(metadata_id=1, value=(510).to_bytes(2, "big"))
packet.packet.metadata.add(metadata_id=2, value=b"\x00")
outgoing.put(packet)
received = incoming["packet"].get(timeout=10).packet
assert received.payload == packet.packet.payload, received
assert int.from_bytes(received.metadata[0].value, "big") == 510, received
outgoing.put(None)
print("all of it works")
