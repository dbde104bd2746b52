/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys of hosts, from a file: a key a line,
 *
 *     IDENTITY KEY [ADDRESS/PREFIX...]
 *
 * the key as 32 to 128 hexadecimal digits. A client uses the first line whose addresses the peer is
 * in, or that has none; a server takes every identity. mptcpshim.conf(5), psk.
 */
#pragma once
#include <stdbool.h>
#include "core/wire/auth.h"
#include "settings.h"
#include "value.h"

#define MPS_PSKS      64
#define MPS_PSK_PEERS 8

struct mps_psk_row {
    struct mps_psk psk;
    struct mps_prefix peers[MPS_PSK_PEERS];
    unsigned n_peers; /* 0: every peer */
};

struct mps_psks {
    struct mps_psk_row row[MPS_PSKS];
    unsigned n;
};

/*
 * Read the file, which nobody but its owner may read, and which this user or root owns. False after
 * a report: *ret is empty then, since half of the keys are not what the user wants.
 */
bool mps_psks_read(struct mps_psks *ret, const char *file, struct mps_settings_report *report);

/* The key for connections to this peer, NULL if there is none. `psks` may be NULL. */
const struct mps_psk *mps_psks_for(const struct mps_psks *psks, const struct mps_addr *peer);

/* The key of that name, NULL if there is none. `psks` may be NULL. */
const struct mps_psk *mps_psks_named(const struct mps_psks *psks, const uint8_t *identity,
                                     size_t len);

/* No key is left in memory. */
void mps_psks_wipe(struct mps_psks *psks);
