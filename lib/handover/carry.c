/* SPDX-License-Identifier: MIT */
#include "carry.h"
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include "sys.h"

/* A fresh socket has zeros in each of these. */
static void copy_option(int from, int to, int name)
{
    static const unsigned char zeros[32];
    unsigned char value[sizeof(zeros)]; /* int, linger or timeval */
    socklen_t len = sizeof(value);

    if (mps_sys_getsockopt(from, SOL_SOCKET, name, value, &len) == 0 && len <= sizeof(value) &&
        memcmp(value, zeros, len) != 0)
        (void)mps_sys_setsockopt(to, SOL_SOCKET, name, value, len);
}

static void copy_lowat(int from, int to)
{
    int lowat = 1;
    socklen_t len = sizeof(lowat);

    if (mps_sys_getsockopt(from, SOL_SOCKET, SO_RCVLOWAT, &lowat, &len) == 0 && lowat != 1)
        (void)mps_sys_setsockopt(to, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
}

/* Who gets SIGIO and SIGURG, and the file status flags. */
static void copy_file_flags(int from, int to)
{
    int flags = mps_sys_fcntl(from, F_GETFL, 0);
    int signal_number = mps_sys_fcntl(from, F_GETSIG, 0);
    struct f_owner_ex owner = {.pid = 0};

    if (mps_sys_fcntl(from, F_GETOWN_EX, (unsigned long)(uintptr_t)&owner) == 0 && owner.pid != 0)
        (void)mps_sys_fcntl(to, F_SETOWN_EX, (unsigned long)(uintptr_t)&owner);
    if (signal_number > 0)
        (void)mps_sys_fcntl(to, F_SETSIG, (unsigned long)signal_number);
    if (flags >= 0)
        (void)mps_sys_fcntl(to, F_SETFL, (unsigned long)(flags & (O_NONBLOCK | O_ASYNC)));
}

void mps_carry_settings(int from, int to)
{
    /* The last one stands for a wish of the program's (preload/mptcp.h). */
    static const int names[] = {SO_RCVTIMEO,      SO_SNDTIMEO,  SO_LINGER,   SO_OOBINLINE,
                                SO_KEEPALIVE,     SO_REUSEADDR, SO_PRIORITY, SO_MARK,
                                SO_BINDTOIFINDEX, SO_MAX_PACING_RATE,
                                SO_RXQ_OVFL};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        copy_option(from, to, names[i]);
    copy_lowat(from, to);
    copy_file_flags(from, to);
}
