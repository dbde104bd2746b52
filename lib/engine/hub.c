/* SPDX-License-Identifier: MIT */
#include "hub.h"

#include <string.h>
#include "core/err.h"
#include "log.h"

static const struct mps_policy no_policy; /* everything is allowed */

/* ---- joins ---- */

static void join_arrived(struct mps_greeter *greeter, int fd, const struct mps_join *join)
{
    struct mps_hub *hub = greeter->user;

    mps_engine_join(&hub->engine, fd, join);
}

static void steer_accepted(struct mps_steer *steer, int fd)
{
    struct mps_hub *hub = steer->user;

    mps_greeter_add(&hub->greeter, fd);
}

static void joinlis_accepted(struct mps_joinlis *joinlis, int fd)
{
    struct mps_hub *hub = joinlis->user;

    mps_greeter_add(&hub->greeter, fd);
}

static uint16_t open_join_port(void *user)
{
    struct mps_hub *hub = user;

    hub->view.join_port = mps_joinlis_port(&hub->joinlis, hub->options.join_ports);
    return hub->view.join_port;
}

/* ---- what changes ---- */

/* Joins for this port come to the join listener from now on: the peers are told. */
static void steer_dropped(struct mps_steer *steer, uint16_t port)
{
    struct mps_hub *hub = steer->user;

    hub->view.n_steered = mps_steer_list(&hub->steer, hub->view.steered);
    mps_engine_view_changed(&hub->engine);
}

static void addresses_changed(struct mps_netaddr *netaddr)
{
    struct mps_hub *hub = netaddr->user;

    hub->view.addresses = netaddr->now;
    mps_engine_view_changed(&hub->engine);
}

static void route_changed(struct mps_netaddr *netaddr, const struct mps_route *route)
{
    struct mps_hub *hub = netaddr->user;

    mps_engine_route_changed(&hub->engine, route);
}

static const struct mps_netaddr_ops netaddr_ops = {addresses_changed, route_changed};

int mps_hub_listener(struct mps_hub *hub, int fd, bool steer)
{
    int rc = mps_steer_add(&hub->steer, fd, steer);

    /* Connections that it concerns come later; those that are here have told their peers. */
    hub->view.n_steered = mps_steer_list(&hub->steer, hub->view.steered);
    return rc;
}

const char *mps_hub_path_command(struct mps_hub *hub, char *text)
{
    const char *why = mps_pathctl_command(&hub->view.paths, &hub->view.addresses, text);

    if (!why)
        mps_engine_view_changed(&hub->engine);
    return why;
}

/* ---- birth and death ---- */

bool mps_hub_is_idle(const struct mps_hub *hub)
{
    return mps_engine_is_idle(&hub->engine) && hub->steer.n_entries == 0 &&
           hub->greeter.n_waiting == 0;
}

int mps_hub_init(struct mps_hub *hub, struct ev_loop *loop, const char *agent_id,
                 const struct mps_options *options, const struct mps_policy *policy)
{
    struct mps_engine_setup setup = {
        .agent_id = hub->agent_id,
        .options = &hub->options,
        .policy = policy ? policy : &no_policy,
        .view = &hub->view,
        .peers = &hub->peers,
        .monitors = &hub->monitors,
        .open_join_port = open_join_port,
        .user = hub,
    };
    int rc;

    memset(hub, 0, sizeof(*hub));
    hub->loop = loop;
    hub->options = *options;
    memcpy(hub->agent_id, agent_id, strnlen(agent_id, MPS_AGENT_ID_LEN));
    rc = mps_engine_init(&hub->engine, loop, &setup);
    if (rc < 0)
        return rc;
    mps_peers_init(&hub->peers);
    mps_monitors_init(&hub->monitors, loop);
    mps_greeter_init(&hub->greeter, loop, join_arrived, hub);
    mps_steer_init(&hub->steer, loop, steer_accepted, steer_dropped, hub);
    mps_joinlis_init(&hub->joinlis, loop, joinlis_accepted, hub);
    if (mps_netaddr_init(&hub->netaddr, loop, &netaddr_ops, hub) < 0)
        mps_log("hub: no local addresses are known");
    hub->view.addresses = hub->netaddr.now;
    return 0;
}

void mps_hub_deinit(struct mps_hub *hub)
{
    mps_engine_deinit(&hub->engine);
    mps_netaddr_deinit(&hub->netaddr);
    mps_joinlis_deinit(&hub->joinlis);
    mps_steer_deinit(&hub->steer);
    mps_greeter_deinit(&hub->greeter);
    mps_monitors_deinit(&hub->monitors);
    mps_peers_deinit(&hub->peers);
}
