#!/usr/bin/env python3
"""Compares a google.protobuf.FileDescriptorSet with what PyPI's p4runtime holds.

    control/p4rt/proto/tests/descriptors.py FILE

Every message, field, enum value and method that either side has in the files of P4Runtime has to be on the other with
the same number, type, label and oneof. Options and comments are not compared.
"""

import sys

from google.protobuf import descriptor_pb2
from google.rpc import code_pb2, status_pb2
from p4.config.v1 import p4info_pb2, p4types_pb2
from p4.v1 import p4data_pb2, p4runtime_pb2


def enums(prefix, container, facts):
    for enum in container.enum_type:
        for value in enum.value:
            facts[f"{prefix}.{enum.name}.{value.name}"] = value.number


def messages(prefix, container, facts):
    nested = container.message_type if hasattr(container, "message_type") else container.nested_type
    enums(prefix, container, facts)
    for message in nested:
        name = f"{prefix}.{message.name}"
        facts[name] = "message"
        for field in message.field:
            oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
            facts[f"{name}.{field.name}"] = (
                field.number,
                field.type,
                field.label,
                field.type_name.lstrip("."),
                oneof,
            )
        messages(name, message, facts)


def facts_of(file):
    facts = {}
    messages(file.package, file, facts)
    for service in file.service:
        for method in service.method:
            facts[f"{file.package}.{service.name}/{method.name}"] = (
                method.input_type.lstrip("."),
                method.output_type.lstrip("."),
                method.client_streaming,
                method.server_streaming,
            )
    return facts


def main(path):
    ours = descriptor_pb2.FileDescriptorSet.FromString(open(path, "rb").read())
    ours = {file.name: file for file in ours.file}
    compared = 0
    for theirs in (p4runtime_pb2, p4data_pb2, p4info_pb2, p4types_pb2, status_pb2, code_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        theirs.DESCRIPTOR.CopyToProto(file)
        wanted, found = facts_of(file), facts_of(ours[file.name])
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                sys.exit(f"{name}: {found.get(name)}, where others have {wanted.get(name)}")
        compared += len(wanted)
    print(f"{compared} fields and methods")


main(sys.argv[1])
