/* SPDX-License-Identifier: MIT */
#include "config.h"
#include <string.h>
#include "digits.h"
#include "sys.h"

bool mps_ho_config_parse(struct mps_ho_config *cfg, const char *agent)
{
    const size_t secret_at = MPS_HO_ID_LEN + 1;
    const size_t uid_at = secret_at + 2 * MPS_HO_SECRET_LEN + 1;
    size_t len = strlen(agent);
    char id[MPS_HO_ID_LEN + 1];
    uint8_t secret[MPS_HO_SECRET_LEN];
    long long uid;

    if (len <= uid_at || len >= MPS_HO_AGENT_ENV_MAX)
        return false;
    if (agent[secret_at - 1] != ':' || agent[uid_at - 1] != ':')
        return false;
    memcpy(id, agent, MPS_HO_ID_LEN);
    id[MPS_HO_ID_LEN] = '\0';
    uid = mps_decimal_value(agent + uid_at, UINT32_MAX - 1); /* (uid_t)-1 is nobody */
    if (!mps_ho_id_valid(id) || uid < 0)
        return false;
    for (size_t i = 0; i < MPS_HO_SECRET_LEN; i++) {
        int high = mps_hex_value(agent[secret_at + 2 * i]);
        int low = mps_hex_value(agent[secret_at + 2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        secret[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(cfg->agent_id, id, sizeof(id));
    memcpy(cfg->secret, secret, sizeof(secret));
    memcpy(cfg->agent_env, agent, len + 1);
    cfg->uid = (uid_t)uid;
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

void mps_ho_config_format(const char *agent_id, const uint8_t secret[MPS_HO_SECRET_LEN], uid_t uid,
                          char *out)
{
    memcpy(out, agent_id, MPS_HO_ID_LEN);
    out += MPS_HO_ID_LEN;
    *out++ = ':';
    out = mps_hex_put(out, secret, MPS_HO_SECRET_LEN);
    *out++ = ':';
    *mps_decimal_put(out, uid) = '\0';
}

bool mps_ho_config_invent(char *out)
{
    uint8_t random[MPS_HO_ID_LEN / 2 + MPS_HO_SECRET_LEN];
    char id[MPS_HO_ID_LEN];

    if (syscall(SYS_getrandom, random, sizeof(random), 0) != (long)sizeof(random))
        return false;
    (void)mps_hex_put(id, random, MPS_HO_ID_LEN / 2);
    mps_ho_config_format(id, random + MPS_HO_ID_LEN / 2, (uid_t)syscall(SYS_geteuid), out);
    return true;
}
