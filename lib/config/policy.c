/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <fnmatch.h>

static bool matches(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0;
}

static bool any_name(const struct mps_names *names, const char *name)
{
    for (unsigned i = 0; i < names->n; i++) {
        if (matches(names->item[i], name))
            return true;
    }
    return false;
}

static bool any_prefix(const struct mps_prefixes *prefixes, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < prefixes->n; i++) {
        if (mps_prefix_contains(&prefixes->item[i], addr))
            return true;
    }
    return false;
}

bool mps_policy_admits(const struct mps_policy *policy, const char *interface,
                       const struct mps_addr *addr)
{
    if (policy->include_interfaces.n > 0 && !any_name(&policy->include_interfaces, interface))
        return false;
    if (policy->include_prefixes.n > 0 && !any_prefix(&policy->include_prefixes, addr))
        return false;
    return !any_name(&policy->exclude_interfaces, interface) &&
           !any_prefix(&policy->exclude_prefixes, addr);
}

bool mps_policy_capable(const struct mps_policy *policy, const struct mps_addr *peer)
{
    return any_prefix(&policy->capable, peer);
}

void mps_policy_path(const struct mps_policy *policy, const char *interface,
                     const struct mps_addr *addr, bool *backup, unsigned *weight)
{
    for (unsigned i = 0; i < policy->n_paths; i++) {
        const struct mps_path_rule *rule = &policy->paths[i];

        if (rule->interface[0] ? !matches(rule->interface, interface)
                               : !mps_prefix_contains(&rule->prefix, addr))
            continue;
        if (rule->backup.said)
            *backup = rule->backup.on;
        if (rule->weight > 0)
            *weight = rule->weight;
    }
}
