/* SPDX-License-Identifier: MIT */
/*
 * Sees when the processors stand still. The host of a virtual machine stops a processor for some
 * milliseconds whenever it likes, and all that runs there waits; a benchmark of delays must know.
 *
 *   witness FILE
 *
 * On each processor a thread of real-time priority wakes every half millisecond; if it comes more
 * than 1 ms late, FILE gets a line "BEGIN END" of the time it waited in vain (seconds, monotone).
 * Writes "ready" and runs until SIGTERM or the end of its parent.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 500000
#define LATE_NS   1000000
#define MAX_CPUS  64

static FILE *file;

static int64_t ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *watch(void *arg)
{
    int cpu = (int)(intptr_t)arg;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    /* Where that processor is not ours, another one is watched twice. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    for (;;) {
        struct timespec t;
        int64_t due, now;

        clock_gettime(CLOCK_MONOTONIC, &t);
        due = ns(t) + PERIOD_NS;
        t = (struct timespec){due / 1000000000, due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
            ;
        clock_gettime(CLOCK_MONOTONIC, &t);
        now = ns(t);
        if (now - due > LATE_NS)
            fprintf(file, "%.6f %.6f\n", (double)due / 1e9, (double)now / 1e9);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sched_param param = {.sched_priority = 2}; /* the link emulator has 1 */
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int error;

    file = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (!file) {
        fprintf(stderr, "usage: witness FILE\n");
        return 2;
    }
    setvbuf(file, NULL, _IOLBF, BUFSIZ);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1UL);
    error = sched_setscheduler(0, SCHED_RR, &param) < 0 ? errno : 0;
    for (long i = 0; i < cpus && i < MAX_CPUS && error == 0; i++) {
        pthread_t thread;

        error = pthread_create(&thread, NULL, watch, (void *)(intptr_t)i);
    }
    if (error != 0) {
        fprintf(stderr, "witness: %s\n", strerror(error));
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    pause();
    return 0;
}
