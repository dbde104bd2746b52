/* SPDX-License-Identifier: MIT */
/*
 * What connections can be for, a row each, the default first: PURPOSE(NAME, the word that users
 * write, the scheduler that serves it). mptcpshim(1) describes each of them under --for.
 */
#pragma once

#define MPS_PURPOSES(PURPOSE)                                                                      \
    PURPOSE(BULK, bulk, ecf)                                                                       \
    PURPOSE(INTERACTIVE, interactive, selective)                                                   \
    PURPOSE(HANDOVER, handover, backup)
