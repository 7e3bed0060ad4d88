"""RoCEv2 packets by scapy: sends them, and says what has to arrive.

    roce.py send INTERFACE SRC_MAC DST_MAC SRC_IP DST_IP
    roce.py expect SRC_MAC DST_MAC SRC_IP DST_IP TTL > packets.hex
    roce.py compare CAPTURE.pcap packets.hex
    roce.py messages INTERFACE SRC_MAC DST_MAC SRC_IP DST_IP QP
    roce.py sums CAPTURE.pcap COUNT

Every opcode that has more than a base header is there, several queue pairs, all ECN codepoints, payloads from
nothing to a jumbo frame. `messages` sends three writes of four packets on a queue pair, the last packet of the second
one twice, and a notification, each with its invariant CRC. `sums` recomputes the CRC of every packet that arrived, and every checksum, and
wants as many marked packets as `messages` sent ones that may be: with the CRC that they were sent with.
"""

import struct
import sys
import zlib

from scapy.all import Ether, IP, UDP, Raw, conf, rdpcap, sendp
from scapy.contrib.roce import AETH, BTH, cnp

conf.verb = 0


def packets(src_mac, dst_mac, src_ip, dst_ip, ttl):
    def base(ecn):
        return (Ether(src=src_mac, dst=dst_mac)
                / IP(src=src_ip, dst=dst_ip, ttl=ttl, tos=26 << 2 | ecn, flags="DF", id=0)
                / UDP(sport=49152 + ecn, dport=4791))

    def reth(length):
        return Raw(struct.pack("!QII", 0x7F00DEADBEEF0000, 0x1234, length))

    immediate = Raw(struct.pack("!I", 0x01020304))
    psn = 0
    for qp in (0x11, 0x12, 0xABCDEF):
        for size in (0, 1, 64, 1024, 4096, 8192):
            ecn = (psn % 3) + (0 if size else 1)
            # High nibble fixed: tshark takes payload that begins like an Ethertype for one.
            data = Raw(bytes(0xA0 | (psn + i) & 0x0F for i in range(size)))
            pad = -size % 4
            for opcode, head in ((0x06, reth(size * 4)), (0x07, None), (0x08, None), (0x0A, reth(size)),
                                 (0x0D, AETH(syndrome=0, msn=psn)), (0x0B, reth(size) / immediate)):
                packet = base(ecn % 4) / BTH(opcode=opcode, pkey=0xFFFF, dqpn=qp, psn=psn, padcount=pad)
                if head is not None:
                    packet = packet / head
                yield packet / data / Raw(b"\0" * pad)
                psn += 1
        yield base(0) / BTH(opcode=0x11, pkey=0xFFFF, dqpn=qp, psn=psn) / AETH(syndrome=0x1F, msn=psn)
        yield base(1) / cnp(dqpn=qp)
        psn += 1


def messages(src_mac, dst_mac, src_ip, dst_ip, qp):
    """Packets whose ICRC scapy computes when it builds them, over IPv4 with the fields that may change left out."""
    def packet(opcode, psn, head, size, solicited=0):
        layers = (Ether(src=src_mac, dst=dst_mac)
                  / IP(src=src_ip, dst=dst_ip, ttl=64, tos=26 << 2 | 2, flags="DF", id=psn)
                  / UDP(sport=49152, dport=4791)
                  / BTH(opcode=opcode, pkey=0xFFFF, dqpn=qp, psn=psn, ackreq=solicited))
        body = head + bytes((0xA0 | (psn + i) & 0x0F) for i in range(size))
        return Ether(bytes(layers / Raw(body)) if body else bytes(layers))

    psn = 0
    for message in range(3):
        for position in range(4):
            opcode = (0x06, 0x07, 0x07, 0x08)[position]
            head = struct.pack("!QII", 0x7F00DEADBEEF0000, 0x1234, 4096) if position == 0 else b""
            yield packet(opcode, psn, head, 1024)
            if message == 1 and position == 3:
                yield packet(opcode, psn, head, 1024)
            psn += 1
    yield Ether(bytes(Ether(src=src_mac, dst=dst_mac)
                      / IP(src=src_ip, dst=dst_ip, ttl=64, tos=48 << 2, flags="DF", id=psn)
                      / UDP(sport=49152, dport=4791) / cnp(dqpn=qp)))


def icrc_of(packet):
    """The invariant CRC by definition: 8 bytes of ones, then the packet from IP on with what may change set to ones."""
    body = bytearray(bytes(packet[IP]))[:-4]
    body[1] = 0xFF                    # traffic class
    body[8] = 0xFF                    # TTL
    body[10:12] = b"\xff\xff"         # header checksum
    body[26:28] = b"\xff\xff"         # UDP checksum
    body[32] = 0xFF                   # FECN, BECN, reserved
    return zlib.crc32(b"\xff" * 8 + bytes(body)).to_bytes(4, "little")


def sums(capture, count):
    packets = [Ether(bytes(packet)) for packet in rdpcap(capture)]
    if len(packets) != count:
        sys.exit(f"{len(packets)} packets arrived of {count}")
    for index, packet in enumerate(packets):
        ip = packet[IP]
        if bytes(ip)[-4:] != icrc_of(packet):
            sys.exit(f"packet {index} has the wrong invariant CRC")
        clean = IP(bytes(ip))
        del clean.chksum
        if IP(bytes(clean)).chksum != ip.chksum or ip.ttl != 63:
            sys.exit(f"packet {index} has a wrong header checksum, or a TTL of {ip.ttl}")
    marked = sum(packet[IP].tos & 3 == 3 for packet in packets)
    print(f"{len(packets)} packets, every sum right, {marked} marked")


def main():
    command, *args = sys.argv[1:]
    if command == "send":
        interface, src_mac, dst_mac, src_ip, dst_ip = args
        sendp(list(packets(src_mac, dst_mac, src_ip, dst_ip, 64)), iface=interface)
    elif command == "expect":
        src_mac, dst_mac, src_ip, dst_ip, ttl = args
        for packet in packets(src_mac, dst_mac, src_ip, dst_ip, int(ttl)):
            print(bytes(packet).hex())
    elif command == "messages":
        interface, *ends, qp = args
        sendp(list(messages(*ends, int(qp, 0))), iface=interface)
    elif command == "sums":
        sums(args[0], int(args[1]))
    elif command == "compare":
        capture, expected = args
        got = [bytes(p).hex() for p in rdpcap(capture)]
        wanted = open(expected).read().split()
        for index, (a, b) in enumerate(zip(got, wanted)):
            if a != b:
                at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
                sys.exit(f"packet {index} differs at byte {at // 2}:\n got {a[:200]}\nwant {b[:200]}")
        if len(got) != len(wanted):
            sys.exit(f"{len(got)} packets arrived of {len(wanted)}")
        print(f"{len(got)} packets, not one wrong byte")
    else:
        sys.exit(__doc__)


main()
