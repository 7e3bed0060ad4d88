"""finsy's controller against a switch: finsy_controller.py ADDRESS DEVICE_ID P4INFO CONFIG"""

import asyncio
import sys
from pathlib import Path

import finsy as fy

address, device, p4info, config = sys.argv[1:]
done = asyncio.Event()


async def ready(switch):
    await switch.delete_all()
    entries = [
        +fy.P4TableEntry("routes", match=fy.Match({"hdr.ipv4.dst": f"10.0.{i}.0/24"}),
                         action=fy.Action("forward", dst="02:00:00:00:00:01", port=i + 1))
        for i in range(8)
    ]
    entries.append(+fy.P4MulticastGroupEntry(1, replicas=[1, 2]))
    await switch.write(entries)
    read = [entry async for entry in switch.read(fy.P4TableEntry("routes"))]
    assert len(read) == 8, read
    await switch.write([
        ~fy.P4TableEntry("routes", is_default_action=True, action=fy.Action("to_controller")),
        -fy.P4TableEntry("routes", match=fy.Match({"hdr.ipv4.dst": "10.0.7.0/24"})),
    ])
    default = [e async for e in switch.read(fy.P4TableEntry("routes", is_default_action=True))]
    assert [e.action.name for e in default] == ["to_controller"], default
    try:
        await switch.write(entries[:1])
    except fy.P4ClientError as error:
        assert error.details[0].canonical_code == fy.GRPCStatusCode.ALREADY_EXISTS, error
        assert "routes" in error.details[0].message, error
    else:
        raise AssertionError("the same entry twice")
    cells = [cell async for cell in switch.read(fy.P4CounterEntry("routed"))]
    assert len(cells) == 16, cells
    await switch.write([~fy.P4RegisterEntry("last_seen", index=2, data=0x0A000001)])
    register = [cell async for cell in switch.read(fy.P4RegisterEntry("last_seen", index=2))]
    assert register[0].data == 0x0A000001, register

    # Out by the controller's own port, and so in again.
    packets = switch.read_packets()
    await switch.write([fy.P4PacketOut(b"\x02" * 12 + b"\x88\xb5" + b"finsy" * 10, egress_port=510, reserved=0)])
    async for packet in packets:
        assert packet.payload.endswith(b"finsy"), packet
        assert packet["ingress_port"] == 510, packet
        break
    await switch.delete_all()
    assert [e async for e in switch.read(fy.P4TableEntry("routes"))] == []
    done.set()


async def main():
    options = fy.SwitchOptions(p4info=Path(p4info), p4blob=Path(config), device_id=int(device),
                               ready_handler=ready, fail_fast=True)
    switch = fy.Switch("sw1", address, options)
    async with fy.Controller([switch]):
        await asyncio.wait_for(done.wait(), 30)
    # The program that is there has the cookie that finsy gave it: it is found, not loaded again.
    done.clear()
    switch = fy.Switch("sw1", address, options)
    async with fy.Controller([switch]):
        await asyncio.wait_for(done.wait(), 30)


asyncio.run(main())
print("all of it works")
