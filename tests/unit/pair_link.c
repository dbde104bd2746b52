/* SPDX-License-Identifier: MIT */
#include "pair_link.h"
#include "core/subflow/state.h"

bool pair_link_send(struct pair *p, struct pair_link *l, int side)
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

    if (held && pair_app_receive(p, side))
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

bool pair_link_receive(struct pair *p, struct pair_link *l, int side)
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

void pair_link_measure(struct pair *p, struct pair_link *l, int side)
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

bool pair_link_connect(struct pair *p, struct pair_link *l)
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
