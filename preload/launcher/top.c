/* SPDX-License-Identifier: MIT */
/*
 * mptcpshim top: looks at the agents again and again (live.h), and shows what there is (topview.h)
 * on the terminal (screen.h), or once as text.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "agents.h"
#include "launcher.h"
#include "show/live.h"
#include "output.h"
#include "show/screen.h"
#include "show/topview.h"
#include "show/whose.h"

#define PAGE         10 /* connections */
#define INTERVAL_MIN 0.1
#define INTERVAL_MAX 3600

struct top {
    struct mps_live live;
    struct mps_top_view view;
    struct mps_frame frame;
    double interval; /* seconds between two looks */
    long looks;      /* so many before the only screen of --once */
    bool once, over;
    char note[256];
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    stopped = sig;
}

/* ---- a look at the agents ---- */

static void explain(struct top *t, const struct mps_agents *agents)
{
    const char *why = "";

    if (t->live.n_conns > 0 || t->view.silent > 0)
        why = "";
    else if (t->view.answered > 0)
        why = "Programs under mptcpshim are running, and have no connections now.";
    else if (mps_agents_count(agents, MPS_AGENT_STRANGER) > 0)
        why = "The agents here belong to other users.";
    else
        why = "Nothing of yours runs under mptcpshim in this network namespace:\n"
              "waiting for it. Start a program with: mptcpshim run PROGRAM";
    snprintf(t->note, sizeof(t->note), "%s", why);
}

/* An exit code; what could not be asked is told by the complaint, or on the screen. */
static int look(struct top *t)
{
    struct mps_agents *agents = mps_agents_ask(MPS_HO_STATUS, NULL, NULL);
    struct json_object *all = agents ? mps_agents_json(agents) : NULL;
    struct mps_seen *seen;
    int code = MPS_EXIT_FAILURE;

    if (all) {
        mps_whose_add(all, agents);
        seen = mps_seen_read(all);
        if (seen && mps_live_look(&t->live, seen))
            code = 0;
    }
    if (code == 0) {
        code = mps_agents_complain(agents, "top");
        t->view.answered = mps_agents_count(agents, MPS_AGENT_OK);
        t->view.silent = mps_agents_count(agents, MPS_AGENT_SILENT);
        explain(t, agents);
    } else {
        snprintf(t->note, sizeof(t->note),
                 "The agents cannot be asked: too little memory, or "
                 "no /proc. Trying again.");
    }
    json_object_put(all);
    mps_agents_free(agents);
    return code;
}

/* ---- keys ---- */

static void type(struct top *t, int key)
{
    char *filter = t->live.filter;
    size_t len = strlen(filter);

    if (key == MPS_KEY_ENTER || key == MPS_KEY_ESCAPE)
        t->view.typing = false;
    if (key == MPS_KEY_ESCAPE)
        filter[0] = '\0';
    else if (key == MPS_KEY_BACKSPACE && len > 0)
        filter[len - 1] = '\0';
    else if (key < 128 && isprint(key) && len + 1 < sizeof(t->live.filter)) {
        filter[len] = (char)key;
        filter[len + 1] = '\0';
    }
    mps_live_list(&t->live);
}

static void move(struct top *t, int key)
{
    size_t at = mps_live_chosen(&t->live);

    switch (key) {
    case MPS_KEY_UP:
    case 'k':
        at -= at > 0;
        break;
    case MPS_KEY_DOWN:
    case 'j':
        at++;
        break;
    case MPS_KEY_PAGE_UP:
        at -= at > PAGE ? PAGE : at;
        break;
    case MPS_KEY_PAGE_DOWN:
        at += PAGE;
        break;
    case MPS_KEY_HOME:
        at = 0;
        break;
    case MPS_KEY_END:
        at = t->live.n_listed;
        break;
    default:
        return;
    }
    mps_live_choose(&t->live, at);
}

/* Details and help are longer than some terminals. */
static void scroll(struct top *t, int key)
{
    size_t *first = &t->view.first;

    if (key == MPS_KEY_UP || key == 'k')
        *first -= *first > 0;
    else if (key == MPS_KEY_DOWN || key == 'j')
        ++*first;
    else if (key == MPS_KEY_PAGE_UP)
        *first -= *first > PAGE ? PAGE : *first;
    else if (key == MPS_KEY_PAGE_DOWN)
        *first += PAGE;
}

static void go_to(struct top *t, enum mps_top_screen screen)
{
    t->view.screen = screen;
    t->view.first = 0;
}

static void list_key(struct top *t, int key)
{
    if (key == MPS_KEY_ENTER && t->live.n_listed > 0) {
        mps_live_choose(&t->live, mps_live_chosen(&t->live));
        go_to(t, MPS_TOP_DETAILS);
    } else if (key == 's') {
        t->live.order = (t->live.order + 1) % MPS_BY_ORDERS;
    } else if (key == 'r') {
        t->live.backwards = !t->live.backwards;
    } else if (key == '/') {
        t->view.typing = true;
    } else if (key == MPS_KEY_ESCAPE) {
        t->live.filter[0] = '\0';
    } else {
        move(t, key);
    }
    mps_live_list(&t->live);
}

static void take_key(struct top *t, int key)
{
    if (t->view.typing)
        type(t, key);
    else if (key == 'q')
        t->over = true;
    else if (key == 'h' || key == '?')
        go_to(t, MPS_TOP_HELP);
    else if (key == ('L' & 0x1f))
        mps_screen_spoiled();
    else if (t->view.screen == MPS_TOP_LIST)
        list_key(t, key);
    else if (key == MPS_KEY_ESCAPE || key == MPS_KEY_ENTER || key == MPS_KEY_BACKSPACE)
        go_to(t, MPS_TOP_LIST);
    else
        scroll(t, key);
}

/* ---- the terminal ---- */

static void show(struct top *t)
{
    size_t rows, columns;

    mps_screen_size(&rows, &columns);
    if (columns != t->frame.width) {
        mps_frame_deinit(&t->frame);
        mps_frame_init(&t->frame, columns, t->frame.utf8);
    }
    mps_top_compose(&t->live, &t->view, rows, &t->frame);
    mps_screen_show(&t->frame);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Until something is typed, the time has come, or a signal. False: the terminal is gone. */
static bool wait_for_key(double until, const sigset_t *mask)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    double left = until - now();
    struct timespec ts = {0};

    if (left > 0)
        ts = (struct timespec){(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
    return ppoll(&fd, 1, &ts, mask) <= 0 || !(fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void catch_signals(sigset_t *ret_mask)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;

    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&blocked, signals[i]);
    }
    /* They come while we wait, so that none is overlooked. */
    sigprocmask(SIG_BLOCK, &blocked, ret_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigdelset(ret_mask, signals[i]);
}

static int watch(struct top *t)
{
    const char *why = mps_screen_open(getenv("NO_COLOR") == NULL);
    double next = now();
    sigset_t mask;
    int key;

    if (why) {
        mps_launcher_complain("top: %s", why);
        return MPS_EXIT_FAILURE;
    }
    catch_signals(&mask);
    while (!stopped && !t->over) {
        if (now() >= next) {
            look(t);
            next = now() + t->interval;
        }
        show(t);
        if (!wait_for_key(next, &mask))
            break;
        while (!t->over && (key = mps_screen_key()) != MPS_KEY_NONE)
            if (key != MPS_KEY_RESIZE)
                take_key(t, key);
    }
    mps_screen_close();
    return 0;
}

static int print_once(struct top *t)
{
    int code = look(t);

    for (long i = 1; i < t->looks && code != MPS_EXIT_FAILURE; i++) {
        struct timespec pause = {(time_t)t->interval,
                                 (long)((t->interval - (double)(time_t)t->interval) * 1e9)};

        nanosleep(&pause, NULL);
        code = look(t);
    }
    if (code == MPS_EXIT_FAILURE)
        return code;
    mps_top_compose(&t->live, &t->view, 0, &t->frame);
    mps_frame_print(&t->frame);
    return code;
}

/* ---- the command line ---- */

static int parse(struct top *t, int argc, char **argv)
{
    static const struct option options[] = {
        {"once", no_argument, NULL, 'o'},
        {"interval", required_argument, NULL, 'i'},
        {"program", required_argument, NULL, 'p'},
        {"looks", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    char *end;
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
        if (option == 'o') {
            t->once = true;
        } else if (option == 'p') {
            mps_printable(optarg, t->live.filter, sizeof(t->live.filter));
        } else if (option == 'i') {
            t->interval = strtod(optarg, &end);
            if (*end == '\0' && t->interval >= INTERVAL_MIN && t->interval <= INTERVAL_MAX)
                continue;
            mps_launcher_complain("top: --interval '%s': allowed: 0.1 to 3600 seconds", optarg);
            return MPS_EXIT_FAILURE;
        } else if (option == 'l') {
            t->looks = strtol(optarg, &end, 10);
            if (*end == '\0' && t->looks >= 1 && t->looks <= MPS_LIVE_LOOKS)
                continue;
            mps_launcher_complain("top: --looks '%s': allowed: 1 to %d", optarg, MPS_LIVE_LOOKS);
            return MPS_EXIT_FAILURE;
        } else {
            mps_launcher_complain(option == ':' ? "top: option '%s' needs a value"
                                                : "top: no option '%s'; try 'mptcpshim top --help'",
                                  argv[optind - 1]);
            return MPS_EXIT_FAILURE;
        }
    }
    if (optind == argc)
        return 0;
    mps_launcher_complain("top: '%s' is too much; try 'mptcpshim top --help'", argv[optind]);
    return MPS_EXIT_FAILURE;
}

int mps_launcher_top(int argc, char **argv)
{
    static struct top top = {.interval = 1};
    int code;

    mps_live_init(&top.live);
    code = parse(&top, argc, argv);
    if (code != 0)
        return code;
    setlocale(LC_CTYPE, "");
    top.view.note = top.note;
    top.view.keys = !top.once;
    mps_frame_init(&top.frame, mps_terminal_width(), strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    code = top.once ? print_once(&top) : watch(&top);
    mps_frame_deinit(&top.frame);
    mps_live_deinit(&top.live);
    return code;
}
