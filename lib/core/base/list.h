/* SPDX-License-Identifier: MIT */
/* Intrusive doubly linked circular list. A head is a node that is linked to itself when empty. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct mps_list {
    struct mps_list *next, *prev;
};

#define mps_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define mps_list_entry(ptr, type, member) mps_container_of(ptr, type, member)

/* Iterate over the containers of all nodes; the current one may be removed. */
#define mps_list_for_each_safe(it, tmp, head, type, member)                                        \
    for (it = mps_list_entry((head)->next, type, member),                                          \
        tmp = mps_list_entry(it->member.next, type, member);                                       \
         &it->member != (head); it = tmp, tmp = mps_list_entry(tmp->member.next, type, member))

#define mps_list_for_each(it, head, type, member)                                                  \
    for (it = mps_list_entry((head)->next, type, member); &it->member != (head);                   \
         it = mps_list_entry(it->member.next, type, member))

static inline void mps_list_init(struct mps_list *head)
{
    head->next = head->prev = head;
}

static inline bool mps_list_empty(const struct mps_list *head)
{
    return head->next == head;
}

/* Link node in front of `pos` (with pos = head: at the tail). */
static inline void mps_list_insert_before(struct mps_list *pos, struct mps_list *node)
{
    node->prev = pos->prev;
    node->next = pos;
    pos->prev->next = node;
    pos->prev = node;
}

static inline void mps_list_push_back(struct mps_list *head, struct mps_list *node)
{
    mps_list_insert_before(head, node);
}

/* Unlink a node; unlinking an initialised lone node is harmless. */
static inline void mps_list_remove(struct mps_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}
