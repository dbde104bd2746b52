#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws a recorded terminal session as an SVG that plays it.

usage: recording.py TYPESCRIPT TIMING [--after TEXT] [--step SECONDS] [--speed N] [--last SECONDS]
                    [--columns N] [--rows N] [--command TEXT] [--title TEXT] >FILE.svg

TYPESCRIPT and TIMING are what `script -O TYPESCRIPT -T TIMING -c COMMAND` has written. What comes before
TEXT is left out. One screen each --step seconds (default 1) is drawn, played --speed times as fast, and
the last one stays for --last seconds (default 5); --command is what a prompt at the top shows. It plays
again and again.

Of the terminal's control sequences those are known that the demonstrations use: colours, bold, cursor
up, erase to the end of the line. A line that stays the same is drawn once, whatever the others do.
"""
import argparse
import html
import re
import sys

COLOURS = {31: '#ff7b72', 32: '#7ee787', 1: '#ffffff'}
PAPER, INK, GREY = '#0d1117', '#c9d1d9', '#8b949e'
WIDTH, HEIGHT, MARGIN = 8.4, 18, 14  # of a character of 14 px, of a line


class Terminal:
    """Lines of (character, colour), of which the last `rows` are seen."""

    def __init__(self, rows):
        self.rows, self.lines, self.x, self.y, self.colour = rows, [[]], 0, 0, 0

    def put(self, char):
        line = self.lines[self.y]
        line += [(' ', 0)] * (self.x + 1 - len(line))
        line[self.x] = (char, self.colour)
        self.x += 1

    def control(self, number, letter):
        if letter == 'A':
            self.y = max(0, self.y - int(number or 1))
        elif letter == 'K':
            del self.lines[self.y][self.x:]
        elif letter == 'm':
            self.colour = int(number or 0)
        else:
            raise SystemExit(f'recording.py: a control sequence that is not known: ESC[{number}{letter}')

    def write(self, text):
        for number, letter, char in re.findall(r'\x1b\[([\d;]*)([A-Za-z])|([^\x1b])', text):
            if letter:
                self.control(number, letter)
            elif char == '\r':
                self.x = 0
            elif char == '\n':
                self.y += 1
                if self.y == len(self.lines):
                    self.lines.append([])
            else:
                self.put(char)

    def screen(self):
        lines = self.lines if self.lines[-1] else self.lines[:-1]
        return [tuple(line) for line in lines[-self.rows:]]


def spans(line):
    """A line as SVG: runs of one colour."""
    out, run, colour = [], '', None
    for char, its in [*line, ('', None)]:
        if its != colour and run:
            text = html.escape(run, quote=False)
            out.append(f'<tspan fill="{COLOURS[colour]}">{text}</tspan>' if colour else text)
            run = ''
        colour = its
        run += char
    return ''.join(out).rstrip()


def chunks(typescript, timing):
    """(seconds since the beginning, text)"""
    data = open(typescript, 'rb').read()
    data = data[data.index(b'\n') + 1:]  # "Script started on ..."
    now, place = 0.0, 0
    for line in open(timing, encoding='ascii'):
        seconds, size = line.split()[-2:]
        now += float(seconds)
        yield now, data[place:place + int(size)].decode('utf-8', 'replace')
        place += int(size)


def screens(arguments):
    """[(seconds, screen)], one for each step in which something changed."""
    terminal, out, due, began, before = Terminal(arguments.rows), [], 0, None, ''
    for now, text in chunks(arguments.typescript, arguments.timing):
        if began is None:
            before += text
            if arguments.after not in before:
                continue
            began, text = now, before[before.index(arguments.after):]
        while now - began > due:
            if not out or out[-1][1] != terminal.screen():
                out.append((due, terminal.screen()))
            due += arguments.step
        terminal.write(text)
    if began is None:
        raise SystemExit(f'recording.py: "{arguments.after}" does not come')
    out.append((due, terminal.screen()))
    return [(seconds / arguments.speed, screen) for seconds, screen in out]


def intervals(shown, rows, end):
    """(row, from, to, line): each line for as long as it stays the same."""
    for row in range(rows):
        since, line = 0, ()
        for seconds, screen in [*shown, (end, None)]:
            new = () if screen is None or row >= len(screen) else screen[row]
            if new != line:
                if line and seconds > since:
                    yield row, since, seconds, line
                since, line = seconds, new


def draw(arguments):
    shown = screens(arguments)
    end = shown[-1][0] + arguments.last
    rows = min(arguments.rows, max(len(screen) for _, screen in shown))
    top = 2 if arguments.command else 0
    width = round(arguments.columns * WIDTH + 2 * MARGIN)
    height = (rows + top) * HEIGHT + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
          f'height="{height}" role="img">\n<title>{html.escape(arguments.title)}</title>\n'
          f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>\n'
          f'<g fill="{INK}" font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="14" '
          'xml:space="preserve">')
    if arguments.command:
        print(f'<text x="{MARGIN}" y="{MARGIN + 14}"><tspan fill="{GREY}">$ </tspan>'
              f'{html.escape(arguments.command)}</text>')
    for row, begin, until, line in intervals(shown, rows, end):
        # Without animation the last screen is seen.
        always = begin == 0 and until == end
        seen = 'visible' if until == end else 'hidden'
        text = f'<text x="{MARGIN}" y="{MARGIN + 14 + (row + top) * HEIGHT}"'
        if always:
            print(f'{text}>{spans(line)}</text>')
            continue
        times, values = ['0', f'{begin / end:.4f}', f'{until / end:.4f}'], ['hidden', 'visible', 'hidden']
        if begin == 0:
            times, values = times[::2], values[1:]
        if until == end:
            times, values = times[:-1], values[:-1]
        print(f'{text} visibility="{seen}">{spans(line)}<animate attributeName="visibility" dur="{end:.1f}s" '
              f'repeatCount="indefinite" calcMode="discrete" keyTimes="{";".join(times)}" '
              f'values="{";".join(values)}"/></text>')
    print('</g>\n</svg>')


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1].split('\n\n')[0])
    parser.add_argument('typescript')
    parser.add_argument('timing')
    parser.add_argument('--after', default='')
    parser.add_argument('--step', type=float, default=1)
    parser.add_argument('--speed', type=float, default=1)
    parser.add_argument('--last', type=float, default=5)
    parser.add_argument('--columns', type=int, default=80)
    parser.add_argument('--rows', type=int, default=24)
    parser.add_argument('--command', default='')
    parser.add_argument('--title', default='a terminal session')
    draw(parser.parse_args())


if __name__ == '__main__':
    main()
