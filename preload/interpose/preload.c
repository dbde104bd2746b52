/* SPDX-License-Identifier: MIT */
#include "preload.h"
#include "exceptions.h"
#include "marking.h"
#include "mptcp.h"
#include "netns.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include "handover/ask.h"
#include "handover/sys.h"
#include "tally.h"

static struct mps_ho_config config;
static atomic_bool config_valid;

__attribute__((constructor)) static void preload_start(void)
{
    int saved = errno;
    bool valid =
        mps_ho_config_init(&config, secure_getenv(MPS_ENV_AGENT), secure_getenv(MPS_ENV_PROGRAM),
                           secure_getenv(MPS_ENV_OPTIONS), secure_getenv("HOME"));

    if (valid) {
        mps_ho_config_counts(&config, secure_getenv(MPS_ENV_COUNTS));
        mps_tally_start(config.counts, config.agent_id);
        mps_marking_start();
        mps_exceptions_read(config.options, (const char *)getauxval(AT_EXECFN));
    }
    if (valid)
        mps_netns_start();
    mps_mptcp_start(secure_getenv("LD_PRELOAD"));
    mps_next_bind();
    atomic_store_explicit(&config_valid, valid, memory_order_release);
    mps_listen_take_over(secure_getenv("LISTEN_PID"), secure_getenv("LISTEN_FDS"));
    errno = saved;
}

const struct mps_ho_config *mps_preload_config(void)
{
    return atomic_load_explicit(&config_valid, memory_order_acquire) ? &config : NULL;
}

int mps_preload_option(int fd, int level, int name, int fallback)
{
    int saved = errno, value = 0;
    socklen_t len = sizeof(value);

    if (mps_sys_getsockopt(fd, level, name, &value, &len) != 0)
        value = fallback;
    errno = saved;
    return value;
}

bool mps_preload_set_option(int fd, int level, int name, int value)
{
    int saved = errno;
    bool done = mps_sys_setsockopt(fd, level, name, &value, sizeof(value)) == 0;

    errno = saved;
    return done;
}

bool mps_preload_is_tcp(int fd)
{
    return mps_preload_option(fd, SOL_SOCKET, SO_PROTOCOL, -1) == IPPROTO_TCP;
}

bool mps_preload_is_ours(int fd, struct mps_ho_conn_name *ret)
{
    return mps_ho_conn_of(fd, ret) == 1;
}

bool mps_preload_conn(int fd, struct mps_ho_conn_name *name, struct mps_ho_conn *ret)
{
    *ret = (struct mps_ho_conn){.config = mps_preload_config(), .name = name, .fd = fd};
    return mps_preload_is_ours(fd, name);
}

bool mps_preload_is_bound(int fd)
{
    static const struct in6_addr any = IN6ADDR_ANY_INIT;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int saved = errno;
    bool done = mps_sys_getsockname(fd, &ss, &len) == 0;

    errno = saved;
    if (done && ss.ss_family == AF_INET)
        return ((struct sockaddr_in *)&ss)->sin_addr.s_addr != htonl(INADDR_ANY);
    return done && ss.ss_family == AF_INET6 &&
           memcmp(&((struct sockaddr_in6 *)&ss)->sin6_addr, &any, sizeof(any)) != 0;
}
