#!/usr/bin/env python3
"""What the ABI's headers declare, for the golden (layout.def) and the symbol map.

    golden.py complete LAYOUT HEADER...   every struct, field and constant stands in the golden
    golden.py write HEADER...             prints the golden of the headers as they are now
    golden.py symbols LIBRARY MAP         the library exports what the map lists, and no more

Ends with 1 and says what is wrong. The golden moves in the commit that changes the headers, with
the version in abi.h.
"""
import os
import re
import subprocess
import sys
import tempfile


def strip(text):
    return re.sub(r'/\*.*?\*/', '', text, flags=re.S)


def structs_of(text):
    """Name and fields of every struct: one declaration may name several."""
    for match in re.finditer(r'typedef struct (\w+) \{(.*?)\n\} \1;', text, re.S):
        fields = []
        for declaration in match.group(2).split(';'):
            names = re.sub(r'^\s*(?:RIO_ABI_LINE\s+)?(?:const\s+)?(?:struct\s+)?\w+', '',
                           declaration)
            fields += re.findall(r'(\w+)(?:\[\w+\])?\s*(?:,|$)', names.strip().replace('*', ' '))
        yield match.group(1), fields


def constants_of(text):
    for match in re.finditer(r'^#define (RIO_\w+) (.+)$', text, re.M):
        if not match.group(1).startswith('RIO_ABI_ASSERT') and 'lignas' not in match.group(2):
            yield match.group(1)
    for body in re.findall(r'^enum \w+ \{(.*?)\n?\};', text, re.S | re.M):
        yield from re.findall(r'\b(RIO_\w+)\s*=', body)


def read(paths):
    for path in paths:
        with open(path, encoding='utf-8') as file:
            yield strip(file.read())


def names_in(headers):
    names = set()
    for text in read(headers):
        for struct, fields in structs_of(text):
            names.add(struct)
            names.update('%s.%s' % (struct, field) for field in fields)
        names.update(constants_of(text))
    return names


def names_in_golden(layout):
    names = set()
    for text in read([layout]):
        names.update(re.findall(r'^STRUCT\((\w+),', text, re.M))
        names.update('%s.%s' % f for f in re.findall(r'^FIELD\((\w+), (\w+),', text, re.M))
        names.update(re.findall(r'^VALUE\((\w+),', text, re.M))
    return names


def complete(layout, *headers):
    declared, golden = names_in(headers), names_in_golden(layout)
    wrong = ['%s is not in %s' % (n, layout) for n in sorted(declared - golden)]
    wrong += ['%s is in %s only' % (n, layout) for n in sorted(golden - declared)]
    if len(declared) < 100:
        wrong.append('only %d names found in the headers' % len(declared))
    return wrong


def write(*headers):
    lines = ['#include <rio/%s>' % os.path.basename(h) for h in headers]
    lines += ['#include <stddef.h>', '#include <stdio.h>', 'int main(void) {']
    for text in read(headers):
        for struct, fields in structs_of(text):
            lines.append('printf("\\nSTRUCT(%s, %%zu, %%zu)\\n", sizeof(%s), _Alignof(%s));'
                         % (struct, struct, struct))
            lines += ['printf("FIELD(%s, %s, %%zu, %%zu)\\n", offsetof(%s, %s), '
                      'sizeof(((%s*)0)->%s));' % (struct, f, struct, f, struct, f) for f in fields]
        lines.append('puts("");')
        lines += ['printf("VALUE(%s, 0x%%llx)\\n", (unsigned long long)%s);' % (c, c)
                  for c in constants_of(text)]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, 'golden.c'), os.path.join(folder, 'golden')
        with open(source, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines + ['return 0; }', '']))
        include = os.path.dirname(os.path.dirname(os.path.abspath(headers[0])))
        subprocess.run(['cc', '-std=c11', '-I', include, source, '-o', program], check=True)
        sys.stdout.write(subprocess.run([program], check=True, capture_output=True,
                                        text=True).stdout)
    return []


def symbols(library, version_map):
    listing = subprocess.run(['nm', '-D', '--defined-only', '--format=posix', library],
                             check=True, capture_output=True, text=True).stdout
    exported = {line.split()[0].split('@')[0] for line in listing.splitlines()
                if line.split()[1] in 'TDBRVW'}
    text = next(read([version_map]))
    listed = set(re.findall(r'^\s+(rio_\w+);', text, re.M))
    wrong = ['%s is exported and not in the map' % n for n in sorted(exported - listed)]
    wrong += ['%s is in the map and not exported' % n for n in sorted(listed - exported)]
    return wrong if listed else wrong + ['the map lists nothing']


def main():
    wrong = {'complete': complete, 'write': write, 'symbols': symbols}[sys.argv[1]](*sys.argv[2:])
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
