/* SPDX-License-Identifier: MIT */
#include "link.h"
#include <stddef.h>

static void list_append(struct bed_list *list, struct bed_packet *packet)
{
    packet->next = NULL;
    if (list->tail)
        list->tail->next = packet;
    else
        list->head = packet;
    list->tail = packet;
}

static struct bed_packet *list_take(struct bed_list *list)
{
    struct bed_packet *packet = list->head;

    if (!packet)
        return NULL;
    list->head = packet->next;
    if (!list->head)
        list->tail = NULL;
    return packet;
}

/* xorshift64*; the state is never 0. */
static uint32_t random_ppm(struct bed_dir *dir)
{
    uint64_t x = dir->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    dir->random = x;
    return (uint32_t)(((x * 0x2545f4914f6cdd1dULL) >> 32) % 1000000u);
}

/* When the head of the queue has left the transmitter. */
static uint64_t head_departs(const struct bed_dir *dir)
{
    const struct bed_packet *head = dir->queue.head;
    uint64_t start = head->at_ns > dir->free_at_ns ? head->at_ns : dir->free_at_ns;

    if (dir->config.rate_bps == 0)
        return start;
    return start + (uint64_t)head->len * 8 * 1000000000ULL / dir->config.rate_bps;
}

/* Move what has been transmitted by now from the queue to the wire. */
static void transmit(struct bed_dir *dir, uint64_t now_ns)
{
    while (dir->queue.head) {
        uint64_t departs = head_departs(dir);
        struct bed_packet *packet;

        if (departs > now_ns)
            return;
        packet = list_take(&dir->queue);
        dir->queue_bytes -= packet->len;
        dir->free_at_ns = departs;
        packet->at_ns = departs + dir->config.delay_ns;
        /* A delay that was shortened lets nothing overtake. */
        if (dir->wire.tail && dir->wire.tail->at_ns > packet->at_ns)
            packet->at_ns = dir->wire.tail->at_ns;
        list_append(&dir->wire, packet);
    }
}

void bed_dir_init(struct bed_dir *dir, uint64_t seed)
{
    *dir = (struct bed_dir){
        .config = {.queue_bytes = 256 * 1024},
        .random = (seed * 0x9e3779b97f4a7c15ULL) | 1,
    };
}

static struct bed_packet *drop_all(struct bed_dir *dir)
{
    struct bed_list all = dir->wire;
    struct bed_packet *packet;

    while ((packet = list_take(&dir->queue)))
        list_append(&all, packet);
    for (packet = all.head; packet; packet = packet->next)
        dir->stats.cut_drops++;
    dir->wire = (struct bed_list){0};
    dir->queue_bytes = 0;
    return all.head;
}

struct bed_packet *bed_dir_set(struct bed_dir *dir, uint64_t now_ns,
                               const struct bed_config *config)
{
    transmit(dir, now_ns);
    dir->config = *config;
    if (dir->free_at_ns < now_ns)
        dir->free_at_ns = now_ns;
    return config->cut ? drop_all(dir) : NULL;
}

bool bed_dir_push(struct bed_dir *dir, uint64_t now_ns, struct bed_packet *packet)
{
    transmit(dir, now_ns);
    dir->stats.in_packets++;
    dir->stats.in_bytes += packet->len;
    if (dir->config.cut) {
        dir->stats.cut_drops++;
        return false;
    }
    if (dir->config.loss_ppm && random_ppm(dir) < dir->config.loss_ppm) {
        dir->stats.loss_drops++;
        return false;
    }
    if (dir->config.rate_bps && dir->queue_bytes + packet->len > dir->config.queue_bytes) {
        dir->stats.queue_drops++;
        return false;
    }
    packet->at_ns = now_ns;
    dir->queue_bytes += packet->len;
    if (dir->config.rate_bps && dir->queue_bytes > dir->stats.queue_max_bytes)
        dir->stats.queue_max_bytes = dir->queue_bytes;
    list_append(&dir->queue, packet);
    return true;
}

struct bed_packet *bed_dir_pop(struct bed_dir *dir, uint64_t now_ns)
{
    struct bed_packet *packet;

    transmit(dir, now_ns);
    if (!dir->wire.head || dir->wire.head->at_ns > now_ns)
        return NULL;
    packet = list_take(&dir->wire);
    dir->stats.out_packets++;
    dir->stats.out_bytes += packet->len;
    return packet;
}

uint64_t bed_dir_next(const struct bed_dir *dir)
{
    if (dir->wire.head)
        return dir->wire.head->at_ns;
    if (dir->queue.head)
        return head_departs(dir) + dir->config.delay_ns;
    return BED_NEVER;
}
