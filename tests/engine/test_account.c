/* SPDX-License-Identifier: MIT */
/* What connections and peers have of an engine's memory, and who is refused when it is taken. */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/constants.h"
#include "core/base/err.h"
#include "engine/agent/account.h"
#include "engine/connection/mpconn.h"
#include "engine/net/sock.h"
#include "rig.h"

#define MIB  (UINT64_C(1) << 20)
#define MANY 2000

static struct mps_account accounts[MANY];

static struct mps_addr address(unsigned network, unsigned host)
{
    return (struct mps_addr){
        .family = MPS_AF_INET,
        .port = (uint16_t)host, /* does not count */
        .ip = {10, 0, (uint8_t)network, 1},
    };
}

/* Connections of that peer in accounts[from..), until one is refused; behind the last one. */
static unsigned open_all(struct mps_memory *memory, unsigned from, unsigned network)
{
    unsigned i = from;
    int rc = 0;

    for (; i < MANY && rc == 0; i++) {
        struct mps_addr peer = address(network, i);

        rc = mps_account_open(&accounts[i], memory, &peer);
    }
    assert_int_equal(rc, MPS_ELIMIT);
    return i - 1;
}

static void close_all(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        mps_account_close(&accounts[i]);
}

/*
 * At the limit newcomers are refused: of one peer when it has its half, of others later. Then
 * nothing was promised that is not there.
 */
static void newcomers_are_refused(void **state)
{
    struct mps_memory memory;
    unsigned one, all;

    mps_memory_init(&memory, 32 * MIB, 0, 1);
    one = open_all(&memory, 0, 1);
    assert_in_range(one, 300, 512);
    assert_int_equal(memory.refused, 1);
    all = open_all(&memory, one, 2);
    assert_in_range(all, 2 * one - 2, 2 * one);
    all = open_all(&memory, all, 3);
    assert_in_range(all, 2 * one - 2, 2 * one);
    assert_int_equal(memory.promised, (uint64_t)all * MPS_SURE_BYTES);
    assert_true(memory.used + memory.promised <= memory.limit);
    mps_account_close(&accounts[0]);
    assert_int_equal(mps_account_open(&accounts[0], &memory, &(struct mps_addr){.family = 4}), 0);
    close_all(all);
    assert_int_equal(memory.promised, 0);
    assert_int_equal(memory.used, 0);
}

/* Of IPv6 a network counts as one peer. */
static void networks_are_peers(void **state)
{
    struct mps_addr a = {.family = MPS_AF_INET6, .ip = {0x20, 1, [7] = 7, [15] = 1}}, b = a, c = a;
    struct mps_memory memory;

    b.ip[15] = 2;
    c.ip[7] = 8;
    mps_memory_init(&memory, 32 * MIB, 0, 1);
    assert_int_equal(mps_account_open(&accounts[0], &memory, &a), 0);
    assert_int_equal(mps_account_open(&accounts[1], &memory, &b), 0);
    assert_int_equal(mps_account_open(&accounts[2], &memory, &c), 0);
    assert_ptr_equal(accounts[0].peer, accounts[1].peer);
    assert_ptr_not_equal(accounts[0].peer, accounts[2].peer);
    close_all(3);
}

/* First windows shrink as memory is taken, and never below what a HELLO has to grant. */
static void first_windows_shrink(void **state)
{
    struct mps_addr peer = address(1, 1);
    struct mps_memory memory;
    uint64_t window, last = MIB;

    mps_memory_init(&memory, 512 * MIB, 0, 1);
    assert_int_equal(mps_account_open(&accounts[0], &memory, &peer), 0);
    assert_int_equal(mps_account_first_window(&accounts[0], MIB), MIB);
    for (unsigned i = 0; i < 30; i++) {
        window = mps_account_first_window(&accounts[0], MIB);
        assert_in_range(window, MPS_INITIAL_CREDIT_MIN, last);
        last = window;
        mps_account_add(&accounts[0], 10 * MIB);
    }
    assert_int_equal(last, MPS_INITIAL_CREDIT_MIN);
    mps_account_close(&accounts[0]);
    assert_int_equal(memory.used, 0);
}

/*
 * Who has much gets no more while there is little, and what others were promised is theirs in any
 * case.
 */
static void promises_are_kept(void **state)
{
    struct mps_addr one = address(1, 1), two = address(2, 1);
    struct mps_memory memory;
    uint64_t taken = 0;
    void *p;

    mps_memory_init(&memory, 32 * MIB, 0, 1);
    assert_int_equal(mps_account_open(&accounts[0], &memory, &one), 0);
    assert_int_equal(mps_account_open(&accounts[1], &memory, &two), 0);
    while (mps_account_may(&accounts[0], 65536, false)) {
        mps_account_add(&accounts[0], 65536);
        taken += 65536;
    }
    assert_in_range(taken, 7 * MIB, 8 * MIB); /* a quarter: one connection */
    while (mps_account_may(&accounts[0], 65536, true))
        mps_account_add(&accounts[0], 65536);
    assert_in_range(accounts[0].used, 15 * MIB, 16 * MIB); /* half: one peer */
    assert_true(mps_account_may(&accounts[1], 65536, false));
    assert_true(mps_mem_scarce(&accounts[0].mem));
    p = mps_alloc_raw(&accounts[1].mem, MPS_SURE_BYTES);
    assert_non_null(p);
    assert_true(accounts[1].used >= MPS_SURE_BYTES);
    mps_free(&accounts[1].mem, p);
    assert_int_equal(accounts[1].used, 0);
    close_all(2);
    assert_int_equal(memory.used, 0);
}

/* ---- with engines ---- */

static struct mps_session *only_session(struct mps_engine *eng)
{
    return mps_list_entry(eng->sessions.next, struct mps_session, link);
}

struct byte_at {
    int from, to;
};

static bool passes(void *arg)
{
    struct byte_at *at = arg;
    char byte;

    return recv(at->to, &byte, 1, MSG_DONTWAIT) == 1;
}

static void works(struct rig *rig, int from, int to)
{
    struct byte_at at = {from, to};

    assert_int_equal(send(from, "x", 1, MSG_NOSIGNAL), 1);
    assert_true(rig_until(rig, passes, &at, 10));
}

/* An agent whose memory is taken leaves a new connection plain; the one it has goes on. */
static void agent_refuses(void **state)
{
    struct mps_ho_request req = {
        .magic = MPS_HO_MAGIC, .version = MPS_HO_VERSION, .op = MPS_HO_CONNECTED};
    struct rig rig;
    struct rig_reply reply;
    int client, server;
    struct mps_account *account;

    rig_init(&rig, "");
    rig_connect(&rig, &client, &server);
    works(&rig, client, server);
    account = &only_session(rig.client)->ac.account;
    mps_account_add(account, (int64_t)rig.client->memory.limit);
    reply = rig_request(&rig.client_hub, &req, rig_dial("127.0.0.1", rig.port, 0));
    assert_int_equal(reply.reply.status, MPS_HO_AGAIN_PLAIN);
    assert_int_equal(rig.client->n_sessions, 1);
    assert_int_equal(rig.client->memory.refused, 1);
    works(&rig, client, server);
    works(&rig, server, client);
    mps_account_add(account, -(int64_t)rig.client->memory.limit);
    close(rig_connected(&rig, rig_dial("127.0.0.1", rig.port, 0), "", NULL));
    close(client);
    close(server);
    rig_deinit(&rig);
}

static bool is_plain(void *arg)
{
    const struct mps_session *s = only_session(((struct rig *)arg)->server);

    return s->ac.account.used > 0 && s->ac.account.promised == MPS_SURE_BYTES;
}

/* A relay holds no buffer while nothing waits in it. */
static void relays_give_back(void **state)
{
    struct rig rig;
    char block[100000] = "GET /";
    int client, tcp, app;
    size_t got = 0;

    rig_init(&rig, "");
    client = rig_dial("127.0.0.1", rig.port, 0);
    tcp = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(tcp >= 0);
    app = rig_accepted(&rig, tcp, NULL);
    assert_int_equal(send(client, block, sizeof(block), MSG_DONTWAIT), sizeof(block));
    while (got < sizeof(block)) {
        ssize_t n;

        rig_run(&rig, 0.005);
        n = recv(app, block, sizeof(block), MSG_DONTWAIT);
        assert_true(n > 0 || errno == EAGAIN);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_true(rig_until(&rig, is_plain, &rig, 5));
    assert_true(only_session(rig.server)->ac.account.used < 4096);
    close(client);
    close(app);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newcomers_are_refused), cmocka_unit_test(networks_are_peers),
        cmocka_unit_test(first_windows_shrink),  cmocka_unit_test(promises_are_kept),
        cmocka_unit_test(agent_refuses),         cmocka_unit_test(relays_give_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
