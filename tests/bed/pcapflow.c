/* SPDX-License-Identifier: MIT */
/*
 * pcapflow FILE PORT c2s|s2c: the TCP payload of all connections with that server port, in the
 * order of their first packets, each put together by sequence number. Reads tcpdump -i any files.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FLOWS    64
#define FLOW_BYTES   (64u << 20)
#define LINK_RAW     101
#define LINK_SLL     113
#define LINK_SLL2    276
#define TCP_FLAG_SYN 0x02

struct flow {
    uint16_t client_port;
    bool known;     /* the start of the sequence space is */
    uint32_t start; /* sequence number of the first payload byte */
    uint8_t *data;
    size_t len;
};

static struct flow flows[MAX_FLOWS];
static size_t flow_count;

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static struct flow *find_flow(uint16_t client_port)
{
    for (size_t i = 0; i < flow_count; i++) {
        if (flows[i].client_port == client_port)
            return &flows[i];
    }
    if (flow_count == MAX_FLOWS)
        return NULL;
    flows[flow_count].client_port = client_port;
    return &flows[flow_count++];
}

static void take_tcp(const uint8_t *tcp, size_t len, uint16_t server_port, bool c2s)
{
    uint16_t from, to;
    struct flow *flow;
    size_t head, payload, at;

    if (len < 20)
        return;
    from = be16(tcp);
    to = be16(tcp + 2);
    if ((c2s ? to : from) != server_port)
        return;
    head = (size_t)(tcp[12] >> 4) * 4;
    flow = find_flow(c2s ? from : to);
    if (!flow || head < 20 || head > len)
        return;
    if (tcp[13] & TCP_FLAG_SYN) {
        flow->start = be32(tcp + 4) + 1;
        flow->known = true;
        return;
    }
    payload = len - head;
    at = be32(tcp + 4) - flow->start;
    if (!flow->known || payload == 0 || at >= FLOW_BYTES || payload > FLOW_BYTES - at)
        return;
    if (at + payload > flow->len) {
        flow->data = realloc(flow->data, at + payload);
        if (!flow->data)
            exit(3);
        memset(flow->data + flow->len, 0, at + payload - flow->len);
        flow->len = at + payload;
    }
    memcpy(flow->data + at, tcp + head, payload);
}

static void take_ip(const uint8_t *ip, size_t len, uint16_t port, bool c2s)
{
    if (len >= 20 && ip[0] >> 4 == 4 && ip[9] == 6) {
        size_t head = (size_t)(ip[0] & 15) * 4, total = be16(ip + 2);

        if (total >= head && total <= len)
            take_tcp(ip + head, total - head, port, c2s);
    } else if (len >= 40 && ip[0] >> 4 == 6 && ip[6] == 6) {
        size_t total = 40 + (size_t)be16(ip + 4);

        if (total <= len)
            take_tcp(ip + 40, total - 40, port, c2s);
    }
}

static int read_file(FILE *file, uint16_t port, bool c2s)
{
    static uint8_t packet[262144];
    uint32_t head[6], record[4];
    size_t skip;

    if (fread(head, sizeof(head), 1, file) != 1 || head[0] != 0xa1b2c3d4u)
        return -1;
    skip = head[5] == LINK_RAW ? 0 : head[5] == LINK_SLL ? 16 : head[5] == LINK_SLL2 ? 20 : 999;
    if (skip == 999)
        return -1;
    while (fread(record, sizeof(record), 1, file) == 1) {
        if (record[2] > sizeof(packet) || fread(packet, record[2], 1, file) != 1)
            return -1;
        if (record[2] > skip)
            take_ip(packet + skip, record[2] - skip, port, c2s);
    }
    return 0;
}

int main(int argc, char **argv)
{
    FILE *file;

    if (argc != 4) {
        fprintf(stderr, "usage: pcapflow FILE PORT c2s|s2c\n");
        return 2;
    }
    file = fopen(argv[1], "rb");
    if (!file || read_file(file, (uint16_t)atoi(argv[2]), strcmp(argv[3], "c2s") == 0) < 0) {
        fprintf(stderr, "pcapflow: %s cannot be read\n", argv[1]);
        return 1;
    }
    for (size_t i = 0; i < flow_count; i++)
        fwrite(flows[i].data, 1, flows[i].len, stdout);
    return 0;
}
