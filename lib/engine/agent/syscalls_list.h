/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL(name): the agent makes it, or the C library, libev, OpenSSL do for it. Names that an
 * architecture has not are passed over. Those with conditions for their arguments are in
 * syscalls.c.
 */
#pragma once

/* clang-format off */
#define MPS_SYSCALLS(SYSCALL) \
    /* Connections. */ \
    SYSCALL(accept4) \
    SYSCALL(bind) \
    SYSCALL(connect) \
    SYSCALL(getpeername) \
    SYSCALL(getsockname) \
    SYSCALL(getsockopt) \
    SYSCALL(listen) \
    SYSCALL(recvfrom) \
    SYSCALL(recvmmsg) \
    SYSCALL(recvmsg) \
    SYSCALL(sendmmsg) \
    SYSCALL(sendmsg) \
    SYSCALL(sendto) \
    SYSCALL(shutdown) \
    /* Descriptors. */ \
    SYSCALL(close) \
    SYSCALL(dup) \
    SYSCALL(dup3) \
    SYSCALL(fcntl) \
    SYSCALL(fcntl64) \
    SYSCALL(ioctl) \
    SYSCALL(memfd_create) \
    SYSCALL(pidfd_open) \
    SYSCALL(pipe2) \
    SYSCALL(pread64) \
    SYSCALL(pwrite64) \
    SYSCALL(read) \
    SYSCALL(readv) \
    SYSCALL(splice) \
    SYSCALL(tee) \
    SYSCALL(vmsplice) \
    SYSCALL(write) \
    SYSCALL(writev) \
    /* Files: of /proc and /sys, what is known of peers, the trace. */ \
    SYSCALL(access) \
    SYSCALL(faccessat) \
    SYSCALL(faccessat2) \
    SYSCALL(fdatasync) \
    SYSCALL(fstat) \
    SYSCALL(fstat64) \
    SYSCALL(fstatat64) \
    SYSCALL(fsync) \
    SYSCALL(ftruncate) \
    SYSCALL(ftruncate64) \
    SYSCALL(getdents64) \
    SYSCALL(lseek) \
    SYSCALL(_llseek) \
    SYSCALL(lstat) \
    SYSCALL(mkdir) \
    SYSCALL(mkdirat) \
    SYSCALL(newfstatat) \
    SYSCALL(open) \
    SYSCALL(openat) \
    SYSCALL(readlink) \
    SYSCALL(readlinkat) \
    SYSCALL(rename) \
    SYSCALL(renameat) \
    SYSCALL(renameat2) \
    SYSCALL(stat) \
    SYSCALL(statx) \
    SYSCALL(unlink) \
    SYSCALL(unlinkat) \
    /* Waiting, time, signals. */ \
    SYSCALL(clock_getres) \
    SYSCALL(clock_gettime) \
    SYSCALL(clock_gettime64) \
    SYSCALL(clock_nanosleep) \
    SYSCALL(clock_nanosleep_time64) \
    SYSCALL(epoll_create1) \
    SYSCALL(epoll_ctl) \
    SYSCALL(epoll_pwait) \
    SYSCALL(epoll_pwait2) \
    SYSCALL(epoll_wait) \
    SYSCALL(eventfd2) \
    SYSCALL(futex) \
    SYSCALL(futex_time64) \
    SYSCALL(getcpu) \
    SYSCALL(getrusage) \
    SYSCALL(gettimeofday) \
    SYSCALL(nanosleep) \
    SYSCALL(poll) \
    SYSCALL(ppoll) \
    SYSCALL(ppoll_time64) \
    SYSCALL(restart_syscall) \
    SYSCALL(rt_sigaction) \
    SYSCALL(rt_sigprocmask) \
    SYSCALL(rt_sigreturn) \
    SYSCALL(sched_getaffinity) \
    SYSCALL(sched_yield) \
    SYSCALL(sigaltstack) \
    SYSCALL(time) \
    SYSCALL(timerfd_create) \
    SYSCALL(timerfd_settime) \
    /* Memory. */ \
    SYSCALL(brk) \
    SYSCALL(madvise) \
    SYSCALL(membarrier) \
    SYSCALL(mremap) \
    SYSCALL(munmap) \
    SYSCALL(shmctl) \
    SYSCALL(shmdt) \
    SYSCALL(sysinfo) \
    /* The process itself. */ \
    SYSCALL(capget) \
    SYSCALL(capset) /* threads drop what they have left */ \
    SYSCALL(exit) \
    SYSCALL(exit_group) \
    SYSCALL(getegid) \
    SYSCALL(geteuid) \
    SYSCALL(getgid) \
    SYSCALL(getpid) \
    SYSCALL(getppid) \
    SYSCALL(getrandom) \
    SYSCALL(getrlimit) \
    SYSCALL(gettid) \
    SYSCALL(getuid) \
    SYSCALL(prlimit64) \
    SYSCALL(rseq) \
    SYSCALL(sched_setaffinity) \
    SYSCALL(set_robust_list) \
    SYSCALL(set_tid_address) \
    SYSCALL(setrlimit) \
    SYSCALL(uname) \
    SYSCALL(wait4)
/* clang-format on */
