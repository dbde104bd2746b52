/* SPDX-License-Identifier: MIT */
/*
 * A peer that speaks the protocol wrongly on purpose, against the agent of a server.
 *
 *   hostile ADDRESS PORT [SEED]     every breach once; one TAP-like line for each; 0 if all were met
 *                                   as they must be
 *   hostile flood ADDRESS PORT N    N half-open connections, held until the peer ends them
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/wire/auth.h"
#include "core/wire/frame.h"
#include "core/wire/opening.h"
#include "core/wire/seal.h"
#include "engine/net/crypto_openssl.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "stream.h"

#define ANSWER_MS    15000
#define HTTP_REQUEST "GET /small HTTP/1.0\r\n\r\n"

struct target {
    struct sockaddr_storage address;
    socklen_t len;
};

/* A first connection up to FINISHED. */
struct session {
    int fd;
    struct mps_opening hello, reply;
    struct mps_seal seal; /* of our frames */
    uint32_t token;       /* the server's */
};

static struct target target;
static struct mps_openssl ssl;
static uint64_t random_state = 1;

static uint32_t random_u32(void)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(random_state >> 32);
}

static bool set_mark(int fd, unsigned mark)
{
    return mps_mark_is_join(mark) ? mps_marks_prepare_join(fd, mark, 0) == 0
                                  : mps_marks_prepare_connect(fd, NULL) == 0;
}

static int connect_marked(unsigned mark)
{
    int fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || !set_mark(fd, mark) ||
        connect(fd, (struct sockaddr *)&target.address, target.len) < 0) {
        perror("connect");
        exit(3);
    }
    return fd;
}

static void send_bytes(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the peer may have closed already, which is its right */
        at += n;
        len -= (size_t)n;
    }
}

/* Read until the peer ends the connection. False if it does not within ANSWER_MS. */
static bool ended(int fd)
{
    double until = stream_now() + ANSWER_MS / 1000.0;
    uint8_t block[4096];

    while (stream_now() < until) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, 200) > 0 && recv(fd, block, sizeof(block), MSG_DONTWAIT) <= 0) {
            close(fd);
            return true;
        }
    }
    close(fd);
    return false;
}

/* One opening message from the peer. */
static bool read_opening(int fd, struct mps_opening *ret)
{
    struct timeval wait = {.tv_sec = ANSWER_MS / 1000};
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t have = 0, used;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    while (have < sizeof(buf)) {
        ssize_t n = recv(fd, buf + have, 1, 0);
        int rc;

        if (n <= 0)
            return false;
        have++;
        rc = mps_opening_parse(buf, have, ret, &used);
        if (rc != MPS_OPENING_MORE)
            return rc == 0;
    }
    return false;
}

/* HELLO as it is on the wire. */
static void make_hello(struct mps_opening *msg, struct mps_share *share)
{
    *msg = (struct mps_opening){.kind = MPS_OPENING_HELLO};
    for (size_t i = 0; i < MPS_KEY_LEN; i++)
        msg->hello.key[i] = (uint8_t)random_u32();
    msg->hello.credit = 1 << 20;
    msg->hello.algs[0] = MPS_SHA256;
    msg->hello.n_algs = 1;
    memcpy(msg->hello.share, share->value, MPS_SHARE_LEN);
    msg->len = mps_opening_encode(msg, msg->bytes);
}

static void send_frame(struct session *s, const uint8_t *head, size_t len)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];

    memcpy(buf, head, len);
    (void)mps_seal_head(&ssl.crypto, &s->seal, s->seal.next++, buf, len);
    send_bytes(s->fd, buf, len + MPS_MAC_LEN);
}

/* We are as right as any client so far. */
static int finish(struct session *s, struct mps_share *share)
{
    uint8_t agreed[MPS_SHARE_LEN], early[MPS_SHA256_LEN], key[MPS_MAC_KEY_LEN];
    uint8_t buf[MPS_CTRL_MAX_LEN];
    struct mps_ingredients from = {.alg = MPS_SHA256,
                                   .agreed = agreed,
                                   .key_c = s->hello.hello.key,
                                   .key_s = s->reply.hello.key,
                                   .hello = {s->hello.bytes, s->hello.len},
                                   .reply = {s->reply.bytes, s->reply.len}};
    struct mps_ctrl finished = {.type = MPS_FRAME_FINISHED};
    struct mps_secrets secrets;
    int r = ssl.crypto.agree(&ssl, share, s->reply.hello.share, agreed);

    if (r == 0)
        r = mps_auth_secrets(&ssl.crypto, &from, &secrets);
    if (r == 0)
        r = ssl.crypto.hash(&ssl, MPS_SHA256, "", 0, early);
    if (r == 0)
        r = mps_auth_finished(&ssl.crypto, &secrets, early, finished.finished.hmac);
    if (r == 0)
        r = mps_auth_frames(&ssl.crypto, &secrets, 0, MPS_SIDE_CLIENT, (struct mps_nonces){0}, key);
    if (r == 0)
        r = mps_auth_token(&ssl.crypto, s->reply.hello.key, &s->token);
    if (r < 0)
        return r;
    mps_seal_init(&s->seal, key);
    send_frame(s, buf, mps_ctrl_encode(&finished, buf));
    return 0;
}

static bool open_session(struct session *session)
{
    struct mps_share *share = ssl.crypto.share_get(&ssl);
    bool open = false;

    if (!share)
        return false;
    *session = (struct session){.fd = connect_marked(MPS_MARK_CONNECT)};
    make_hello(&session->hello, share);
    send_bytes(session->fd, session->hello.bytes, session->hello.len);
    open = read_opening(session->fd, &session->reply) &&
           session->reply.kind == MPS_OPENING_HELLO_REPLY && finish(session, share) == 0;
    ssl.crypto.share_release(&ssl, share);
    if (!open)
        close(session->fd);
    return open;
}

static void send_dss(struct session *s, const struct mps_dss *dss, const void *payload)
{
    uint8_t head[MPS_DSS_OPEN_LEN];

    mps_dss_encode_head(dss, head);
    send_frame(s, head, sizeof(head));
    send_bytes(s->fd, payload, dss->payload_len);
}

/* Not one of ours in spite of the mark: the application's own answer comes back, untouched. */
static bool foreign_bytes(void)
{
    int fd = connect_marked(MPS_MARK_CONNECT);
    char answer[16] = "";
    bool right;

    send_bytes(fd, HTTP_REQUEST, strlen(HTTP_REQUEST));
    right = recv(fd, answer, 12, MSG_WAITALL) == 12 && strcmp(answer, "HTTP/1.1 200") == 0;
    close(fd);
    return right;
}

/* A HELLO with one byte set to something else. */
static bool broken_hello(size_t at, uint8_t value)
{
    struct mps_share *share = ssl.crypto.share_get(&ssl);
    int fd = connect_marked(MPS_MARK_CONNECT);
    struct mps_opening hello;

    if (!share)
        return false;
    make_hello(&hello, share);
    ssl.crypto.share_release(&ssl, share);
    hello.bytes[at] = value;
    send_bytes(fd, hello.bytes, hello.len);
    return ended(fd);
}

static bool bad_version(void)
{
    return broken_hello(8, 99);
}

static bool bad_kind(void)
{
    return broken_hello(9, 77);
}

static bool bad_length(void)
{
    return broken_hello(10, 0xff);
}

static bool bad_checksum(void)
{
    return broken_hello(12, 0x55) && broken_hello(13, 0x55);
}

static bool garbage_after_hello(void)
{
    uint8_t garbage[65536];
    struct session session;

    if (!open_session(&session))
        return false;
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (uint8_t)random_u32();
    send_bytes(session.fd, garbage, sizeof(garbage));
    return ended(session.fd);
}

static bool over_credit(void)
{
    struct session session;
    struct mps_dss dss = {.payload_len = 1000};

    if (!open_session(&session))
        return false;
    dss.dsn = session.reply.hello.credit - 10;
    send_dss(&session, &dss, stream_at(0));
    return ended(session.fd);
}

static bool wrong_frame_length(void)
{
    uint8_t head[MPS_DSS_OPEN_LEN];
    struct mps_dss dss = {.payload_len = 100};
    struct session session;

    if (!open_session(&session))
        return false;
    mps_dss_encode_head(&dss, head);
    head[2] = 0xff;
    send_frame(&session, head, sizeof(head));
    return ended(session.fd);
}

/* Who knows all of the connection but the keys: a head with another MAC, and one sent twice. */
static bool wrong_mac(void)
{
    struct mps_dss dss = {.credit = 1 << 20};
    struct session session;

    if (!open_session(&session))
        return false;
    session.seal.key[0] ^= 1;
    send_dss(&session, &dss, "");
    return ended(session.fd);
}

static bool replayed_frame(void)
{
    struct mps_dss dss = {.credit = 1 << 20};
    struct session session;

    if (!open_session(&session))
        return false;
    send_dss(&session, &dss, "");
    session.seal.next--;
    send_dss(&session, &dss, "");
    return ended(session.fd);
}

/* Only a client that has the secrets may go on behind HELLO_REPLY. */
static bool wrong_finished(void)
{
    struct mps_share *share = ssl.crypto.share_get(&ssl);
    struct mps_ctrl finished = {.type = MPS_FRAME_FINISHED};
    struct session session = {.fd = connect_marked(MPS_MARK_CONNECT)};
    uint8_t buf[MPS_CTRL_MAX_LEN];

    if (!share)
        return false;
    make_hello(&session.hello, share);
    ssl.crypto.share_release(&ssl, share);
    send_bytes(session.fd, session.hello.bytes, session.hello.len);
    if (!read_opening(session.fd, &session.reply))
        return false;
    send_frame(&session, buf, mps_ctrl_encode(&finished, buf));
    return ended(session.fd);
}

static bool ack_of_unsent(void)
{
    struct session session;
    struct mps_dss dss = {.data_ack = 1ULL << 40};

    if (!open_session(&session))
        return false;
    send_dss(&session, &dss, "");
    return ended(session.fd);
}

static struct mps_opening make_join(uint32_t token)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN};

    msg.join.token = token;
    msg.join.subflow_id = 2; /* joins of the connecting side are even */
    msg.join.addr_id = 1;
    for (size_t i = 0; i < MPS_NONCE_LEN; i++)
        msg.join.nonce[i] = (uint8_t)random_u32();
    return msg;
}

static bool unknown_token(void)
{
    struct mps_opening msg = make_join(random_u32());
    uint8_t buf[MPS_OPENING_MAX_LEN];
    int fd = connect_marked(MPS_MARK_JOIN);

    send_bytes(fd, buf, mps_opening_encode(&msg, buf));
    return ended(fd);
}

/* A join that knows the token and not the keys; the connection itself must not suffer. */
static bool wrong_hmac(void)
{
    struct mps_opening msg, reply;
    uint8_t buf[MPS_OPENING_MAX_LEN];
    struct session session;
    struct mps_dss dss = {.payload_len = (uint32_t)strlen(HTTP_REQUEST), .credit = 1 << 20};
    uint8_t head[MPS_DSS_HEAD_LEN];
    bool right;
    int fd;

    if (!open_session(&session))
        return false;
    msg = make_join(session.token);
    fd = connect_marked(MPS_MARK_JOIN);
    send_bytes(fd, buf, mps_opening_encode(&msg, buf));
    if (!read_opening(fd, &reply) || reply.kind != MPS_OPENING_JOIN_REPLY)
        return false;
    msg.kind = MPS_OPENING_JOIN_CONFIRM; /* its HMAC is all zero */
    send_bytes(fd, buf, mps_opening_encode(&msg, buf));
    if (!ended(fd))
        return false;
    send_dss(&session, &dss, HTTP_REQUEST);
    right = recv(session.fd, head, sizeof(head), MSG_WAITALL) == (ssize_t)sizeof(head);
    close(session.fd);
    return right;
}

/* Valid frames with a few bits turned over, many times; anything but a crash will do. */
static bool turned_bits(void)
{
    for (int round = 0; round < 100; round++) {
        uint8_t buf[4096];
        struct session session;
        size_t len = 0;

        if (!open_session(&session))
            return false;
        for (uint32_t i = 0; i < 10; i++) {
            struct mps_dss dss = {.dsn = i * 100, .payload_len = 100, .credit = 1 << 20};

            mps_dss_encode_head(&dss, buf + len);
            (void)mps_seal_head(&ssl.crypto, &session.seal, session.seal.next++, buf + len,
                                MPS_DSS_OPEN_LEN);
            memcpy(buf + len + MPS_DSS_HEAD_LEN, stream_at(i * 100), 100);
            len += MPS_DSS_HEAD_LEN + 100;
        }
        for (int i = 0; i < 3; i++)
            buf[random_u32() % len] ^= (uint8_t)(1u << random_u32() % 8);
        send_bytes(session.fd, buf, random_u32() % len);
        close(session.fd);
    }
    return true;
}

static int flood(long count)
{
    struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    struct mps_share *share = ssl.crypto.share_get(&ssl);
    struct mps_opening hello;
    int *fds = calloc((size_t)count, sizeof(*fds));
    long open = 0;

    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (!fds || !share)
        return 3;
    make_hello(&hello, share);
    for (long i = 0; i < count; i++) {
        fds[i] = connect_marked(i % 2 ? MPS_MARK_CONNECT : MPS_MARK_JOIN);
        send_bytes(fds[i], hello.bytes, (size_t)i % hello.len);
    }
    printf("open\n");
    fflush(stdout);
    for (long i = 0; i < count; i++)
        open += !ended(fds[i]);
    free(fds);
    printf("%ld of %ld were not ended by the peer\n", open, count);
    return open ? 1 : 0;
}

static const struct {
    const char *name;
    bool (*run)(void);
} breaches[] = {
    {"other bytes on a marked connection reach the application", foreign_bytes},
    {"HELLO of an unknown version", bad_version},
    {"HELLO of an unknown kind", bad_kind},
    {"HELLO with a wrong length", bad_length},
    {"HELLO with a wrong checksum", bad_checksum},
    {"garbage after HELLO", garbage_after_hello},
    {"data beyond the credit", over_credit},
    {"frame with a wrong length", wrong_frame_length},
    {"acknowledgment of what was never sent", ack_of_unsent},
    {"frame with a wrong MAC", wrong_mac},
    {"frame that is sent again as it was", replayed_frame},
    {"FINISHED without the secrets", wrong_finished},
    {"join with an unknown token", unknown_token},
    {"join with a wrong HMAC", wrong_hmac},
    {"frames with bits turned over", turned_bits},
};

static void set_target(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *info;

    if (getaddrinfo(address, port, &hints, &info) != 0)
        exit(2);
    memcpy(&target.address, info->ai_addr, info->ai_addrlen);
    target.len = info->ai_addrlen;
    freeaddrinfo(info);
}

int main(int argc, char **argv)
{
    size_t failed = 0;

    signal(SIGPIPE, SIG_IGN);
    mps_openssl_init(&ssl);
    if (argc == 5 && strcmp(argv[1], "flood") == 0) {
        set_target(argv[2], argv[3]);
        return flood(strtol(argv[4], NULL, 10));
    }
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: hostile ADDRESS PORT [SEED] | hostile flood ADDRESS PORT N\n");
        return 2;
    }
    if (argc == 4)
        random_state = strtoull(argv[3], NULL, 10);
    set_target(argv[1], argv[2]);
    for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++) {
        double start = stream_now();
        bool met = breaches[i].run();

        printf("%s %s (%.1f s)\n", met ? "met" : "FAILED", breaches[i].name, stream_now() - start);
        fflush(stdout);
        failed += !met;
    }
    return failed ? 1 : 0;
}
