#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The drawing of recorded sessions, and the typist. TAP."""
import pathlib
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from tap import plan, point, wait  # noqa: E402

SVG = '{http://www.w3.org/2000/svg}'


def draw(directory, pieces, *options):
    """pieces: (seconds since the last one, text)"""
    (directory / 'typescript').write_bytes(b'Script started\n' + b''.join(text.encode() for _, text in pieces))
    (directory / 'timing').write_text(''.join(f'{s} {len(text.encode())}\n' for s, text in pieces))
    return subprocess.run([sys.executable, HERE / 'recording.py', directory / 'typescript', directory / 'timing',
                           *options], capture_output=True, text=True, check=False)


def texts(svg):
    """[(what a line says, its animation or None)]"""
    root = xml.etree.ElementTree.fromstring(svg)
    return [(''.join(text.itertext()).strip(), text.find(SVG + 'animate')) for text in root.iter(SVG + 'text')]


def recordings(directory):
    made = draw(directory, [(0, 'first\r\n10 of 20 <&>\r\n'), (2, '\x1b[1A\x1b[31m20\x1b[0m of\x1b[K\r\n'), (2, 'end\r\n')],
                '--last', '4')
    point(made.returncode == 0, 'a session is drawn', made.stderr)
    lines = texts(made.stdout)
    point([words for words, _ in lines] == ['first', '10 of 20 <&>', '20 of', 'end'],
          'each state of each line is drawn once', made.stdout)
    first, before, after, end = [animation for _, animation in lines]
    point(before is not None and before.get('values') == 'visible;hidden', 'the old state is hidden later')
    point(after.get('values') == end.get('values') == 'hidden;visible', 'the last screen stays')
    point(before.get('keyTimes').split(';')[1] == after.get('keyTimes').split(';')[1],
          'the new state comes as the old one goes', before.attrib, after.attrib)
    point('<tspan fill="#ff7b72">20</tspan> of' in made.stdout, 'colours', made.stdout)
    made = draw(directory, [(0, 'a\r\n'), (5, 'b\r\n')], '--after', 'b', '--command', 'sh x.sh')
    point([words for words, _ in texts(made.stdout)] == ['$ sh x.sh', 'b'], 'a part, and a prompt', made.stdout)
    made = draw(directory, [(0, 'a\r\n')], '--after', 'b')
    point(made.returncode != 0 and '"b" does not come' in made.stderr, 'a part that is not there', made.stderr)
    made = draw(directory, [(0, '\x1b[2J')])
    point(made.returncode != 0 and 'ESC[2J' in made.stderr, 'what is not known is named', made.stderr)


def typist(directory):
    state = directory / 'state'
    process = subprocess.Popen([sys.executable, HERE / 'typist.py', state, 'cat'])
    point(wait(lambda: state.exists() and int(state.read_text().split()[1]) > 3), 'echoes are counted')
    process.send_signal(signal.SIGTERM)
    point(process.wait() == 0, 'it ends when it is told')
    typed, echoed, waits, longest = map(float, state.read_text().split())
    point(echoed <= typed and waits <= longest, 'the last state', typed, echoed, waits, longest)
    point(subprocess.run([sys.executable, HERE / 'typist.py', state, 'true'], check=False).returncode == 1,
          'a session that ends by itself is a failure')
    process = subprocess.Popen([sys.executable, HERE / 'typist.py', state, 'sh', '-c', 'head -n1; exec sleep 9'])
    point(wait(lambda: float(state.read_text().split()[3]) > 0.5), 'an echo that does not come is a wait, too')
    process.send_signal(signal.SIGTERM)
    process.wait()


with tempfile.TemporaryDirectory() as scratch:
    recordings(pathlib.Path(scratch))
    typist(pathlib.Path(scratch))
plan()
