/* SPDX-License-Identifier: MIT */
/* The words of the options that except programs and peers. */
#include "lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../preload/interpose/exceptions.h"

/* A socket connected to that loopback address. UDP has a peer's name without any peer. */
static int connected(const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    if (!is_v4)
        assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    if (connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
                is_v4 ? sizeof(v4) : sizeof(v6)) < 0) {
        close(fd);
        return -1; /* no IPv6 here */
    }
    return fd;
}

/* They are read once in a process: each case has one of its own. */
static bool in_child(const char *options, const char *executable, const char *peer)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        int fd;

        mps_exceptions_read(options, executable);
        if (!peer)
            _exit(mps_exceptions_left_alone());
        fd = connected(peer);
        _exit(fd < 0 ? 77 : mps_exceptions_peer_capable(fd));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_in_range(WEXITSTATUS(status), 0, 1);
    return WEXITSTATUS(status) == 1;
}

static void programs(void **state)
{
    assert_false(in_child("", "/usr/bin/curl", NULL));
    assert_true(in_child("leave-alone=curl", "/usr/bin/curl", NULL));
    assert_true(in_child("local=127.0.0.1 leave-alone=a,curl,b idle=1", "./curl", NULL));
    assert_true(in_child("leave-alone=a leave-alone=curl", "curl", NULL));
    assert_false(in_child("leave-alone=curl2,cur", "/usr/bin/curl", NULL));
    assert_false(in_child("leave-alone=bin", "/usr/bin/curl", NULL));
    assert_false(in_child("xleave-alone=curl leave-alone=", "/usr/bin/curl", NULL));
    assert_false(in_child("leave-alone=curl", NULL, NULL));
    assert_false(in_child("leave-alone=a,", "/", NULL));
}

/* What they are for, in a process of its own. */
static bool is_for(const char *options, const char *executable, const char *word)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        mps_exceptions_read(options, executable);
        _exit(strcmp(mps_exceptions_purpose(), word));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void purposes(void **state)
{
    const char *lists = "idle=1 bulk=rsync,scp interactive=ssh,mosh handover=player";

    assert_true(is_for(lists, "/usr/bin/ssh", "for=interactive"));
    assert_true(is_for(lists, "scp", "for=bulk"));
    assert_true(is_for(lists, "/opt/player", "for=handover"));
    assert_true(is_for(lists, "curl", ""));
    assert_true(is_for(lists, "ss", ""));
    assert_true(is_for(lists, NULL, ""));
    assert_true(is_for("", "ssh", ""));
}

static void peers(void **state)
{
    assert_false(in_child("", "x", "127.0.0.1"));
    assert_true(in_child("capable=127.0.0.1", "x", "127.0.0.1"));
    assert_true(in_child("capable=10.0.0.0/8,127.0.0.0/8", "x", "127.1.2.3"));
    assert_true(in_child("capable=0.0.0.0/0", "x", "127.1.2.3"));
    assert_true(in_child("capable=127.0.0.2/31", "x", "127.0.0.3"));
    assert_false(in_child("capable=127.0.0.2/31", "x", "127.0.0.4"));
    assert_false(in_child("capable=127.0.0.2/33,nonsense,1.2.3/4,127.0.0.1/-1", "x", "127.0.0.2"));
    assert_false(in_child("capable=127.0.0.1 leave-alone=x", "x", "127.0.0.1"));
}

static void peers_inet6(void **state)
{
    assert_true(in_child("capable=::1", "x", "::1"));
    assert_true(in_child("capable=::/0", "x", "127.0.0.1"));
    assert_false(in_child("capable=::2/127", "x", "::1"));
    assert_false(in_child("capable=0.0.0.0/0", "x", "::1"));
    /* A mapped address is an IPv4 one. */
    assert_true(in_child("capable=127.0.0.0/8", "x", "::ffff:127.0.0.1"));
}

static void no_peer(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    mps_exceptions_read("capable=0.0.0.0/0", "x");
    errno = 5;
    assert_false(mps_exceptions_peer_capable(fd));
    assert_int_equal(errno, 5);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs),    cmocka_unit_test(purposes), cmocka_unit_test(peers),
        cmocka_unit_test(peers_inet6), cmocka_unit_test(no_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
