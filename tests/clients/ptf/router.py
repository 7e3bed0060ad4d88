"""PTF tests of router.p4, over a base that loads the program by p4runtime-shell's client, as PTF users do."""

import p4runtime_sh.shell as sh
import ptf.testutils as tu
from ptf.base_tests import BaseTest


class P4RuntimeTest(BaseTest):
    """Loads the program afresh for each test."""

    def setUp(self):
        sh.setup(
            device_id=int(tu.test_param_get("device")),
            grpc_addr=tu.test_param_get("grpcaddr"),
            election_id=(0, 1),
            config=sh.FwdPipeConfig(tu.test_param_get("p4info"), tu.test_param_get("config")),
            verbose=False,
        )

    def tearDown(self):
        sh.teardown()


class EveryTestBeginsWithEmptyTables(P4RuntimeTest):
    def runTest(self):
        self.assertEqual(list(sh.TableEntry("routes").read()), [])
        entry = sh.TableEntry("routes")(action="drop")
        entry.match["hdr.ipv4.dst"] = "10.0.0.0/8"
        entry.insert()
        self.assertEqual(len(list(sh.TableEntry("routes").read())), 1)


class AndSoDoesTheNext(P4RuntimeTest):
    def runTest(self):
        self.assertEqual(list(sh.TableEntry("routes").read()), [])


class RoutedPacketsReachTheController(P4RuntimeTest):
    def runTest(self):
        packet = sh.PacketOut(b"\x02" * 12 + b"\x08\x06" + b"\x00" * 46)
        packet.metadata["egress_port"] = "510"
        packet.metadata["reserved"] = "0"
        received = sh.PacketIn()
        packet.send()
        packets = list(received.sniff(timeout=5))
        self.assertEqual(len(packets), 1)
        self.assertEqual(packets[0].packet.payload, b"\x02" * 12 + b"\x08\x06" + b"\x00" * 46)
