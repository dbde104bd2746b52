/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/agent/clock.h"
#include "engine/net/sock.h"
#include "log.h"

#define FLUSH_SECONDS 1.0
#define NAME_MAX_LEN  512

/* ---- the table of records ---- */

enum kind { U64, I64, FLAG, NAME, TOKEN, ADDR };

struct field {
    const char *name;
    enum kind kind;
    size_t at; /* in struct mps_trace_record */
};

struct row {
    const char *name;
    const struct field *fields; /* up to one without name */
};

#define FIELD(kind, member, name)          {#name, kind, offsetof(struct mps_trace_record, member.name)},
#define RECORD(type, member, text, fields) {text, (const struct field[]){fields{NULL, U64, 0}}},

static const struct row rows[] = {MPS_TRACE_RECORDS(RECORD, FIELD)};

/* ---- the file ---- */

/* `why`: NULL, or the error. Nothing is written from now on. */
static void end(struct mps_tracer *self, const char *why)
{
    if (why)
        mps_log("trace: ended: %s", why);
    close(self->fd);
    self->fd = -1;
    self->n = 0;
}

/* A regular file takes all of it, or there is no space. */
static void write_out(struct mps_tracer *self)
{
    size_t done = 0;

    while (self->fd >= 0 && done < self->n) {
        ssize_t n = write(self->fd, self->buf + done, self->n - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            end(self, n < 0 ? strerror(errno) : "nothing can be written");
            return;
        }
        done += (size_t)n;
        self->size += (size_t)n;
    }
    self->n = 0;
}

/* There is room for one line more in the buffer, or no trace any more. */
static bool prepare(struct mps_tracer *self)
{
    if (self->fd >= 0 && self->n + MPS_TRACER_LINE > MPS_TRACER_BUFFER)
        write_out(self);
    if (self->fd >= 0 && self->size + self->n + 2 * MPS_TRACER_LINE > self->max) {
        self->n += (size_t)snprintf(self->buf + self->n, MPS_TRACER_LINE,
                                    "{\"time\":%.3f,\"name\":\"trace:ended\",\"data\":{\"reason\":"
                                    "\"size\"}}\n",
                                    (double)mps_clock_now() / MPS_MSEC);
        write_out(self);
        if (self->fd >= 0)
            end(self, "the file is full");
    }
    return self->fd >= 0;
}

/* ---- lines ---- */

static size_t put_value(char *out, size_t size, const struct field *f,
                        const struct mps_trace_record *record)
{
    const void *p = (const char *)record + f->at;
    char text[MPS_SOCK_TEXT_LEN];
    int n = 0;

    switch (f->kind) {
    case U64:
        n = snprintf(out, size, ",\"%s\":%" PRIu64, f->name, *(const mps_trace_U64 *)p);
        break;
    case I64:
        n = snprintf(out, size, ",\"%s\":%" PRId64, f->name, *(const mps_trace_I64 *)p);
        break;
    case FLAG:
        n = snprintf(out, size, ",\"%s\":%s", f->name,
                     *(const mps_trace_FLAG *)p ? "true" : "false");
        break;
    case NAME:
        n = snprintf(out, size, ",\"%s\":\"%s\"", f->name,
                     *(const mps_trace_NAME *)p ? *(const mps_trace_NAME *)p : "");
        break;
    case TOKEN:
        n = snprintf(out, size, ",\"%s\":\"%08" PRIx32 "\"", f->name, *(const mps_trace_TOKEN *)p);
        break;
    case ADDR:
        n = snprintf(out, size, ",\"%s\":\"%s\"", f->name,
                     mps_sock_text((const mps_trace_ADDR *)p, text));
        break;
    }
    return (size_t)n;
}

static size_t format(char *out, size_t size, const struct mps_trace_record *record)
{
    const struct row *row = &rows[record->type];
    bool about_subflow = record->subflow != MPS_TRACE_NO_SUBFLOW;
    size_t n = (size_t)snprintf(
        out, size, "{\"time\":%.3f,\"group_id\":\"%08" PRIx32 "\",\"name\":\"%s\",\"data\":{",
        (double)mps_clock_now() / MPS_MSEC, record->token, row->name);
    size_t first = n; /* its comma is left out */

    if (about_subflow)
        n += (size_t)snprintf(out + n, size - n, ",\"subflow\":%" PRIu32, record->subflow);
    for (const struct field *f = row->fields; f->name; f++)
        n += put_value(out + n, size - n, f, record);
    if (n > first) {
        memmove(out + first, out + first + 1, n - first - 1);
        n--;
    }
    memcpy(out + n, "}}\n", 3);
    return n + 3;
}

static void on_record(void *user, const struct mps_trace_record *record)
{
    struct mps_tracer *self = user;

    pthread_mutex_lock(&self->lock);
    if (prepare(self))
        self->n += format(self->buf + self->n, MPS_TRACER_LINE, record);
    pthread_mutex_unlock(&self->lock);
}

/* The first line of what this agent writes. */
static void put_header(struct mps_tracer *self, const char *agent_id)
{
    struct timespec wall;
    char date[32];
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &wall);
    gmtime_r(&wall.tv_sec, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    if (!prepare(self))
        return;
    self->n += (size_t)snprintf(
        self->buf + self->n, MPS_TRACER_LINE,
        "{\"file_schema\":\"urn:mptcpshim:trace:1\",\"serialization_format\":"
        "\"application/x-ndjson\",\"title\":\"mptcpshim\",\"time\":%.3f,"
        "\"trace\":{\"vantage_point\":{\"name\":\"%s\",\"type\":\"unknown\",\"pid\":%d},"
        "\"common_fields\":{\"time_format\":\"relative_to_epoch\",\"reference_time\":"
        "{\"clock_type\":\"monotonic\",\"epoch\":\"unknown\",\"wall_clock_time\":"
        "\"%s.%06ldZ\"}}}}\n",
        (double)mps_clock_now() / MPS_MSEC, agent_id, (int)getpid(), date, wall.tv_nsec / 1000);
}

/* ---- life ---- */

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    mps_tracer_flush(timer->data);
}

void mps_tracer_init(struct mps_tracer *self, struct ev_loop *loop)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->fd = -1;
    self->max = MPS_TRACER_MAX;
    self->trace = (struct mps_trace){on_record, self};
    pthread_mutex_init(&self->lock, NULL);
    ev_timer_init(&self->timer, on_timer, FLUSH_SECONDS, FLUSH_SECONDS);
    self->timer.data = self;
}

void mps_tracer_deinit(struct mps_tracer *self)
{
    ev_timer_stop(self->loop, &self->timer);
    mps_tracer_flush(self);
    if (self->fd >= 0)
        end(self, NULL);
    free(self->buf);
    pthread_mutex_destroy(&self->lock);
}

void mps_tracer_flush(struct mps_tracer *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->fd >= 0 && self->n > 0)
        write_out(self);
    pthread_mutex_unlock(&self->lock);
}

const struct mps_trace *mps_tracer_trace(const struct mps_tracer *self)
{
    return self->buf ? &self->trace : NULL;
}

/* The name with our number in place of %p. False: too long. */
static bool expand(const char *name, char out[NAME_MAX_LEN])
{
    size_t n = 0;

    while (*name && n < NAME_MAX_LEN - 16) {
        if (name[0] == '%' && name[1] == 'p') {
            n += (size_t)snprintf(out + n, NAME_MAX_LEN - n, "%d", (int)getpid());
            name += 2;
        } else {
            out[n++] = *name++;
        }
    }
    out[n] = '\0';
    return *name == '\0';
}

/* Nobody else may lead us to write into a file that was there for something else. */
static int open_file(const char *name, uint64_t *ret_size)
{
    int fd = open(
        name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0600);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    *ret_size = (uint64_t)st.st_size;
    return fd;
}

int mps_tracer_open(struct mps_tracer *self, const char *name, const char *agent_id)
{
    char path[NAME_MAX_LEN];

    if (!expand(name, path)) {
        errno = ENAMETOOLONG;
        return MPS_ESYS;
    }
    self->buf = malloc(MPS_TRACER_BUFFER);
    if (!self->buf)
        return MPS_ENOMEM;
    self->fd = open_file(path, &self->size);
    if (self->fd < 0) {
        free(self->buf);
        self->buf = NULL;
        return MPS_ESYS;
    }
    put_header(self, agent_id);
    ev_timer_start(self->loop, &self->timer);
    return 0;
}
