/* SPDX-License-Identifier: MIT */
#include "output.h"
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "launcher.h"

/* RFC 3629: the bytes of one character; 0: they are none, or do not end. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *ret)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c;

    if (len == 0 || p[0] > 0xf4 || len > n)
        return 0;
    c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return len;
}

/* C0 and C1, and characters that a terminal or an editor lays out rather than shows. */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void put_escaped(FILE *file, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(file, "\\x%02x", p[i]);
}

static void put_text(FILE *file, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t c;

    while (n > 0) {
        size_t len = decode(p, n, &c), taken = len > 0 ? len : 1;

        if (len == 0 || is_harmful(c))
            put_escaped(file, p, taken);
        else
            fwrite(p, 1, taken, file);
        p += taken;
        n -= taken;
    }
}

size_t mps_printable(const char *text, char *ret, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text), used = 0;
    uint32_t c = 0;

    while (n > 0) {
        size_t len = decode(p, n, &c), taken = len > 0 ? len : 1;
        bool plain = len > 0 && !is_harmful(c);

        if (used + (plain ? taken : 4 * taken) >= size)
            break;
        for (size_t i = 0; i < taken && !plain; i++)
            used += (size_t)snprintf(ret + used, size - used, "\\x%02x", p[i]);
        if (plain) {
            memcpy(ret + used, p, taken);
            used += taken;
        }
        p += taken;
        n -= taken;
    }
    ret[used] = '\0';
    return used;
}

/* Of one character, and how many bytes it has. */
static size_t columns_of(const char *text, size_t *ret_len)
{
    uint32_t c = 0;
    size_t len = decode((const unsigned char *)text, strnlen(text, 4), &c);

    *ret_len = len > 0 ? len : 1;
    return len > 0 && c >= 0x1100 && !(c >= 0x2000 && c < 0x2e80) ? 2 : 1;
}

size_t mps_columns(const char *text)
{
    size_t columns = 0, len;

    for (; *text; text += len)
        columns += columns_of(text, &len);
    return columns;
}

size_t mps_fitting(const char *text, size_t columns)
{
    size_t used = 0, n = 0, len;

    while (text[n]) {
        used += columns_of(text + n, &len);
        if (used > columns && n > 0)
            break;
        n += len;
    }
    return n;
}

#define WIDTH_MIN 20
#define WIDTH     80 /* of what is no terminal */

size_t mps_terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    long width = WIDTH;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns && strtol(columns, NULL, 10) > 0)
        width = strtol(columns, NULL, 10);
    return width < WIDTH_MIN ? WIDTH_MIN : (size_t)width;
}

static void print_list(FILE *file, const char *format, va_list ap)
{
    size_t end = strlen(format);
    bool newline = end > 0 && format[end - 1] == '\n';
    char *text;
    int n = vasprintf(&text, format, ap);

    if (n < 0) {
        fputs("out of memory\n", file);
        return;
    }
    put_text(file, text, (size_t)n - (newline && n > 0));
    if (newline)
        putc('\n', file);
    free(text);
}

void mps_print(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    print_list(stdout, format, ap);
    va_end(ap);
}

void mps_print_to(FILE *file, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    print_list(file, format, ap);
    va_end(ap);
}

void mps_launcher_complain(const char *format, ...)
{
    va_list ap;

    fputs("mptcpshim: ", stderr);
    va_start(ap, format);
    print_list(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/*
 * In a JSON text all but the blanks between its members stands within strings, where \u may stand
 * for any character; the library has escaped C0 there. Bytes that are no UTF-8 become U+FFFD.
 */
static void put_json(const char *text, bool lines)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text);
    uint32_t c = 0;

    while (n > 0) {
        size_t len = decode(p, n, &c), taken = len > 0 ? len : 1;

        if (len == 0)
            fputs("\\ufffd", stdout);
        else if (c == '\n' && lines)
            putchar('\n');
        else if (is_harmful(c))
            printf("\\u%04x", (unsigned)c);
        else
            fwrite(p, 1, taken, stdout);
        p += taken;
        n -= taken;
    }
    putchar('\n');
}

void mps_print_json(struct json_object *root)
{
    const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);

    put_json(text ? text : "", true);
}

void mps_print_json_line(const char *text)
{
    put_json(text, false);
}

int mps_print_end(int code)
{
    errno = 0;
    if (code == MPS_EXIT_FAILURE)
        return code; /* and a complaint has been made */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mps_launcher_complain("standard output: %s", errno ? strerror(errno) : "not written");
        return MPS_EXIT_FAILURE;
    }
    return code == 0 && ferror(stderr) ? MPS_EXIT_FAILURE : code;
}
