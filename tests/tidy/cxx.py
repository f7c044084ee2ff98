"""Just enough of C and C++ for tidy.py: text without comments and strings, includes, functions.

Heuristics that fit this project's style; not a parser.
"""
import re

_TOKEN = re.compile(
    r'R"(?P<tag>[^()\s\\]{0,16})\((?:.|\n)*?\)(?P=tag)"'
    r"|//[^\n]*|/\*(?:.|\n)*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'")
_INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', re.M)
_NOT_A_FUNCTION = re.compile(
    r'^(?:template\s*<.*>\s*)?(?:typedef\s+|static\s+|inline\s+)*'
    r'(?:namespace|class|struct|union|enum|extern)\b')


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def strip(text):
    """The text with comments gone and strings emptied; every line keeps its number."""
    def blank(match):
        token = match.group(0)
        newlines = '\n' * token.count('\n')
        return newlines or ' ' if token.startswith('/') else '""' + newlines
    return _TOKEN.sub(blank, text)


def includes(text):
    """(line, path, is_quoted) of each include that is not commented out."""
    without_comments = re.sub(
        r'/\*(?:.|\n)*?\*/', lambda m: '\n' * m.group(0).count('\n'), text)
    for match in _INCLUDE.finditer(without_comments):
        line = line_of(without_comments, match.start(1 if match.group(1) else 2))
        yield line, match.group(1) or match.group(2), match.group(2) is not None


def _without_directives(stripped):
    """Directives blanked; of #if ... #else ... #endif only the first branch kept."""
    kept, skipping, continued = [], [], False
    for line in stripped.split('\n'):
        directive = re.match(r'\s*#\s*(\w*)', line)
        if continued or directive:
            word = directive.group(1) if directive and not continued else ''
            if word in ('if', 'ifdef', 'ifndef'):
                skipping.append(False)
            elif word in ('else', 'elif') and skipping:
                skipping[-1] = True
            elif word == 'endif' and skipping:
                skipping.pop()
            continued = line.endswith('\\')
            kept.append('')
        else:
            kept.append('' if any(skipping) else line)
    return '\n'.join(kept)


def functions(stripped):
    """(first line, last line, signature) of each function; a lambda counts to its function."""
    text = _without_directives(stripped)
    scopes, head_start = [], 0      # a scope: (kind, first line, signature)
    for match in re.finditer(r'[{};]', text):
        at, mark = match.start(), match.group(0)
        inside = any(kind == 'function' for kind, _, _ in scopes)
        if mark == '{':
            raw = text[head_start:at]
            head = ' '.join(raw.split())
            head = re.sub(r'^(?:(?:public|private|protected)\s*:\s*)+', '', head)
            start = line_of(text, head_start + len(raw) - len(raw.lstrip()))
            kind = 'other'
            if not inside and ')' in head and not _NOT_A_FUNCTION.match(head) \
                    and not re.search(r'(?:=|\breturn)\s*$', head):
                kind = 'function'
            scopes.append((kind, start, head))
        elif mark == '}' and scopes:
            kind, start, head = scopes.pop()
            if kind == 'function':
                yield start, line_of(text, at), head
        if mark != ';' or text.count('(', head_start, at) == text.count(')', head_start, at):
            head_start = at + 1
