/* SPDX-License-Identifier: MIT */
/*
 * Bounds-checked cursors over a byte buffer, big endian. A read or write that does not fit has no
 * effect but to set `bad`, which stays set; reads then give zero. So a caller may do a whole series
 * and look at `bad` once, at the end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mps_reader {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct mps_reader mps_reader_of(const uint8_t *buf, size_t len)
{
    return (struct mps_reader){.p = buf, .end = buf + len};
}

static inline size_t mps_reader_left(const struct mps_reader *r)
{
    return (size_t)(r->end - r->p);
}

/* The next n bytes, or NULL. */
static inline const uint8_t *mps_read_ref(struct mps_reader *r, size_t n)
{
    const uint8_t *p = r->p;

    if (r->bad || mps_reader_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    return p;
}

static inline uint64_t mps_read_be(struct mps_reader *r, size_t n)
{
    const uint8_t *p = mps_read_ref(r, n);
    uint64_t v = 0;

    for (size_t i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static inline uint8_t mps_read_u8(struct mps_reader *r)
{
    return (uint8_t)mps_read_be(r, 1);
}

static inline uint16_t mps_read_u16(struct mps_reader *r)
{
    return (uint16_t)mps_read_be(r, 2);
}

static inline uint32_t mps_read_u32(struct mps_reader *r)
{
    return (uint32_t)mps_read_be(r, 4);
}

static inline uint64_t mps_read_u64(struct mps_reader *r)
{
    return mps_read_be(r, 8);
}

static inline void mps_read_bytes(struct mps_reader *r, void *out, size_t n)
{
    const uint8_t *p = mps_read_ref(r, n);

    if (p)
        memcpy(out, p, n);
}

struct mps_writer {
    uint8_t *start, *p, *end;
    bool bad;
};

static inline struct mps_writer mps_writer_of(uint8_t *buf, size_t len)
{
    return (struct mps_writer){.start = buf, .p = buf, .end = buf + len};
}

static inline size_t mps_writer_used(const struct mps_writer *w)
{
    return (size_t)(w->p - w->start);
}

static inline void mps_write_be(struct mps_writer *w, uint64_t v, size_t n)
{
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        w->p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    w->p += n;
}

static inline void mps_write_u8(struct mps_writer *w, uint8_t v)
{
    mps_write_be(w, v, 1);
}

static inline void mps_write_u16(struct mps_writer *w, uint16_t v)
{
    mps_write_be(w, v, 2);
}

static inline void mps_write_u32(struct mps_writer *w, uint32_t v)
{
    mps_write_be(w, v, 4);
}

static inline void mps_write_u64(struct mps_writer *w, uint64_t v)
{
    mps_write_be(w, v, 8);
}

static inline void mps_write_bytes(struct mps_writer *w, const void *data, size_t n)
{
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return;
    }
    memcpy(w->p, data, n);
    w->p += n;
}
