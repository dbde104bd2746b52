/* SPDX-License-Identifier: MIT */
#include "kernelinfo.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "sys.h"

/* struct mptcp_subflow_data, which the program's buffer begins with. */
struct subflow_data {
    uint32_t size_subflow_data; /* of this structure, as the program knows it */
    uint32_t num_subflows, size_kernel;
    uint32_t size_user; /* of one element behind it */
};

/* struct mptcp_full_info without what the kernel has last, struct mptcp_info. */
struct full_info {
    uint32_t size_tcpinfo_kernel, size_tcpinfo_user;
    uint32_t size_sfinfo_kernel, size_sfinfo_user;
    uint32_t num_subflows, size_arrays_user;
    uint64_t subflow_info, tcp_info; /* pointers */
};

_Static_assert(sizeof(struct subflow_data) == 16 && sizeof(struct full_info) == 40,
               "as the kernel has them");

#define SFINFO_LEN offsetof(struct mps_kernelinfo_subflow, tcp_info)

/* What the agent gave. */
struct source {
    int fd;
    struct mps_kernelinfo head;
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* From the file to wherever the program wants it: the kernel judges the address. */
static int copy(const struct source *src, void *to, size_t len, size_t at)
{
    long n = len > 0 ? syscall(SYS_pread64, src->fd, to, len, (off_t)at) : 0;

    if (n < 0)
        return -errno;
    return (size_t)n == len ? 0 : -EPROTO;
}

static size_t place(uint32_t i, size_t member)
{
    return sizeof(struct mps_kernelinfo) + i * sizeof(struct mps_kernelinfo_subflow) + member;
}

static int get_info(const struct source *src, void *value, socklen_t *len)
{
    *len = least(*len, sizeof(src->head.info));
    memcpy(value, &src->head.info, *len);
    return 0;
}

/* MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS: `size` bytes of each subflow, from `member` on. */
static int get_each(const struct source *src, size_t member, uint32_t size, void *value,
                    socklen_t *len)
{
    struct subflow_data data;
    uint32_t left, copied = 0;
    char *to = value;

    if (*len < sizeof(data) || *len > INT_MAX)
        return -EINVAL;
    memcpy(&data, value, sizeof(data));
    if (data.size_subflow_data < sizeof(data) || data.size_subflow_data > *len ||
        data.size_user > INT_MAX || data.num_subflows != 0 || data.size_kernel != 0)
        return -EINVAL;
    left = *len - data.size_subflow_data;
    data.size_kernel = size;
    data.size_user = least(data.size_user, size);
    data.num_subflows = src->head.subflows;
    to += data.size_subflow_data;
    for (uint32_t i = 0; i < data.num_subflows && left > 0 && left >= data.size_user; i++) {
        int r = copy(src, to + copied, data.size_user, place(i, member));

        if (r < 0)
            return r;
        copied += data.size_user;
        left -= data.size_user;
    }
    *len = copied > 0 ? data.size_subflow_data + copied : (socklen_t)sizeof(data);
    memcpy(value, &data, sizeof(data));
    return 0;
}

/* An array of the program's, whose elements have `size` bytes. */
static int fill(const struct source *src, uint64_t array, uint32_t n, uint32_t size, size_t member)
{
    char *to = (char *)(uintptr_t)array;
    int r = 0;

    for (uint32_t i = 0; i < n && r == 0; i++)
        r = copy(src, to + (size_t)i * size, size, place(i, member));
    return r;
}

static int get_full(const struct source *src, void *value, socklen_t *len)
{
    struct full_info full;
    uint32_t n, more;
    int r;

    if (*len < sizeof(full) || *len > INT_MAX)
        return -EINVAL;
    memcpy(&full, value, sizeof(full));
    if (full.size_tcpinfo_kernel != 0 || full.size_sfinfo_kernel != 0 || full.num_subflows != 0 ||
        full.size_sfinfo_user > INT_MAX || full.size_tcpinfo_user > INT_MAX)
        return -EINVAL;
    more = least(*len - (socklen_t)sizeof(full), sizeof(src->head.info));
    full.size_tcpinfo_kernel = src->head.tcp_info;
    full.size_tcpinfo_user = least(full.size_tcpinfo_user, src->head.tcp_info);
    full.size_sfinfo_kernel = SFINFO_LEN;
    full.size_sfinfo_user = least(full.size_sfinfo_user, SFINFO_LEN);
    full.num_subflows = src->head.subflows;
    n = least(full.num_subflows, full.size_arrays_user);
    r = fill(src, full.subflow_info, n, full.size_sfinfo_user, 0);
    if (r == 0)
        r = fill(src, full.tcp_info, n, full.size_tcpinfo_user,
                 offsetof(struct mps_kernelinfo_subflow, tcp_info));
    if (r < 0)
        return r;
    memcpy(value, &full, sizeof(full));
    memcpy((char *)value + sizeof(full), &src->head.info, more);
    *len = (socklen_t)sizeof(full) + more;
    return 0;
}

static int get(const struct source *src, int option, void *value, socklen_t *len)
{
    switch (option) {
    case MPS_KERNEL_INFO:
        return get_info(src, value, len);
    case MPS_KERNEL_TCPINFO:
        return get_each(src, offsetof(struct mps_kernelinfo_subflow, tcp_info), src->head.tcp_info,
                        value, len);
    case MPS_KERNEL_ADDRS:
        return get_each(src, offsetof(struct mps_kernelinfo_subflow, addrs),
                        sizeof(struct mps_kernel_addrs), value, len);
    case MPS_KERNEL_FULL_INFO:
        return get_full(src, value, len);
    default:
        return -EOPNOTSUPP;
    }
}

int mps_kernelinfo_get(const struct mps_ho_conn *conn, int option, void *value, socklen_t *len)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    struct source src = {.fd = -1};
    int saved = errno, r;

    if (option < MPS_KERNEL_INFO || option > MPS_KERNEL_FULL_INFO)
        return -EOPNOTSUPP;
    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_KERNELINFO;
    if (!mps_ho_ask_for(conn, &req, &reply, &src.fd))
        return MPS_HO_NO_REPLY;
    if (src.fd < 0)
        return reply.status == MPS_HO_ERROR && reply.error > 0 ? -reply.error : -EPROTO;
    r = copy(&src, &src.head, sizeof(src.head), 0);
    if (r == 0 && src.head.tcp_info > MPS_KERNEL_TCP_MAX)
        r = -EPROTO;
    if (r == 0)
        r = get(&src, option, value, len);
    mps_sys_close(src.fd);
    errno = saved;
    return r;
}
