/* SPDX-License-Identifier: MIT */
/*
 * What somebody could do who had taken the agent over: each with the control that it works before.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/agent/privileges.h"
#include "engine/agent/syscalls.h"
#include "engine/net/pipe.h"

#define NOBODY 65534

static bool done(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool raw_socket(void)
{
    return done(socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
}

static bool packet_socket(void)
{
    return done(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static bool generic_netlink(void)
{
    return done(socket(AF_NETLINK, SOCK_RAW, 16));
}

static bool netfilter(void)
{
    char none[4] = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    /* EINVAL: who asks may, but the table is none. */
    bool may = setsockopt(fd, IPPROTO_IP, 64, none, sizeof(none)) == 0 || errno == EINVAL;

    close(fd);
    return may;
}

static bool fork_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool execute(void)
{
    char *const none[] = {NULL};

    return execve("/nonexistent", none, none) < 0 && errno == ENOENT;
}

static bool written_code(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED && munmap(p, 4096) == 0;
}

static bool trace(void)
{
    return ptrace(PTRACE_PEEKUSER, getppid(), NULL, NULL) < 0 && errno == ESRCH;
}

static bool signal_others(void)
{
    return kill(getppid(), 0) == 0;
}

static bool chown_file(void)
{
    return chown("/nonexistent", 0, 0) < 0 && errno == ENOENT;
}

static bool enter_namespace(void)
{
    return syscall(SYS_setns, -1, 0) < 0 && errno == EBADF;
}

static bool load_module(void)
{
    return syscall(SYS_init_module, NULL, 0UL, "") < 0 && errno != EPERM && errno != ENOSYS;
}

static bool bpf_program(void)
{
    return syscall(SYS_bpf, 9999, NULL, 0) < 0 && errno == EINVAL;
}

static bool uring(void)
{
    return syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno != EPERM && errno != ENOSYS;
}

static const struct {
    const char *name;
    bool (*may)(void);
    bool everywhere; /* root of any machine may */
} attacks[] = {
    {"raw socket", raw_socket, true},
    {"packet socket", packet_socket, false},
    {"generic netlink", generic_netlink, true},
    {"firewall", netfilter, false},
    {"fork", fork_process, true},
    {"execve", execute, true},
    {"code in written memory", written_code, true},
    {"ptrace", trace, true},
    {"signals to others", signal_others, true},
    {"chown", chown_file, true},
    {"setns", enter_namespace, true},
    {"kernel module", load_module, false},
    {"bpf", bpf_program, false},
    {"io_uring", uring, false},
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

/* How many succeed. */
static int count(bool expected)
{
    int n = 0;

    for (unsigned i = 0; i < ATTACKS; i++) {
        bool may = attacks[i].may();

        n += may;
        if (may != expected && (!expected || attacks[i].everywhere))
            fprintf(stderr, "%s: %s\n", attacks[i].name, may ? "possible" : "not possible before");
    }
    return n;
}

static int required(void)
{
    int n = 0;

    for (unsigned i = 0; i < ATTACKS; i++)
        n += attacks[i].everywhere;
    return n;
}

/* As payloads do it that go around the core: a pipe of another size, and a byte through it. */
static bool pipes(void)
{
    struct mps_pipe p = {0};
    int ends[2];
    bool good = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0 &&
                write(ends[0], "x", 1) == 1 && mps_pipe_ready(&p, 0) &&
                fcntl(p.fd[0], F_SETPIPE_SZ, 4096) == 4096 && mps_pipe_fill(&p, ends[1], 1) == 1 &&
                mps_pipe_drain(&p, ends[0], 1) == 1;

    mps_pipe_close(&p);
    return done(ends[0]) && done(ends[1]) && good;
}

static bool needed(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    bool good = fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0 &&
                setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &one, sizeof(one)) == 0;

    close(fd);
    fd = open("/proc/net/unix", O_RDONLY | O_CLOEXEC);
    good = good && done(fd) && done(memfd_create("x", MFD_CLOEXEC)) &&
           done(socket(AF_NETLINK, SOCK_RAW, 0));
    return good && pipes() && getppid() > 0;
}

static unsigned long long capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    syscall(SYS_capget, &head, data);
    return (unsigned long long)(data[1].permitted | data[1].effective) << 32 | data[0].permitted |
           data[0].effective;
}

static pthread_barrier_t barrier;
static int others; /* attacks that succeed in the other thread */
static unsigned long long others_have;
static bool others_work;

static void *other_thread(void *arg)
{
    pthread_barrier_wait(&barrier); /* it is there; then the filter is */
    pthread_barrier_wait(&barrier);
    mps_privileges_drop(false);
    others = count(false);
    others_have = capabilities();
    others_work = needed();
    return NULL;
}

static int in_child(void (*body)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%d: " #condition "\n", __LINE__);                                     \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void attack(void)
{
    uint64_t kept = UINT64_C(1) << CAP_NET_BIND_SERVICE;
    pthread_t thread;

    CHECK(geteuid() != 0 || count(true) >= required());
    CHECK(!mps_privileges_would_kill());
    mps_privileges_begin(false);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(pthread_create(&thread, NULL, other_thread, NULL) == 0);
    pthread_barrier_wait(&barrier);
    mps_privileges_drop(false);
    CHECK(mps_syscalls_confine() == 0);
    mps_privileges_alone();
    CHECK((capabilities() & ~kept) == 0);
    CHECK(count(false) == 0);
    CHECK(needed());
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(others == 0 && others_work && (others_have & ~kept) == 0);
}

static void taken_over(void **state)
{
    assert_int_equal(in_child(attack), 0);
}

static void become_nobody(void)
{
    uid_t uid;
    gid_t gid;

    CHECK(mps_privileges_find("65534", &uid, &gid) && uid == NOBODY);
    CHECK(!mps_privileges_find("no-such-user", &uid, &gid));
    CHECK(mps_privileges_find("root", &uid, &gid) && uid == 0 && gid == 0);
    CHECK(mps_privileges_find("65534", &uid, &gid));
    mps_privileges_begin(false);
    CHECK(mps_privileges_become(uid, gid));
    mps_privileges_drop(false);
    CHECK(getuid() == NOBODY && geteuid() == NOBODY && setresuid(0, 0, 0) < 0);
    CHECK(capabilities() == UINT64_C(1) << CAP_NET_BIND_SERVICE);
    mps_privileges_drop(true);
    CHECK(capabilities() == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    CHECK(mps_syscalls_confine() == 0 && pipes());
}

static void other_user(void **state)
{
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_child(become_nobody), 0);
}

/* As service managers do it: system calls that are not allowed end the process. */
static void with_filter(int call, unsigned action)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = code};

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void under_deadly_filter(void)
{
    with_filter(SYS_capset, SECCOMP_RET_KILL_PROCESS);
    CHECK(mps_privileges_would_kill());
}

/* What is killed for pipes copies. */
static void without_pipes(void)
{
    struct mps_pipe p = {0};

    CHECK(!mps_privileges_kills(mps_pipe_try));
    with_filter(SYS_splice, SECCOMP_RET_KILL_PROCESS);
    CHECK(!mps_privileges_would_kill());
    CHECK(mps_privileges_kills(mps_pipe_try));
    CHECK(mps_pipe_may(&p, 0));
    mps_pipe_forbid();
    CHECK(!mps_pipe_may(&p, 0) && !mps_pipe_ready(&p, 0));
}

static void under_mild_filter(void)
{
    with_filter(SYS_capset, SECCOMP_RET_ERRNO | EPERM);
    CHECK(!mps_privileges_would_kill());
    mps_privileges_begin(false);
    CHECK(mps_syscalls_confine() == 0);
}

static void filtered_before(void **state)
{
    assert_int_equal(in_child(under_deadly_filter), 0);
    assert_int_equal(in_child(without_pipes), 0);
    assert_int_equal(in_child(under_mild_filter), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_over),
        cmocka_unit_test(other_user),
        cmocka_unit_test(filtered_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
