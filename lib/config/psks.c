/* SPDX-License-Identifier: MIT */
#include "psks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536

static const char allowed[] = "IDENTITY KEY [ADDRESS/PREFIX...], the key as 32 to 128 hexadecimal "
                              "digits";

static bool bad(const char *file, unsigned line, const char *why, const char *what,
                struct mps_settings_report *report)
{
    const struct mps_settings_error error = {.file = file,
                                             .line = line,
                                             .section = "",
                                             .key = "",
                                             .value = "",
                                             .why = why,
                                             .allowed = what};

    report->n_bad++;
    if (report->bad)
        report->bad(report->user, &error);
    return false;
}

/* ---- lines ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *take_key(const char *text, struct mps_psk *ret)
{
    size_t len = strlen(text) / 2;

    if (strlen(text) % 2 != 0)
        return "the key has an odd number of digits";
    if (len < MPS_PSK_MIN || len > MPS_PSK_MAX)
        return "the key is too short or too long";
    for (size_t i = 0; i < len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return "the key is not hexadecimal";
        ret->key[i] = (uint8_t)(high << 4 | low);
    }
    ret->key_len = (uint8_t)len;
    return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *take_line(struct mps_psks *psks, char *line)
{
    struct mps_psk_row *row = &psks->row[psks->n];
    char *identity = mps_value_next(&line), *key = mps_value_next(&line), *peer;
    const char *why;

    if (!identity)
        return NULL;
    if (psks->n == MPS_PSKS)
        return "too many keys, 64 are possible";
    if (!key)
        return "no key";
    if (strlen(identity) > MPS_IDENTITY_MAX)
        return "the identity is too long";
    if (mps_psks_named(psks, (const uint8_t *)identity, strlen(identity)))
        return "the identity has a key already";
    memset(row, 0, sizeof(*row));
    row->psk.identity_len = (uint8_t)strlen(identity);
    memcpy(row->psk.identity, identity, row->psk.identity_len);
    why = take_key(key, &row->psk);
    while (!why && (peer = mps_value_next(&line))) {
        if (row->n_peers == MPS_PSK_PEERS)
            return "too many addresses, 8 are possible";
        why = mps_value_prefix(peer, &row->peers[row->n_peers++]);
    }
    if (!why)
        psks->n++;
    return why;
}

static bool take_text(struct mps_psks *psks, char *text, const char *file,
                      struct mps_settings_report *report)
{
    unsigned number = 0;

    while (text) {
        char *line = text, *end = strchr(text, '\n');
        const char *why;

        number++;
        text = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        line[strcspn(line, "\r")] = '\0';
        why = line[strspn(line, " \t")] == '#' ? NULL : take_line(psks, line);
        if (why)
            return bad(file, number, why, allowed, report);
    }
    return true;
}

/* ---- the file ---- */

/* NULL, or why nobody should trust it. */
static const char *refusal(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return "it belongs to another user";
    return st.st_mode & (S_IRWXG | S_IRWXO) ? "others than its owner may use it" : NULL;
}

static const char *read_all(const char *file, char *text, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *why = fd < 0 ? strerror(errno) : refusal(fd);
    size_t len = 0;
    ssize_t n = 1;

    while (!why && len < size && (n = read(fd, text + len, size - len)) > 0)
        len += (size_t)n;
    if (!why && n < 0)
        why = strerror(errno);
    if (fd >= 0)
        close(fd);
    if (!why && len == size)
        why = "too long";
    if (!why && memchr(text, '\0', len))
        why = "has a NUL";
    text[why ? 0 : len] = '\0';
    return why;
}

bool mps_psks_read(struct mps_psks *ret, const char *file, struct mps_settings_report *report)
{
    static char text[FILE_MAX + 1];
    const char *why = read_all(file, text, FILE_MAX);
    bool right;

    memset(ret, 0, sizeof(*ret));
    right = why ? bad(file, 0, why, "a text file of mode 0600, of this user or root", report)
                : take_text(ret, text, file, report);
    explicit_bzero(text, sizeof(text));
    if (!right)
        mps_psks_wipe(ret);
    return right;
}

/* ---- looking for one ---- */

const struct mps_psk *mps_psks_for(const struct mps_psks *psks, const struct mps_addr *peer)
{
    for (unsigned i = 0; psks && i < psks->n; i++) {
        const struct mps_psk_row *row = &psks->row[i];

        for (unsigned k = 0; k < row->n_peers; k++) {
            if (mps_prefix_contains(&row->peers[k], peer))
                return &row->psk;
        }
        if (row->n_peers == 0)
            return &row->psk;
    }
    return NULL;
}

const struct mps_psk *mps_psks_named(const struct mps_psks *psks, const uint8_t *identity,
                                     size_t len)
{
    for (unsigned i = 0; psks && i < psks->n; i++) {
        const struct mps_psk *psk = &psks->row[i].psk;

        if (psk->identity_len == len && memcmp(psk->identity, identity, len) == 0)
            return psk;
    }
    return NULL;
}

void mps_psks_wipe(struct mps_psks *psks)
{
    explicit_bzero(psks, sizeof(*psks));
}
