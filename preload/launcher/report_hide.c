/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

#define KNOWN_MAX 4096

struct known {
    size_t n;
    struct {
        int family;
        unsigned char ip[16];
    } address[KNOWN_MAX];
};

/* Addresses that say nothing of anybody. */
static bool is_common(int family, const unsigned char ip[16])
{
    static const unsigned char none[16], loopback[16] = {[15] = 1};

    if (family == AF_INET)
        return ip[0] == 127 || memcmp(ip, none, 4) == 0 || ip[0] == 255;
    return memcmp(ip, none, 16) == 0 || memcmp(ip, loopback, 16) == 0;
}

static size_t number_of(struct known *known, int family, const unsigned char ip[16])
{
    size_t i = 0;

    while (i < known->n &&
           (known->address[i].family != family || memcmp(known->address[i].ip, ip, 16) != 0))
        i++;
    if (i == known->n && known->n < KNOWN_MAX) {
        known->address[i].family = family;
        memcpy(known->address[i].ip, ip, 16);
        known->n++;
    }
    return i + 1;
}

/* One that the text begins with: its length, 0 if there is none. */
static size_t parse(const char *text, size_t len, int family, unsigned char ip[16])
{
    char word[INET6_ADDRSTRLEN + 1];

    memset(ip, 0, 16);
    if (len == 0 || len >= sizeof(word))
        return 0;
    memcpy(word, text, len);
    word[len] = '\0';
    return inet_pton(family, word, ip) == 1 ? len : 0;
}

static size_t find(const char *text, int *family, unsigned char ip[16])
{
    size_t len = strspn(text, "0123456789abcdefABCDEF:."), dotted = strspn(text, "0123456789.");

    while (len > 1 && text[len - 1] == '.') /* the end of a sentence */
        len--;
    while (dotted > 1 && text[dotted - 1] == '.')
        dotted--;
    *family = AF_INET6;
    if (memchr(text, ':', len) && parse(text, len, AF_INET6, ip))
        return len;
    *family = AF_INET;
    return parse(text, dotted, AF_INET, ip);
}

static bool is_inside(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == ':' || c == '_';
}

char *mps_report_hide(const char *text)
{
    struct known *known = calloc(1, sizeof(*known));
    char *hidden = NULL;
    size_t size = 0;
    FILE *out = known ? open_memstream(&hidden, &size) : NULL;
    char before = ' ';

    while (out && *text) {
        unsigned char ip[16];
        int family;
        size_t len = is_inside(before) ? 0 : find(text, &family, ip);

        if (len > 0 && !is_common(family, ip))
            fprintf(out, "address-%zu", number_of(known, family, ip));
        else
            fwrite(text, 1, len > 0 ? len : 1, out);
        text += len > 0 ? len : 1;
        before = text[-1];
    }
    free(known);
    if (!out || fclose(out) == 0)
        return hidden;
    free(hidden);
    return NULL;
}
