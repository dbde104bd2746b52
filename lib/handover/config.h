/* SPDX-License-Identifier: MIT */
/* What the environment says about the agent, copied once because programs wipe or change it. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "counts.h"
#include "message.h"
#include "names.h"

#define MPS_HO_AGENT_ENV_MAX 80 /* id:secret:uid and the NUL */
#define MPS_HO_OPTIONS_MAX   1024

/*
 * Ports that are left alone unless the word leave-ports= names others: gateways read, and rewrite,
 * what goes there in the clear, to let connections in that it names (FTP, RTSP, H.323, PPTP, SIP,
 * SANE, IRC). They cannot read frames.
 */
#define MPS_LEAVE_PORTS "21,554,1720,1723,5060,6566,6667"

struct mps_ho_config {
    char agent_id[MPS_HO_ID_LEN + 1];
    uint8_t secret[MPS_HO_SECRET_LEN];
    uid_t uid;                            /* the user who started the tree */
    char agent_env[MPS_HO_AGENT_ENV_MAX]; /* value of MPS_ENV_AGENT */
    char program[PATH_MAX];               /* value of MPS_ENV_PROGRAM, "" if none */
    char options[MPS_HO_OPTIONS_MAX];     /* value of MPS_ENV_OPTIONS, "" if none */
    char home[PATH_MAX];                  /* HOME, "" if none */
    char counts[MPS_HO_COUNTS_MAX];       /* value of MPS_ENV_COUNTS, "" if none */
};

/*
 * Parse the value of MPS_ENV_AGENT into agent_id, secret, uid and agent_env. False, and nothing
 * written, if it is malformed.
 */
bool mps_ho_config_parse(struct mps_ho_config *cfg, const char *agent);

/*
 * Fill from values of the environment (NULL: not set). False if there is no valid agent; a value
 * that is too long counts as not set.
 */
bool mps_ho_config_init(struct mps_ho_config *cfg, const char *agent, const char *program,
                        const char *options, const char *home);

/* The value of MPS_ENV_COUNTS (NULL: not set), which is not needed for anything to work. */
void mps_ho_config_counts(struct mps_ho_config *cfg, const char *counts);

/* Write "id:secret:uid"; out has MPS_HO_AGENT_ENV_MAX bytes. */
void mps_ho_config_format(const char *agent_id, const uint8_t secret[MPS_HO_SECRET_LEN], uid_t uid,
                          char *out);

/* The same for an identity that nobody else knows, of this user's; false if there is no chance. */
bool mps_ho_config_invent(char *out);
