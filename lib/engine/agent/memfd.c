/* SPDX-License-Identifier: MIT */
#include "memfd.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/show/json.h"

int mps_memfd_bytes(const void *data, size_t len)
{
    const char *text = data;
    size_t done = 0;
    int fd = memfd_create("mptcpshim", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    while (done < len) {
        ssize_t n = pwrite(fd, text + done, len - done, (off_t)done);

        if (n <= 0) {
            int err = n < 0 ? errno : EIO;

            close(fd);
            errno = err;
            return -1;
        }
        done += (size_t)n;
    }
    return fd;
}

int mps_memfd_json(struct json_object *root)
{
    const char *text;
    int fd = -1;

    root = mps_json_whole(root);
    text = root ? json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY) : NULL;
    if (text)
        fd = mps_memfd_bytes(text, strlen(text));
    else
        errno = ENOMEM;
    json_object_put(root);
    return fd;
}
