#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: circles.py NM LAYER_ROOT ARCHIVE: no two files of a layer may call each other in a circle.

Who calls whom is read from the objects of the archive: a symbol that one of them lacks and another
one defines. A circle is printed with these symbols. To dissolve one, let the lower of the files
return what it found instead of acting on it, so that its caller decides, or move what both need to a
file below both. Circles not dissolved yet are listed in circles-allowed.txt."""
import collections
import pathlib
import subprocess
import sys

nm, layer, archive = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
allowed_list = pathlib.Path(__file__).parent / 'circles-allowed.txt'


def allowed_circles():
    """The sets of files of this layer that the list lets pass."""
    for line in allowed_list.read_text().splitlines():
        if not line or line.startswith('#'):
            continue
        name, files, reason = (part.strip() for part in line.split(':', 2))
        if not reason:
            sys.exit(f'{allowed_list.name}: no reason given for {files}')
        if layer.as_posix().endswith('/' + name):
            yield set(files.split())


def read_symbols():
    """Of each file of the layer: the symbols it defines, and those it lacks."""
    objects = {str(path.relative_to(layer)).replace('/', '_') + '.o': str(path.relative_to(layer))
               for path in layer.rglob('*.c')}
    defined, lacking, file = {}, collections.defaultdict(set), None
    output = subprocess.run([nm, archive], capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        words = line.split()
        if line.endswith(':'):
            file = objects.get(line[:-1].rpartition('/')[2])
        elif file and len(words) == 2 and words[0] == 'U':
            lacking[file].add(words[1])
        elif file and len(words) == 3 and words[1] in 'TDBRVW':
            defined[words[2]] = file
    return defined, lacking


def call_graph(defined, lacking):
    graph = collections.defaultdict(lambda: collections.defaultdict(set))
    for file, symbols in lacking.items():
        for symbol in symbols & defined.keys():
            if defined[symbol] != file:
                graph[file][defined[symbol]].add(symbol)
    return graph


def reach(graph, file):
    seen, todo = set(), [file]
    while todo:
        for other in graph[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def circles(graph):
    """Sets of files that reach each other."""
    reached = {file: reach(graph, file) for file in list(graph)}
    found = {frozenset(other for other in reached[file] if file in reached.get(other, ()))
             for file in reached if file in reached[file]}
    return sorted(found, key=sorted)


def shortest(graph, circle):
    """One way round, as short as there is."""
    best = None
    for start in sorted(circle):
        ways, seen = [[start]], {start}
        while ways and (best is None or len(ways[0]) < len(best)):
            way = ways.pop(0)
            if start in graph[way[-1]]:
                best = way
                break
            for other in sorted(graph[way[-1]]):
                if other in circle and other not in seen:
                    seen.add(other)
                    ways.append(way + [other])
    return best


def show(graph, circle):
    way = shortest(graph, circle)
    print(f'{layer.name}: {len(circle)} files call each other in a circle, for example')
    for file, other in zip(way, way[1:] + way[:1]):
        print(f'  {file} calls {other}: {" ".join(sorted(graph[file][other]))}')
    print('all calls between them:')
    for file in sorted(circle):
        for other in sorted(graph[file].keys() & circle):
            print(f'  {file} -> {other}: {" ".join(sorted(graph[file][other]))}')


graph = call_graph(*read_symbols())
if not graph:
    sys.exit(f'{archive}: no calls between the files of {layer}')
found, allowed, bad = circles(graph), list(allowed_circles()), False
for circle in found:
    if not any(circle <= files for files in allowed):
        show(graph, circle)
        bad = True
for files in allowed:
    stale = files - set().union(*(circle for circle in found if circle <= files))
    if stale:
        print(f'{allowed_list.name}: in no circle any more: {" ".join(sorted(stale))}')
        bad = True
print(f'{len(graph)} files that call others, {len(found)} circles')
sys.exit(1 if bad else 0)
