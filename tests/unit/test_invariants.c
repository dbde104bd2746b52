/* SPDX-License-Identifier: MIT */
/* Each invariant can fail: one field gets a wrong value, and the check says which one it was. */
#include "pair.h"
#include "core/conn/check.h"
#include "core/subflow/tx.h"

#define BROKEN(check, field, value, text)                                                          \
    do {                                                                                           \
        __typeof__(field) before = (field);                                                        \
                                                                                                   \
        assert_null(check);                                                                        \
        (field) = (value);                                                                         \
        assert_non_null(check);                                                                    \
        assert_string_equal(check, text);                                                          \
        (field) = before;                                                                          \
        assert_null(check);                                                                        \
    } while (0)

static void send_queue(void **state)
{
    struct mps_sendq_pin pin;
    struct mps_span space;
    struct faultmem fm;
    struct mps_sendq q;

    faultmem_init(&fm);
    mps_sendq_init(&q, &fm.mem, 4 * MPS_SENDQ_CHUNK);
    BROKEN(mps_sendq_check(&q), q.spare, (struct mps_sendq_chunk *)&q,
           "sendq: an empty queue holds memory, or bytes have no chunk");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(mps_sendq_space(&q, &space), 0);
        mps_sendq_commit(&q, i < 2 ? space.n : 100);
    }
    assert_int_equal(mps_sendq_pin(&q, 0, 10, &pin), 0);
    mps_sendq_release(&q, MPS_SENDQ_CHUNK + 5);
    BROKEN(mps_sendq_check(&q), q.head, q.tail + 1, "sendq: the head is behind the tail");
    BROKEN(mps_sendq_check(&q), q.ring_size, 3, "sendq: the size of the ring is no power of two");
    BROKEN(mps_sendq_check(&q), q.n_chunks, q.ring_size + 1,
           "sendq: more chunks than the ring has places");
    BROKEN(mps_sendq_check(&q), q.head, q.base - 1, "sendq: the head is not in the first chunk");
    BROKEN(mps_sendq_check(&q), q.tail, q.tail + MPS_SENDQ_CHUNK,
           "sendq: the tail is not in the last chunk");
    BROKEN(mps_sendq_check(&q), q.ring[q.first], NULL, "sendq: a chunk in use counts as released");
    BROKEN(mps_sendq_check(&q), q.ring[q.first], pin.chunk[0],
           "sendq: a chunk in use counts as released");
    /* Its first members are the link of the list and the number of pins. */
    BROKEN(mps_sendq_check(&q), *(uint32_t *)((char *)pin.chunk[0] + sizeof(struct mps_list)), 0,
           "sendq: a released chunk is kept that nobody has pinned");
    mps_sendq_unpin(&q, &pin);
    mps_sendq_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static void runs(void **state)
{
    struct mps_run *first, *second, *third;
    struct faultmem fm;
    struct mps_rtxq q;

    faultmem_init(&fm);
    mps_rtxq_init(&q, &fm.mem);
    assert_int_equal(mps_rtxq_add(&q, 0, 10, false, 1, 5, &first), 0);
    assert_int_equal(mps_rtxq_add(&q, 10, 20, false, 2, 6, &second), 0);
    assert_int_equal(mps_rtxq_set_aside(&q, 30, 5), 0);
    assert_int_equal(mps_rtxq_add(&q, 35, 1, true, 2, 8, &third), 0);
    mps_rtxq_requeue(&q, first);
    BROKEN(mps_rtxq_check(&q), second->dsn, 11,
           "rtxq: a run does not begin where the one before it ends");
    BROKEN(mps_rtxq_check(&q), q.head, 1,
           "rtxq: a run does not begin where the one before it ends");
    BROKEN(mps_rtxq_check(&q), third->len, 2, "rtxq: the tail is not behind the last run");
    BROKEN(mps_rtxq_check(&q), q.tail, 30, "rtxq: the tail is not behind the last run");
    BROKEN(mps_rtxq_check(&q), mps_rtxq_next(&q, second)->carriers, 1,
           "rtxq: a run that was never sent has a carrier or does not wait");
    BROKEN(mps_rtxq_check(&q), first->queued, false,
           "rtxq: what waits is not in DSN order, or not all that is queued");
    BROKEN(mps_rtxq_check(&q), second->queued, true,
           "rtxq: what waits is not in DSN order, or not all that is queued");
    BROKEN(mps_rtxq_check(&q), q.waiting.prev->next, q.waiting.next,
           "rtxq: a run waits that is not queued");
    BROKEN(mps_rtxq_check(&q), q.fin, false, "rtxq: DATA_FIN is not known");
    BROKEN(mps_rtxq_check(&q), q.n_runs, 5, "rtxq: the number of runs is wrong");
    BROKEN(mps_rtxq_check(&q), q.outstanding[2], 21,
           "rtxq: the bytes outstanding on a slot are not those of its runs");
    BROKEN(mps_rtxq_check(&q), second->carriers, 8,
           "rtxq: the bytes outstanding on a slot are not those of its runs");
    BROKEN(mps_rtxq_check(&q), q.aside, 0,
           "rtxq: the bytes set aside are not those of the runs never sent");
    BROKEN(mps_rtxq_check(&q), q.spare_taken, true, "rtxq: the spare run is lost");
    mps_rtxq_deinit(&q);
    /* DATA_FIN alone is a run; without it, it is none, and behind it there can be no other. */
    assert_int_equal(mps_rtxq_add(&q, 0, 0, true, 1, 5, &first), 0);
    BROKEN(mps_rtxq_check(&q), first->fin, false, "rtxq: an empty run");
    mps_rtxq_deinit(&q);
    assert_int_equal(mps_rtxq_add(&q, 0, 10, false, 1, 5, &first), 0);
    assert_int_equal(mps_rtxq_add(&q, 10, 20, false, 2, 6, &second), 0);
    first->fin = true;
    second->dsn++;
    assert_string_equal(mps_rtxq_check(&q), "rtxq: a run behind DATA_FIN");
    mps_rtxq_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static struct mps_reasm_chunk *insert(struct mps_reasm *r, uint64_t dsn, uint32_t len)
{
    struct mps_reasm_chunk *c;
    uint64_t fresh;

    assert_int_equal(mps_reasm_alloc(r, dsn, len, &c), 0);
    memset(c->data, 0, len);
    mps_reasm_insert(r, c, &fresh);
    return c;
}

static void reassembly(void **state)
{
    static struct mps_reasm_reserve reserve;
    struct mps_reasm_chunk *first, *block, *coming;
    struct faultmem fm;
    struct mps_reasm r;

    faultmem_init(&fm);
    mps_reasm_init(&r, &fm.mem);
    r.reserve = &reserve;
    first = insert(&r, 0, 2000);
    insert(&r, 5000, 100); /* to a shared block, with another one behind */
    insert(&r, 5200, 100);
    assert_int_equal(mps_reasm_alloc(&r, 2000, 50, &coming), 0);
    mps_reasm_consume(&r, 1000);
    block = mps_list_entry(r.chunks.prev, struct mps_reasm_chunk, node);
    assert_non_null(block->bitmap);
    BROKEN(mps_reasm_check(&r, coming->size), first->len, 900,
           "reasm: a chunk holds nothing that is awaited");
    BROKEN(mps_reasm_check(&r, coming->size), block->dsn, 1500,
           "reasm: chunks overlap, or are not in order");
    BROKEN(mps_reasm_check(&r, coming->size), r.stored, r.stored + 1,
           "reasm: the bytes stored are not those of the chunks");
    BROKEN(mps_reasm_check(&r, coming->size), block->bitmap[20], 1,
           "reasm: the bytes stored are not those of the chunks");
    BROKEN(mps_reasm_check(&r, coming->size), coming->size, 0,
           "reasm: the memory allocated is not that of the chunks");
    BROKEN(mps_reasm_check(&r, coming->size), r.next, 1999,
           "reasm: the first byte missing is another one");
    BROKEN(mps_reasm_check(&r, coming->size), r.hints[MPS_REASM_HINTS - 1], coming,
           "reasm: a hint names a chunk that is gone");
    mps_reasm_abandon(&r, coming);
    assert_int_equal(mps_reasm_alloc_reserve(&r, 2000, 1500, &coming), 0);
    memset(coming->data, 0, 1500);
    mps_reasm_insert(&r, coming, &(uint64_t){0});
    BROKEN(mps_reasm_check(&r, 0), reserve.taken, false, "reasm: the reserve counts as free");
    mps_reasm_deinit(&r);
    assert_int_equal(fm.live, 0);
}

static void credit(void **state)
{
    struct mps_flow f;
    struct mps_ack a;

    mps_flow_init(&f, 100000, 200000, 0);
    mps_flow_announce(&f);
    BROKEN(mps_flow_check(&f), f.announced, f.granted + 1,
           "flow: more credit was announced than granted");
    BROKEN(mps_flow_check(&f), f.consumed, f.granted + 1, "flow: more was consumed than granted");
    BROKEN(mps_flow_check(&f), f.window, f.window_max + 1, "flow: the window is out of its bounds");
    BROKEN(mps_flow_check(&f), f.window, 1, "flow: the window is out of its bounds");
    BROKEN(mps_flow_check(&f), f.granted, f.window_max + 1,
           "flow: more credit is open than the window");
    mps_ack_init(&a);
    mps_ack_data(&a, 10, 100000, 1, 5);
    BROKEN(mps_ack_check(&a), a.due, MPS_NEVER, "ack: bytes came and none is due");
}

static void control_to_send(void **state)
{
    struct mps_ctrlq_entry *first, *second;
    struct mps_ctrlq_tx q;
    struct faultmem fm;

    faultmem_init(&fm);
    mps_ctrlq_tx_init(&q, &fm.mem);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(mps_ctrlq_tx_push(&q, (const uint8_t *)"frame", 5), 0);
    first = mps_ctrlq_tx_next(&q);
    mps_ctrlq_tx_sent(&q, first, 4);
    second = mps_ctrlq_tx_next(&q);
    BROKEN(mps_ctrlq_tx_check(&q), q.acked, 2,
           "ctrlq: frames were acknowledged or sent that are none");
    BROKEN(mps_ctrlq_tx_check(&q), q.sent_end, 4,
           "ctrlq: frames were acknowledged or sent that are none");
    BROKEN(mps_ctrlq_tx_check(&q), q.n, 2, "ctrlq: the number of frames is wrong");
    BROKEN(mps_ctrlq_tx_check(&q), second->csn, 2, "ctrlq: the frames to send have a gap");
    BROKEN(mps_ctrlq_tx_check(&q), second->len, 0, "ctrlq: a frame of no possible length");
    BROKEN(mps_ctrlq_tx_check(&q), second->slot, 1, "ctrlq: a frame beyond the window was sent");
    BROKEN(mps_ctrlq_tx_check(&q), q.entries.prev->prev->next, &q.entries,
           "ctrlq: a frame to send is lost");
    mps_ctrlq_tx_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static void control_received(void **state)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_PRIO};
    struct mps_ctrlq_held *first, *last;
    struct mps_ctrlq_rx q;
    struct faultmem fm;

    faultmem_init(&fm);
    mps_ctrlq_rx_init(&q, &fm.mem);
    for (ctrl.csn = 0; ctrl.csn < 8; ctrl.csn++) {
        if (ctrl.csn < 2 || ctrl.csn > 5)
            assert_int_equal(mps_ctrlq_rx_accept(&q, &ctrl), 0);
    }
    first = mps_list_entry(q.held.next, struct mps_ctrlq_held, node);
    last = mps_list_entry(q.held.prev, struct mps_ctrlq_held, node);
    BROKEN(mps_ctrlq_rx_check(&q), q.delivered, 3, "ctrlq: more is ready than the window");
    BROKEN(mps_ctrlq_rx_check(&q), last->ctrl.csn, 32,
           "ctrlq: a frame is held from beyond the window");
    BROKEN(mps_ctrlq_rx_check(&q), first->ctrl.csn, 1,
           "ctrlq: the frames received are not in order");
    BROKEN(mps_ctrlq_rx_check(&q), last->ctrl.csn, 6,
           "ctrlq: the frames received are not in order");
    BROKEN(mps_ctrlq_rx_check(&q), q.expected, 6, "ctrlq: the frames received are not in order");
    BROKEN(mps_ctrlq_rx_check(&q), q.held.next, &q.held, "ctrlq: a frame that is ready is lost");
    mps_ctrlq_rx_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static void fairness(void **state)
{
    static struct mps_couple cp;
    const struct mps_couple_path paths[] = {
        {.slot = 0, .rate = 1000, .srtt_us = 1000, .min_rtt_us = 1000},
        {.slot = 1, .rate = 900, .srtt_us = 1000, .min_rtt_us = 1000},
        {.slot = 2, .rate = 800, .srtt_us = 1000, .min_rtt_us = 1000},
    };

    mps_couple_init(&cp, MPS_FAIR_STRICT);
    for (mps_time_t now = 0; now < 5 * MPS_SEC; now += MPS_SEC)
        mps_couple_run(&cp, paths, 3, true, now);
    assert_int_equal(mps_couple_resting(&cp), 6);
    BROKEN(mps_couple_check(&cp), cp.slot[1].leader, 1,
           "couple: a subflow rests behind none, or behind itself");
    BROKEN(mps_couple_check(&cp), cp.slot[1].leader, 2,
           "couple: a subflow rests behind one that rests");
    BROKEN(mps_couple_check(&cp), cp.slot[1].leader, 5,
           "couple: a subflow that is gone rests, or leads");
    BROKEN(mps_couple_check(&cp), cp.known, 5, "couple: a subflow that is gone rests, or leads");
    BROKEN(mps_couple_check(&cp), cp.sbd.phase, MPS_SBD_BEFORE,
           "couple: an experiment with nobody, or without an end");
    mps_couple_forget(&cp, 0);
    cp.known = 2;
    cp.sbd = (struct mps_sbd){.watched = 2, .paused = 1, .at = MPS_SEC, .phase = MPS_SBD_BEFORE};
    BROKEN(mps_couple_check(&cp), cp.sbd.phase, MPS_SBD_PAUSED, "couple: all subflows rest");
}

/* Two subflows; data, control frames and a DATA_FIN on their way from the client. */
static struct mps_conn *under_way(struct pair *p)
{
    struct mps_addr more = pair_addr(9, 1, 0);
    struct mps_span space = {0};
    uint64_t written = 0;
    struct mps_conn *c;

    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    c = p->end[CLIENT].conn;
    assert_int_equal(mps_conn_local_add(c, &more, 9, false, true, p->now), 0);
    while (written < 120000 && mps_conn_app_tx_space(c, &space) == 0 && space.n > 0) {
        size_t n = space.n < 3000 ? space.n : 3000;

        memset(space.p, 0, n);
        written += n;
        mps_conn_app_tx_done(c, n, p->now);
        mps_conn_push(c, p->now);
    }
    mps_conn_app_fin(c, p->now);
    mps_conn_push(c, p->now);
    assert_true(mps_rtxq_count(&c->tx.rtxq) > 1);
    return c;
}

static struct mps_subflow *subflow(struct mps_conn *c, unsigned i)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (i-- == 0)
            return sf;
    }
    fail();
    return NULL;
}

static void subflows(void **state)
{
    struct mps_conn *c = under_way(*state);
    struct mps_subflow *sf = subflow(c, 0), *other = subflow(c, 1);
    struct mps_reasm_chunk chunk = {.dsn = 5, .len = 10};

    BROKEN(mps_conn_check(c), other->slot, sf->slot, "conn: two subflows have one slot");
    BROKEN(mps_conn_check(c), c->slots, 0, "conn: the slots in use are not those of the subflows");
    BROKEN(mps_sf_check(sf), sf->slot, 32, "subflow: no such slot");
    BROKEN(mps_conn_check(c), sf->count.bytes_reinjected, 1,
           "conn: subflows repeated more than the connection");
    BROKEN(mps_sf_check(sf), sf->tx.ctrl_size, MPS_SF_CTRL,
           "subflow: the place of the control bytes has another size");
    BROKEN(mps_sf_check(sf), sf->rx.opening, sf->rx.buf,
           "subflow: a place for an opening message is kept, or lacking");
    BROKEN(mps_sf_check(sf), sf->tx.ctrl_len, MPS_SF_CTRL + 1,
           "subflow: the control bytes leave their place");
    BROKEN(mps_sf_check(sf), sf->tx.size, 3, "subflow: the ring of frames is no ring");
    BROKEN(mps_sf_check(sf), sf->tx.queued, sf->tx.queued + 1,
           "subflow: the bytes queued are not those of the frames");
    BROKEN(mps_sf_check(sf), sf->rx.need, 100000, "subflow: a head leaves its place");
    sf->rx.mode = MPS_RX_SKIP;
    BROKEN(mps_sf_check(sf), sf->rx.starved, true,
           "subflow: one that waits for memory has no head");
    BROKEN(mps_sf_check(sf), sf->rx.chunk, &chunk,
           "subflow: a place for a payload is kept and none comes");
    sf->rx.mode = MPS_RX_PAYLOAD;
    sf->rx.left = 11;
    BROKEN(mps_sf_check(sf), sf->rx.chunk, &chunk,
           "subflow: more of the payload is awaited than its place");
    sf->rx.left = 3;
    sf->rx.dss.dsn = 7;
    sf->rx.dss.payload_len = 10;
    BROKEN(mps_sf_check(sf), sf->rx.chunk, &chunk,
           "subflow: the place for a payload is that of another one");
    sf->rx.mode = MPS_RX_HEAD;
}

static void frames(void **state)
{
    struct mps_conn *c = under_way(*state);
    struct mps_subflow *sf = subflow(c, 0);
    struct mps_tx_frame *f;

    if (sf->tx.n < 2)
        sf = subflow(c, 1);
    assert_true(sf->tx.n >= 2);
    f = &sf->tx.frames[(sf->tx.first + 1) & (sf->tx.size - 1)];
    BROKEN(mps_sf_check(sf), f->off, 1,
           "subflow: a frame is begun that is not the first one, or not final");
    f = &sf->tx.frames[sf->tx.first];
    f->cut = true;
    f->number = 0; /* was used long ago */
    BROKEN(mps_sf_check(sf), f->off, MPS_DSS_HEAD_LEN + f->len + MPS_MAC_LEN,
           "subflow: a frame is there that was written");
    f->off = 1;
    BROKEN(mps_sf_check(sf), f->number, sf->tx.seal.next,
           "subflow: a frame is begun whose number was not used");
    f->off = 0;
    f->cut = false;
    BROKEN(mps_sf_check(sf), sf->state, MPS_SF_DEAD,
           "subflow: one that has ended has something to send");
}

static void connection(void **state)
{
    struct mps_conn *c = under_way(*state);
    struct mps_subflow *sf = subflow(c, 0);
    uint64_t sent = c->tx.rtxq.tail;

    if (c->tx.rtxq.outstanding[sf->slot] == 0)
        sf = subflow(c, 1);
    mps_sf_tx_deinit(sf); /* as when it ends, but that its runs are forgotten */
    BROKEN(mps_conn_check(c), sf->state, MPS_SF_DEAD,
           "conn: a subflow that has ended carries data");
    BROKEN(mps_conn_check(c), c->flow.limit, 1, "conn: more was sent than the peer's credit");
    BROKEN(mps_conn_check(c), c->tx.fin, !c->tx.rtxq.fin,
           "conn: more was sent than the application wrote");
    BROKEN(mps_conn_check(c), c->tx.acked, sent + 1,
           "conn: what is acknowledged was not sent, or is kept");
    BROKEN(mps_conn_check(c), c->tx.acked, 1,
           "conn: the send queue does not begin at the acknowledgment");
    BROKEN(mps_conn_check(c), c->rx.highest, c->flow.granted + 1,
           "conn: more was taken than the credit granted");
    BROKEN(mps_conn_check(c), c->flow.consumed, 1, "conn: what was read is not what was consumed");
    c->rx.fin_known = true;
    BROKEN(mps_conn_check(c), c->rx.highest, 1, "conn: data came from behind DATA_FIN");
    c->rx.fin_known = false;
}

static void bytes_announced(void **state)
{
    struct pair *p = *state;
    struct mps_conn *c;

    assert_int_equal(pair_start(p), 0);
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = 1000;
    pair_settle(p);
    c = p->end[SERVER].conn;
    assert_int_equal(c->rx.highest, 1000);
    BROKEN(mps_conn_check(c), c->rx.highest, 999, "conn: bytes are there that nobody announced");
}

static void addresses(void **state)
{
    struct mps_conn *c = under_way(*state);
    struct mps_paths *p = &c->paths;

    p->remotes[1] = (struct mps_remote){.id = 7};
    p->n_remotes = 2;
    BROKEN(mps_conn_check(c), p->n_locals, p->max_locals + 1,
           "paths: more local addresses than places");
    BROKEN(mps_conn_check(c), p->locals[0].key, p->last_key + 1,
           "paths: a local address has a key that was never given");
    BROKEN(mps_conn_check(c), p->locals[0].id, p->locals[1].id,
           "paths: two local addresses have one identifier");
    BROKEN(mps_conn_check(c), p->n_remotes, MPS_ADDRS_MAX + 1,
           "paths: more remote addresses than places");
    BROKEN(mps_conn_check(c), p->remotes[0].id, 7,
           "paths: two remote addresses have one identifier");
    BROKEN(mps_conn_check(c), p->n_retries, MPS_RETRY_PAIRS + 1,
           "paths: more pairs are remembered than places");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send_queue),
        cmocka_unit_test(runs),
        cmocka_unit_test(reassembly),
        cmocka_unit_test(credit),
        cmocka_unit_test(control_to_send),
        cmocka_unit_test(control_received),
        cmocka_unit_test(fairness),
        cmocka_unit_test_setup_teardown(subflows, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(frames, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(connection, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(bytes_announced, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(addresses, pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
