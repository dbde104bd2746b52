/* SPDX-License-Identifier: MIT */
#include "liketcp.h"
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include "ask.h"
#include "sys.h"

/* Of newer kernels than the headers. */
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY 82
#endif

/* ioctl() requests of sockets are 0x89xx, whether they also tell a size or not. */
#define REQUEST_TYPE(request) ((request) >> 8 & 0xff)
#define SOCKET_REQUEST        0x89
#define SIOCUNIXFILE          (SIOCPROTOPRIVATE + 0) /* opens what AF_UNIX is bound to */

bool mps_liketcp_keeps(int option)
{
    switch (option) {
    case SO_DEBUG:
    case SO_REUSEADDR:
    case SO_TYPE:
    case SO_ERROR:
    case SO_DONTROUTE:
    case SO_BROADCAST:
    case SO_SNDBUF:
    case SO_RCVBUF:
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
    case SO_KEEPALIVE:
    case SO_OOBINLINE:
    case SO_NO_CHECK:
    case SO_PRIORITY:
    case SO_LINGER:
    case SO_RCVLOWAT:
    case SO_SNDLOWAT:
    case 20: /* SO_RCVTIMEO and SO_SNDTIMEO, in their two forms */
    case 21:
    case 66:
    case 67:
    case SO_BINDTODEVICE:
    case SO_BINDTOIFINDEX:
    case SO_ATTACH_FILTER: /* refused */
    case SO_ATTACH_BPF:
    case SO_DETACH_FILTER:
    case SO_LOCK_FILTER:
    case 29: /* SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING, in their two forms */
    case 35:
    case 37:
    case 63:
    case 64:
    case 65:
    case SO_ACCEPTCONN:
    case SO_PROTOCOL: /* corrected */
    case SO_DOMAIN:
    case SO_MARK:
    case SO_RXQ_OVFL:
    case SO_WIFI_STATUS:
    case SO_NOFCS:
    case SO_SELECT_ERR_QUEUE:
    case SO_BUSY_POLL:
    case SO_PREFER_BUSY_POLL:
    case SO_BUSY_POLL_BUDGET:
    case SO_MAX_PACING_RATE:
    case SO_BPF_EXTENSIONS:
    case SO_INCOMING_CPU:
    case SO_INCOMING_NAPI_ID:
    case SO_CNX_ADVICE:
    case SO_MEMINFO:
    case SO_COOKIE:
    case SO_NETNS_COOKIE:
    case SO_TXTIME:
    case SO_RCVMARK:
    case SO_RCVPRIORITY:
    case SO_ZEROCOPY:
        return true;
    default:
        return false;
    }
}

static int fresh(const struct mps_ho_conn_name *name)
{
    return mps_sys_socket(name->local.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}

/*
 * Close it; what it answered (rc, errno) stays. Where there was none to ask (sock < 0) the answer
 * is that of a kernel which lacks the option, or the request: `without`.
 */
static int answer(int sock, int rc, int without)
{
    int error = errno;

    if (sock >= 0)
        mps_sys_close(sock);
    errno = sock >= 0 ? error : without;
    return sock >= 0 ? rc : -1;
}

/* TCP has it since a while only, and then a value that the program may have set: its own end has
 * the same. */
static bool is_shared(int level, int option)
{
    return level == SOL_SOCKET && option == SO_PEEK_OFF;
}

/* getpeername() by another name; the length has to fit. */
static int peer_name(const struct mps_ho_conn_name *name, int fd, void *value, socklen_t *len)
{
    const socklen_t size = mps_ho_sockaddr_len(&name->peer);

    if (mps_ho_conn_is_over(fd)) {
        errno = ENOTCONN;
        return -1;
    }
    errno = !len || !value ? EFAULT : EINVAL;
    if (!len || !value || *len > size)
        return -1;
    memcpy(value, &name->peer, *len);
    return 0;
}

int mps_liketcp_get(const struct mps_ho_conn_name *name, int fd, int level, int option, void *value,
                    socklen_t *len)
{
    int sock, rc = -1;

    if (level == SOL_SOCKET && option == SO_PEERNAME)
        return peer_name(name, fd, value, len);
    sock = fresh(name);
    if (sock >= 0)
        rc = mps_sys_getsockopt(sock, level, option, value, len);
    if (rc == 0 && is_shared(level, option))
        rc = mps_sys_getsockopt(fd, level, option, value, len);
    return answer(sock, rc, ENOPROTOOPT);
}

int mps_liketcp_set(const struct mps_ho_conn_name *name, int fd, int level, int option,
                    const void *value, socklen_t len)
{
    int sock = fresh(name), rc = -1;

    if (sock >= 0)
        rc = mps_sys_setsockopt(sock, level, option, value, len);
    if (rc == 0 && is_shared(level, option))
        rc = mps_sys_setsockopt(fd, level, option, value, len);
    return answer(sock, rc, ENOPROTOOPT);
}

bool mps_liketcp_answers(unsigned long request, int error)
{
    return REQUEST_TYPE(request) == SOCKET_REQUEST &&
           (error == ENOTTY || (error == 0 && request == SIOCUNIXFILE));
}

int mps_liketcp_ioctl(const struct mps_ho_conn_name *name, unsigned long request, void *arg)
{
    int sock = fresh(name), rc = -1;

    if (sock >= 0)
        rc = (int)syscall(SYS_ioctl, sock, request, arg);
    return answer(sock, rc, ENOTTY);
}

/* One message that has a sound length; may TCP be told this? */
static bool is_sendable(const struct cmsghdr *c)
{
    if (c->cmsg_level != SOL_SOCKET)
        return true;
    switch (c->cmsg_type) {
    case SCM_RIGHTS:
    case SCM_CREDENTIALS:
        return true;
    case SO_MARK:
    case 37: /* SO_TIMESTAMPING, in its two forms */
    case 65:
        return c->cmsg_len == CMSG_LEN(sizeof(uint32_t));
    default:
        return false;
    }
}

int mps_liketcp_control(const struct msghdr *msg)
{
    const char *at = msg->msg_control, *end = at + msg->msg_controllen;
    struct cmsghdr head;

    while (at && (size_t)(end - at) >= sizeof(head)) {
        memcpy(&head, at, sizeof(head));
        if (head.cmsg_len < sizeof(head) || head.cmsg_len > (size_t)(end - at) ||
            !is_sendable(&head)) {
            errno = EINVAL;
            return -1;
        }
        if (CMSG_ALIGN(head.cmsg_len) >= (size_t)(end - at))
            break;
        at += CMSG_ALIGN(head.cmsg_len);
    }
    return 0;
}
