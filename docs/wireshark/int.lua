-- Dissects what an AI fabric's switches tell: INT-MD over UDP (In-band Network Telemetry 2.1, sections 5.6 and 5.7) and telemetry
-- reports (Telemetry Report Format 2.0). Wireshark and tshark know neither by themselves.
--
--     tshark -X lua_script:docs/wireshark/int.lua -r reports.pcap -Y int_report
--
-- The ports are preferences, since neither has one assigned: int.port is pipelines/ai_fabric/headers.p4's UDP_INT, int_report.port the
-- one given to `set_collector`.

-- What every instruction (INT) and every report bit asks for, from the most significant bit on: fields of so many bytes.
local FIGURES = {
    [0] = { { "node", 4 } },
    [1] = { { "ingress_port", 2 }, { "egress_port", 2 } },
    [2] = { { "latency_ns", 4 } },
    [3] = { { "queue", 1 }, { "queue_bytes", 3 } },
    [4] = { { "ingress_time_ns", 8 } },
    [5] = { { "egress_time_ns", 8 } },
    [6] = { { "ingress_interface", 4 }, { "egress_interface", 4 } },
    [7] = { { "utilisation", 4 } },
    [8] = { { "buffer", 1 }, { "buffer_bytes", 3 } },
}
local DROP = { { "drop_queue", 1 }, { "drop_reason", 1 }, { "padding", 2 } }

local REASONS = {
    [0] = "not IP", [1] = "malformed", [2] = "wrong checksum", [3] = "too old", [4] = "no route", [5] = "no path lives",
    [6] = "no buffer", [7] = "not allowed",
}

local function figure_fields(prefix)
    local kinds = { [1] = ProtoField.uint8, [2] = ProtoField.uint16, [3] = ProtoField.uint24, [4] = ProtoField.uint32,
                    [8] = ProtoField.uint64 }
    local fields = {}
    for bit = 0, 8 do
        for _, figure in ipairs(FIGURES[bit]) do
            fields[figure[1]] = kinds[figure[2]](prefix .. "." .. figure[1], figure[1])
        end
    end
    fields.node = ProtoField.uint32(prefix .. ".node", "node", base.HEX)
    fields.drop_queue = ProtoField.uint8(prefix .. ".drop_queue", "drop_queue")
    fields.drop_reason = ProtoField.uint8(prefix .. ".drop_reason", "drop_reason", base.DEC, REASONS)
    fields.padding = ProtoField.uint16(prefix .. ".padding", "padding")
    return fields
end

-- Puts the figures that the bits say at an offset into the tree; gives where they end, or nothing if the buffer ends before.
local function add_figures(tree, buffer, offset, bits, last, fields)
    local function add(figures)
        for _, figure in ipairs(figures) do
            if offset + figure[2] > buffer:len() then return false end
            tree:add(fields[figure[1]], buffer(offset, figure[2]))
            offset = offset + figure[2]
        end
        return true
    end
    for bit = 0, 8 do
        if bit32_test(bits, bit) and not add(FIGURES[bit]) then return nil end
    end
    if last and bit32_test(bits, 15) and not add(DROP) then return nil end
    return offset
end

-- Bit 0 is the most significant one of sixteen; without operators that only some versions of Lua have.
function bit32_test(bits, bit)
    return math.floor(bits / 2 ^ (15 - bit)) % 2 == 1
end

local ethernet = Dissector.get("eth_withoutfcs")
local ipv4 = Dissector.get("ip")
local ipv6 = Dissector.get("ipv6")
local data = Dissector.get("data")
local udp_ports = DissectorTable.get("udp.port")

------------------------------------------------------------------------------------------------------------ INT-MD

local int = Proto("int", "In-band Network Telemetry")
local md = figure_fields("int")
md.type = ProtoField.uint8("int.type", "type", base.DEC, { [1] = "INT-MD", [2] = "destination", [3] = "INT-MX" }, 0xf0)
md.next_kind = ProtoField.uint8("int.next_kind", "next kind", base.DEC, nil, 0x0c)
md.words = ProtoField.uint8("int.words", "words that follow")
md.next = ProtoField.uint16("int.next", "next")
md.version = ProtoField.uint8("int.version", "version", base.DEC, nil, 0xf0)
md.discard = ProtoField.bool("int.discard", "discard at the sink", 8, nil, 0x08)
md.exceeded = ProtoField.bool("int.exceeded", "no hops were left", 8, nil, 0x04)
md.too_long = ProtoField.bool("int.too_long", "a hop's figures would have been too long", 8, nil, 0x02)
md.hop_words = ProtoField.uint8("int.hop_words", "words of a hop", base.DEC, nil, 0x1f)
md.hops_left = ProtoField.uint8("int.hops_left", "hops left")
md.instructions = ProtoField.uint16("int.instructions", "instructions", base.HEX)
md.domain = ProtoField.uint16("int.domain", "domain", base.HEX)
md.domain_instructions = ProtoField.uint16("int.domain_instructions", "domain's instructions", base.HEX)
md.domain_flags = ProtoField.uint16("int.domain_flags", "domain's flags", base.HEX)
md.hop = ProtoField.none("int.hop", "hop")
local list = {}
for _, field in pairs(md) do list[#list + 1] = field end
int.fields = list
local int_short = ProtoExpert.new("int.short", "Cut off", expert.group.MALFORMED, expert.severity.ERROR)
local int_odd = ProtoExpert.new("int.odd", "Not a whole number of hops", expert.group.MALFORMED, expert.severity.ERROR)
int.experts = { int_short, int_odd }
int.prefs.port = Pref.uint("UDP port", 49151, "INT over UDP")

function int.dissector(buffer, packet, root)
    packet.cols.protocol = "INT"
    local tree = root:add(int, buffer())
    if buffer:len() < 16 then
        tree:add_proto_expert_info(int_short)
        return
    end
    tree:add(md.type, buffer(0, 1))
    tree:add(md.next_kind, buffer(0, 1))
    tree:add(md.words, buffer(1, 1))
    tree:add(md.next, buffer(2, 2))
    tree:add(md.version, buffer(4, 1))
    tree:add(md.discard, buffer(4, 1))
    tree:add(md.exceeded, buffer(4, 1))
    tree:add(md.too_long, buffer(4, 1))
    tree:add(md.hop_words, buffer(6, 1))
    tree:add(md.hops_left, buffer(7, 1))
    tree:add(md.instructions, buffer(8, 2))
    tree:add(md.domain, buffer(10, 2))
    tree:add(md.domain_instructions, buffer(12, 2))
    tree:add(md.domain_flags, buffer(14, 2))
    local stack_end = 4 + 4 * buffer(1, 1):uint()
    local hop_bytes = 4 * buffer(6, 1):bitfield(3, 5)
    if stack_end > buffer:len() or stack_end < 16 then
        tree:add_proto_expert_info(int_short)
        return
    end
    if hop_bytes == 0 and stack_end > 16 or hop_bytes > 0 and (stack_end - 16) % hop_bytes ~= 0 then
        tree:add_proto_expert_info(int_odd)
        return
    end
    local offset = 16
    while offset < stack_end do
        local hop = tree:add(md.hop, buffer(offset, hop_bytes))
        add_figures(hop, buffer(0, offset + hop_bytes), offset, buffer(8, 2):uint(), false, md)
        offset = offset + hop_bytes
    end
    if stack_end < buffer:len() then
        data:call(buffer(stack_end):tvb(), packet, root)
    end
end

------------------------------------------------------------------------------------------------------------ reports

local report = Proto("int_report", "Telemetry Report")
local rp = figure_fields("int_report")
rp.version = ProtoField.uint8("int_report.version", "version", base.DEC, nil, 0xf0)
rp.hardware = ProtoField.uint16("int_report.hardware", "hardware", base.DEC, nil, 0x0fc0)
rp.number = ProtoField.uint32("int_report.number", "number", base.DEC, nil, 0x003fffff)
rp.type = ProtoField.uint8("int_report.type", "type", base.DEC, { [0] = "inner only", [1] = "INT", [2] = "IOAM" }, 0xf0)
rp.inner = ProtoField.uint8("int_report.inner", "inner", base.DEC,
    { [0] = "none", [1] = "TLV", [2] = "domain's own", [3] = "Ethernet", [4] = "IPv4", [5] = "IPv6" }, 0x0f)
rp.words = ProtoField.uint8("int_report.words", "words that follow")
rp.metadata_words = ProtoField.uint8("int_report.metadata_words", "words of figures")
rp.dropped = ProtoField.bool("int_report.dropped", "dropped", 8, nil, 0x80)
rp.congested = ProtoField.bool("int_report.congested", "congested queue", 8, nil, 0x40)
rp.tracked = ProtoField.bool("int_report.tracked", "tracked flow", 8, nil, 0x20)
rp.intermediate = ProtoField.bool("int_report.intermediate", "intermediate", 8, nil, 0x10)
rp.bits = ProtoField.uint16("int_report.bits", "figures", base.HEX)
rp.domain = ProtoField.uint16("int_report.domain", "domain", base.HEX)
rp.domain_bits = ProtoField.uint16("int_report.domain_bits", "domain's figures", base.HEX)
rp.domain_status = ProtoField.uint16("int_report.domain_status", "domain's status", base.HEX)
list = {}
for _, field in pairs(rp) do list[#list + 1] = field end
report.fields = list
local report_short = ProtoExpert.new("int_report.short", "Cut off", expert.group.MALFORMED, expert.severity.ERROR)
local report_length =
    ProtoExpert.new("int_report.length", "Figures and their length differ", expert.group.MALFORMED, expert.severity.ERROR)
report.experts = { report_short, report_length }
report.prefs.port = Pref.uint("UDP port", 32766, "Telemetry reports")

-- One report at an offset; gives where it ends.
local function one_report(buffer, offset, packet, root, tree)
    tree:add(rp.type, buffer(offset, 1))
    tree:add(rp.inner, buffer(offset, 1))
    tree:add(rp.words, buffer(offset + 1, 1))
    tree:add(rp.metadata_words, buffer(offset + 2, 1))
    for _, flag in ipairs({ rp.dropped, rp.congested, rp.tracked, rp.intermediate }) do
        tree:add(flag, buffer(offset + 3, 1))
    end
    local words = buffer(offset + 1, 1):uint()
    local report_end = words == 0xff and buffer:len() or offset + 4 + 4 * words
    if report_end > buffer:len() then
        tree:add_proto_expert_info(report_short)
        report_end = buffer:len()
    end
    local inner_at = offset + 4
    if buffer(offset, 1):bitfield(0, 4) == 1 then
        if offset + 12 > report_end then
            tree:add_proto_expert_info(report_short)
            return report_end
        end
        local bits = buffer(offset + 4, 2):uint()
        tree:add(rp.bits, buffer(offset + 4, 2))
        tree:add(rp.domain, buffer(offset + 6, 2))
        tree:add(rp.domain_bits, buffer(offset + 8, 2))
        tree:add(rp.domain_status, buffer(offset + 10, 2))
        inner_at = offset + 12 + 4 * buffer(offset + 2, 1):uint()
        local ended = add_figures(tree, buffer(0, report_end), offset + 12, bits, true, rp)
        if not ended then
            tree:add_proto_expert_info(report_short)
            return report_end
        end
        if ended ~= inner_at and buffer(offset + 8, 2):uint() == 0 then
            tree:add_proto_expert_info(report_length)
            return report_end
        end
    end
    if inner_at < report_end then
        local inner = ({ [3] = ethernet, [4] = ipv4, [5] = ipv6 })[buffer(offset, 1):bitfield(4, 4)] or data
        inner:call(buffer(inner_at, report_end - inner_at):tvb(), packet, root)
    end
    return report_end
end

function report.dissector(buffer, packet, root)
    local tree = root:add(report, buffer())
    if buffer:len() < 12 then
        tree:add_proto_expert_info(report_short)
        return
    end
    tree:add(rp.version, buffer(0, 1))
    tree:add(rp.hardware, buffer(0, 2))
    tree:add(rp.number, buffer(0, 4))
    tree:add(rp.node, buffer(4, 4))
    local offset = 8
    while offset + 4 <= buffer:len() do
        offset = one_report(buffer, offset, packet, root, tree)
    end
    packet.cols.protocol = "INT report"
end

local known = {}
local function listen(proto)
    if known[proto] then udp_ports:remove(known[proto], proto) end
    known[proto] = proto.prefs.port
    udp_ports:add(known[proto], proto)
end
function int.prefs_changed() listen(int) end
function report.prefs_changed() listen(report) end
listen(int)
listen(report)
