/* SPDX-License-Identifier: MIT */
#include "confine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "config/options.h"
#include "engine/agent/hub.h"
#include "engine/agent/privileges.h"
#include "engine/agent/syscalls.h"
#include "engine/net/pipe.h"
#include "engine/paths/scout.h"
#include "engine/show/log.h"
#include "parent.h"

/* The user that a package makes for agents. */
#define DEFAULT_USER "mptcpshim"

static void find_user(struct mps_confine *c, const char *user)
{
    c->has_user = mps_privileges_find(user[0] ? user : DEFAULT_USER, &c->uid, &c->gid);
    if (!c->has_user && user[0])
        mps_log("confine: there is no user %s", user);
    /* Root remains root. */
    if (c->uid == 0)
        c->has_user = false;
}

void mps_confine_begin(struct mps_confine *c, const struct mps_options *options)
{
    memset(c, 0, sizeof(*c));
    if (mps_privileges_kills(mps_pipe_try)) {
        mps_log("confine: a filter of system calls forbids pipes");
        mps_pipe_forbid();
    }
    c->forbidden = mps_privileges_would_kill();
    if (c->forbidden) {
        mps_log("confine: a filter of system calls forbids to give up privileges");
        return;
    }
    if (geteuid() == 0)
        find_user(c, options->user);
    mps_scout_start();
    mps_privileges_begin(options->marks);
}

static void finish(struct mps_hub *hub, bool none)
{
    mps_hub_drop_privileges(hub, none);
    if (!MPS_PRIVILEGES_WATCHED && mps_syscalls_confine() < 0)
        mps_log("confine: all system calls are allowed: %s", strerror(errno));
    mps_privileges_alone();
}

void mps_confine_settle(struct mps_confine *c, struct mps_hub *hub)
{
    if (c->forbidden)
        return;
    mps_parent_remember(hub->agent_id);
    if (c->has_user && geteuid() == 0) {
        mps_peerfile_give(&hub->peerfile, c->uid, c->gid);
        mps_privileges_become(c->uid, c->gid);
    }
    finish(hub, false);
}

void mps_confine_as(struct mps_confine *c, struct mps_hub *hub, const struct ucred *program)
{
    if (program->uid == 0) {
        mps_confine_settle(c, hub);
        return;
    }
    mps_parent_remember(hub->agent_id);
    mps_scout_stop(); /* a program's own agent would have none */
    /* Whatever happens: the program's user is to have an agent that is no more than itself. */
    mps_privileges_become(program->uid, program->gid);
    if (!c->forbidden)
        finish(hub, true);
}
