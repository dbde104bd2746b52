/* SPDX-License-Identifier: MIT */
/*
 * Relays that do what any agent must do with bulk data, and nothing else: a head of the size of a
 * DSS frame's before each piece (at most the largest payload of a frame), and at the sending side
 * what was sent is kept until later. Payloads are copied or spliced at either side.
 */
#pragma once

enum limit_sending {
    LIMIT_SEND_COPY,  /* read, then one sendmsg for all frames of it */
    LIMIT_SEND_SPLICE /* through a pipe, with tee(2) into a second pipe that keeps it */
};
enum limit_receiving {
    LIMIT_RECEIVE_COPY,  /* frames that are there are read, then written at once */
    LIMIT_RECEIVE_SPLICE /* each payload goes through a pipe */
};

/*
 * From the program to TCP, and from TCP to the program, until the end of what comes in. They end
 * the process: with 0, or with what limit_check() says where a call fails. Both sockets block.
 */
_Noreturn void limit_send_framed(int program, int tcp, enum limit_sending how);
_Noreturn void limit_receive_framed(int tcp, int program, enum limit_receiving how);
