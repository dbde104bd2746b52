/* SPDX-License-Identifier: MIT */
#include "box.h"
#include <stdbool.h>
#include <string.h>

#define TCP      6
#define FLAG_SYN 0x02
#define LARGE    512
#define SACK     5

/* A TCP segment within a packet. */
struct segment {
    uint8_t *ip, *tcp, *data;
    uint32_t len; /* of the data */
};

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static bool find(uint8_t *packet, uint32_t len, struct segment *s)
{
    uint32_t ip_len, tcp_len;

    if (len < 40 || packet[0] >> 4 != 4 || packet[9] != TCP)
        return false;
    ip_len = (packet[0] & 15u) * 4;
    if (ip_len < 20 || ip_len + 20 > len)
        return false;
    s->ip = packet;
    s->tcp = packet + ip_len;
    tcp_len = (uint32_t)(s->tcp[12] >> 4) * 4;
    if (tcp_len < 20 || ip_len + tcp_len > len)
        return false;
    s->data = s->tcp + tcp_len;
    s->len = len - ip_len - tcp_len;
    return true;
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t start)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        start += (uint32_t)p[i] << 8 | p[i + 1];
    return n % 2 ? start + ((uint32_t)p[n - 1] << 8) : start;
}

static void put_sum(uint8_t *at, uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    s = ~s;
    at[0] = (uint8_t)(s >> 8);
    at[1] = (uint8_t)s;
}

static void seal(struct segment *s)
{
    size_t ip_len = (size_t)(s->tcp - s->ip), tcp_len = (size_t)(s->data - s->tcp) + s->len;
    size_t total = ip_len + tcp_len;

    s->ip[2] = (uint8_t)(total >> 8);
    s->ip[3] = (uint8_t)total;
    memset(s->ip + 10, 0, 2);
    put_sum(s->ip + 10, sum(s->ip, ip_len, 0));
    memset(s->tcp + 16, 0, 2);
    put_sum(s->tcp + 16, sum(s->tcp, tcp_len, sum(s->ip + 12, 8, TCP + (uint32_t)tcp_len)));
}

static void ends_of(const struct segment *s, bool back, uint8_t ends[12])
{
    memcpy(ends + (back ? 4 : 0), s->ip + 12, 4);
    memcpy(ends + (back ? 0 : 4), s->ip + 16, 4);
    memcpy(ends + (back ? 10 : 8), s->tcp, 2);
    memcpy(ends + (back ? 8 : 10), s->tcp + 2, 2);
}

static const struct bed_box_flow *flow_of(const struct bed_box *box, const struct segment *s,
                                          bool back)
{
    uint8_t ends[12];

    ends_of(s, back, ends);
    for (unsigned i = 0; i < box->n_flows && i < BED_BOX_FLOWS; i++) {
        if (memcmp(box->flow[i].ends, ends, sizeof(ends)) == 0)
            return &box->flow[i];
    }
    return NULL;
}

static void begin_flow(struct bed_box *box, const struct segment *s)
{
    struct bed_box_flow *f = &box->flow[box->n_flows++ % BED_BOX_FLOWS];

    ends_of(s, false, f->ends);
    f->at = get32(s->tcp + 4) + 1 + box->config.insert;
}

static bool behind(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* The sender counts without the bytes that were put in. */
static void take_back(uint8_t *number, const struct bed_box_flow *f)
{
    uint32_t n = get32(number);

    if (behind(n, f->at))
        put32(number, n - f->at > BED_BOX_MORE ? n - BED_BOX_MORE : f->at);
}

static void acknowledge(struct segment *s, const struct bed_box_flow *f)
{
    uint8_t *opt = s->tcp + 20;

    take_back(s->tcp + 8, f);
    while (opt + 1 < s->data && opt[0] != 0) {
        if (opt[0] == 1) {
            opt++;
            continue;
        }
        if (opt[1] < 2)
            break;
        for (uint8_t *edge = opt + 2; opt[0] == SACK && edge + 4 <= opt + opt[1]; edge += 4)
            take_back(edge, f);
        opt += opt[1];
    }
}

static void insert(struct bed_box *box, struct segment *s, const struct bed_box_flow *f,
                   size_t room)
{
    uint32_t seq = get32(s->tcp + 4), at = f->at - seq;

    if (behind(seq, f->at)) {
        put32(s->tcp + 4, seq + BED_BOX_MORE);
    } else if (s->len > at && s->len + BED_BOX_MORE <= room) {
        memmove(s->data + at + BED_BOX_MORE, s->data + at, s->len - at);
        memcpy(s->data + at, "192,0,", BED_BOX_MORE);
        s->len += BED_BOX_MORE;
        box->changed++;
    }
}

void bed_box_pass(struct bed_box *box, const struct bed_box *back, uint8_t *packet, uint32_t *len,
                  size_t size)
{
    const struct bed_box_flow *f, *b;
    struct segment s;

    if (!find(packet, *len, &s))
        return;
    if (box->config.insert && s.tcp[13] & FLAG_SYN)
        begin_flow(box, &s);
    f = flow_of(box, &s, false);
    b = flow_of(back, &s, true);
    if (b)
        acknowledge(&s, b);
    if (f && !(s.tcp[13] & FLAG_SYN))
        insert(box, &s, f, size - (size_t)(s.data - s.ip));
    if (box->config.rewrite && s.len >= LARGE && ++box->seen % box->config.rewrite == 0) {
        s.data[s.len / 2] ^= 0x20;
        box->changed++;
    }
    *len = (uint32_t)(s.data - s.ip) + s.len;
    seal(&s);
}
