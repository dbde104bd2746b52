/* SPDX-License-Identifier: MIT */
#include "syscalls.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"

#if MPS_HAVE_SECCOMP
#include <seccomp.h>
#include "syscalls_list.h"

#ifdef MPS_INVARIANTS
#define OTHERWISE SCMP_ACT_KILL_PROCESS
#else
#define OTHERWISE SCMP_ACT_ERRNO(EPERM)
#endif

/* The low bits of a socket's type; the others are its flags. */
#define TYPE_MASK 0xfu

#define NETFILTER_FIRST 64 /* options of IP from here on, and these two of IPv6 */
#define NETFILTER_V6    65

/* Arguments are compared as 32 bits: the kernel reads no more of an int. */
#define IS(n, value)         SCMP_A##n##_32(SCMP_CMP_EQ, (unsigned)(value))
#define IS_NOT(n, value)     SCMP_A##n##_32(SCMP_CMP_NE, (unsigned)(value))
#define LESS(n, value)       SCMP_A##n##_32(SCMP_CMP_LT, (unsigned)(value))
#define BITS(n, mask, value) SCMP_A##n##_32(SCMP_CMP_MASKED_EQ, (mask), (value))

#define NUMBER(name) SCMP_SYS(name),
static const int numbers[] = {MPS_SYSCALLS(NUMBER)};

/* The streams that connections are, netlink, and the sockets of programs and monitors. */
static int add_sockets(scmp_filter_ctx f)
{
    static const int streams[] = {AF_INET, AF_INET6};
    int rc = 0;

    for (unsigned i = 0; i < 2; i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, IS(0, streams[i]),
                               BITS(1, TYPE_MASK, SOCK_STREAM));
    /* Whether an address is one of this host is asked by binding. */
    for (unsigned i = 0; i < 2; i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, IS(0, streams[i]),
                               BITS(1, TYPE_MASK, SOCK_DGRAM));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, IS(0, AF_UNIX));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, IS(0, AF_NETLINK),
                           IS(2, NETLINK_ROUTE));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, IS(0, AF_NETLINK),
                           IS(2, NETLINK_SOCK_DIAG));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, IS(0, AF_UNIX));
    return rc;
}

/* All of them but the firewall's. */
static int add_options(scmp_filter_ctx f)
{
    int rc = 0;

    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1, IS(1, SOL_SOCKET));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1, IS(1, IPPROTO_TCP));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1, IS(1, SOL_NETLINK));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2, IS(1, IPPROTO_IP),
                           LESS(2, NETFILTER_FIRST));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2, IS(1, IPPROTO_IPV6),
                           LESS(2, NETFILTER_FIRST));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2, IS(1, IPPROTO_IPV6),
                           SCMP_A2_32(SCMP_CMP_GT, NETFILTER_V6));
    return rc;
}

/* Memory is never executed that was written; no further thread or process; small matters. */
static int add_others(scmp_filter_ctx f)
{
    int rc = 0;

    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, BITS(2, PROT_EXEC, 0));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap2), 1, BITS(2, PROT_EXEC, 0));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, BITS(2, PROT_EXEC, 0));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, IS(0, PR_SET_NAME));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, IS(0, PR_SET_KEEPCAPS));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, IS(0, getpid()));
    return rc;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* What a sanitizer makes of the process, at its end most of all. */
static int add_sanitizer(scmp_filter_ctx f)
{
    static const int more[] = {SCMP_SYS(clone),       SCMP_SYS(clone3), SCMP_SYS(ptrace),
                               SCMP_SYS(wait4),       SCMP_SYS(mmap),   SCMP_SYS(mprotect),
                               SCMP_SYS(prctl),       SCMP_SYS(tgkill), SCMP_SYS(kill),
                               SCMP_SYS(personality), SCMP_SYS(socket)};
    int rc = 0;

    for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, more[i], 0);
    return rc;
}
#else
static int add_sanitizer(scmp_filter_ctx f)
{
    return 0;
}
#endif

static int fill(scmp_filter_ctx f)
{
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

    /* Kernels before 4.14 cannot. */
    (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
    (void)seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, OTHERWISE);
    /* A tree of comparisons in place of a row: fewer for each call. */
    (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, numbers[i], 0);
    return rc | add_sockets(f) | add_options(f) | add_others(f) | add_sanitizer(f);
}

int mps_syscalls_confine(void)
{
    scmp_filter_ctx f = seccomp_init(OTHERWISE);
    int rc;

    if (!f) {
        errno = ENOMEM;
        return MPS_ESYS;
    }
    /* The results are negative errno values, of which one is as good as another here. */
    rc = fill(f) == 0 ? seccomp_load(f) : -EINVAL;
    seccomp_release(f);
    errno = -rc;
    return rc == 0 ? 0 : MPS_ESYS;
}
#else
int mps_syscalls_confine(void)
{
    errno = ENOSYS;
    return MPS_ESYS;
}
#endif
