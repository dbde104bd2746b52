#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: completions.bash MPTCPSHIM: what shells offer behind the words of a command line: bash by its
# function, fish by its own `complete -C`, zsh as far as the script is one. One TAP line per check.
directory=$(cd "$(dirname "$1")" && pwd)
launcher=$directory/mptcpshim
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n=0

is() # NAME GOT WANTED
{
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '# got      %s\n# expected %s\n' "$2" "$3"
    fi
}

has() # NAME GOT WORD: one of the words
{
    case " $2 " in
    *" $3 "*) is "$1" "" "" ;;
    *) is "$1" "$2" "... $3 ..." ;;
    esac
}

for shell in bash zsh fish; do
    "$launcher" completions $shell >"$scratch/$shell"
done
is "no such shell" "$("$launcher" completions csh 2>/dev/null; echo $?)" 125

# shellcheck disable=SC1091
. "$scratch/bash"
offers() # WORD...: for the last one; '=' is a word of its own, as bash has it
{
    COMP_WORDS=(mptcpshim "$@")
    COMP_CWORD=$#
    _mptcpshim
    echo "${COMPREPLY[*]}"
}
has "subcommands" "$(offers "")" check-config
is "the beginning of one" "$(offers mon)" monitor
has "options of run" "$(offers run --)" --no-subflow-timeout
is "an option" "$(offers run --sch)" --scheduler
has "its values" "$(offers run --scheduler "")" roundrobin
has "behind =" "$(offers run --scheduler = re)" redundant
is "right behind =" "$(offers run --integrity =)" "auto control full"
is "a number is not known" "$(offers run --keepalive "")" ""
has "files" "$(cd "$scratch" && offers run --config ba)" bash
has "options behind options" "$(offers run --keepalive 9 --fairness = off --l)" --local
is "the program's words are its own" "$(cd "$scratch" && offers run --keepalive 9 cat ba)" bash
is "behind --" "$(cd "$scratch" && offers run -- cat ba)" bash
has "programs" "$(offers run --keepalive 9 ca)" cat
is "the key of set" "$(offers set 0123abcd "")" "scheduler="
has "its value" "$(offers set 0123abcd scheduler = min)" minrtt
has "path" "$(offers path "")" list
is "help" "$(offers help stat)" status
options=$("$launcher" run --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | sort)
is "all options of the help" "$(offers run -- | tr ' ' '\n' | sort)" "$options"

if command -v fish >/dev/null; then
    export HOME=$scratch
    fish_offers()
    {
        fish -c "source $scratch/fish; complete -C '$1'" 2>&1 | cut -f 1 | sort | paste -sd' '
    }
    has "fish: values" "$(fish_offers 'mptcpshim run --scheduler r')" roundrobin
    is "fish: an option" "$(fish_offers 'mptcpshim run --no-sub')" --no-subflow-timeout
    has "fish: set" "$(fish_offers 'mptcpshim set 0123abcd scheduler=m')" "scheduler=minrtt"
    has "fish: subcommands" "$(fish_offers 'mptcpshim ')" monitor
fi
if command -v zsh >/dev/null; then
    is "zsh: a script" "$(zsh -n "$scratch/zsh" 2>&1; echo $?)" 0
    # shellcheck disable=SC2016
    is "zsh: it defines its function" "$(zsh -fc 'autoload -Uz compinit; fpath=('"$scratch"' $fpath)
        cp '"$scratch/zsh $scratch"'/_mptcpshim; compinit -D -u; echo $_comps[mptcpshim]' 2>&1)" _mptcpshim
fi
echo "1..$n"
