"""p4runtime-shell against a switch: shell.py ADDRESS DEVICE_ID P4INFO CONFIG

Loads the program into a switch that has none, and uses every kind of entity that the shell knows and the program has.
"""

import sys

import p4runtime_sh.shell as sh
from p4runtime_sh.p4runtime import P4RuntimeException, P4RuntimeWriteException

address, device, p4info, config = sys.argv[1:]


def refused(call, wanted):
    try:
        call()
    except (P4RuntimeException, P4RuntimeWriteException) as error:
        assert wanted in str(error), error
    else:
        raise AssertionError(f"{wanted} was expected")


try:
    sh.setup(device_id=int(device), grpc_addr=address, election_id=(0, 1),
             config=sh.FwdPipeConfig(p4info, config))

    def route(prefix, port=1):
        entry = sh.TableEntry("IngressImpl.routes")(action="IngressImpl.forward")
        entry.match["hdr.ipv4.dst"] = prefix
        entry.action["dst"] = "02:00:00:00:00:01"
        entry.action["port"] = str(port)
        return entry

    for i in range(4):
        route(f"10.0.{i}.0/24", i + 1).insert()
    entries = list(sh.TableEntry("IngressImpl.routes").read())
    assert len(entries) == 4, entries
    # A batch under a shell of more than one update, and one that is there already: the error names it.
    refused(route("10.0.0.0/24").insert, "ALREADY_EXISTS")
    refused(route("10.9.0.0/24").delete, "NOT_FOUND")
    changed = route("10.0.0.0/24", 7)
    changed.modify()
    found = [e for e in sh.TableEntry("routes").read() if e.match["hdr.ipv4.dst"].lpm.value == b"\x0a\x00\x00\x00"]
    assert found[0].action["port"].value == b"\x07", found
    route("10.0.3.0/24").delete()
    assert len(list(sh.TableEntry("routes").read())) == 3

    default = sh.TableEntry("routes")(action="to_controller", is_default=True)
    default.modify()

    blocked = sh.TableEntry("filter")(action="drop")
    blocked.match["hdr.ipv4.src"] = "192.168.0.0&&&0xffff0000"
    blocked.match["std.ingress_port"] = "3..5"
    blocked.priority = 10
    blocked.insert()
    assert [e.priority for e in sh.TableEntry("filter").read()] == [10]

    group = sh.MulticastGroupEntry(1)
    group.add(1, 1).add(2, 1)
    group.insert()
    read = next(iter(sh.MulticastGroupEntry(1).read()))
    assert len(read.replicas) == 2, read
    session = sh.CloneSessionEntry(100)
    session.add(3, 1)
    session.insert()
    assert len(list(sh.CloneSessionEntry(100).read())) == 1

    for cell in sh.CounterEntry("routed").read():
        assert (cell.packet_count, cell.byte_count) == (0, 0)
    cell = sh.CounterEntry("routed")
    cell.index = 3
    cell.packet_count = 42
    cell.modify()
    cell = sh.CounterEntry("routed")
    cell.index = 3
    assert [c.packet_count for c in cell.read()] == [42]
    assert len(list(sh.DirectCounterEntry("routes_counter").read())) >= 3

    # Out by the controller's own port, and so in again.
    packet = sh.PacketOut(b"\x02" * 12 + b"\x88\xb5" + b"p4runtime-shell" * 4)
    packet.metadata["egress_port"] = "510"
    packet.metadata["reserved"] = "0"
    packet_in = sh.PacketIn()
    packet.send()
    received = list(packet_in.sniff(timeout=5))
    assert len(received) == 1, received
    assert received[0].packet.payload.endswith(b"p4runtime-shell"), received
    meta = {m.metadata_id: m.value for m in received[0].packet.metadata}
    assert meta[1] == b"\x01\xfe", meta
finally:
    if sh.client is not None:
        sh.teardown()
print("all of it works")
