/* SPDX-License-Identifier: MIT */
/* Bind the functions behind those of exec.c; mps_next_bind() does it. */
#pragma once

void mps_exec_bind(void);
