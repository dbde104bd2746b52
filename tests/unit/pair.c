/* SPDX-License-Identifier: MIT */
#include "pair.h"
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

static bool app_receive(struct pair *p, int side)
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

static bool subflow_send(struct pair *p, struct pair_link *l, int side)
{
    struct mps_subflow *sf = l->sf[side];
    struct pair_pipe *out = &l->out[side];
    struct mps_span s[8];
    size_t done = 0;
    unsigned n;

    if (!sf || !l->connected || mps_subflow_state(sf) == MPS_SF_DEAD)
        return false;
    n = mps_subflow_tx_spans(sf, s, 8);
    for (unsigned i = 0; i < n; i++) {
        size_t k = s[i].n, room = PAIR_PIPE - out->len;

        if (p->chunk && k > p->chunk - done)
            k = p->chunk - done;
        if (k > room)
            k = room;
        memcpy(out->buf + out->len, s[i].p, k);
        out->len += k;
        done += k;
        if (k < s[i].n)
            break;
    }
    if (done > 0)
        mps_subflow_tx_done(sf, done, p->now);
    return done > 0;
}

/* Server side of a fresh connection: HELLO or JOIN makes the subflow. Returns bytes used. */
static size_t server_opening(struct pair *p, struct pair_link *l, const uint8_t *buf, size_t n)
{
    struct mps_addr local = pair_addr(1, 2, 80), remote = pair_addr(1, 1, 40000);
    struct pair_end *e = &p->end[SERVER];
    struct mps_opening msg;
    size_t before = l->opening_len, len;
    int r;

    if (n > sizeof(l->opening) - before)
        n = sizeof(l->opening) - before;
    memcpy(l->opening + before, buf, n);
    l->opening_len += n;
    r = mps_opening_parse(l->opening, l->opening_len, &msg, &len);
    if (r == MPS_OPENING_MORE)
        return n;
    if (r != 0) {
        l->out[SERVER].reset = true;
        return n;
    }
    if (msg.kind == MPS_OPENING_HELLO) {
        r = mps_conn_new_server(&e->conn, &p->env, &p->cfg[SERVER], &msg, p->now);
        if (r == 0)
            r = mps_conn_first_subflow(e->conn, &local, &remote, p->now, &l->sf[SERVER]);
        if (r < 0)
            e->conn = mps_conn_free(e->conn);
    } else if (!e->conn) {
        r = MPS_ETOKEN;
    } else {
        r = mps_conn_join_accept(e->conn, &msg, &local, &remote, p->now, &l->sf[SERVER]);
    }
    if (r < 0) {
        p->join_error = r;
        l->out[SERVER].reset = true;
    }
    return len - before;
}

/* How many of the bytes that may go around the core the application takes. */
static size_t room_around(struct pair *p, const struct pair_end *e, size_t n)
{
    if (e->stopped || (p->bypass_short && p->bypass_turn++ % 3 == 2))
        return 0;
    return p->bypass_short && p->bypass_turn % 3 == 2 ? n / 3 : n;
}

/* Bytes to the application that go around the core; returns how many. */
static size_t feed_around(struct pair *p, struct mps_subflow *sf, int side, const uint8_t *buf,
                          size_t n)
{
    struct pair_end *e = &p->end[side];
    bool held;
    size_t may = mps_subflow_rx_bypass(sf, &held);

    if (held && app_receive(p, side))
        may = mps_subflow_rx_bypass(sf, &held);
    n = room_around(p, e, n < may ? n : may);
    if (n == 0 || held)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (buf[i] != pair_byte(!side, e->received + i))
            fail_msg("wrong byte at %llu, around", (unsigned long long)(e->received + i));
    }
    e->received += n;
    e->bypassed += n;
    e->bypasses++;
    return n;
}

/* Returns how many are taken: all, unless memory is missing. */
static size_t feed(struct pair *p, struct mps_subflow *sf, int side, const uint8_t *buf, size_t n)
{
    size_t left = n;

    while (left > 0) {
        struct mps_span s[2];
        size_t done = p->bypass ? feed_around(p, sf, side, buf, left) : 0;
        unsigned k;

        if (done > 0) {
            buf += done;
            left -= done;
            if (mps_subflow_rx_bypassed(sf, done, p->now) < 0)
                return n;
            continue;
        }
        /* As if each subflow brought bulk. */
        sf->rx.bulk = p->bypass ? MPS_RX_BULK_AFTER : sf->rx.bulk;
        mps_conn_set_bypass(p->end[side].conn, p->bypass);
        k = mps_subflow_rx_spans(sf, s);

        if (k == 0 && mps_subflow_rx_waits(sf))
            return n - left;
        if (k == 0)
            return n;
        for (unsigned i = 0; i < k && done < left; i++) {
            size_t m = s[i].n < left - done ? s[i].n : left - done;

            memcpy(s[i].p, buf + done, m);
            done += m;
        }
        buf += done;
        left -= done;
        if (mps_subflow_rx_done(sf, done, p->now) < 0)
            return n;
    }
    return n;
}

static bool subflow_receive(struct pair *p, struct pair_link *l, int side)
{
    struct pair_pipe *in = &l->out[!side];
    size_t n = in->len, used = 0;

    if (l->cut || l->losing)
        return false;
    if (p->chunk && n > p->chunk)
        n = p->chunk;
    if (n > 0 && l->tamper)
        l->tamper(l, !side, in->buf, n);
    if (n > 0 && side == SERVER && !l->sf[side] && !l->out[side].reset && !l->out[side].eof)
        used = server_opening(p, l, in->buf, n);
    used +=
        used < n && l->sf[side] ? feed(p, l->sf[side], side, in->buf + used, n - used) : n - used;
    l->carried[!side] += used;
    memmove(in->buf, in->buf + used, in->len - used);
    in->len -= used;
    if (n > 0)
        return used > 0;
    /* Nobody reads of a subflow that waits, so that its end is not seen either. */
    if (((in->eof && !(l->sf[side] && mps_subflow_rx_waits(l->sf[side]))) || in->reset) &&
        l->sf[side] && mps_subflow_state(l->sf[side]) != MPS_SF_DEAD) {
        mps_subflow_down(l->sf[side], !in->reset, MPS_REASON_UNSPECIFIED, p->now);
        return true;
    }
    return false;
}

static void metrics(struct pair *p, struct pair_link *l, int side)
{
    uint32_t rtt_us = l->srtt_us ? l->srtt_us : 10000;
    struct mps_metrics m = {
        .srtt_us = rtt_us,
        .min_rtt_us = l->min_rtt_us ? l->min_rtt_us : rtt_us,
        .rttvar_us = 1000,
        .mss = 1448,
        .cwnd = 1u << 20,
        .rate = l->rate ? l->rate : 50000000,
        .acked = l->carried[side],
        .in_flight = l->out[side].len,
        .losing = l->losing,
    };

    if (l->cut && m.in_flight > 0) {
        m.ack_age_us = 500000;
        m.backoff = 1;
    }
    if (!p->no_metrics && l->sf[side])
        mps_subflow_update(l->sf[side], &m, p->now);
}

static bool connect_link(struct pair *p, struct pair_link *l)
{
    struct mps_addr local = l->local, remote = pair_addr(1, 2, 80);

    if (l->connected || !l->sf[CLIENT] || mps_subflow_state(l->sf[CLIENT]) != MPS_SF_CONNECTING)
        return false;
    if (p->silent_joins || local.ip[2] == p->silent_net)
        return false;
    if (l->refuse) {
        mps_subflow_down(l->sf[CLIENT], false, l->refuse_reason, p->now);
        return true;
    }
    l->connected = true;
    local.port = 50000;
    mps_subflow_connected(l->sf[CLIENT], &local, &remote, p->now);
    return true;
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
        any |= app_receive(p, side);
        for (unsigned i = 0; i < p->n_links; i++)
            metrics(p, &p->links[i], side);
        mps_conn_push(p->end[side].conn, p->now);
        any |= drain_events(p, side);
    }
    for (unsigned i = 0; i < p->n_links; i++) {
        any |= connect_link(p, &p->links[i]);
        for (int side = 0; side < 2; side++) {
            if (side == SERVER)
                p->links[i].connected |= p->links[i].sf[SERVER] != NULL;
            any |= subflow_send(p, &p->links[i], side);
        }
        for (int side = 0; side < 2; side++)
            any |= subflow_receive(p, &p->links[i], side);
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
