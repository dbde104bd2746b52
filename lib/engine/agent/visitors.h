/* SPDX-License-Identifier: MIT */
/*
 * Users other than the agent's own who come to the control socket. Some have to be served: the
 * workers of a server that was started as root and became somebody else know the secret, since they
 * have it from their parent. Anybody else is a stranger, and whoever was found to be one is refused
 * for a while before anything is read. A user with whom the secret came once is not refused so,
 * since strangers of the same user would otherwise keep the others out.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#define MPS_VISITORS_MAX  16 /* users; of more than that, who came first is forgotten */
#define MPS_VISITORS_TIME 2. /* seconds for which a stranger is refused */

struct mps_visitor {
    uid_t uid;
    bool proven;
    double until; /* refused till then */
};

/* All zero: nobody is known. Times are those of the loop, in seconds. */
struct mps_visitors {
    struct mps_visitor visitor[MPS_VISITORS_MAX];
    unsigned n, next;
};

/* Is the user to be sent away unheard? */
bool mps_visitors_is_refused(const struct mps_visitors *self, uid_t uid, double now);

/* The user has brought the secret. */
void mps_visitors_prove(struct mps_visitors *self, uid_t uid);

/* The user has brought something else, or nothing. */
void mps_visitors_refuse(struct mps_visitors *self, uid_t uid, double now);
