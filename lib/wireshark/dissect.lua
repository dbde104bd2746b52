-- SPDX-License-Identifier: MIT
-- Bytes of TCP to messages and frames, and these to trees.

local get_stream = Field.new("tcp.stream")

mptcpshim.prefs.export = Pref.string("Folder for the bytes of the applications", "",
    "Where connection-N-client and connection-N-server are written: what each application sent, in order")
mptcpshim.prefs.first = Pref.bool("Look before the dissectors of ports", true,
    "Sets tcp.try_heuristic_first, since HTTP and others take all that comes from their ports")

-- How many bytes the head has that starts with this prefix, its MAC included, or nil if it is no frame.
local function head_length(tvb, offset)
    local frame_type, length = tvb(offset, 1):uint(), tvb(offset + 2, 2):uint()
    local frame = FRAMES[frame_type] or (frame_type >= 0x80 and EXTENSION)
    local fixed = 0

    if not frame then
        return nil
    end
    for _, part in ipairs(frame[2]) do
        fixed = fixed + part[2]
    end
    if frame[1] == "ADD_ADDR" then
        fixed = length - MAC
        if fixed ~= 12 and fixed ~= 24 then
            return nil
        end
    elseif (frame[3] and length < fixed + MAC) or (not frame[3] and length ~= fixed + MAC) then
        return nil
    end
    return PREFIX + fixed + MAC, PREFIX + length, frame
end

local function starts_with_magic(tvb, offset)
    local left = math.min(tvb:len() - offset, #MAGIC)

    return left > 0 and tvb:raw(offset, left) == MAGIC:sub(1, left)
end

-- What is at `offset`: "message" or "frame" with its length, "part" with how many bytes are needed to
-- know more, or "lost". Behind that whether it is sure to be one of ours.
local function look(tvb, offset)
    local left = tvb:len() - offset

    if starts_with_magic(tvb, offset) then
        if left < 12 then
            return "part", OPENING_HEAD, left >= #MAGIC
        end
        local length = tvb(offset + 10, 2):uint()
        if length < OPENING_HEAD or length > 1024 then
            return "lost"
        end
        return left < length and "part" or "message", length, true
    end
    if left < PREFIX then
        return "part", PREFIX
    end
    local head, length = head_length(tvb, offset)
    if not head then
        return "lost"
    elseif left < head then
        return "part", head
    elseif tvb(offset + 4, 4):uint() ~= crc32c(tvb:raw(offset, head - MAC), 5) then
        return "lost"
    end
    return left < length and "part" or "frame", length, true
end

local function add_crc(tree, range, good)
    local item = tree:add(fields.crc, range)

    tree:add(fields["crc.good"], range, good):set_generated()
    if not good then
        item:add_proto_expert_info(experts.crc)
    end
end

local function add_value(tree, option, value)
    local at = tree:add(option[2][1], value)

    for _, one in ipairs(option[3] or {}) do
        at:add(one, value)
    end
    if option[1] == "HMAC_ALGS" then
        local names = {}
        for i = 0, value:len() - 1 do
            names[#names + 1] = ALGORITHMS[value(i, 1):uint()] or "unknown"
        end
        at:append_text(" (" .. table.concat(names, ", ") .. ")")
    end
end

local LENGTHS = { KEY = 8, CAPABILITIES = 4, CREDIT = 8, TOKEN = 4, SUBFLOW_ID = 4, ADDR_ID = 1, FLAGS = 1,
                  NONCE = 16, HMAC = 20, REASON = 1, KEY_SHARE = 32 }

-- Options into the tree; returns the values of those that the connection is known by.
local function add_options(tvb, offset, till, tree)
    local values = {}

    while offset + 4 <= till do
        local number, length = tvb(offset, 1):uint(), tvb(offset + 2, 2):uint()
        local option = OPTIONS[number]
        local name = option and option[1] or "unknown"
        local branch = tree:add(tvb(offset, math.min(4 + length, till - offset)), "Option " .. name)

        branch:add(fields.option, tvb(offset, 1)):append_text(" (" .. name .. ")")
        branch:add(fields["option.flags"], tvb(offset + 1, 1))
        branch:add(fields["option.length"], tvb(offset + 2, 2))
        if offset + 4 + length > till or (LENGTHS[name] and length ~= LENGTHS[name]) or length == 0 then
            branch:add_proto_expert_info(experts.option)
            if offset + 4 + length > till then
                break
            end
        elseif option then
            local value = tvb(offset + 4, length)
            add_value(branch, option, value)
            if name == "KEY" then
                values.KEY = value:raw()
            elseif name == "CREDIT" then
                values.CREDIT = value:uint64():tonumber()
            elseif name == "TOKEN" or name == "SUBFLOW_ID" or name == "REASON" then
                values[name] = value:uint()
            end
        else
            branch:add(fields["option.value"], tvb(offset + 4, length))
        end
        offset = offset + 4 + length
    end
    return values
end

local function add_place(tree, subflow, here)
    tree:add(fields.connection, subflow.connection.number):set_generated()
    if subflow.id then
        tree:add(fields.subflow, subflow.id):set_generated()
    end
    tree:add(fields.from, subflow.from[here]):set_generated()
end

local function add_message(tvb, offset, length, pinfo, root, subflow, here, there)
    local kind = KINDS[tvb(offset + 9, 1):uint()] or "unknown message"
    local tree = root:add(mptcpshim, tvb(offset, length), "mptcpshim, " .. kind)
    local whole = tvb(offset, length)

    tree:add(fields.version, whole(8, 1))
    tree:add(fields.kind, whole(9, 1))
    tree:add(fields.length, whole(10, 2))
    add_crc(tree, whole(12, 4), whole(12, 4):uint() == crc32c(whole:raw(), 13))
    local values = add_options(tvb, offset + OPENING_HEAD, offset + length, tree)
    if not pinfo.visited then
        opened(subflow, kind, values, here, there)
    end
    if subflow.connection and subflow.from[here] then
        add_place(tree, subflow, here)
    end
    if kind == "REFUSE" then
        tree:add_proto_expert_info(experts.refused)
    end
    if kind == "JOIN" and values.SUBFLOW_ID then
        kind = kind .. " subflow=" .. values.SUBFLOW_ID
    elseif values.REASON then
        kind = kind .. " " .. (REASONS[values.REASON] or values.REASON)
    end
    return kind
end

local function add_part(tree, frame, part, range)
    local name, short = part[1], frame[1]

    if name == "address" then
        name = range:len() == 4 and "address4" or "address6"
    end
    local value = name:match("^address") == nil and range:len() <= 4 and range:uint() or nil
    if range:len() == 8 then
        value = range:uint64():tonumber()
    end
    tree:add(fields[name], range)
    return name, value, short
end

-- What the analysis has found about a DSS.
local function add_finding(tree, finding)
    local function note(name, value, info)
        if value and value > 0 then
            local item = tree:add(fields["analysis." .. name], UInt64.new(value % 4294967296, math.floor(value / 4294967296)))
            item:set_generated()
            if info then
                item:add_proto_expert_info(experts[info])
            end
        end
    end
    note("gap", finding.gap, "gap")
    if finding.repeated and finding.repeated > 0 then
        local item = tree:add(fields["analysis.repeated"], finding.repeated)
        item:set_generated()
        item:add_proto_expert_info(experts.repeated)
    end
    note("acked", finding.acked)
    note("end", finding.finish)
    if finding.unseen then
        tree:add_proto_expert_info(experts.unseen)
    end
    if finding.beyond then
        tree:add_proto_expert_info(experts.credit)
    end
    if finding.in_order and #finding.in_order > 0 then
        local bytes = ByteArray.new(finding.in_order, true):tvb("Application")
        tree:add(fields["in_order.dsn"], UInt64.new(finding.first % 4294967296, math.floor(finding.first / 4294967296)))
            :set_generated()
        tree:add(fields.in_order, bytes()):set_generated()
    end
end

local function add_dss(tvb, offset, head, length, values, tree, frame_type, flags, pinfo, subflow, here)
    local size = length - head - (frame_type == 2 and MAC or 0)
    local payload = ""
    local text = string.format(" dsn=%.0f len=%d ack=%.0f", values.dsn, size, values.data_ack)

    tree:add(fields["payload.length"], math.max(size, 0)):set_generated()
    if size > 0 then
        payload = tvb:raw(offset + head, size)
        tree:add(fields.payload, tvb(offset + head, size))
    end
    if frame_type == 2 and size >= 0 then
        tree:add(fields["payload.mac"], tvb(offset + head + size, MAC))
    end
    local fin = band(flags, 1) ~= 0
    local dss = { dsn = values.dsn, data_ack = values.data_ack, credit = values.credit, payload = payload, fin = fin }
    local crc = tvb(offset + 4, 4):uint()
    add_finding(tree, took_dss(subflow, subflow.from[here], dss, pinfo.number, crc, pinfo.visited))
    return text .. (fin and " fin" or "")
end

local function add_frame(tvb, offset, length, pinfo, root, subflow, here)
    local head, _, frame = head_length(tvb, offset)
    local frame_type, flags = tvb(offset, 1):uint(), tvb(offset + 1, 1):uint()
    local tree = root:add(mptcpshim, tvb(offset, length), "mptcpshim, " .. frame[1])
    local values, at, text = {}, offset + PREFIX, ""

    add_place(tree, subflow, here)
    tree:add(fields.type, tvb(offset, 1))
    local branch = tree:add(fields.flags, tvb(offset + 1, 1))
    for _, one in ipairs(frame[4]) do
        branch:add(one, tvb(offset + 1, 1))
    end
    tree:add(fields.length, tvb(offset + 2, 2))
    add_crc(tree, tvb(offset + 4, 4), true)
    for _, part in ipairs(frame[2]) do
        local size = part[2] > 0 and part[2] or offset + head - MAC - at
        local name, value = add_part(tree, frame, part, tvb(at, size))
        values[name] = value
        at = at + size
    end
    tree:add(fields.mac, tvb(offset + head - MAC, MAC))
    if frame_type <= 2 then
        text = add_dss(tvb, offset, head, length, values, tree, frame_type, flags, pinfo, subflow, here)
    elseif length > head then
        tree:add(fields.rest, tvb(offset + head, length - head))
    end
    for _, name in ipairs({ "addr_id", "subflow_id", "reason" }) do
        if values[name] then
            text = text .. " " .. name .. "=" .. (name == "reason" and REASONS[values[name]] or values[name])
        end
    end
    if frame[1] == "FASTCLOSE" then
        tree:add_proto_expert_info(experts.aborted)
    elseif frame[1] == "SUBFLOW_CLOSE" then
        tree:add_proto_expert_info(experts.closed)
    end
    return frame[1] .. text
end

-- Framing that was lost: where the next frame or message begins, as far as these bytes show it.
local function next_start(tvb, offset)
    for at = offset + 1, tvb:len() - PREFIX do
        local _, _, sure = look(tvb, at)
        if sure then
            return at
        end
    end
    return tvb:len()
end

local shown

local function dissect(tvb, pinfo, root)
    local subflow = subflow_of(get_stream().value)
    local here = tostring(pinfo.src) .. " " .. pinfo.src_port
    local there = tostring(pinfo.dst) .. " " .. pinfo.dst_port
    local offset, texts = 0, {}

    while offset < tvb:len() do
        local what, length = look(tvb, offset)
        if what == "part" then
            pinfo.desegment_offset = offset
            pinfo.desegment_len = length - (tvb:len() - offset)
            break
        elseif what == "message" then
            texts[#texts + 1] = add_message(tvb, offset, length, pinfo, root, subflow, here, there)
        else
            complete(subflow, here, there, pinfo.src_port, pinfo.dst_port)
            if what == "frame" then
                texts[#texts + 1] = add_frame(tvb, offset, length, pinfo, root, subflow, here)
            else
                length = next_start(tvb, offset) - offset
                root:add(mptcpshim, tvb(offset, length), "mptcpshim, framing lost")
                    :add(fields.lost, tvb(offset, length)):add_proto_expert_info(experts.framing)
                texts[#texts + 1] = "framing lost"
            end
        end
        offset = offset + length
    end
    pinfo.cols.protocol = "MPTCPSHIM"
    if #texts > 0 then
        -- TCP calls again for what follows in the same packet, and the text is put behind.
        pinfo.cols.info = (shown == pinfo.number and "; " or "") .. table.concat(texts, "; ")
        shown = pinfo.number
    end
    return tvb:len()
end

function mptcpshim.init()
    forget()
    if mptcpshim.prefs.first and not get_preference("tcp.try_heuristic_first") then
        -- Not apply_preferences(), which writes the user's file of preferences.
        set_preference("tcp.try_heuristic_first", true)
    end
end

mptcpshim.dissector = dissect

-- A TCP connection is one of ours if it begins with the magic, or, in a capture that began later, if a
-- segment begins with a head whose CRC is right.
mptcpshim:register_heuristic("tcp", function(tvb, pinfo, root)
    local what, _, sure = look(tvb, 0)

    if not sure and not (what == "part" and tvb:len() >= 4 and starts_with_magic(tvb, 0)) then
        return false
    end
    pinfo.conversation = mptcpshim
    dissect(tvb, pinfo, root)
    return true
end)
