#!/usr/bin/env python3
"""Reads P4Info as protobuf's own parsers do: text, JSON and bytes of one program have to be one message.

    tests/p4info/compare.py FOLDER

FOLDER holds NAME.txtpb, NAME.json and NAME.bin for every program. Needs PyPI's p4runtime with a protobuf that takes its descriptors (before 4).
"""

import os
import sys

from google.protobuf import json_format, text_format
from p4.config.v1 import p4info_pb2


def main(folder):
    names = sorted(name[: -len(".txtpb")] for name in os.listdir(folder) if name.endswith(".txtpb"))
    if not names:
        sys.exit(f"{folder}: no P4Info")
    for name in names:
        path = os.path.join(folder, name)
        text = text_format.Parse(open(path + ".txtpb").read(), p4info_pb2.P4Info())
        json = json_format.Parse(open(path + ".json").read(), p4info_pb2.P4Info())
        binary = p4info_pb2.P4Info.FromString(open(path + ".bin", "rb").read())
        if text != json:
            sys.exit(f"{name}: the JSON differs from the text:\n{json}")
        if text != binary:
            sys.exit(f"{name}: the bytes differ from the text:\n{binary}")
        # And the other way: what protobuf writes is what is here.
        if json_format.MessageToDict(text) != json_format.MessageToDict(json):
            sys.exit(f"{name}: the JSON is written in another way")
    print(f"{len(names)} programs")


main(sys.argv[1])
