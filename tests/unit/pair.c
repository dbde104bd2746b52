/* SPDX-License-Identifier: MIT */
#include "pair.h"
#include "pair_link.h"
#include "core/subflow/state.h"

struct mps_addr pair_addr(unsigned net, unsigned host, uint16_t port)
{
    struct mps_addr a = {.family = MPS_AF_INET, .port = port, .ip = {10, 0, 0, 0}};

    a.ip[2] = (uint8_t)net;
    a.ip[3] = (uint8_t)host;
    return a;
}

uint8_t pair_byte(int from, uint64_t pos)
{
    return (uint8_t)((pos * 2654435761u >> 16) + pos + (from ? 91 : 7));
}

void pair_init(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    faultmem_init(&p->fm);
    test_crypto_init(&p->crypto, 42);
    p->env = (struct mps_env){.mem = &p->fm.mem, .crypto = &p->crypto.crypto};
    mps_config_init(&p->cfg[CLIENT]);
    mps_config_init(&p->cfg[SERVER]);
    p->now = MPS_SEC;
}

static struct pair_link *new_link(struct pair *p)
{
    struct pair_link *l;

    /*
     * One whose connect was refused leaves nothing behind; of many that ended nobody looks at one.
     */
    for (unsigned i = 0; i < p->n_links; i++) {
        l = &p->links[i];
        if (!l->sf[CLIENT] && !l->sf[SERVER] && (l->refuse || i >= PAIR_LINKS / 2)) {
            *l = (struct pair_link){
                .out = {{.buf = l->out[0].buf}, {.buf = l->out[1].buf}},
                .tamper = p->tamper,
            };
            return l;
        }
    }
    if (p->n_links == PAIR_LINKS)
        return NULL;
    l = &p->links[p->n_links++];
    l->out[0].buf = malloc(PAIR_PIPE);
    l->out[1].buf = malloc(PAIR_PIPE);
    if (p->tamper)
        l->tamper = p->tamper;
    return l;
}

int pair_start(struct pair *p)
{
    struct mps_addr local = pair_addr(1, 1, 40000), remote = pair_addr(1, 2, 80);
    struct mps_subflow *sf;
    int r = mps_conn_new_client(&p->end[CLIENT].conn, &p->env, &p->cfg[CLIENT], p->now);

    if (r < 0)
        return r;
    r = mps_conn_first_subflow(p->end[CLIENT].conn, &local, &remote, p->now, &sf);
    if (r < 0)
        return r;
    new_link(p)->sf[CLIENT] = sf;
    p->links[0].connected = true;
    return 0;
}

void pair_free(struct pair *p)
{
    for (int side = 0; side < 2; side++)
        p->end[side].conn = mps_conn_free(p->end[side].conn);
    for (unsigned i = 0; i < p->n_links; i++) {
        free(p->links[i].out[0].buf);
        free(p->links[i].out[1].buf);
    }
    p->n_links = 0;
    assert_int_equal(p->fm.live, 0);
    test_crypto_deinit(&p->crypto);
}

void pair_break(struct pair *p, struct pair_link *l)
{
    for (int side = 0; side < 2; side++) {
        l->out[side].len = 0;
        if (l->sf[side])
            mps_subflow_down(l->sf[side], false, MPS_REASON_UNSPECIFIED, p->now);
    }
}

int pair_setup(void **state)
{
    struct pair *p = malloc(sizeof(*p));

    pair_init(p);
    *state = p;
    return 0;
}

int pair_teardown(void **state)
{
    pair_free(*state);
    free(*state);
    return 0;
}

void pair_add_local(struct pair *p, unsigned net)
{
    struct mps_addr a = pair_addr(net, 1, 0);

    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &a, net, false, false, p->now), 0);
}

void pair_start_two(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 2);
}

void pair_inject(struct pair_link *l, int from, const void *bytes, size_t n)
{
    assert_true(l->out[from].len + n <= PAIR_PIPE);
    memcpy(l->out[from].buf + l->out[from].len, bytes, n);
    l->out[from].len += n;
}

void pair_inject_frame(struct pair *p, struct pair_link *l, int from, const uint8_t *head,
                       size_t len)
{
    struct mps_seal *seal = &l->sf[from]->tx.seal;
    uint8_t buf[MPS_CTRL_MAX_LEN];

    memcpy(buf, head, len);
    assert_int_equal(mps_seal_head(&p->crypto.crypto, seal, seal->next++, buf, len), 0);
    pair_inject(l, from, buf, len + MPS_MAC_LEN);
}

static struct pair_link *link_of(struct pair *p, int side, const struct mps_subflow *sf)
{
    for (unsigned i = 0; i < p->n_links; i++) {
        if (p->links[i].sf[side] == sf)
            return &p->links[i];
    }
    return NULL;
}

static void event(struct pair *p, int side, const struct mps_event *ev)
{
    struct pair_end *e = &p->end[side];
    struct pair_link *l;

    switch (ev->type) {
    case MPS_EV_ESTABLISHED:
        e->established = true;
        break;
    case MPS_EV_PLAIN:
        e->plain = true;
        e->reason = ev->reason;
        break;
    case MPS_EV_UNANSWERED:
        e->unanswered = true;
        break;
    case MPS_EV_OPEN:
        e->n_open++;
        l = new_link(p);
        assert_non_null(l);
        l->sf[side] = ev->subflow;
        l->local = ev->local;
        if (p->avoid_net > 0 && ev->local.ip[2] == p->avoid_net && p->spared > 0)
            p->spared--;
        else if (p->avoid_net > 0 && ev->local.ip[2] == p->avoid_net)
            mps_subflow_avoid(ev->subflow, p->now + 100 * MPS_SEC, p->now);
        l->refuse = p->refuse_joins && ev->local.ip[2] != p->silent_net;
        l->refuse_reason = p->refuse_reason;
        break;
    case MPS_EV_SUBFLOW_UP:
        e->n_up++;
        break;
    case MPS_EV_SUBFLOW_CLOSE:
        e->n_sf_close++;
        l = link_of(p, side, ev->subflow);
        if (l) {
            l->sf[side] = NULL;
            *(ev->reset ? &l->out[side].reset : &l->out[side].eof) = true;
        }
        mps_subflow_release(ev->subflow);
        break;
    case MPS_EV_ADDR_ANNOUNCED:
        e->n_announced++;
        break;
    case MPS_EV_ADDR_REMOVED:
        e->n_removed++;
        break;
    case MPS_EV_PRIORITY:
        e->n_priority++;
        break;
    case MPS_EV_RESET:
        e->reset = true;
        e->reason = ev->reason;
        break;
    case MPS_EV_CLOSED:
        e->closed = true;
        break;
    case MPS_EV_STALE:
        e->n_stale++;
        break;
    case MPS_EV_RECOVERED:
        e->n_recovered++;
        break;
    case MPS_EV_REWRITTEN:
        e->n_rewritten++;
        break;
    case MPS_EV_FORGED:
        e->n_forged++;
        break;
    }
}

static bool drain_events(struct pair *p, int side)
{
    struct mps_event ev;
    bool any = false;

    while (p->end[side].conn && mps_conn_next_event(p->end[side].conn, &ev) > 0) {
        event(p, side, &ev);
        any = true;
    }
    return any;
}

static bool app_send(struct pair *p, int side)
{
    struct pair_end *e = &p->end[side];
    bool any = false;

    while (e->sent < e->to_send) {
        struct mps_span s;
        size_t n;

        if (mps_conn_app_tx_space(e->conn, &s) < 0) {
            if (p->patient)
                return any;
            /* Memory may come back; an application cannot wait for it for ever. */
            if (++e->no_memory > 100)
                mps_conn_abort(e->conn, p->now);
            return e->no_memory <= 100;
        }
        if (s.n == 0)
            break;
        n = e->to_send - e->sent < s.n ? (size_t)(e->to_send - e->sent) : s.n;
        if (e->sent < e->urgent_end && e->urgent_end - e->sent < n)
            n = (size_t)(e->urgent_end - e->sent);
        for (size_t i = 0; i < n; i++)
            s.p[i] = pair_byte(side, e->sent + i);
        e->sent += n;
        mps_conn_app_tx_done(e->conn, n, p->now);
        if (e->sent == e->urgent_end)
            mps_conn_app_tx_urgent(e->conn);
        any = true;
    }
    if (e->fin && !e->fin_sent && e->sent == e->to_send && e->established) {
        e->fin_sent = true;
        mps_conn_app_fin(e->conn, p->now);
        any = true;
    }
    return any;
}

bool pair_app_receive(struct pair *p, int side)
{
    struct pair_end *e = &p->end[side];
    struct mps_span s[4];
    bool any = false;
    unsigned n;

    while (!e->stopped && (n = mps_conn_app_rx_spans(e->conn, s, 4)) > 0) {
        size_t total = 0;

        for (unsigned k = 0; k < n; k++) {
            for (size_t i = 0; i < s[k].n; i++) {
                if (s[k].p[i] != pair_byte(!side, e->received + total + i))
                    fail_msg("wrong byte at %llu", (unsigned long long)(e->received + total + i));
            }
            total += s[k].n;
        }
        if (mps_conn_app_rx_urgent(e->conn)) {
            assert_int_equal(total, 1);
            e->urgent_seen = e->received + 1;
            e->n_urgent++;
        }
        e->received += total;
        mps_conn_app_rx_done(e->conn, total, p->now);
        any = true;
    }
    if (!e->stopped && !e->eof && mps_conn_app_rx_eof(e->conn))
        e->eof = any = true;
    return any;
}

static void check_invariants(const struct pair *p)
{
    for (int side = 0; side < 2; side++) {
        const char *broken = p->end[side].conn ? mps_conn_check(p->end[side].conn) : NULL;

        if (broken)
            fail_msg("side %d: %s", side, broken);
    }
}

static void look_after_lack(struct pair *p)
{
    if (p->lack == 0)
        return;
    if (p->lack_end == 0 && faultmem_failed(&p->fm))
        p->lack_end = p->now + p->lack;
    if (p->lack_end > 0 && p->now >= p->lack_end)
        p->fm.fail_at = 0;
}

bool pair_step(struct pair *p)
{
    bool any = false;

    look_after_lack(p);
    for (int side = 0; side < 2; side++) {
        if (!p->end[side].conn)
            continue;
        any |= drain_events(p, side);
        any |= app_send(p, side);
        any |= pair_app_receive(p, side);
        for (unsigned i = 0; i < p->n_links; i++)
            pair_link_measure(p, &p->links[i], side);
        mps_conn_push(p->end[side].conn, p->now);
        any |= drain_events(p, side);
    }
    for (unsigned i = 0; i < p->n_links; i++) {
        any |= pair_link_connect(p, &p->links[i]);
        for (int side = 0; side < 2; side++) {
            if (side == SERVER)
                p->links[i].connected |= p->links[i].sf[SERVER] != NULL;
            any |= pair_link_send(p, &p->links[i], side);
        }
        for (int side = 0; side < 2; side++)
            any |= pair_link_receive(p, &p->links[i], side);
    }
    check_invariants(p);
    return any;
}

void pair_settle(struct pair *p)
{
    unsigned i = 0;

    /* What failed once may go the next time. */
    while (i < 20000000 && (pair_step(p) || pair_step(p)))
        i++;
    assert_true(i < 20000000);
}

void pair_run(struct pair *p, mps_time_t duration)
{
    mps_time_t end = p->now + duration;

    for (unsigned i = 0; i < 2000000; i++) {
        mps_time_t t = MPS_NEVER;

        pair_settle(p);
        for (int side = 0; side < 2; side++) {
            if (p->end[side].conn && mps_conn_deadline(p->end[side].conn) < t)
                t = mps_conn_deadline(p->end[side].conn);
        }
        if (p->lack_end > p->now && p->lack_end < t)
            t = p->lack_end;
        if (t > end) {
            p->now = end;
            return;
        }
        /* A deadline that expiry does not move would be a busy loop. */
        p->now = t > p->now ? t : p->now + MPS_USEC;
        for (int side = 0; side < 2; side++) {
            if (p->end[side].conn && mps_conn_deadline(p->end[side].conn) <= p->now)
                mps_conn_expire(p->end[side].conn, p->now);
        }
    }
    fail_msg("time does not pass");
}

bool pair_complete(const struct pair *p)
{
    for (int side = 0; side < 2; side++) {
        const struct pair_end *e = &p->end[side];

        if (!e->conn || e->reset || !e->eof || !e->closed || e->received != p->end[!side].to_send)
            return false;
    }
    return true;
}
