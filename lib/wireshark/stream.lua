-- SPDX-License-Identifier: MIT
-- Connections, their subflows, and the two byte streams of each. Packets are looked at in the order of
-- the capture, once; what was found out is kept for when they are shown again.

local OTHER = { client = "server", server = "client" }

local connections, subflows, tokens, findings, files

-- One direction. Pieces ahead of `next` wait in `held`, in their order and without overlap: bytes as a
-- string, which the application gets with those that fill the hole.
local function new_stream()
    return { next = 0, highest = 0, acked = 0, credit = nil, held = {}, finish = nil }
end

local function new_connection()
    local connection = { number = #connections, client = new_stream(), server = new_stream() }

    connections[#connections + 1] = connection
    return connection
end

local function forget()
    for _, file in pairs(files or {}) do
        file:close()
    end
    connections, subflows, tokens, findings, files = {}, {}, {}, {}, {}
end
forget()

-- A subflow, by the number of its TCP connection. `from` has who each end is, "client" or "server" of
-- the connection, by "address port".
local function subflow_of(stream)
    subflows[stream] = subflows[stream] or { from = {} }
    return subflows[stream]
end

-- Where the opening messages are not in the capture, the end with the lower port is taken as the server.
local function complete(subflow, here, there, here_port, there_port)
    if not subflow.connection then
        subflow.connection = new_connection()
        subflow.guessed = true
    end
    if not subflow.from[here] then
        subflow.from[here] = here_port < there_port and "server" or "client"
        subflow.from[there] = OTHER[subflow.from[here]]
    end
end

-- The first message of either end, with its options by name.
local function opened(subflow, kind, options, here, there)
    if kind == "HELLO" and not subflow.connection then
        subflow.connection, subflow.id = new_connection(), 0
        subflow.from = { [here] = "client", [there] = "server" }
    elseif kind == "JOIN" and not subflow.connection then
        local owner = options.TOKEN and tokens[options.TOKEN]
        -- The client numbers its joins 2, 4, ..., the server 1, 3, ...
        local joiner = owner and OTHER[owner.side] or (options.SUBFLOW_ID or 0) % 2 == 0 and "client" or "server"

        subflow.id = options.SUBFLOW_ID
        subflow.connection = owner and owner.connection or new_connection()
        if not owner and options.TOKEN then
            tokens[options.TOKEN] = { connection = subflow.connection, side = OTHER[joiner] }
        end
        subflow.from = { [here] = joiner, [there] = OTHER[joiner] }
    end
    local side = subflow.from[here]
    if options.KEY and side then
        tokens[token_of(options.KEY)] = { connection = subflow.connection, side = side }
    end
    if options.CREDIT and side then
        local other = subflow.connection[OTHER[side]]
        other.credit = math.max(other.credit or 0, options.CREDIT)
    end
end

-- Put [from, to) of `bytes`, which begin at `from`, where nothing is held; returns how much was new.
local function hold(stream, from, bytes)
    local held, new, at = {}, 0, from
    local to = from + #bytes

    local function piece(till)
        if till > at then
            held[#held + 1] = { at, bytes:sub(at - from + 1, till - from) }
            new = new + till - at
        end
    end
    for _, old in ipairs(stream.held) do
        local old_to = old[1] + #old[2]
        if old[1] >= to then
            piece(to)
            at = math.max(at, to)
        else
            piece(math.min(old[1], to))
            at = math.max(at, old_to)
        end
        held[#held + 1] = old
    end
    piece(to)
    stream.held = held
    return new
end

-- What is next in order, which is no longer held.
local function release(stream)
    local parts = {}

    while stream.held[1] and stream.held[1][1] == stream.next do
        local bytes = table.remove(stream.held, 1)[2]
        parts[#parts + 1] = bytes
        stream.next = stream.next + #bytes
    end
    return table.concat(parts)
end

local function export(connection, side, bytes)
    local folder = mptcpshim.prefs.export

    if folder == "" or #bytes == 0 then
        return
    end
    local name = folder .. "/connection-" .. connection.number .. "-" .. side
    files[name] = files[name] or io.open(name, "wb")
    if files[name] then
        files[name]:write(bytes)
        files[name]:flush()
    end
end

local function took_payload(subflow, side, dsn, bytes, fin)
    local stream, finding = subflow.connection[side], {}

    -- A capture that began later begins with the first byte that it has.
    if subflow.guessed and stream.highest == 0 then
        stream.next, stream.highest, stream.acked = dsn, dsn, dsn
    end
    local to = dsn + #bytes
    if stream.credit and to > stream.credit then
        finding.beyond = to - stream.credit
    end
    if dsn > stream.next then
        local covered = 0
        for _, old in ipairs(stream.held) do
            covered = covered + math.max(0, math.min(old[1] + #old[2], dsn) - old[1])
        end
        finding.gap = dsn - stream.next - covered
    end
    local skip = math.max(0, math.min(stream.next - dsn, #bytes))
    local new = hold(stream, dsn + skip, bytes:sub(skip + 1))
    finding.repeated = #bytes - new
    finding.first = stream.next
    finding.in_order = release(stream)
    export(subflow.connection, side, finding.in_order)
    stream.highest = math.max(stream.highest, to + (fin and 1 or 0))
    if fin then
        stream.finish = to
        finding.finish = to
    end
    return finding
end

-- A DSS of `side`. `number` and `crc` tell it from others when it is shown again.
local function took_dss(subflow, side, dss, number, crc, visited)
    local key = number .. ":" .. crc .. ":" .. dss.dsn

    if visited or findings[key] then
        return findings[key] or {}
    end
    local finding = {}
    if #dss.payload > 0 or dss.fin then
        finding = took_payload(subflow, side, dss.dsn, dss.payload, dss.fin)
    end
    local other = subflow.connection[OTHER[side]]
    if subflow.guessed and other.highest == 0 then
        other.next, other.highest, other.acked = dss.data_ack, dss.data_ack, dss.data_ack
    end
    if dss.data_ack > other.acked then
        finding.acked = dss.data_ack - other.acked
        other.acked = dss.data_ack
        if dss.data_ack > other.highest then
            finding.unseen = dss.data_ack - other.highest
            other.highest = dss.data_ack
        end
        -- What is acknowledged and not in the capture will not come: the rest goes on behind it.
        if dss.data_ack > other.next and not (other.finish and dss.data_ack > other.finish) and finding.unseen then
            other.next = dss.data_ack
        end
    end
    if dss.credit > 0 then
        other.credit = math.max(other.credit or 0, dss.credit)
    end
    findings[key] = finding
    return finding
end
