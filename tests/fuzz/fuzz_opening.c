/* SPDX-License-Identifier: MIT */
/*
 * Opening messages: the input as it is, and again with magic, length and CRC made right, so that
 * the fuzzer gets at the options behind them.
 */
#include <string.h>
#include "check.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/wire/opening.h"

static bool is_final(int r)
{
    return r != MPS_OPENING_MORE;
}

static void check_message(const struct mps_opening *msg)
{
    uint8_t once[MPS_OPENING_MAX_LEN], again[MPS_OPENING_MAX_LEN];
    size_t len = mps_opening_encode(msg, once), parsed_len;
    struct mps_opening parsed;

    CHECK(len >= MPS_OPENING_HEAD_LEN && len <= MPS_OPENING_MAX_LEN);
    CHECK(mps_opening_parse(once, len, &parsed, &parsed_len) == 0);
    CHECK(parsed_len == len);
    CHECK(parsed.kind == msg->kind);
    CHECK(mps_opening_encode(&parsed, again) == len);
    CHECK(memcmp(once, again, len) == 0);
}

static void parse(const uint8_t *data, size_t len)
{
    struct mps_opening msg;
    size_t msg_len = 0, cut = len / 2;
    int r = mps_opening_parse(data, len, &msg, &msg_len), early;

    switch (r) {
    case 0:
        CHECK(msg_len >= MPS_OPENING_HEAD_LEN && msg_len <= len);
        check_message(&msg);
        cut = msg_len - 1;
        break;
    case MPS_OPENING_MORE:
        CHECK(len < MPS_OPENING_MAX_LEN);
        break;
    case MPS_OPENING_FOREIGN:
    case MPS_EPROTO:
    case MPS_ECHECK:
    case MPS_EVERSION:
        break;
    default:
        CHECK(!"a result that the header does not name");
    }
    /* What was decided with fewer bytes stays so with more. */
    early = mps_opening_parse(data, cut, &msg, &msg_len);
    CHECK(!is_final(early) || early == r);
    CHECK(r != 0 || !is_final(early));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t sealed[MPS_OPENING_MAX_LEN];
    uint32_t crc;

    parse(data, len);
    if (len < MPS_OPENING_HEAD_LEN || len > sizeof(sealed))
        return 0;
    memcpy(sealed, data, len);
    memcpy(sealed, mps_opening_magic, MPS_OPENING_MAGIC_LEN);
    sealed[10] = (uint8_t)(len >> 8);
    sealed[11] = (uint8_t)len;
    memset(sealed + 12, 0, 4);
    crc = mps_crc32c(0, sealed, len);
    for (unsigned i = 0; i < 4; i++)
        sealed[12 + i] = (uint8_t)(crc >> (24 - 8 * i));
    parse(sealed, len);
    return 0;
}
