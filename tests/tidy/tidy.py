#!/usr/bin/env python3
"""Enforces the rules of the tree that a compiler cannot: who may include whom, what the core must
not know, where memory orders live, sizes, drop reasons that are used, headers that compile alone.

    tidy.py [--root DIR] [--only rules|headers]

Prints file:line: what is wrong and where it belongs; ends with 1 if anything was found.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

import cxx

LINES_MAX, COLUMNS_MAX, FUNCTION_LINES_MAX = 800, 100, 70
SOURCE_ENDINGS = ('.c', '.cpp', '.h', '.hpp', '.def')
HEADER_ENDINGS = ('.h', '.hpp')
OWN_TOP = ('api', 'apps', 'config', 'pmd-glue', 'stack', 'tests')

# Memory orders outside api/include/rio/ring.h: one line a file, with the reason. Only files in
# these directories may stand here, and a line whose file has no memory order any more is an error.
ATOMICS_DIRECTORIES = ('api/src/', 'apps/', 'pmd-glue/', 'stack/host/', 'stack/port/',
                       'stack/socket/port_owners.h')
ATOMICS_ALLOWED = {
    'stack/port/hand_over.h': 'core to core: between two threads of ours, not the ABI',
    'stack/port/capture_tap.h': 'core to whoever captures: between two threads of ours',
    'stack/port/capture_tap.cpp': 'the same',
    'stack/socket/port_owners.h': 'core to core, as well',
    'stack/host/mailbox.h': 'control thread to core: between two threads of ours, not the ABI',
    'stack/host/core_thread.h': 'counters and the stop flag that other threads look at',
    'stack/host/core_thread.cpp': 'the same',
    'stack/host/port_wake.h': 'what housekeeping shows of it',
    'stack/host/port_wake.cpp': 'the same',
    'stack/host/embedded.h': 'a control call waits for the polling thread',
    'stack/host/sigbus.cpp': 'read by a signal handler',
    'stack/host/attach_server.h': 'the stop flag of its thread and counters that others read',
    'apps/gateway/control/mailbox.h': 'housekeeping and trading thread: between two of ours',
    'apps/gateway/control/mailbox.cpp': 'the same',
    'apps/piniond/dma_regions.h': 'a number for the status page',
    'apps/piniond/dma_regions.cpp': 'the same',
    'apps/piniond/privileges.h': 'counted by a signal handler',
    'apps/piniond/privileges.cpp': 'the same',
    'apps/gateway/risk/kill_switch.h': 'thrown by the trading thread, written by housekeeping',
    'apps/gateway/risk/kill_switch.cpp': 'the same',
    'pmd-glue/eal.cpp': 'EAL starts once in a process',
    'pmd-glue/ethdev_port.h': 'link state and counters that housekeeping reads',
    'pmd-glue/ethdev_port.cpp': 'the same',
    'pmd-glue/ethdev_open.cpp': 'numbers for device names',
    'pmd-glue/ethdev_watch.cpp': 'housekeeping restarts the device while the core stays away',
}

# What the protocol core may take from the standard library: no thread, clock, chance, file or
# stream, and nothing of the operating system.
CORE_STD = set('''algorithm array bit bitset cassert cerrno cinttypes climits compare concepts
    cstdarg cstddef cstdint cstdio cstdlib cstring initializer_list iterator limits memory new
    numeric optional span string string_view tuple type_traits utility variant vector
    errno.h stddef.h stdint.h string.h'''.split())
# C++ headers that need no libstdc++ at run time, for librio and its C++ face.
API_STD = set('''array bit cassert cerrno cinttypes climits cstdarg cstddef cstdint cstdio cstdlib
    cstring ctime initializer_list limits memory new optional span string string_view system_error
    tuple type_traits utility'''.split())
CORE_RIO = ('rio/abi.h', 'rio/ring.h', 'rio/control.h')

# Which directories of stack/ a directory of stack/ may include (besides itself).
_LOWER = {'base', 'port', 'wire', 'net', 'socket', 'udp', 'tcp'}
STACK_MAY = {
    'base': set(),
    'port': {'base'},
    'wire': {'base'},
    'net': _LOWER, 'socket': _LOWER, 'udp': _LOWER, 'tcp': _LOWER,
    'rio': _LOWER | {'kernel'},
    'kernel': _LOWER | {'rio'},
    'host': _LOWER | {'rio', 'kernel'},
}

# Which libraries of apps/gateway a library of it may include (besides itself and wire/), and what
# the simulator may: never the books, which are compared with its own.
GATEWAY_MAY = {
    'wire': set(), 'soupbintcp': set(), 'moldudp64': set(), 'itch': set(), 'ouch': set(),
    'book': {'itch'},
    'journal': {'ouch'},
    'control': set(),
    'ctl': {'config', 'journal', 'orders'},
    'risk': set(),
    'orders': {'fix', 'journal', 'ouch', 'risk'},
    'venue': {'net', 'soupbintcp'},
    'market': {'book', 'config', 'itch', 'moldudp64', 'net', 'risk', 'soupbintcp'},
    'exchange-sim': {'soupbintcp', 'moldudp64', 'itch', 'ouch'},
}

# What must not stand in stack/ outside host/.
CORE_FORBIDDEN = [
    (r'\b(?:clock_gettime|gettimeofday|steady_clock|system_clock|high_resolution_clock|_?_?rdtscp?)'
     r'\b|\bstd::chrono\b|\b(?:std)?::time\s*\(|\btime\s*\(\s*(?:NULL|nullptr|0)?\s*\)',
     'a clock: time is the argument `now`, and only a host reads clocks'),
    (r'\bs?rand\s*\(|\b(?:random_device|mt19937(?:_64)?|getrandom|getentropy|arc4random\w*)\b',
     'chance: random numbers come from a seed that the host hands in'),
    (r'\bpthread_\w+|\bstd::(?:j?thread|(?:\w+_)?mutex|condition_variable|async|future)\b',
     'a thread or a lock: threads belong to stack/host and apps/piniond'),
    (r'\bstd::function\b', 'std::function: call directly, or take a plain function and its self'),
    (r'\bstd::(?:cout|cerr|clog|[io]?stream|[io]?fstream|[io]?stringstream|endl)\b',
     'a stream: what happened is a counter or a return value'),
    (r'\b(?:shared_ptr|weak_ptr|make_shared)\b', 'a shared_ptr: everything here has one owner'),
    (r'\bthrow\b|\btry\s*\{|\bcatch\s*\(', 'an exception: return a Drop or a negative errno'),
    (r'\bdynamic_cast\b|\btypeid\b', 'RTTI: the core is compiled without it'),
]
ATOMIC = re.compile(r'\b(?:__atomic_\w+|__ATOMIC_\w+|__sync_\w+|std::atomic\w*|std::memory_order\w*'
                    r'|memory_order_\w+|atomic_(?:load|store|exchange|fetch|compare)\w*|_Atomic)\b')

GTEST = re.compile(r'\b(?:TEST(?:_[FP])?|GTEST_\w+|(?:EXPECT|ASSERT)_[A-Z_]+) *\(')


class Tree:
    """The files of a tree, read once, and what was found in them."""

    def __init__(self, root):
        self.root = root
        self.found = []
        self.text = {}
        for top in OWN_TOP:
            for folder, folders, names in os.walk(os.path.join(root, top)):
                folders[:] = sorted(f for f in folders if not f.startswith(('.', '__', 'build')))
                for name in sorted(names):
                    if name.endswith(SOURCE_ENDINGS + ('.py', 'CMakeLists.txt')):
                        self._read(os.path.relpath(os.path.join(folder, name), root))
        self.source = [p for p in self.text if p.endswith(SOURCE_ENDINGS)]
        self.stripped = {p: cxx.strip(self.text[p]) for p in self.source}

    def _read(self, path):
        with open(os.path.join(self.root, path), encoding='utf-8') as file:
            self.text[path] = file.read()

    def report(self, path, line, sentence):
        self.found.append((path, line, sentence))

    def report_matches(self, path, pattern, sentence):
        for match in re.finditer(pattern, self.stripped[path]):
            self.report(path, cxx.line_of(self.stripped[path], match.start()),
                        sentence.replace('%s', match.group(0).strip()))


def is_core(path):
    return path.startswith('stack/') and not path.startswith('stack/host/')


def is_std(tree, include):
    """A header of the C++ library, of libc or of the kernel: what no package has to bring."""
    if 'stack/' + include in tree.text:     # net/ is a directory of both
        return False
    if include.startswith(('sys/', 'linux/', 'net/', 'netinet/', 'arpa/', 'netpacket/', 'asm/')):
        return True
    return '/' not in include and ('.' not in include or include.endswith('.h'))


def check_includes(tree):
    own_rio = {os.path.basename(p) for p in tree.source if p.startswith('stack/rio/')}
    api_rio = {os.path.basename(p) for p in tree.source if p.startswith('api/include/rio/')}
    for name in sorted(own_rio & api_rio):
        tree.report('stack/rio/' + name, 1, 'has the name of a public header; rename it, or '
                    '<rio/%s> means two files' % name)
    for path in tree.source:
        for line, include, quoted in cxx.includes(tree.text[path]):
            wrong = include_everywhere(path, include) or \
                include_by_place(tree, path, include, quoted)
            if wrong:
                tree.report(path, line, 'includes %s: %s' % (include, wrong))


def include_everywhere(path, include):
    if include.startswith(('rte_', 'infiniband/')) and not path.startswith(
            ('pmd-glue/', 'tests/bench/raw_ethdev.cpp', 'tests/pmd/clocked_nic.cpp')):
        return 'DPDK and verbs are known to pmd-glue/ alone; ask for what you need there'
    if include.startswith('yaml-cpp') and not path.startswith(
            ('config/', 'tests/fuzz/', 'tests/unit/config/')):
        return 'yaml-cpp is known to config/ alone; use struct Config'
    if '../' in include:
        return 'no way up in an include; write it from the include root'
    return None


def include_by_place(tree, path, include, quoted):
    top = path.split('/')[0]
    if top == 'stack':
        return stack_include(tree, path, include, quoted)
    if top == 'api':
        return api_include(tree, path, include)
    if top == 'config':
        return config_include(tree, path, include)
    if top == 'pmd-glue':
        return pmd_include(tree, path, include)
    if top == 'apps':
        return apps_include(tree, path, include)
    return None


def sibling(tree, path, include):
    """The include names a file beside the including one, or one below its top directory."""
    top = path.split('/')[0]
    return any(os.path.normpath(os.path.join(base, include)) in tree.text
               for base in (os.path.dirname(path), top, top + '/..')) and \
        not include.startswith(('stack/', 'api/'))


def stack_include(tree, path, include, quoted):
    here = path.split('/')[1]
    first = include.split('/')[0]
    is_stack_file = quoted and 'stack/' + include in tree.text
    if not is_stack_file and include.startswith('rio/'):
        return stack_includes_api(here, include)
    if quoted:
        if not is_stack_file:
            return 'no such file below stack/; includes are written from there ("base/types.h")'
        return stack_includes_stack(here, first, include)
    if here == 'host':
        return None if is_std(tree, include) else 'stack/host knows the system and nothing else'
    if include not in CORE_STD:
        return 'stack/ outside host/ knows no such thing; what needs it belongs to stack/host, ' \
               'pmd-glue or an app'
    return None


def stack_includes_api(here, include):
    if here in ('wire', 'port', 'base', 'net'):
        return '%s/ never sees RIO; carry the value in a type of stack/base' % here
    if here != 'host' and include not in CORE_RIO:
        return 'the core knows abi.h, ring.h and control.h of the API; rio.h is for applications'
    return None


def stack_includes_stack(here, first, include):
    if here in ('udp', 'tcp') and include in ('wire/eth.h', 'wire/vlan.h', 'wire/arp.h'):
        return '%s/ never sees Ethernet; that belongs to net/' % here
    if first == here or first in STACK_MAY.get(here, set()):
        return None
    if here in ('wire', 'port', 'base'):
        return '%s/ knows only base/; move what needs this to net/ or above' % here
    if first == 'rio':
        return 'only rio/, kernel/ and host/ know stack/rio; go up through Socket'
    return '%s/ must not know %s/; go up through Socket, or let kernel/ bring them together' % (
        here, first)


def api_include(tree, path, include):
    name = os.path.basename(path)
    if include.startswith('rio/'):
        below = {'abi.h': (), 'control.h': ('rio/abi.h',), 'ring.h': ('rio/abi.h',)}
        if path.startswith('api/include/') and include not in below.get(name, (include,)):
            return '%s stands below it' % name
        return None
    if name == 'abi.h' and include != 'stdint.h':
        return 'abi.h includes <stdint.h> only'
    is_c = include.endswith('.h') and is_std(tree, include)
    if is_c or include in API_STD and not path.endswith(('.h', '.c')):
        return None
    if path.startswith('api/src/') and 'api/src/' + include in tree.text:
        return None
    return 'api/ knows libc and <rio/...> only'


def config_include(tree, path, include):
    if include.startswith('yaml-cpp') or include.endswith('_config.h') or \
            include.startswith('base/') or is_std(tree, include) or sibling(tree, path, include):
        return None
    return 'config/ knows yaml-cpp, stack/base and the *_config.h of stack and pmd-glue'


def pmd_include(tree, path, include):
    if include in ('rio/abi.h', 'rio/ring.h') and (
            'tsc_clock' in path or 'device_clock' in path):
        return None  # the clock is published in the shared memory's own form
    if include.startswith('rio/') or 'stack/' + include in tree.text and \
            not include.startswith(('port/', 'base/')):
        return 'pmd-glue/ knows stack/port and stack/base only'
    return None


def gateway_include(path, include):
    _, app, part = path.split('/')[:3]
    here = part if app == 'gateway' else app
    if here not in GATEWAY_MAY or not include.startswith('gateway/'):
        return None
    other = include.split('/')[1]
    if other in ({here, 'wire'} | GATEWAY_MAY[here]):
        return None
    return '%s must not know gateway/%s; what they share belongs to gateway/wire, or let the ' \
           'gateway bring them together' % (here, other)


def apps_include(tree, path, include):
    app = path.split('/')[1]
    if app in ('piniond', 'demo'):  # compositions: of the daemon, and of an embedded stack
        return None
    wrong = gateway_include(path, include)
    if wrong:
        return wrong
    if include.startswith(('rio/', 'CLI/')) or is_std(tree, include) or \
            sibling(tree, path, include):
        return None
    if app == 'samples':
        return 'a sample knows <rio/...>, CLI11 and the standard library'
    if 'stack/' + include in tree.text and not include.startswith('base/') or \
            'pmd-glue/' + include in tree.text or 'config/' + include in tree.text:
        return 'an application knows the API; only apps/piniond and demo bring the parts together'
    return None


def check_core(tree):
    for path in filter(is_core, tree.source):
        for pattern, sentence in CORE_FORBIDDEN:
            tree.report_matches(path, pattern, '%s is ' + sentence)


def check_atomics(tree):
    home = 'api/include/rio/ring.h'
    for path in tree.source:
        uses = ATOMIC.search(tree.stripped[path])
        if path in ATOMICS_ALLOWED:
            if not path.startswith(ATOMICS_DIRECTORIES):
                tree.report(path, 1, 'must not be in ATOMICS_ALLOWED; use ring.h')
            if not uses:
                tree.report(path, 1, 'is in ATOMICS_ALLOWED but has no memory order; delete that '
                            'line of tidy.py')
        elif path != home and not path.startswith('tests/'):
            tree.report_matches(path, ATOMIC, '%s: memory orders live in ' + home + '; add a '
                                'function there, or a line with the reason to ATOMICS_ALLOWED')
    for path in ATOMICS_ALLOWED:
        if path not in tree.text and tree.text:
            tree.report('tests/tidy/tidy.py', 1, 'ATOMICS_ALLOWED names %s, which is gone' % path)


def check_shape(tree):
    for path, text in tree.text.items():
        lines = text.split('\n')
        if len(lines) - 1 > LINES_MAX:
            tree.report(path, LINES_MAX + 1, 'has %d lines, at most %d: split it by what it is for'
                        % (len(lines) - 1, LINES_MAX))
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                tree.report(path, number, 'is %d columns wide, at most %d' %
                            (len(line), COLUMNS_MAX))
    for path in tree.source:
        text = tree.text[path]
        spoken_for = path.endswith('.cpp') and path[:-3] + 'h' in tree.text  # its header says it
        if not spoken_for and not text.startswith(('//', '/*')):
            tree.report(path, 1, 'does not open with a comment that says what the file is for')
        if path.endswith(HEADER_ENDINGS) and '#pragma once' not in text and \
                not re.search(r'^#ifndef (\w+)\n#define \1\b', text, re.M):
            tree.report(path, 1, 'has neither #pragma once nor an include guard')
        for first, last, signature in cxx.functions(tree.stripped[path]):
            if last - first + 1 > FUNCTION_LINES_MAX:
                tree.report(path, first, 'this function has %d lines, at most %d: %s' %
                            (last - first + 1, FUNCTION_LINES_MAX, signature[:60]))


def check_drops(tree):
    definition = 'stack/base/drop.def'
    used = set()
    for path in tree.source:
        if path.startswith('stack/') and path != definition:
            used.update(re.findall(r'\bDrop::(\w+)', tree.stripped[path]))
    for match in re.finditer(r'^DROP\((\w+)', tree.text.get(definition, ''), re.M):
        if match.group(1) not in used:
            tree.report(definition, cxx.line_of(tree.text[definition], match.start()),
                        'nothing in stack/ drops with Drop::%s: use it or delete the line' %
                        match.group(1))


def reaches_gtest(tree, path, seen):
    """By its own includes, or by those of a file of the project that it includes."""
    seen.add(path)
    for _, include, _ in cxx.includes(tree.text[path]):
        if include.startswith(('gtest/', 'gmock/')):
            return True
        for base in (os.path.dirname(path), 'tests', 'tests/gateway'):
            other = os.path.normpath(os.path.join(base, include))
            if other in tree.text and other not in seen and reaches_gtest(tree, other, seen):
                return True
    return False


def check_gtest(tree):
    """What a build with PINION_GTEST_ONCE does not show."""
    for path in tree.source:
        uses = GTEST.search(tree.stripped[path]) if path.startswith('tests/') else None
        if uses and not reaches_gtest(tree, path, set()):
            tree.report(path, cxx.line_of(tree.stripped[path], uses.start()),
                        'uses GoogleTest; include <gtest/gtest.h>')


def compiles_first(tree, header):
    """Its own source includes it before anything else: then the build shows it."""
    source = os.path.splitext(header)[0] + '.cpp'
    first = re.search(r'^#include [<"](.+)[>"]', tree.text.get(source, ''), re.M)
    return first is not None and ('/' + header).endswith('/' + first.group(1))


def header_jobs(tree):
    """(path, command) for each header that must compile alone, and that no source shows to."""
    include = ['-I' + os.path.join(tree.root, d)
               for d in ('api/include', 'stack', 'config', 'pmd-glue', 'apps', 'tests', '.')]
    dpdk = pkg_config('libdpdk')
    base = ['-fsyntax-only', '-Wall', '-Wextra', '-Wpedantic', '-Werror', *include]
    for path in tree.source:
        if not path.endswith(HEADER_ENDINGS) or path.startswith('tests/') and \
                not path.startswith('tests/support/') or compiles_first(tree, path):
            continue
        full = os.path.join(tree.root, path)
        more = ['-isystem' + f[2:] if f.startswith('-I') else f for f in dpdk] \
            if path.startswith('pmd-glue/') else []
        if path.startswith('api/include/rio/') and path.endswith('.h'):
            yield path, ['gcc', '-std=c11', '-x', 'c', *base, '-include', full, os.devnull]
        yield path, ['g++', '-std=c++20', '-x', 'c++', *base, *more, '-include', full, os.devnull]


def pkg_config(package):
    try:
        done = subprocess.run(['pkg-config', '--cflags', package], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.split()


def check_headers(tree):
    def compile_alone(job):
        path, command = job
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False)
        return path, command, done
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, command, done in pool.map(compile_alone, header_jobs(tree)):
            if done.returncode != 0:
                errors = [l for l in done.stderr.split('\n') if 'error' in l]
                tree.report(path, 1, 'does not compile alone as %s: %s; include what it uses' %
                            (command[1][5:], errors[0] if errors else done.stderr.strip()[:200]))


RULES = (check_includes, check_core, check_atomics, check_shape, check_drops, check_gtest)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--root', default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument('--only', choices=('rules', 'headers'))
    arguments = parser.parse_args()
    tree = Tree(os.path.abspath(arguments.root))
    if not tree.source:
        sys.exit('tidy: no sources below ' + tree.root)
    if arguments.only != 'headers':
        for rule in RULES:
            rule(tree)
    if arguments.only != 'rules':
        check_headers(tree)
    for path, line, sentence in sorted(tree.found):
        print('%s:%d: %s' % (path, line, sentence))
    print('tidy: %d files, %d found' % (len(tree.text), len(tree.found)))
    sys.exit(1 if tree.found else 0)


if __name__ == '__main__':
    main()
