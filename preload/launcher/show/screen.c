/* SPDX-License-Identifier: MIT */
#include "screen.h"

#if MPS_HAVE_NCURSES

#include <curses.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frame.h"

#define ESCAPE_MS 25 /* an escape that nothing follows so soon is the key */

static SCREEN *screen;
static int errors = -1; /* the true stderr, while it is put away */

/* What others complain of would stand across the screen. */
static void hide_errors(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null < 0)
        return;
    errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (errors >= 0)
        dup2(null, STDERR_FILENO);
    close(null);
}

static void begin_colours(void)
{
    static const short of[] = {
        [MPS_LOOK_GOOD] = COLOR_GREEN,
        [MPS_LOOK_WARN] = COLOR_YELLOW,
        [MPS_LOOK_BAD] = COLOR_RED,
    };

    if (!has_colors() || start_color() == ERR)
        return;
    use_default_colors();
    for (short look = MPS_LOOK_GOOD; look <= MPS_LOOK_BAD; look++)
        init_pair(look, of[look], -1);
}

const char *mps_screen_open(bool colours)
{
    const char *term = getenv("TERM");

    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return "this is no terminal; --once prints one screen as text";
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return term && *term ? "the terminal of TERM is not known; --once prints one screen as text"
                             : "TERM is not set; --once prints one screen as text";
    if (colours)
        begin_colours();
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(ESCAPE_MS);
    curs_set(0);
    hide_errors();
    return NULL;
}

void mps_screen_close(void)
{
    if (!screen)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
    if (errors >= 0) {
        dup2(errors, STDERR_FILENO);
        close(errors);
    }
    errors = -1;
}

void mps_screen_size(size_t *ret_rows, size_t *ret_columns)
{
    *ret_rows = (size_t)getmaxy(stdscr);
    *ret_columns = (size_t)getmaxx(stdscr);
}

/* Without colours bold and dim letters say the same. */
static attr_t attributes_of(uint8_t look)
{
    switch (look) {
    case MPS_LOOK_BOLD:
        return A_BOLD;
    case MPS_LOOK_DIM:
        return A_DIM;
    case MPS_LOOK_GOOD:
    case MPS_LOOK_WARN:
        return COLOR_PAIR(look);
    case MPS_LOOK_BAD:
        return A_BOLD | COLOR_PAIR(look);
    case MPS_LOOK_HEAD:
        return A_REVERSE;
    default:
        return A_NORMAL;
    }
}

void mps_screen_show(const struct mps_frame *frame)
{
    size_t rows, columns;

    mps_screen_size(&rows, &columns);
    erase();
    for (size_t row = 0; row < frame->n_rows && row < rows; row++) {
        for (size_t i = 0; i < frame->width && i < columns; i++) {
            const struct mps_cell *cell = mps_frame_at(frame, row, i);

            if (cell->behind || (cell->text[0] == '\0' && cell->look == MPS_LOOK_PLAIN))
                continue;
            attrset(attributes_of(cell->look));
            mvaddstr((int)row, (int)i, cell->text[0] ? cell->text : " ");
        }
    }
    attrset(A_NORMAL);
    refresh();
}

int mps_screen_key(void)
{
    int c = getch();

    switch (c) {
    case ERR:
        return MPS_KEY_NONE;
    case KEY_UP:
        return MPS_KEY_UP;
    case KEY_DOWN:
        return MPS_KEY_DOWN;
    case KEY_PPAGE:
        return MPS_KEY_PAGE_UP;
    case KEY_NPAGE:
        return MPS_KEY_PAGE_DOWN;
    case KEY_HOME:
        return MPS_KEY_HOME;
    case KEY_END:
        return MPS_KEY_END;
    case KEY_ENTER:
    case '\r':
    case '\n':
        return MPS_KEY_ENTER;
    case 27:
        return MPS_KEY_ESCAPE;
    case KEY_BACKSPACE:
    case 127:
    case 8:
        return MPS_KEY_BACKSPACE;
    case KEY_RESIZE:
        return MPS_KEY_RESIZE;
    default:
        return c > 0 && c < 256 ? c : MPS_KEY_OTHER;
    }
}

void mps_screen_spoiled(void)
{
    clearok(stdscr, TRUE);
}

#else

const char *mps_screen_open(bool colours)
{
    return "built without ncurses; --once prints one screen as text";
}

void mps_screen_close(void)
{
}

void mps_screen_size(size_t *ret_rows, size_t *ret_columns)
{
    *ret_rows = *ret_columns = 0;
}

void mps_screen_show(const struct mps_frame *frame)
{
}

int mps_screen_key(void)
{
    return MPS_KEY_NONE;
}

void mps_screen_spoiled(void)
{
}

#endif
