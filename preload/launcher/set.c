/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include "handover/message.h"
#include "launcher.h"

int mps_launcher_set(int argc, char **argv)
{
    if (argc != 3) {
        mps_launcher_complain("set: a connection's token, and scheduler=NAME; "
                              "try 'mptcpshim help'");
        return MPS_EXIT_FAILURE;
    }
    return mps_launcher_tell(MPS_HO_CONN_SET, NULL, "set", argc - 1, argv + 1);
}
