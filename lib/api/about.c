/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include "mptcpshim/mptcpshim.h"

const char *mptcpshim_version(void)
{
    return MPS_VERSION;
}

/* The errno values that mean something particular here; the rest are the system calls' own. */
const char *mptcpshim_strerror(int error)
{
    const char *text;

    switch (error) {
    case 0:
        return "Success";
    case EPROTONOSUPPORT:
        return "Multipath is required, but the peer does not run the shim";
    case ENOTCONN:
        return "The connection is over, or its agent is gone";
    case EPROTO:
        return "The agent is of another version";
    default:
        text = strerrordesc_np(error);
        return text != NULL ? text : "Unknown error";
    }
}

int mptcpshim_preload_active(void)
{
    void *symbol = dlsym(RTLD_DEFAULT, "connect");
    Dl_info info;

    return symbol != NULL && dladdr(symbol, &info) != 0 && info.dli_fname != NULL &&
           strstr(info.dli_fname, "libmptcpshim_preload") != NULL;
}
