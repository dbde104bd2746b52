/* SPDX-License-Identifier: MIT */
#include "err.h"

const char *mps_strerror(int code)
{
    switch (code) {
    case 0:
        return "success";
#define X(name, value, text)                                                                       \
    case MPS_E##name:                                                                              \
        return text;
        MPS_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}
