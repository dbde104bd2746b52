/* SPDX-License-Identifier: MIT */
/*
 * The connection's own repetition. TCP delivered what was sent, but to whom? A proxy may have lost
 * it: bytes that get no DATA_ACK for long are sent again. Without anything outstanding the peer's
 * credit is asked for (TCP's zero window probe).
 */
#pragma once
#include "core/conn/state.h"

/* Set c->tx.rtx_at anew, if anything is outstanding; `progress`: the peer has moved. */
void mps_repeat_arm(struct mps_conn *c, mps_time_t now, bool progress);
void mps_repeat_timer(struct mps_conn *c, mps_time_t now);
