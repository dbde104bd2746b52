/* SPDX-License-Identifier: MIT */
/*
 * The file of known peers: whatever is in it, the table gets sound entries only, and what is
 * written of them is read again as the same. In the input "N" stands for the number of this network
 * namespace; it is 1000 seconds after 1970.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "engine/agent/peerfile.h"

#define NOW_S      1000
#define INPUT_MAX  8192
#define NETNS_ROOM 20

int fuzz_clock(clockid_t which, struct timespec *ret);

/* What clock_gettime() is in the sources under test. */
int fuzz_clock(clockid_t which, struct timespec *ret)
{
    *ret = (struct timespec){.tv_sec = which == CLOCK_REALTIME ? NOW_S : NOW_S / 2};
    return 0;
}

static mps_time_t now(void)
{
    return (mps_time_t)(NOW_S / 2) * MPS_SEC;
}

static const char *directory(const char *which)
{
    static char name[96];

    CHECK(snprintf(name, sizeof(name), "%s/mps-fuzz-%ld-%s",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid(), which) > 0);
    return name;
}

static void clean_up(void)
{
    char file[128];

    for (unsigned i = 0; i < 2; i++) {
        CHECK(snprintf(file, sizeof(file), "%s/peers", directory(i ? "b" : "a")) > 0);
        unlink(file);
        rmdir(directory(i ? "b" : "a"));
    }
}

static void write_input(const char *dir, const uint8_t *data, size_t len)
{
    char file[128], netns[NETNS_ROOM];
    struct stat st;
    FILE *f;

    CHECK(stat("/proc/self/ns/net", &st) == 0);
    snprintf(netns, sizeof(netns), "%lu", (unsigned long)st.st_ino);
    CHECK(mkdir(dir, 0700) == 0);
    CHECK(snprintf(file, sizeof(file), "%s/peers", dir) > 0);
    umask(077);
    f = fopen(file, "w");
    CHECK(f);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == 'N')
            fputs(netns, f);
        else
            fputc(data[i], f);
    }
    CHECK(fclose(f) == 0);
}

static void check_entry(const struct mps_peer *p)
{
    CHECK(p->addr.family == MPS_AF_INET || p->addr.family == MPS_AF_INET6);
    CHECK(p->addr.port != 0);
    CHECK(p->kind == MPS_PEER_PLAIN || p->kind == MPS_PEER_PROVEN || p->kind == MPS_PEER_FAILED);
    CHECK(p->expires > now() && p->expires <= now() + MPS_PEERS_LIFETIME);
}

static const struct mps_peer *find(const struct mps_peer *list, unsigned n,
                                   const struct mps_addr *addr)
{
    for (unsigned i = 0; i < n; i++) {
        if (mps_addr_equal(&list[i].addr, addr))
            return &list[i];
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct mps_peers peers, again;
    static struct mps_peer list[MPS_PEERS_MAX], copy[MPS_PEERS_MAX];
    unsigned n, n_copy;

    if (len > INPUT_MAX)
        return 0;
    clean_up();
    write_input(directory("a"), data, len);
    mps_peers_init(&peers);
    mps_peerfile_load(&peers, directory("a"));
    n = mps_peers_list(&peers, list, now());
    CHECK(n <= MPS_PEERS_MAX);
    for (unsigned i = 0; i < n; i++) {
        check_entry(&list[i]);
        CHECK(find(list, n, &list[i].addr) == &list[i]);
    }
    CHECK(mps_peerfile_save(&peers, directory("b")));
    mps_peers_init(&again);
    mps_peerfile_load(&again, directory("b"));
    n_copy = mps_peers_list(&again, copy, now());
    CHECK(n_copy == n);
    for (unsigned i = 0; i < n; i++) {
        const struct mps_peer *p = find(copy, n_copy, &list[i].addr);

        CHECK(p && p->kind == list[i].kind);
    }
    mps_peers_deinit(&peers);
    mps_peers_deinit(&again);
    clean_up();
    return 0;
}
