/* SPDX-License-Identifier: MIT */
/*
 * A whole connection under a stream of operations: its peer's messages and frames, right, wrong and
 * arbitrary, in pieces, over several subflows; the application; time. conn_peer.h says what is
 * demanded. First byte: options of the connection. Then operations: code, subflow, arguments.
 */
#include <string.h>
#include "check.h"
#include "conn_peer.h"
#include "core/base/err.h"

#define OPS_MAX 400

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t byte(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static uint32_t word(struct input *in)
{
    uint32_t hi = byte(in);

    return hi << 8 | byte(in);
}

/* A number around `base`: near it, as far as 16 bits reach, or anywhere. */
static uint64_t around(struct input *in, uint64_t base)
{
    uint8_t how = byte(in);
    uint64_t far = 0;

    switch (how >> 6) {
    case 0:
        return base;
    case 1:
        return base + (how & 0x3f);
    case 2:
        far = word(in);
        return how & 1 ? base + far : base > far ? base - far : 0;
    default:
        for (unsigned i = 0; i < 8; i++)
            far = far << 8 | byte(in);
        return far;
    }
}

static void op_dss(struct peer *p, struct pipe *pipe, struct input *in, int flip)
{
    uint8_t how = byte(in);
    struct mps_dss dss = {
        .flags = how & MPS_DSS_FLAGS,
        .payload_len = how & 0x80 ? word(in) % (MPS_DSS_MAX_PAYLOAD + 1) : how & 0x7c,
        .dsn = around(in, p->next_dsn),
        .data_ack = around(in, p->sent_end),
        .credit = around(in, p->granted),
        .ctrl_ack = (uint32_t)around(in, p->conn_next_csn),
    };

    dss.timestamp_us = (uint32_t)(p->now / MPS_USEC) + (how & 8 ? 0x80000000u : 0);
    dss.checked = dss.payload_len > 0 && (p->macs || how & 2);
    if (dss.dsn > UINT64_MAX - dss.payload_len - 1)
        dss.dsn = p->next_dsn;
    if (dss.credit > p->granted)
        p->granted = dss.credit;
    if (dss.dsn == p->next_dsn)
        p->next_dsn += dss.payload_len;
    peer_send_dss(p, pipe, &dss, flip);
}

static void fill_ctrl(struct peer *p, struct input *in, struct mps_ctrl *ctrl)
{
    struct mps_addr a = {.family = MPS_AF_INET, .ip = {10, 1, 0, 2}, .port = 80};
    uint8_t how = byte(in);

    switch (ctrl->type) {
    case MPS_FRAME_ADD_ADDR:
        a.ip[1] = how & 3;
        a.ip[3] = byte(in);
        a.port = (uint16_t)(a.ip[3] & 0x80 ? 0 : 80 + (a.ip[3] >> 5));
        a.ip[3] &= 0x1f;
        ctrl->add_addr.id = how >> 2;
        ctrl->add_addr.way = how & 7;
        ctrl->add_addr.addr = a;
        break;
    case MPS_FRAME_REMOVE_ADDR:
        ctrl->remove_addr.id = how;
        break;
    case MPS_FRAME_PRIO:
        ctrl->prio.subflow_id = how >> 1;
        ctrl->prio.flags = how & 1;
        break;
    case MPS_FRAME_FAIL:
        ctrl->fail.subflow_id = how;
        ctrl->fail.dsn = around(in, p->sent_end);
        break;
    case MPS_FRAME_FASTCLOSE:
        ctrl->fastclose.reason = how;
        break;
    case MPS_FRAME_SUBFLOW_CLOSE:
        ctrl->subflow_close.subflow_id = how & 0x3f;
        ctrl->subflow_close.flags = how >> 7;
        break;
    default:
        ctrl->ping.opaque = how;
        break;
    }
}

static void op_ctrl(struct peer *p, struct pipe *pipe, struct input *in, int flip)
{
    uint8_t which = byte(in);
    struct mps_ctrl ctrl;

    memset(&ctrl, 0, sizeof(ctrl));
    ctrl.type = MPS_FRAME_ADD_ADDR + which % 8;
    if (ctrl.type != MPS_FRAME_PING && ctrl.type != MPS_FRAME_PONG) {
        ctrl.csn = (uint32_t)around(in, p->next_csn);
        if (ctrl.csn == p->next_csn)
            p->next_csn++;
    }
    fill_ctrl(p, in, &ctrl);
    peer_send_ctrl(p, pipe, &ctrl, flip);
}

static void op_raw(struct peer *p, struct pipe *pipe, struct input *in)
{
    size_t n = byte(in);

    if (n > in->n)
        n = in->n;
    p->tainted = true;
    peer_feed(p, pipe, in->p, n);
    in->p += n;
    in->n -= n;
}

static void op_read(struct peer *p, struct input *in)
{
    struct mps_span spans[3];
    size_t left = word(in), taken = 0;
    unsigned n = mps_conn_app_rx_spans(p->conn, spans, 3);

    CHECK(n <= 3);
    CHECK(n == 0 || !mps_conn_app_rx_urgent(p->conn) || (n == 1 && spans[0].n == 1));
    for (unsigned i = 0; i < n && left > 0; i++) {
        size_t part = spans[i].n < left ? spans[i].n : left;

        CHECK(spans[i].n > 0);
        for (size_t k = 0; k < part && !p->tainted; k++)
            CHECK(spans[i].p[k] == peer_pattern(p->read + taken + k, false));
        taken += part;
        left -= part;
    }
    p->read += taken;
    CHECK(p->read <= p->max_end || p->tainted);
    if (taken > 0)
        mps_conn_app_rx_done(p->conn, taken, p->now);
    CHECK(!mps_conn_app_rx_eof(p->conn) || mps_conn_app_rx_spans(p->conn, spans, 3) == 0);
}

static void op_write(struct peer *p, struct input *in)
{
    struct mps_span space = {0};
    size_t n = word(in);

    CHECK(mps_conn_app_tx_space(p->conn, &space) == 0);
    if (n > space.n)
        n = space.n;
    for (size_t i = 0; i < n; i++)
        space.p[i] = peer_pattern(p->written + i, true);
    p->written += n;
    if (n > 0)
        mps_conn_app_tx_done(p->conn, n, p->now);
    if (n % 8 == 1)
        mps_conn_app_tx_urgent(p->conn);
}

static void op_app_end(struct peer *p, struct input *in)
{
    p->fin_asked = true;
    switch (byte(in) % 4) {
    case 0:
    case 1:
        mps_conn_app_fin(p->conn, p->now);
        break;
    case 2:
        mps_conn_app_close(p->conn, p->now);
        break;
    default:
        mps_conn_abort(p->conn, p->now);
        break;
    }
}

static void op_time(struct peer *p, struct input *in)
{
    static const mps_time_t steps[] = {MPS_USEC, MPS_MSEC,    10 * MPS_MSEC, 200 * MPS_MSEC,
                                       MPS_SEC,  5 * MPS_SEC, 60 * MPS_SEC,  600 * MPS_SEC};

    uint8_t how = byte(in);

    p->now += steps[how % 8] * (1 + how / 8);
}

static void op_metrics(struct peer *p, struct pipe *pipe, struct input *in)
{
    struct mps_metrics m = {
        .srtt_us = word(in) * 4,
        .rttvar_us = byte(in) * 64u,
        .mss = 1448,
        .cwnd = word(in) * UINT64_C(16),
        .in_flight = word(in),
        .notsent = byte(in) * 256u,
        .rate = word(in) * UINT64_C(1000),
        .acked = word(in),
        .ack_age_us = byte(in) * 10000u,
        .backoff = byte(in) % 8,
    };

    m.min_rtt_us = m.backoff & 1 ? m.srtt_us / 2 : 500;
    mps_subflow_update(pipe->sf, &m, p->now);
}

static void op_address(struct peer *p, struct input *in)
{
    uint8_t how = byte(in);
    struct mps_addr a = {
        .family = MPS_AF_INET, .ip = {10, how & 7, 0, 1}, .port = how & 0x60 ? how & 0x60 : 0};

    if (how & 0x80)
        mps_conn_local_remove(p->conn, &a, p->now);
    else
        mps_conn_local_add(p->conn, &a, how & 7, how & 8, how & 16, p->now);
}

static void run_op(struct peer *p, struct input *in)
{
    uint8_t code = byte(in), which = byte(in);
    struct pipe *pipe = &p->pipes[which % 8];
    int flip = which & 0x80 ? byte(in) : -1;
    bool alive = pipe->sf != NULL;

    switch (code % 16) {
    case 0:
    case 1:
    case 2:
        if (alive && pipe->active)
            op_dss(p, pipe, in, flip);
        break;
    case 3:
        if (alive && pipe->active)
            op_ctrl(p, pipe, in, flip);
        break;
    case 4:
        if (alive)
            op_raw(p, pipe, in);
        break;
    case 5:
        op_read(p, in);
        break;
    case 6:
        op_write(p, in);
        break;
    case 7:
        op_app_end(p, in);
        break;
    case 8:
        op_time(p, in);
        break;
    case 9:
    case 10:
        peer_drain(p, pipe, code & 0x80 ? byte(in) : SIZE_MAX);
        break;
    case 11:
        if (alive && mps_subflow_state(pipe->sf) != MPS_SF_DEAD)
            mps_subflow_down(pipe->sf, which & 0x40, MPS_REASON_UNSPECIFIED, p->now);
        break;
    case 12:
        if (p->server)
            peer_join(p, which & 1, which >> 1 & 7);
        break;
    case 13:
        if (alive)
            op_metrics(p, pipe, in);
        break;
    case 14:
        p->chunk = which < 250 ? which + 1u : SIZE_MAX;
        p->bypass = which % 2;
        break;
    default:
        op_address(p, in);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct peer peer;
    struct input in = {data, len};

    peer_init(&peer, byte(&in));
    for (unsigned i = 0; i < OPS_MAX && in.n > 0 && peer.conn != NULL; i++) {
        run_op(&peer, &in);
        peer_serve(&peer);
    }
    peer_deinit(&peer);
    return 0;
}
