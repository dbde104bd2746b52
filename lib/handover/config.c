/* SPDX-License-Identifier: MIT */
#include "config.h"
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool parse_uid(const char *s, uid_t *ret)
{
    uint64_t v = 0;

    if (*s == '\0')
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
        if (v >= UINT32_MAX)
            return false;
    }
    *ret = (uid_t)v;
    return true;
}

bool mps_ho_config_parse(struct mps_ho_config *cfg, const char *agent)
{
    const size_t secret_at = MPS_HO_ID_LEN + 1;
    const size_t uid_at = secret_at + 2 * MPS_HO_SECRET_LEN + 1;
    size_t len = strlen(agent);
    char id[MPS_HO_ID_LEN + 1];
    uint8_t secret[MPS_HO_SECRET_LEN];
    uid_t uid;

    if (len <= uid_at || len >= MPS_HO_AGENT_ENV_MAX)
        return false;
    if (agent[secret_at - 1] != ':' || agent[uid_at - 1] != ':')
        return false;
    memcpy(id, agent, MPS_HO_ID_LEN);
    id[MPS_HO_ID_LEN] = '\0';
    if (!mps_ho_id_valid(id) || !parse_uid(agent + uid_at, &uid))
        return false;
    for (size_t i = 0; i < MPS_HO_SECRET_LEN; i++) {
        int high = hex_value(agent[secret_at + 2 * i]);
        int low = hex_value(agent[secret_at + 2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        secret[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(cfg->agent_id, id, sizeof(id));
    memcpy(cfg->secret, secret, sizeof(secret));
    memcpy(cfg->agent_env, agent, len + 1);
    cfg->uid = uid;
    return true;
}

static void copy_value(char *out, size_t size, const char *value)
{
    size_t len = value ? strlen(value) : 0;

    if (len >= size)
        len = 0;
    if (len > 0)
        memcpy(out, value, len);
    out[len] = '\0';
}

bool mps_ho_config_init(struct mps_ho_config *cfg, const char *agent, const char *program,
                        const char *options, const char *home)
{
    if (!agent || !mps_ho_config_parse(cfg, agent))
        return false;
    copy_value(cfg->program, sizeof(cfg->program), program);
    copy_value(cfg->options, sizeof(cfg->options), options);
    copy_value(cfg->home, sizeof(cfg->home), home);
    cfg->counts[0] = '\0';
    return true;
}

void mps_ho_config_counts(struct mps_ho_config *cfg, const char *counts)
{
    copy_value(cfg->counts, sizeof(cfg->counts), counts);
}

static char *put_hex(char *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";

    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

void mps_ho_config_format(const char *agent_id, const uint8_t secret[MPS_HO_SECRET_LEN], uid_t uid,
                          char *out)
{
    char reversed[10];
    int n = 0;

    memcpy(out, agent_id, MPS_HO_ID_LEN);
    out += MPS_HO_ID_LEN;
    *out++ = ':';
    for (int i = 0; i < MPS_HO_SECRET_LEN; i++)
        out = put_hex(out, secret[i]);
    *out++ = ':';
    do {
        reversed[n++] = (char)('0' + uid % 10);
        uid /= 10;
    } while (uid > 0);
    while (n > 0)
        *out++ = reversed[--n];
    *out = '\0';
}
