#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: python.py BUILD_DIRECTORY [--plain] [--record] [MODULE...]

CPython's own tests (Debian's package libpython3.11-testsuite) under the shim, client and server in
one process tree with two loopback addresses, so that their connections are multipath. Every test
in pass/MODULE.txt must pass, but for those in pass/differs.txt; those in pass/timing.txt get some
tries of their own.

--plain    without the shim
--record   plain, and write what passed to pass/MODULE.txt
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

PYTHON = '/usr/bin/python3.11'
# What the package's tests need; seconds, several times what they take.
MODULES = {
    'test_socketserver': 60, 'test_select': 60, 'test_asyncore': 60, 'test_httplib': 60,
    'test_ftplib': 120,
    'test_selectors': 120, 'test_socket': 180, 'test_ssl': 300, 'test_asyncio': 560,
}
# They look at the socket API of AF_INET but make no connection.
NO_CONNECTIONS = {'test_select', 'test_selectors'}
TRIES = 8
here = pathlib.Path(__file__).parent


def shim(build, log):
    return [str(build / 'preload' / 'mptcpshim'), 'run', '--local', '127.0.0.1,127.0.0.2',
            '--log', str(log)]


def run(prefix, module, seconds, xml_file, only=()):
    """One run of regrtest; False if it did not end in time."""
    command = [*prefix, PYTHON, '-m', 'test', '--timeout', str(seconds), '--junit-xml',
               str(xml_file), '-i', '*VSOCK*']
    if module == 'test_socketserver':
        command += ['-u', 'network']
    for name in only:
        command += ['-m', name]
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run([*command, module], stdout=output, stderr=output,
                           stdin=subprocess.DEVNULL, timeout=seconds + 20, check=False)
        except subprocess.TimeoutExpired:
            return False
    return xml_file.exists()


def passed(xml_file):
    """Names of the tests that passed; a test with a failed part or a skip is none of them."""
    good, bad = set(), set()
    for case in xml.etree.ElementTree.parse(xml_file).iter('testcase'):
        name = re.sub(r'\s.*', '', case.get('name'))
        ran = case.get('status') == 'run' and case.get('result') == 'completed'
        ok = ran and not any(child.tag in ('failure', 'error', 'skipped') for child in case)
        (good if ok else bad).add(name)
    return good - bad


def read_list(name):
    file = here / 'pass' / f'{name}.txt'
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.split('#')[0].strip() for line in lines if line.split('#')[0].strip()]


def retry(prefix, module, seconds, name, tmp):
    for i in range(TRIES):
        file = tmp / f'retry-{i}.xml'
        file.unlink(missing_ok=True)
        if run(prefix, module, seconds, file, [name]) and name in passed(file):
            return True
    return False


def try_module(build, module, plain, record, tmp):
    """What failed, how many passed of the list, ends of multipath connections."""
    log, file = tmp / f'{module}.log', tmp / f'{module}.xml'
    prefix = [] if plain else shim(build, log)
    if not run(prefix, module, MODULES[module], file):
        return ['no result in time'], 0, 0
    good = passed(file)
    if record:
        (here / 'pass' / f'{module}.txt').write_text(''.join(f'{n}\n' for n in sorted(good)))
    wanted, timing = read_list(module), set(read_list('timing'))
    differs = set() if plain else set(read_list('differs'))
    missing = [name for name in wanted if name not in good and name not in differs]
    failed = [name for name in missing if name not in timing or
              not retry(prefix, module, MODULES[module], name, tmp)]
    text = log.read_text() if log.exists() else ''
    ends = text.count(': established')
    if not plain and module not in NO_CONNECTIONS and ends == 0:
        failed.append('not one connection was multipath')
    return failed, len(good.intersection(wanted)), ends


def main():
    plain, record = '--plain' in sys.argv, '--record' in sys.argv
    args = [a for a in sys.argv[1:] if not a.startswith('--')]
    build, modules = pathlib.Path(args[0]).resolve(), args[1:] or list(MODULES)
    found = subprocess.run([PYTHON, '-c', 'import test.test_socket'], capture_output=True,
                           check=False) if pathlib.Path(PYTHON).exists() else None
    if found is None or found.returncode != 0:
        print('1..0 # SKIP libpython3.11-testsuite is not installed '
              '(apt-get install libpython3.11-testsuite)')
        return 0
    print(f'1..{len(modules)}', flush=True)
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for number, module in enumerate(modules, 1):
            failed, good, ends = try_module(build, module, plain or record, record,
                                            pathlib.Path(tmp))
            bad += bool(failed)
            for name in failed:
                print(f'# {module}: {name}', file=sys.stderr)
            print(f'{"not ok" if failed else "ok"} {number} - {module}: {good} of '
                  f'{len(read_list(module))} at the first try, {ends} ends of connections '
                  'multipath', flush=True)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
