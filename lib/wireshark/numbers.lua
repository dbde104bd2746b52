-- SPDX-License-Identifier: MIT
-- Numbers that are made of bytes: CRC-32C of heads, and tokens, which are SHA-1 of keys.

local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local lshift, rshift, rol = bit.lshift, bit.rshift, bit.rol

-- The library `bit` has signed results.
local function unsigned(number)
    return number % 4294967296
end

local crc_table = {}
for i = 0, 255 do
    local crc = i
    for _ = 1, 8 do
        crc = band(crc, 1) == 1 and bxor(rshift(crc, 1), 0x82F63B78) or rshift(crc, 1)
    end
    crc_table[i] = crc
end

-- CRC-32C of a string, whose four bytes from `zero` (the first is 1) count as zeros.
local function crc32c(bytes, zero)
    local crc = -1

    for i = 1, #bytes do
        local byte = (i < zero or i > zero + 3) and bytes:byte(i) or 0
        crc = bxor(crc_table[band(bxor(crc, byte), 0xFF)], rshift(crc, 8))
    end
    return unsigned(bnot(crc))
end

-- The first four bytes of SHA-1 of a key of eight bytes, a number. One block holds it.
local function token_of(key)
    local words = {}
    local block = key .. "\128" .. ("\0"):rep(54) .. "\64"
    block = block:sub(1, 63) .. string.char(#key * 8)
    for i = 0, 15 do
        local a, b, c, d = block:byte(4 * i + 1, 4 * i + 4)
        words[i] = bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
    end
    for i = 16, 79 do
        words[i] = rol(bxor(words[i - 3], words[i - 8], words[i - 14], words[i - 16]), 1)
    end
    local a, b, c, d, e = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
    for i = 0, 79 do
        local f, k
        if i < 20 then
            f, k = bor(band(b, c), band(bnot(b), d)), 0x5A827999
        elseif i < 40 then
            f, k = bxor(b, c, d), 0x6ED9EBA1
        elseif i < 60 then
            f, k = bor(band(b, c), band(b, d), band(c, d)), 0x8F1BBCDC
        else
            f, k = bxor(b, c, d), 0xCA62C1D6
        end
        -- Sums of doubles are exact below 2^53.
        local sum = bit.tobit((unsigned(rol(a, 5)) + unsigned(f) + unsigned(e) + unsigned(k) +
                               unsigned(words[i])) % 4294967296)
        a, b, c, d, e = sum, a, rol(b, 30), c, d
    end
    return unsigned(a + 0x67452301)
end
