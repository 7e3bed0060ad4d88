"""RoCEv2 packets by scapy: sends them, and says what has to arrive.

    roce.py send INTERFACE SRC_MAC DST_MAC SRC_IP DST_IP
    roce.py expect SRC_MAC DST_MAC SRC_IP DST_IP TTL > packets.hex
    roce.py compare CAPTURE.pcap packets.hex

Every opcode that has more than a base header is there, several queue pairs, all ECN codepoints, payloads from
nothing to a jumbo frame.
"""

import struct
import sys

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


def main():
    command, *args = sys.argv[1:]
    if command == "send":
        interface, src_mac, dst_mac, src_ip, dst_ip = args
        sendp(list(packets(src_mac, dst_mac, src_ip, dst_ip, 64)), iface=interface)
    elif command == "expect":
        src_mac, dst_mac, src_ip, dst_ip, ttl = args
        for packet in packets(src_mac, dst_mac, src_ip, dst_ip, int(ttl)):
            print(bytes(packet).hex())
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
