/* SPDX-License-Identifier: MIT */
/* cmocka 1.1.5 needs these headers before it; tests include this instead of <cmocka.h>. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
