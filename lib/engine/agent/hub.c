/* SPDX-License-Identifier: MIT */
#include "hub.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/err.h"
#include "engine/show/log.h"
#include "engine/net/peek.h"
#include "privileges.h"

#define DEFAULT_THREADS_MAX 4

static const struct mps_policy no_policy; /* everything is allowed */

/* ---- whose is it? ---- */

struct mps_worker *mps_hub_choose(struct mps_hub *hub)
{
    struct mps_worker *best = NULL;
    unsigned least = 0;

    /* Of workers with equal loads, the next one in turn. */
    for (unsigned i = 1; i <= hub->n_workers; i++) {
        struct mps_worker *w = &hub->workers[(hub->last + i) % hub->n_workers];
        unsigned load = mps_worker_load(w);

        if (best && load >= least)
            continue;
        best = w;
        least = load;
    }
    hub->last = best->engine.index;
    return best;
}

struct mps_worker *mps_hub_owner(const struct mps_hub *hub, uint64_t id_or_token)
{
    unsigned index = (unsigned)(id_or_token % hub->count);

    return index < hub->n_workers ? &hub->workers[index] : NULL;
}

/* ---- joins ---- */

static void join_arrived(struct mps_greeter *greeter, int fd, const struct mps_opening *join)
{
    struct mps_hub *hub = greeter->user;
    struct mps_worker *w = mps_hub_owner(hub, join->join.token);

    if (w)
        mps_worker_join(w, fd, join);
    else
        mps_peek_refuse(fd, MPS_REASON_UNKNOWN_TOKEN);
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

/* ---- what changes ---- */

/* `concerns`: the connections that are there, too. */
static void show(struct mps_hub *hub, bool concerns)
{
    for (unsigned i = 0; i < hub->n_workers; i++)
        mps_worker_set_view(&hub->workers[i], &hub->view, concerns);
}

static uint16_t open_join_port(void *user)
{
    struct mps_hub *hub = user;

    hub->view.join_port = mps_joinlis_port(&hub->joinlis, hub->options.join_ports);
    return hub->view.join_port;
}

static void run_watch(struct mps_call *call)
{
    struct mps_hub *hub = mps_container_of(call, struct mps_hub, watch_call);

    atomic_store(&hub->watch_asked, false);
    if (open_join_port(hub) != 0)
        show(hub, false);
}

/* Called in the engines' threads: joins that come are taken as soon as the hub has a look. */
static uint16_t open_from_engine(void *user)
{
    struct mps_hub *hub = user;
    uint16_t port = mps_joinlis_open(&hub->joinlis, hub->options.join_ports);

    if (port != 0 && !atomic_exchange(&hub->watch_asked, true))
        mps_inbox_post(&hub->inbox, &hub->watch_call);
    return port;
}

/* Joins for this port come to the join listener from now on: the peers are told. */
static void steer_dropped(struct mps_steer *steer, uint16_t port)
{
    struct mps_hub *hub = steer->user;

    hub->view.n_steered = mps_steer_list(&hub->steer, hub->view.steered);
    show(hub, true);
}

static void addresses_changed(struct mps_netaddr *netaddr)
{
    struct mps_hub *hub = netaddr->user;

    hub->view.addresses = netaddr->now;
    show(hub, true);
}

static void route_changed(struct mps_netaddr *netaddr, const struct mps_route *route)
{
    struct mps_hub *hub = netaddr->user;

    for (unsigned i = 0; i < hub->n_workers; i++)
        mps_worker_route_changed(&hub->workers[i], route);
}

static const struct mps_netaddr_ops netaddr_ops = {addresses_changed, route_changed};

int mps_hub_listener(struct mps_hub *hub, int fd, pid_t pid, bool steer)
{
    int rc = mps_hub_retires(hub) ? MPS_ESTATE : mps_steer_add(&hub->steer, fd, pid, steer);

    /*
     * Connections of this listener come later; the connections that are here have told their peers
     * already.
     */
    hub->view.n_steered = mps_steer_list(&hub->steer, hub->view.steered);
    show(hub, false);
    return rc;
}

const char *mps_hub_path_command(struct mps_hub *hub, char *text)
{
    const char *why = mps_pathctl_command(&hub->view.paths, &hub->view.addresses, text);

    if (!why)
        show(hub, true);
    return why;
}

void mps_hub_drop_privileges(struct mps_hub *hub, bool none)
{
    for (unsigned i = 0; i < hub->n_workers; i++)
        mps_worker_drop_privileges(&hub->workers[i], none);
    mps_privileges_drop(none);
}

/* ---- birth and death ---- */

static void begin_stage(struct mps_hub *hub, enum mps_stop stage)
{
    if (hub->stopped & 1u << stage)
        return;
    hub->stopped |= 1u << stage;
    for (unsigned i = 0; i < hub->n_workers; i++)
        mps_worker_retire(&hub->workers[i], stage);
}

void mps_hub_retire(struct mps_hub *hub, enum mps_stop stage)
{
    if (!mps_hub_retires(hub)) {
        mps_steer_leave(&hub->steer);
        if (hub->options.join_ports.first != 0)
            mps_joinlis_leave(&hub->joinlis);
        hub->view.n_steered = 0;
        hub->view.join_port = hub->joinlis.port;
        show(hub, false);
    }
    begin_stage(hub, MPS_STOP_RETIRE);
    begin_stage(hub, stage);
}

bool mps_hub_is_idle(const struct mps_hub *hub)
{
    for (unsigned i = 0; i < hub->n_workers; i++) {
        if (!mps_worker_is_idle(&hub->workers[i]))
            return false;
    }
    return hub->steer.n_entries == 0 && hub->greeter.n_waiting == 0;
}

/* Half of the processors: the programs need theirs, and a sender has its receiver. */
static unsigned default_threads(void)
{
    cpu_set_t set;
    unsigned n;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    n = (unsigned)CPU_COUNT(&set) / 2;
    if (n < 1)
        return 1;
    return n < DEFAULT_THREADS_MAX ? n : DEFAULT_THREADS_MAX;
}

static int start_workers(struct mps_hub *hub, struct mps_engine_setup *setup)
{
    int rc = MPS_ESYS;

    for (unsigned i = 0; i < hub->count && hub->count > 1; i++) {
        setup->index = i;
        rc = mps_worker_start(&hub->workers[i], setup);
        if (rc < 0)
            break;
        hub->n_workers++;
    }
    if (hub->n_workers > 0)
        return 0;
    /* One engine is enough, or no thread can be had. */
    hub->count = setup->count = hub->n_workers = 1;
    setup->index = 0;
    setup->open_join_port = open_join_port;
    return mps_worker_init(&hub->workers[0], hub->loop, setup);
}

static int init_workers(struct mps_hub *hub, const struct mps_policy *policy)
{
    struct mps_engine_setup setup = {
        .memory_of_agent = mps_memory_of_process(),
        .agent_id = hub->agent_id,
        .options = &hub->options,
        .policy = policy ? policy : &no_policy,
        .view = &hub->view,
        .peers = &hub->peers,
        .pathmem = &hub->pathmem,
        .claimants = &hub->claimants,
        .monitors = &hub->monitors,
        .trace = mps_tracer_trace(&hub->tracer),
        .open_join_port = open_from_engine,
        .user = hub,
    };
    int rc;

    setup.count = hub->count = hub->options.threads ? hub->options.threads : default_threads();
    hub->workers = calloc(hub->count, sizeof(*hub->workers));
    if (!hub->workers)
        return MPS_ENOMEM;
    if (hub->count > 1) {
        hub->watch_call.run = run_watch;
        mps_inbox_init(&hub->inbox, hub->loop, NULL, NULL);
    }
    rc = start_workers(hub, &setup);
    if (setup.open_join_port == open_join_port && hub->inbox.loop)
        mps_inbox_deinit(&hub->inbox);
    mps_log("hub: %u engines", hub->n_workers);
    if (rc < 0)
        free(hub->workers);
    return rc;
}

int mps_hub_init(struct mps_hub *hub, struct ev_loop *loop, const char *agent_id,
                 const struct mps_options *options, const struct mps_policy *policy)
{
    int rc;

    memset(hub, 0, sizeof(*hub));
    hub->loop = loop;
    hub->options = *options;
    memcpy(hub->agent_id, agent_id, strnlen(agent_id, MPS_HO_ID_LEN));
    mps_peers_init(&hub->peers);
    mps_pathmem_init(&hub->pathmem);
    mps_claimants_init(&hub->claimants);
    if (hub->options.remember_peers && hub->options.peers_dir[0])
        mps_peerfile_start(&hub->peerfile, loop, &hub->peers, hub->options.peers_dir);
    mps_monitors_init(&hub->monitors, loop);
    mps_tracer_init(&hub->tracer, loop);
    if (hub->options.trace[0] &&
        mps_tracer_open(&hub->tracer, hub->options.trace, hub->agent_id) < 0)
        mps_log("trace: %s: %s", hub->options.trace, strerror(errno));
    rc = init_workers(hub, policy);
    if (rc < 0) {
        mps_tracer_deinit(&hub->tracer);
        mps_monitors_deinit(&hub->monitors);
        mps_peerfile_stop(&hub->peerfile);
        mps_peers_deinit(&hub->peers);
        mps_claimants_deinit(&hub->claimants);
        mps_pathmem_deinit(&hub->pathmem);
        return rc;
    }
    mps_greeter_init(&hub->greeter, loop, join_arrived, hub);
    mps_steer_init(&hub->steer, loop, steer_accepted, steer_dropped, hub);
    mps_joinlis_init(&hub->joinlis, loop, joinlis_accepted, hub);
    if (mps_netaddr_init(&hub->netaddr, loop, &netaddr_ops, hub) < 0)
        mps_log("hub: no local addresses are known");
    hub->view.addresses = hub->netaddr.now;
    show(hub, false);
    return 0;
}

void mps_hub_stop(struct mps_hub *hub)
{
    if (!mps_hub_has_threads(hub))
        return;
    for (unsigned i = 0; i < hub->n_workers; i++)
        mps_worker_stop(&hub->workers[i]);
    mps_inbox_drain(&hub->inbox);
}

void mps_hub_deinit(struct mps_hub *hub)
{
    mps_plainwatch_stop(&hub->plainwatch);
    bool threads = mps_hub_has_threads(hub);

    for (unsigned i = 0; i < hub->n_workers; i++)
        mps_worker_deinit(&hub->workers[i]);
    mps_netaddr_deinit(&hub->netaddr);
    mps_joinlis_deinit(&hub->joinlis);
    mps_steer_deinit(&hub->steer);
    mps_greeter_deinit(&hub->greeter);
    mps_monitors_deinit(&hub->monitors);
    mps_tracer_deinit(&hub->tracer);
    mps_peerfile_stop(&hub->peerfile);
    mps_peers_deinit(&hub->peers);
    mps_claimants_deinit(&hub->claimants);
    mps_pathmem_deinit(&hub->pathmem);
    if (threads)
        mps_inbox_deinit(&hub->inbox);
    free(hub->workers);
}
