#!/usr/bin/env python3
"""Tests tidy.py: a good tree passes, and for each rule a tree that breaks it is caught there."""
import os
import subprocess
import sys
import tempfile
import unittest

import tidy

HEADER = '// What it is for.\n#pragma once\n'
GOOD = {
    'api/include/rio/abi.h': '/* Layout. */\n#ifndef A_H\n#define A_H\n#include <stdint.h>\n'
                             'typedef struct a { uint32_t x; } a;\n#endif\n',
    'api/include/rio/ring.h': '/* Orders. */\n#ifndef R_H\n#define R_H\n#include <rio/abi.h>\n'
                              'static inline uint32_t r(const uint32_t* p) {\n'
                              '  return __atomic_load_n(p, __ATOMIC_ACQUIRE);\n}\n#endif\n',
    'api/src/session.c': '/* Cold calls. */\n#include <rio/abi.h>\n#include <unistd.h>\n',
    'stack/base/types.h': HEADER + '#include <cstdint>\nusing Nanos = int64_t;\n',
    'stack/base/drop.def': '// Reasons.\nDROP(eth_short, "short")\n',
    'stack/wire/eth.h': HEADER + '#include "base/types.h"\n',
    'stack/net/eth.cpp': '// Demux. A clock_gettime in a comment, std::thread too.\n'
                         '#include "wire/eth.h"\n'
                         'const char* text() { return "steady_clock // throw"; }\n'
                         'int drop() { return int(Drop::eth_short); }\n',
    'stack/udp/input.cpp': '// Input.\n#include "net/eth_free.h"\n',
    'stack/net/eth_free.h': HEADER,
    'stack/rio/session.h': HEADER + '#include <rio/ring.h>\n#include "base/types.h"\n',
    'stack/kernel/kernel.h': HEADER + '#include "rio/session.h"\n',
    'stack/host/thread.cpp': '// Host.\n#include <pthread.h>\n#include "kernel/kernel.h"\n'
                             '#include <rio/abi.h>\nint t() { throw 1; }\n',
    'pmd-glue/port.cpp': '// Port.\n#include <rte_mbuf.h>\n#include "base/types.h"\n',
    'config/config.cpp': '// Config.\n#include <yaml-cpp/yaml.h>\n#include <string>\n',
    'tests/support/bed.h': HEADER + '#include <gtest/gtest.h>\n',
    'tests/unit/a_test.cpp': '// A.\n#include "support/bed.h"\nTEST(A, B) {}\n',
    'apps/samples/echo.c': '/* Echo. */\n#include <rio/abi.h>\n#include <stdio.h>\n',
}

# rule, file, its text, line, a part of the sentence
BAD = [
    ('rte outside', 'stack/net/a.cpp', '// A.\n#include <rte_mbuf.h>\n', 2, 'pmd-glue/ alone'),
    ('rte in tests', 'tests/unit/a.cpp', '// A.\n#include <rte_eal.h>\n', 2, 'pmd-glue/ alone'),
    ('verbs', 'api/src/a.c', '// A.\n#include <infiniband/verbs.h>\n', 2, 'pmd-glue/ alone'),
    ('gtest', 'tests/unit/b_test.cpp', '// B.\n#include <string>\nTEST_F(A, B) {}\n', 3,
     'include <gtest/gtest.h>'),
    ('yaml', 'apps/piniond/a.cpp', '// A.\n#include <yaml-cpp/yaml.h>\n', 2, 'config/ alone'),
    ('upwards', 'stack/net/a.cpp', '// A.\n#include "../base/types.h"\n', 2, 'no way up'),
    ('core and system', 'stack/net/a.cpp', '// A.\n#include <unistd.h>\n', 2, 'outside host/'),
    ('core and threads', 'stack/net/a.cpp', '// A.\n\n#include <thread>\n', 3, 'outside host/'),
    ('core and rio.h', 'stack/kernel/a.cpp', '// A.\n#include <rio/rio.h>\n', 2, 'applications'),
    ('core and host', 'stack/kernel/a.cpp', '// A.\n#include "host/x.h"\n', 2, 'no such file'),
    ('wire', 'stack/wire/a.cpp', '// A.\n#include "net/eth_free.h"\n', 2, 'only base/'),
    ('wire and rio', 'stack/wire/a.cpp', '// A.\n#include <rio/abi.h>\n', 2, 'never sees RIO'),
    ('port', 'stack/port/a.h', HEADER + '#include "wire/eth.h"\n', 3, 'only base/'),
    ('net and kernel', 'stack/net/a.cpp', '// A.\n#include "kernel/kernel.h"\n', 2, 'Socket'),
    ('net and rio', 'stack/net/a.cpp', '// A.\n#include "rio/session.h"\n', 2, 'stack/rio'),
    ('net and abi', 'stack/net/a.cpp', '// A.\n#include <rio/abi.h>\n', 2, 'never sees RIO'),
    ('udp and eth', 'stack/udp/a.cpp', '// A.\n#include "wire/eth.h"\n', 2, 'never sees Ethernet'),
    ('tcp and eth', 'stack/tcp/a.cpp', '// A.\n#include "wire/eth.h"\n', 2, 'never sees Ethernet'),
    ('socket and rio', 'stack/socket/a.cpp', '// A.\n#include "rio/session.h"\n', 2, 'stack/rio'),
    ('same name', 'stack/rio/ring.h', HEADER, 1, 'name of a public header'),
    ('api and stack', 'api/src/a.c', '// A.\n#include "base/types.h"\n', 2, 'libc and <rio/'),
    ('api and c++', 'api/src/a.cpp', '// A.\n#include <iostream>\n', 2, 'libc and <rio/'),
    ('abi', 'api/include/rio/abi.h', '/* A. */\n#pragma once\n#include <string.h>\n', 3,
     '<stdint.h> only'),
    ('config and stack', 'config/a.cpp', '// A.\n#include "net/eth_free.h"\n', 2, '_config.h'),
    ('pmd and net', 'pmd-glue/a.cpp', '// A.\n#include "net/eth_free.h"\n', 2, 'stack/port'),
    ('sample', 'apps/samples/a.cpp', '// A.\n#include "base/types.h"\n', 2, 'a sample knows'),
    ('app', 'apps/gateway/a.cpp', '// A.\n#include "kernel/kernel.h"\n', 2, 'knows the API'),
    ('gateway', 'apps/gateway/itch/a.h', '// A.\n#pragma once\n#include "gateway/ouch/b.h"\n', 3,
     'must not know gateway/ouch'),
    ('simulator', 'apps/exchange-sim/a.cpp', '// A.\n#include "gateway/book/b.h"\n', 2,
     'must not know gateway/book'),
    ('clock', 'stack/net/a.cpp', '// A.\nauto t = clock_gettime(0, 0);\n', 2, 'a clock'),
    ('chrono', 'stack/net/a.cpp', '// A.\nstd::chrono::seconds t;\n', 2, 'a clock'),
    ('chance', 'stack/net/a.cpp', '// A.\nint r = rand();\n', 2, 'chance'),
    ('pthread', 'stack/net/a.cpp', '// A.\nvoid f() { pthread_self(); }\n', 2, 'a thread'),
    ('std::thread', 'stack/net/a.cpp', '// A.\nstd::thread t;\n', 2, 'a thread'),
    ('std::function', 'stack/net/a.h', HEADER + 'std::function<int()> f;\n', 3, 'call directly'),
    ('iostream', 'stack/net/a.cpp', '// A.\nvoid f() { std::cerr << 1; }\n', 2, 'a stream'),
    ('shared_ptr', 'stack/net/a.cpp', '// A.\nstd::shared_ptr<int> p;\n', 2, 'one owner'),
    ('throw', 'stack/net/a.cpp', '// A.\n/* x */ void f() { throw 1; }\n', 2, 'an exception'),
    ('try', 'stack/net/a.cpp', '// A.\nvoid f() { try { g(); } catch (...) {} }\n', 2,
     'an exception'),
    ('rtti', 'stack/net/a.cpp', '// A.\nauto p = dynamic_cast<int*>(q);\n', 2, 'RTTI'),
    ('atomics in core', 'stack/rio/a.cpp', '// A.\nstd::atomic<int> a;\n', 2, 'ring.h'),
    ('atomics in api', 'api/include/rio/rio.h', HEADER + 'int x = __ATOMIC_RELAXED;\n', 3,
     'ring.h'),
    ('atomics in glue', 'pmd-glue/a.cpp', '// A.\nstd::atomic<int> a;\n', 2, 'ring.h'),
    ('long file', 'stack/net/a.cpp', '// A.\n' * 801, 801, 'has 801 lines'),
    ('long line', 'tests/unit/a.cpp', '// A.\n//' + 'x' * 99 + '\n', 2, '101 columns'),
    ('long function', 'tests/unit/a.cpp',
     '// A.\n#include <gtest/gtest.h>\nnamespace n {\nTEST(A, B) {\n' + '  f();\n' * 69 + '}\n}\n',
     4, 'has 71 lines'),
    ('long method', 'stack/net/a.h',
     HEADER + 'struct S {\n  int f(int x)\n      const {\n' + '    g([&] { h(); });\n' * 70 +
     '  }\n};\n', 4, 'has 73 lines'),
    ('no opening comment', 'config/a.cpp', 'int a;\n', 1, 'open with a comment'),
    ('no guard', 'config/a.h', '// A.\nint a;\n', 1, 'include guard'),
    ('unused drop', 'stack/base/drop.def', '// R.\nDROP(eth_short, "s")\nDROP(other, "o")\n', 3,
     'Drop::other'),
]


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as file:
            file.write(text)


def found_in(files, rules=tidy.RULES):
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, files)
        tree = tidy.Tree(root)
        for rule in rules:
            rule(tree)
        return tree.found


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.allowed = dict(tidy.ATOMICS_ALLOWED)
        tidy.ATOMICS_ALLOWED.clear()

    def tearDown(self):
        tidy.ATOMICS_ALLOWED.clear()
        tidy.ATOMICS_ALLOWED.update(self.allowed)

    def test_good_tree_passes(self):
        self.assertEqual(found_in(GOOD), [])
        self.assertEqual(found_in(GOOD, [tidy.check_headers]), [])

    def test_each_rule_catches_its_breach_and_nothing_else(self):
        for name, path, text, line, part in BAD:
            with self.subTest(name):
                found = found_in({**GOOD, path: text})
                self.assertTrue(found, 'not caught')
                for where, number, sentence in found:
                    self.assertEqual((where, number), (path, line))
                    self.assertIn(part, sentence)

    def test_limits_are_inclusive(self):
        body = '// A.\nvoid f() {\n' + '  g();\n' * 68 + '}\n//' + 'x' * 98 + '\n'
        self.assertEqual(found_in({**GOOD, 'tests/unit/a.cpp': body}), [])
        self.assertEqual(found_in({**GOOD, 'tests/unit/a.cpp': '// A.\n' * 800}), [])

    def test_atomics_allow_list(self):
        glue = {**GOOD, 'pmd-glue/a.cpp': '// A.\nstd::atomic<int> a;\n'}
        tidy.ATOMICS_ALLOWED['pmd-glue/a.cpp'] = 'a reason'
        self.assertEqual(found_in(glue), [])
        tidy.ATOMICS_ALLOWED['pmd-glue/port.cpp'] = 'has none'
        self.assertIn('has no memory order', found_in(glue)[0][2])
        tidy.ATOMICS_ALLOWED['pmd-glue/port.cpp'] = tidy.ATOMICS_ALLOWED.pop('pmd-glue/a.cpp')
        del tidy.ATOMICS_ALLOWED['pmd-glue/port.cpp']
        tidy.ATOMICS_ALLOWED['pmd-glue/gone.cpp'] = 'a reason'
        self.assertIn('which is gone', found_in(GOOD)[0][2])
        del tidy.ATOMICS_ALLOWED['pmd-glue/gone.cpp']
        core = {**GOOD, 'stack/rio/a.cpp': '// A.\nstd::atomic<int> a;\n'}
        tidy.ATOMICS_ALLOWED['stack/rio/a.cpp'] = 'may not stand there'
        self.assertIn('must not be in', found_in(core)[0][2])

    def test_headers_that_do_not_compile_alone(self):
        cxx = {**GOOD, 'stack/net/a.h': HEADER + 'std::size_t n();\n'}
        c11 = {**GOOD, 'api/include/rio/b.h': HEADER + 'struct s {};\nstatic inline s f();\n'}
        for files, path, standard in ((cxx, 'stack/net/a.h', 'c++20'),
                                      (c11, 'api/include/rio/b.h', 'c11')):
            found = found_in(files, [tidy.check_headers])
            self.assertEqual(found[0][0], path)
            self.assertIn(standard, found[0][2])

    def test_headers_that_the_build_shows(self):
        header = {**GOOD, 'stack/net/a.h': HEADER + 'std::size_t n();\n'}
        first, second = '#include "net/a.h"\n', '#include <cstddef>\n'
        for order, count in ((first + second, 0), (second + first, 1)):
            files = {**header, 'stack/net/a.cpp': '// A.\n' + order}
            self.assertEqual(len(found_in(files, [tidy.check_headers])), count)

    def test_exit_status(self):
        script = os.path.abspath(tidy.__file__)
        bad = {**GOOD, 'stack/net/a.cpp': '// A.\nint r = rand();\n'}
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, bad)
            done = subprocess.run([sys.executable, script, '--root', root, '--only', 'rules'],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('stack/net/a.cpp:2: rand( is chance', done.stdout)


if __name__ == '__main__':
    unittest.main()
