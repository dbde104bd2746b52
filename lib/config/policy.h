/* SPDX-License-Identifier: MIT */
/*
 * The policy is what the files say beyond the options: which local addresses are used and how,
 * which peers and programs are special. A policy of zeros says nothing and allows everything.
 * mptcpshim.conf(5).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "value.h"

#define MPS_POLICY_LIST     32
#define MPS_POLICY_CAPABLE  16
#define MPS_POLICY_OUTSIDE  8
#define MPS_POLICY_NAME_LEN 31
#define MPS_POLICY_PORTS    32

struct mps_names {
    char item[MPS_POLICY_LIST][MPS_POLICY_NAME_LEN + 1];
    unsigned n;
};

struct mps_prefixes {
    struct mps_prefix item[MPS_POLICY_LIST];
    unsigned n;
};

struct mps_port_list {
    uint16_t item[MPS_POLICY_PORTS];
    unsigned n;
    bool said; /* else those of handover/config.h */
};

struct mps_rule_flag {
    bool said, on;
};

/* A section [path NAME]. */
struct mps_path_rule {
    char interface[MPS_POLICY_NAME_LEN + 1]; /* a pattern; "": by prefix */
    struct mps_prefix prefix;
    struct mps_rule_flag backup;
    unsigned weight; /* 0: not said */
};

struct mps_policy {
    struct mps_names include_interfaces, exclude_interfaces; /* patterns */
    struct mps_prefixes include_prefixes, exclude_prefixes;
    struct mps_path_rule paths[MPS_POLICY_LIST];
    unsigned n_paths;
    struct mps_prefixes capable; /* at most MPS_POLICY_CAPABLE */
    struct mps_names leave_alone;
    struct mps_names bulk, interactive, handover; /* programs whose connections are for this */
    struct mps_port_list leave_ports;
    struct {
        struct mps_addr item[MPS_POLICY_OUTSIDE];
        unsigned n;
    } announce; /* to clients, in place of our own: they lead to our join port */
};

/* May this local address be used at all? */
bool mps_policy_admits(const struct mps_policy *policy, const char *interface,
                       const struct mps_addr *addr);

/* Is the peer known to be a shim, whatever becomes of the marks on the way? */
bool mps_policy_capable(const struct mps_policy *policy, const struct mps_addr *peer);

/*
 * What the path sections say of this address; a value of which no section says anything is left
 * untouched.
 */
void mps_policy_path(const struct mps_policy *policy, const char *interface,
                     const struct mps_addr *addr, bool *backup, unsigned *weight);
