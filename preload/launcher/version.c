/* SPDX-License-Identifier: MIT */
#include "version.h"
#include "commit-generated.h"

const char *mps_launcher_version(void)
{
    if (MPS_COMMIT[0])
        return MPS_PROJECT_VERSION " (commit " MPS_COMMIT ")";
    return MPS_PROJECT_VERSION;
}
