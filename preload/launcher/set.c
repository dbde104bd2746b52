/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "handover/message.h"
#include "launcher.h"

static bool is_name(const char *word)
{
    size_t len = strlen(word);

    return (len == 8 || len == 16) && strspn(word, "0123456789abcdefABCDEF") == len;
}

int mps_launcher_set(int argc, char **argv)
{
    if (argc > 1 && !is_name(argv[1])) {
        mps_launcher_complain("set: '%s' is no connection's token (8 hexadecimal digits) or id "
                              "(16), as 'mptcpshim status --json' shows them",
                              argv[1]);
        return MPS_EXIT_FAILURE;
    }
    if (argc != 3) {
        mps_launcher_complain("set: a connection's token, and scheduler=NAME; "
                              "try 'mptcpshim set --help'");
        return MPS_EXIT_FAILURE;
    }
    return mps_launcher_tell(MPS_HO_CONN_SET, NULL, "set", argc - 1, argv + 1);
}
