"""The message in which BMv2's clients wrap a device config, `p4.tmp.P4DeviceConfig`.

Made from its description when it is imported, so that any version of protobuf will do.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto


def _file():
    file = descriptor_pb2.FileDescriptorProto(
        name="p4/tmp/p4config.proto", package="p4.tmp", syntax="proto3"
    )
    config = file.message_type.add(name="P4DeviceConfig")
    extras = config.nested_type.add(name="Extras")
    entry = extras.nested_type.add(name="KvEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), start=1):
        entry.field.add(name=name, number=number, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    extras.field.add(
        name="kv",
        number=1,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_REPEATED,
        type_name=".p4.tmp.P4DeviceConfig.Extras.KvEntry",
    )
    config.field.add(name="reassign", number=1, type=_FIELD.TYPE_BOOL, label=_FIELD.LABEL_OPTIONAL)
    config.field.add(
        name="extras",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_OPTIONAL,
        type_name=".p4.tmp.P4DeviceConfig.Extras",
    )
    config.field.add(
        name="device_data", number=3, type=_FIELD.TYPE_BYTES, label=_FIELD.LABEL_OPTIONAL
    )
    return file


_POOL = descriptor_pool.Default()
try:
    _MESSAGE = _POOL.FindMessageTypeByName("p4.tmp.P4DeviceConfig")
except KeyError:
    _POOL.AddSerializedFile(_file().SerializeToString())
    _MESSAGE = _POOL.FindMessageTypeByName("p4.tmp.P4DeviceConfig")

if hasattr(message_factory, "GetMessageClass"):
    P4DeviceConfig = message_factory.GetMessageClass(_MESSAGE)
else:
    P4DeviceConfig = message_factory.MessageFactory(_POOL).GetPrototype(_MESSAGE)
