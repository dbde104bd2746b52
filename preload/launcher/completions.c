/* SPDX-License-Identifier: MIT */
/* mptcpshim completions: the tables of subcommands and keys, in the words of a shell. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "config/keys.h"
#include "launcher.h"

/* ---- what there is ---- */

static void print_commands(const char *between)
{
    const struct mps_command *c;

    for (unsigned i = 0; (c = mps_launcher_command(i)); i++)
        printf("%s%s", c->name, between);
    fputs("help", stdout);
}

static void print_options(const char *before, const char *between)
{
    const struct mps_key *key;

    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option)
            printf("%s%s%s", before, key->name, between);
    }
    printf("%sconfig", before);
}

static void print_choices(const struct mps_key *key)
{
    const char *word;

    for (unsigned i = 0; (word = mps_key_choice(key, i)); i++)
        printf("%s%s", i > 0 ? " " : "", word);
}

static bool takes_file(const struct mps_key *key)
{
    return strcmp(key->option, "FILE") == 0;
}

/* What `set` takes behind the connection, with `after` behind each. */
static void print_live(const char *after)
{
    const struct mps_key *key;

    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->live)
            printf("%s=%s", key->name, after);
    }
}

/* ---- bash ---- */

static void bash_values(bool live)
{
    const struct mps_key *key;

    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (!(live ? key->live : key->option && mps_key_choice(key, 0)))
            continue;
        printf("    %s%s) COMPREPLY=($(compgen -W '", live ? "" : "--", key->name);
        print_choices(key);
        puts("' -- \"$cur\")); return ;;");
    }
}

static void bash_options(void)
{
    const struct mps_key *key;

    bash_values(false);
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option && takes_file(key))
            printf("    --%s|", key->name);
    }
    puts("--config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;");
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option && !takes_file(key) && !mps_key_choice(key, 0))
            printf("    --%s) return ;;\n", key->name);
    }
}

static void bash_commands(void)
{
    const struct mps_command *c;

    for (unsigned i = 0; (c = mps_launcher_command(i)); i++) {
        const char *file = strstr(c->words, "FILE");

        if (!*c->words)
            continue;
        printf("    %s) COMPREPLY=($(compgen %s-W '%.*s' -- \"$cur\")) ;;\n", c->name,
               file ? "-f " : "", (int)(file ? file - c->words : (long)strlen(c->words)), c->words);
    }
}

/* A word that has a '=' comes in three, or two while nothing is behind it. */
static void bash(void)
{
    puts("# mptcpshim(1)\n"
         "_mptcpshim_run()\n"
         "{\n"
         "    local i\n"
         "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
         "        case ${COMP_WORDS[i]} in\n"
         "        --) ((i++)); break ;;\n"
         "        --*) [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++)); ((i++)) ;;\n"
         "        *) break ;;\n"
         "        esac\n"
         "    done\n"
         "    if ((i < COMP_CWORD)); then\n"
         "        if declare -F _command_offset >/dev/null; then\n"
         "            _command_offset $i\n"
         "        else\n"
         "            COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "        fi\n"
         "        return\n"
         "    fi\n"
         "    case $prev in");
    bash_options();
    puts("    esac\n"
         "    case $cur in");
    fputs("    -*) COMPREPLY=($(compgen -W '", stdout);
    print_options("--", " ");
    puts("' -- \"$cur\")) ;;\n"
         "    *) COMPREPLY=($(compgen -c -- \"$cur\")) ;;\n"
         "    esac\n"
         "}\n"
         "_mptcpshim_set()\n"
         "{\n"
         "    case $prev in");
    bash_values(true);
    puts("    esac\n"
         "    if ((COMP_CWORD == 3)); then\n"
         "        compopt -o nospace 2>/dev/null");
    fputs("        COMPREPLY=($(compgen -W '", stdout);
    print_live(" ");
    puts("' -- \"$cur\"))\n"
         "    fi\n"
         "}\n"
         "_mptcpshim()\n"
         "{\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    COMPREPLY=()\n"
         "    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "    [[ $cur == = ]] && cur=''\n"
         "    if ((COMP_CWORD == 1)); then");
    fputs("        COMPREPLY=($(compgen -W '", stdout);
    print_commands(" ");
    puts(" --help --version' -- \"$cur\"))\n"
         "        return\n"
         "    fi\n"
         "    case ${COMP_WORDS[1]} in\n"
         "    run) _mptcpshim_run ;;\n"
         "    set) _mptcpshim_set ;;");
    bash_commands();
    fputs("    help) COMPREPLY=($(compgen -W '", stdout);
    print_commands(" ");
    puts("' -- \"$cur\")) ;;\n"
         "    esac\n"
         "}\n"
         "complete -F _mptcpshim mptcpshim");
}

/* ---- zsh ---- */

/* In a specification of _arguments, which is in single quotes. */
static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_option(const struct mps_key *key)
{
    printf("            '--%s=[", key->name);
    zsh_text(key->help);
    fputs("]:", stdout);
    zsh_text(key->option);
    putchar(':');
    if (takes_file(key)) {
        fputs("_files", stdout);
    } else if (mps_key_choice(key, 0)) {
        putchar('(');
        print_choices(key);
        putchar(')');
    }
    puts("' \\");
}

static void zsh_live(void)
{
    const struct mps_key *key;

    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        const char *word;

        for (unsigned k = 0; key->live && (word = mps_key_choice(key, k)); k++)
            printf(" %s=%s", key->name, word);
    }
}

static void zsh(void)
{
    const struct mps_command *c;
    const struct mps_key *key;

    puts("#compdef mptcpshim\n"
         "# mptcpshim(1)\n"
         "_mptcpshim() {\n"
         "    if ((CURRENT == 2)); then");
    fputs("        compadd -- ", stdout);
    print_commands(" ");
    puts(" --help --version\n"
         "        return\n"
         "    fi\n"
         "    case $words[2] in\n"
         "    run)\n"
         "        shift words\n"
         "        ((CURRENT--))\n"
         "        _arguments -S \\");
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option)
            zsh_option(key);
    }
    puts("            '--config=[configuration]:FILE:_files' \\\n"
         "            '*::program: _normal' ;;");
    fputs("    set) ((CURRENT == 4)) && compadd --", stdout);
    zsh_live();
    puts(" ;;");
    for (unsigned i = 0; (c = mps_launcher_command(i)); i++) {
        const char *file = strstr(c->words, "FILE");

        if (*c->words)
            printf("    %s) compadd -- %.*s%s ;;\n", c->name,
                   (int)(file ? file - c->words : (long)strlen(c->words)), c->words,
                   file ? "; _files" : "");
    }
    fputs("    help) compadd -- ", stdout);
    print_commands(" ");
    puts(" ;;\n"
         "    esac\n"
         "}\n"
         "_mptcpshim \"$@\"");
}

/* ---- fish ---- */

static void fish_option(const struct mps_key *key)
{
    printf("complete -c mptcpshim -n '__fish_seen_subcommand_from run' -l %s -d \"%s\" %s",
           key->name, key->help, takes_file(key) ? "-r -F" : "-x");
    if (mps_key_choice(key, 0)) {
        fputs(" -a '", stdout);
        print_choices(key);
        putchar('\'');
    }
    putchar('\n');
}

static void fish_command(const struct mps_command *c)
{
    const char *file = strstr(c->words, "FILE");

    printf("complete -c mptcpshim -n __fish_use_subcommand -f -a %s\n", c->name);
    if (*c->words)
        printf("complete -c mptcpshim -n '__fish_seen_subcommand_from %s' %s-a '%.*s'\n", c->name,
               file ? "" : "-f ", (int)(file ? file - c->words : (long)strlen(c->words)), c->words);
}

static void fish(void)
{
    const struct mps_command *c;
    const struct mps_key *key;

    puts("# mptcpshim(1)");
    for (unsigned i = 0; (c = mps_launcher_command(i)); i++)
        fish_command(c);
    puts("complete -c mptcpshim -n __fish_use_subcommand -f -a help");
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option)
            fish_option(key);
    }
    puts("complete -c mptcpshim -n '__fish_seen_subcommand_from run' -l config -r -F\n"
         "complete -c mptcpshim -n '__fish_seen_subcommand_from run' -f "
         "-a '(__fish_complete_subcommand --fcs-skip=2)'");
    fputs("complete -c mptcpshim -n '__fish_seen_subcommand_from set' -f -a '", stdout);
    zsh_live();
    puts("'");
}

int mps_launcher_completions(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

    for (size_t i = 0; argc == 2 && i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(argv[1], shells[i].name) == 0) {
            shells[i].print();
            return 0;
        }
    }
    mps_launcher_complain("completions: for which shell: bash, zsh or fish?");
    return MPS_EXIT_FAILURE;
}
