-- SPDX-License-Identifier: MIT
-- What mptcpshim-protocol(7) calls things: messages, options, frames, reasons; and the fields by which
-- they can be filtered. tests/lint/dissector.py compares these tables with the C code.

local MAGIC = "\xF5MPS\r\n\0\xE1"
local PREFIX, MAC, OPENING_HEAD = 8, 16, 16

local KINDS = {
    [1] = "HELLO", [2] = "HELLO_REPLY", [3] = "JOIN", [4] = "JOIN_REPLY", [5] = "JOIN_CONFIRM",
    [6] = "REFUSE",
}

local REASONS = {
    [0] = "UNSPECIFIED", [1] = "PROTOCOL", [2] = "RESOURCES", [3] = "PROHIBITED", [4] = "TOO_MUCH_DATA",
    [5] = "BAD_PERFORMANCE", [6] = "MIDDLEBOX", [16] = "UNKNOWN_TOKEN", [17] = "BAD_HMAC",
    [18] = "VERSION", [19] = "TIMEOUT", [20] = "ADDRESS_GONE", [21] = "BAD_MAC",
}

local ALGORITHMS = { [1] = "HMAC-SHA1", [2] = "HMAC-SHA256" }

local mptcpshim = Proto("mptcpshim", "Multipath TCP in the byte stream (mptcpshim)")
local fields = mptcpshim.fields

local function field(name, maker, text, ...)
    fields[name] = maker("mptcpshim." .. name, text, ...)
    return fields[name]
end

local function flag(name, text, mask, width)
    return field(name, ProtoField.bool, text, width or 8, nil, mask)
end

-- Options of opening messages: name, and the fields that the value consists of.
local OPTIONS = {
    [1] = { "KEY", { field("key", ProtoField.bytes, "Key") } },
    [2] = { "CAPABILITIES", { field("capabilities", ProtoField.uint32, "Capabilities", base.HEX) },
            { flag("capabilities.payload_mac", "PAYLOAD_MAC: asks for MACs of payloads", 1, 32),
              flag("capabilities.held", "HELD: the client holds its bytes back", 2, 32) } },
    [3] = { "CREDIT", { field("credit", ProtoField.uint64, "Credit") } },
    [4] = { "TOKEN", { field("token", ProtoField.uint32, "Token", base.HEX) } },
    [5] = { "SUBFLOW_ID", { field("subflow_id", ProtoField.uint32, "Subflow") } },
    [6] = { "ADDR_ID", { field("addr_id", ProtoField.uint8, "Address id") } },
    [7] = { "FLAGS", { field("join.flags", ProtoField.uint8, "Flags", base.HEX) },
            { flag("join.backup", "Backup", 1) } },
    [8] = { "NONCE", { field("nonce", ProtoField.bytes, "Nonce") } },
    [9] = { "HMAC", { field("hmac", ProtoField.bytes, "HMAC") } },
    [10] = { "REASON", { field("reason", ProtoField.uint8, "Reason", base.DEC, REASONS) } },
    [16] = { "KEY_SHARE", { field("key_share", ProtoField.bytes, "X25519 public value") } },
    [17] = { "PSK_IDENTITY", { field("psk_identity", ProtoField.string, "Identity of the pre-shared key") } },
    [18] = { "HMAC_ALGS", { field("hmac_algs", ProtoField.bytes, "Algorithms") } },
}

-- Fixed parts of frames, field by field in the order of the wire: name and length. "address" takes
-- what is left of the fixed part.
field("csn", ProtoField.uint32, "Control sequence number")
field("zero", ProtoField.uint32, "Zero")
field("opaque", ProtoField.uint32, "Opaque", base.HEX)
field("dsn", ProtoField.uint64, "Data sequence number")
field("data_ack", ProtoField.uint64, "DATA_ACK")
field("ctrl_ack", ProtoField.uint32, "CTRL_ACK")
field("timestamp", ProtoField.uint32, "Timestamp (microseconds)")
field("family", ProtoField.uint8, "Family")
field("port", ProtoField.uint16, "Port")
field("address4", ProtoField.ipv4, "Address")
field("address6", ProtoField.ipv6, "Address")

local DSS_PARTS = { { "dsn", 8 }, { "data_ack", 8 }, { "credit", 8 }, { "ctrl_ack", 4 }, { "timestamp", 4 } }
local DSS_FLAGS = {
    flag("dss.data_fin", "DATA_FIN", 1), flag("dss.ack_now", "ACK_NOW", 2), flag("dss.urgent", "URGENT", 4),
    flag("dss.vouched", "VOUCHED", 8),
}

-- name, parts of the fixed part, whether a rest follows, flags
local FRAMES = {
    [0x01] = { "DSS", DSS_PARTS, true, DSS_FLAGS },
    [0x02] = { "checked DSS", DSS_PARTS, true, DSS_FLAGS },
    [0x03] = { "ADD_ADDR", { { "csn", 4 }, { "addr_id", 1 }, { "family", 1 }, { "port", 2 }, { "address", 0 } },
               false, { field("add_addr.way", ProtoField.uint8, "Interface of the sender, by number") } },
    [0x04] = { "REMOVE_ADDR", { { "csn", 4 }, { "addr_id", 1 } }, false, {} },
    [0x05] = { "PRIO", { { "csn", 4 }, { "subflow_id", 4 } }, false, { flag("prio.backup", "Backup", 1) } },
    [0x06] = { "FAIL", { { "csn", 4 }, { "subflow_id", 4 }, { "dsn", 8 } }, false, {} },
    [0x07] = { "FASTCLOSE", { { "csn", 4 }, { "reason", 1 } }, false, {} },
    [0x08] = { "SUBFLOW_CLOSE", { { "csn", 4 }, { "subflow_id", 4 }, { "reason", 1 } }, false,
               { flag("subflow_close.transient", "Transient", 1) } },
    [0x09] = { "PING", { { "zero", 4 }, { "opaque", 4 } }, false, {} },
    [0x0A] = { "PONG", { { "zero", 4 }, { "opaque", 4 } }, false, {} },
    [0x0B] = { "FINISHED", { { "hmac", 20 } }, false, {} },
    [0x80] = { "PADDING", {}, true, {} },
}
local EXTENSION = { "optional extension", {}, true, {} }
local type_names = {}
for number, frame in pairs(FRAMES) do
    type_names[number] = frame[1]
end

field("version", ProtoField.uint8, "Version")
field("kind", ProtoField.uint8, "Kind", base.DEC, KINDS)
field("length", ProtoField.uint16, "Length")
field("crc", ProtoField.uint32, "CRC", base.HEX)
field("crc.good", ProtoField.bool, "CRC is right")
field("option", ProtoField.uint8, "Option")
field("option.flags", ProtoField.uint8, "Flags", base.HEX)
field("option.length", ProtoField.uint16, "Length")
field("option.value", ProtoField.bytes, "Value")
field("type", ProtoField.uint8, "Type", base.HEX, type_names)
field("flags", ProtoField.uint8, "Flags", base.HEX)
field("mac", ProtoField.bytes, "MAC")
field("payload", ProtoField.bytes, "Payload")
field("payload.length", ProtoField.uint32, "Payload length")
field("payload.mac", ProtoField.bytes, "MAC of the payload")
field("rest", ProtoField.bytes, "Rest")
field("lost", ProtoField.bytes, "Bytes that belong to no frame that could be found")
-- What the dissector concludes.
field("connection", ProtoField.uint32, "Connection")
field("subflow", ProtoField.uint32, "Subflow of the connection")
field("from", ProtoField.string, "Sender")
field("in_order", ProtoField.bytes, "Bytes that the application can read now")
field("in_order.dsn", ProtoField.uint64, "Number of the first of them")
field("analysis.gap", ProtoField.uint64, "Bytes before these that have not come yet")
field("analysis.repeated", ProtoField.uint32, "Bytes that had come already")
field("analysis.acked", ProtoField.uint64, "Bytes newly acknowledged")
field("analysis.end", ProtoField.uint64, "Length of the stream")

local experts = {}
local function expert_info(name, text, group, severity)
    experts[name] = ProtoExpert.new("mptcpshim.expert." .. name, text, group, severity)
end
expert_info("gap", "Bytes before these have not come yet", expert.group.SEQUENCE, expert.severity.CHAT)
expert_info("repeated", "Bytes that had come already", expert.group.SEQUENCE, expert.severity.NOTE)
expert_info("unseen", "Bytes are acknowledged that are not in the capture", expert.group.SEQUENCE,
    expert.severity.WARN)
expert_info("credit", "Bytes beyond the credit", expert.group.PROTOCOL, expert.severity.WARN)
expert_info("crc", "The CRC is wrong: framing is lost", expert.group.CHECKSUM, expert.severity.ERROR)
expert_info("framing", "Not a frame: framing is lost, or a part is not in the capture", expert.group.MALFORMED,
    expert.severity.WARN)
expert_info("option", "This option has another length", expert.group.MALFORMED, expert.severity.ERROR)
expert_info("refused", "The message before was refused", expert.group.RESPONSE_CODE, expert.severity.NOTE)
expert_info("aborted", "The connection is aborted", expert.group.SEQUENCE, expert.severity.WARN)
expert_info("closed", "A subflow is left", expert.group.SEQUENCE, expert.severity.NOTE)
mptcpshim.experts = experts
