/* SPDX-License-Identifier: MIT */
/*
 * A filter in the kernel lets the agent make the system calls of syscalls_list.h only, and some of
 * them with some arguments only. Any other fails with EPERM, and the kernel logs it: to kill the
 * process instead would end every connection over a call that was forgotten. Builds for tests
 * (-Dinvariants=true) do kill it.
 */
#pragma once

/*
 * All threads of the process, for good; no_new_privs has to be set. 0; MPS_ESYS with errno: there
 * is no filter.
 */
int mps_syscalls_confine(void);
