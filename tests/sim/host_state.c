/* SPDX-License-Identifier: MIT */
/* Making, ending and looking at a simulated host. */
#include <string.h>
#include "world.h"

void host_init(struct host *host, struct world *world, unsigned number, uint64_t seed)
{
    memset(host, 0, sizeof(*host));
    host->world = world;
    host->number = number;
    faultmem_init(&host->fm);
    prng_init(&host->rng, seed);
    prng_init(&host->around, seed ^ 0xa40);
    simcrypto_init(&host->crypto, &host->rng);
    host->env = (struct mps_env){.mem = &host->fm.mem, .crypto = &host->crypto};
    mps_config_init(&host->cfg);
    host->timer_at = MPS_NEVER;
    host->rx_max = SIZE_MAX;
}

void host_deinit(struct host *host)
{
    host->peak_mem = host->fm.peak_bytes;
    host->conn = mps_conn_free(host->conn);
    if (host->fm.live != 0)
        world_fail(host->world, "host %u: %ld allocations leaked", host->number, host->fm.live);
}

void host_add_addr(struct host *host, unsigned link, bool announce, bool backup)
{
    struct mps_addr addr = simnet_addr(link, host->number, host->number == 1 ? SIMNET_PORT : 0);
    int r =
        mps_conn_local_add(host->conn, &addr, link + 1, backup, announce, host->world->net.q.now);

    if (r < 0)
        world_fail(host->world, "local_add: %s", mps_strerror(r));
}

void host_remove_addr(struct host *host, unsigned link)
{
    struct mps_addr addr = simnet_addr(link, host->number, host->number == 1 ? SIMNET_PORT : 0);
    int r = mps_conn_local_remove(host->conn, &addr, host->world->net.q.now);

    /* Scripts may remove it twice. */
    if (r < 0 && r != MPS_EADDR)
        world_fail(host->world, "local_remove: %s", mps_strerror(r));
}

void host_set_weight(struct host *host, unsigned link, unsigned weight)
{
    struct mps_addr addr = simnet_addr(link, host->number, host->number == 1 ? SIMNET_PORT : 0);
    int r = mps_conn_local_set_weight(host->conn, &addr, weight, host->world->net.q.now);

    /* The address may be gone. */
    if (r < 0 && r != MPS_EADDR)
        world_fail(host->world, "local_set_weight: %s", mps_strerror(r));
}

void host_set_scheduler(struct host *host, const struct mps_sched_ops *sched)
{
    int r = mps_conn_set_scheduler(host->conn, sched, host->world->net.q.now);

    if (r < 0 && !faultmem_failed(&host->fm))
        world_fail(host->world, "set_scheduler: %s", mps_strerror(r));
}

void host_start(struct host *host, unsigned link)
{
    struct world *w = host->world;
    int r = mps_conn_new_client(&host->conn, &host->env, &host->cfg, w->net.q.now);

    if (r < 0)
        world_fail(w, "new client: %s", mps_strerror(r));
    host_connect_first(host, link);
}

static const char *state_name(enum mps_subflow_state state)
{
    static const char *const names[] = {"connecting", "opening", "active", "closing", "dead"};

    return names[state];
}

static void dump_subflows(const struct host *host, FILE *out)
{
    struct mps_subflow_info infos[MPS_MAX_SUBFLOWS];
    unsigned n = mps_conn_subflow_info(host->conn, infos, MPS_MAX_SUBFLOWS);

    for (unsigned i = 0; i < n && i < MPS_MAX_SUBFLOWS; i++) {
        const struct mps_subflow_info *s = &infos[i];

        fprintf(out,
                "    subflow %u link %u %s%s%s: sent %llu received %llu reinjected %llu;"
                " srtt %u us, in flight %llu, notsent %llu, backoff %u, ack age %u us\n",
                s->id, s->local.ip[1], state_name(s->state), s->backup ? " backup" : "",
                s->stale ? " stale" : "", (unsigned long long)s->bytes_sent,
                (unsigned long long)s->bytes_received, (unsigned long long)s->bytes_reinjected,
                s->metrics.srtt_us, (unsigned long long)s->metrics.in_flight,
                (unsigned long long)s->metrics.notsent, s->metrics.backoff, s->metrics.ack_age_us);
    }
}

void host_dump(const struct host *host, FILE *out)
{
    const struct app *app = &host->app;
    struct mps_conn_info info;

    fprintf(out, "  host %u: app wrote %llu of %llu%s%s%s, read %llu%s%s%s\n", host->number,
            (unsigned long long)app->written, (unsigned long long)app->p.total,
            app->fin ? " fin" : "", app->closed ? " closed" : "", app->aborted ? " aborted" : "",
            (unsigned long long)app->read, app->eof ? " eof" : "", host->reset ? " RESET" : "",
            host->ended ? " ended" : "");
    if (host->conn == NULL)
        return;
    mps_conn_info(host->conn, &info);
    fprintf(out,
            "    %s: sent %llu acked %llu received %llu; credit left %llu; queued %llu behind a"
            " hole %llu; reinjected %llu; subflows %u; deadline %lld ms\n",
            info.state, (unsigned long long)info.bytes_sent, (unsigned long long)info.bytes_acked,
            (unsigned long long)info.bytes_received, (unsigned long long)info.credit_left,
            (unsigned long long)info.rcv_queued, (unsigned long long)info.rcv_out_of_order,
            (unsigned long long)info.bytes_reinjected, info.n_subflows,
            mps_conn_deadline(host->conn) == MPS_NEVER
                ? -1LL
                : (long long)((mps_conn_deadline(host->conn) - host->world->start) / MPS_MSEC));
    dump_subflows(host, out);
}
