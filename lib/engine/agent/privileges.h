/* SPDX-License-Identifier: MIT */
/*
 * What the agent may do besides carrying connections: as little as can be, whoever has started it.
 * At most these capabilities are kept: CAP_NET_BIND_SERVICE, by which connections go on that use
 * privileged ports, and CAP_NET_RAW if the user wants marks on all paths (the key `marks`).
 *
 * An agent of root starts (begin), and takes another user when it knows which one (become). The
 * kernel has privileges for each thread: user ids are set for all of them by libc, capabilities and
 * the filter of system calls (syscalls.h) by who calls it.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

bool mps_privileges_has(int capability);

/*
 * From here on this capability is the one that is kept, and no other: of a process with one task.
 */
void mps_privileges_keep_only(int capability);

/*
 * LeakSanitizer looks at the process from another one, at its end, by what nobody else needs: a
 * filter of system calls would have it wait for that one for ever.
 */
#if defined(__SANITIZE_ADDRESS__)
#define MPS_PRIVILEGES_WATCHED true
#else
#define MPS_PRIVILEGES_WATCHED false
#endif

/* Of any thread's; before there are threads, which inherit what is done here. */
void mps_privileges_begin(bool keep_marks);

/*
 * A user by name or number: its ids. False if there is none.
 */
bool mps_privileges_find(const char *user, uid_t *ret_uid, gid_t *ret_gid);

/* Take the user with all threads. False: refused, and as before. */
bool mps_privileges_become(uid_t uid, gid_t gid);

/*
 * The end of it: this thread has no capabilities but those that are kept, for good. `none`: not
 * even those.
 */
void mps_privileges_drop(bool none);

/* No further process or thread. */
void mps_privileges_alone(void);

/*
 * Is there a filter of system calls already, a service manager's for instance, that would kill
 * processes for some calls? A child tries.
 */
bool mps_privileges_kills(void (*calls)(void));

/* For what the functions above and mps_syscalls_confine do? */
bool mps_privileges_would_kill(void);
