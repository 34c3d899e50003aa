"""What is written is so: every verb, option, statement and operator command is in the manual; the guides' configurations
and README's are accepted; links lead somewhere."""
import glob
import os
import re
import shutil
import subprocess

import world as wd

DOCS = os.path.join(wd.TOP, 'docs')
MAN = os.path.join(DOCS, 'man')


def text_of(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def page(name):
    """A manual page as its reader sees it, one line of single blanks."""
    if not shutil.which('mandoc'):
        raise wd.Skip('no mandoc')
    out = subprocess.run(['mandoc', '-Tutf8', '-Owidth=400', os.path.join(MAN, name)], capture_output=True, text=True,
                         check=True).stdout
    return ' '.join(re.sub(r'.\x08', '', out).replace('‐', '-').replace('\xa0', ' ').split())


def help_text():
    return wd.run([wd.program('njegate'), '--help'])


def pages():
    return sorted(glob.glob(os.path.join(DOCS, '**', '*.md'), recursive=True)) + [os.path.join(wd.TOP, 'README.md')]


def operator_commands():
    """(name, shortest, privileged) of operator/oper.def."""
    return [(name, name[:int(n)], who == 'true') for name, n, who in re.findall(
        r'^COMMAND\((\w+), (\d+), (true|false)', text_of(os.path.join(wd.TOP, 'operator', 'oper.def')), re.M)]


def case_every_verb_and_option(w):
    """njegate(8) has every verb with its action, every option a form names; njegated(8) those of the daemon."""
    shown = page('njegate.8')
    missing = []
    for line in help_text().splitlines():
        if not line.startswith('  njegate '):
            continue
        form = line[len('  njegate '):]
        verb = re.match(r'[a-z]+( [a-z]+)?', form).group(0)
        if not re.search(r'(?<![\w-])%s(?![\w-])' % re.escape(verb), shown):
            missing.append(verb)
        missing += ['%s %s' % (verb, o) for o in re.findall(r'--[a-z]+', form) if o not in shown]
    assert not missing, missing
    usage = subprocess.run([wd.program('njegated'), '--help'], capture_output=True, text=True).stderr
    daemon = page('njegated.8')
    for option in re.findall(r'^  -(\w) ', usage, re.M):
        assert re.search(r'-\w*%s' % option, daemon), option


def case_every_statement(w):
    """njegate.conf(5) is what the table writes, and names every statement."""
    made = wd.run(['/usr/bin/python3', os.path.join(MAN, 'mkconf.py'), wd.program('njegate')])
    assert made == text_of(os.path.join(MAN, 'njegate.conf.5')), (
        'docs/man/njegate.conf.5 is old: python3 docs/man/mkconf.py build/njegate > docs/man/njegate.conf.5')
    shown = page('njegate.conf.5')
    gw = w.gateway()
    gw.write()
    for row in gw.json('config', 'statements'):
        assert re.search(r'(?<!\w)%s(?!\w)' % re.escape(row['statement']), shown), row


def case_every_command(w):
    """njegate-commands(7) is what the tables of commands write."""
    made = wd.run(['/usr/bin/python3', os.path.join(MAN, 'mkcommands.py'), os.path.join(wd.TOP, 'operator')])
    assert made == text_of(os.path.join(MAN, 'njegate-commands.7')), (
        'old: python3 docs/man/mkcommands.py gateway > docs/man/njegate-commands.7')
    shown = page('njegate-commands.7')
    for name in ('oper.def', 'rscscmd.def'):
        for command in re.findall(r'^(?:RSCS_)?COMMAND\((\w+)', text_of(os.path.join(wd.TOP, 'operator', name)), re.M):
            assert re.search(r'(?<!\w)%s' % command, shown, re.I), command


def case_tables_and_rules(w):
    """njegate-tables(5) is what the schema writes; njegate-rules(5) has every keyword."""
    made = wd.run(['/usr/bin/python3', os.path.join(MAN, 'mktables.py'), os.path.join(DOCS, 'njegate-tables.rng')])
    assert made == text_of(os.path.join(MAN, 'njegate-tables.5')), (
        'old: python3 docs/man/mktables.py docs/njegate-tables.rng > docs/man/njegate-tables.5')
    example = re.search(r'^<njegate-tables.*?</njegate-tables>', made, re.M | re.S).group(0)
    gw = w.gateway()
    gw.start()
    path = os.path.join(w.dir, 'tables.xml')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(example)
    gw.cli('table', 'import', path)
    assert gw.json('nick', 'show', 'ANN')['name'] == 'Ann Otter'
    shown = page('njegate-rules.5')
    words = re.findall(r'^    \{"(\w+)", (?:"(\w+)"|NULL), KW_', text_of(
        os.path.join(wd.TOP, 'gateway', 'mail', 'rules_parse.c')), re.M)
    assert len(words) > 8, words
    for word in [x for pair in words for x in pair if x]:
        assert re.search(r'(?<!\w)%s(?!\w)' % word, shown), word


def case_manuals_lint(w):
    if not shutil.which('mandoc'):
        raise wd.Skip('no mandoc')
    for path in sorted(glob.glob(os.path.join(MAN, '*.[1-9]'))):
        out = wd.run(['mandoc', '-Tlint', '-W', 'warning', path], status=None)
        assert not out, out
    # Every page we name is there.
    for path in glob.glob(os.path.join(MAN, '*.[1-9]')):
        for name, section in re.findall(r'^\.Xr (njegate\S*) (\d)', text_of(path), re.M):
            assert os.path.exists(os.path.join(MAN, '%s.%s' % (name, section))), (path, name)


def accepted(w, text, name):
    """No error and no warning from njegated -t."""
    path = os.path.join(w.dir, 'njegate.conf')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    out = wd.run([wd.program('njegated'), '-c', path, '-t'], status=None)
    assert not out, '%s: %s\n%s' % (name, out, text)


def case_configurations(w):
    """The sample, the guides' and README's configurations."""
    accepted(w, text_of(os.path.join(DOCS, 'njegate.conf.sample')), 'sample')
    count = 0
    for path in pages():
        for block in re.findall(r'^```njegate\n(.*?)^```', text_of(path), re.M | re.S):
            accepted(w, block, os.path.basename(path))
            count += 1
    assert count >= 7, 'a guide has lost its configuration'
    readme = re.findall(r'(?:^    .*\n)+', text_of(os.path.join(wd.TOP, 'README.md')), re.M)
    blocks = [re.sub(r'^    ', '', b, flags=re.M) for b in readme if b.startswith('    LOCAL ')]
    assert blocks
    for block in blocks:
        accepted(w, block, 'README')


def case_commands_in_guides(w):
    """Every njegate verb a guide or README types exists."""
    verbs = {}
    for line in help_text().splitlines():
        words = line.split()
        if words[:1] == ['njegate']:
            verbs.setdefault(words[1], set()).add(words[2] if len(words) > 2 and words[2].islower() and
                                                  words[2].isalpha() else None)
    options = set(re.findall(r'--[a-z]+', help_text())) | {'--help', '--json'}
    for path in pages():
        for line in re.findall(r'njegate (?!&|njegate)([^`\n]*)', text_of(path)):
            if 'systemctl' not in line:
                assert set(re.findall(r'(?<![\w-])--[a-z]+', line)) <= options, (path, line)
        for verb, action in re.findall(r'(?:`|^ {4})njegate (?:--\w+ )?([a-z]+)(?: ([a-z]+)(?![\w.@]))?', text_of(path),
                                       re.M):
            assert verb in verbs, (path, verb)
            if None not in verbs[verb] and action:
                assert action in verbs[verb], (path, verb, action)


def case_operations_page(w):
    """OPERATIONS.md: its table of operator commands is that of operator/oper.def, its table of restarts conf's."""
    text = text_of(os.path.join(DOCS, 'OPERATIONS.md'))
    table = text[text.index('| command | shortest'):]
    told = set()
    for names, short, who in re.findall(r'^\| ([A-Z][^|]*?(?:\\\|[^|]*)?) \| ([A-Z ]+) \| (all|privileged) \|', table[:table.index('\n\n')],
                                        re.M):
        names = re.findall(r'(?<!\[)\b[A-Z]{4,}\b(?!=)', names)
        assert len(names) == len(short.split()), (names, short)
        told |= {(n, s, who == 'privileged') for n, s in zip(names, short.split())}
    assert told == set(operator_commands()), told ^ set(operator_commands())
    gw = w.gateway()
    gw.write()
    restart = {r['statement'] for r in gw.json('config', 'statements') if r['change'] == 'restart'}
    rows = ' '.join(re.findall(r'^\| ([^|]*) \| at a restart', text, re.M))
    assert set(re.findall(r'[A-Z]{4,}', rows)) == restart, (rows, restart)


# Words of other systems, of files and of examples that stand in capitals between backticks.
FOREIGN = set('QUERY USERID TARGZ OPTIONS STEVE READCARD CFGDSTSRV QSM01 ADDDIRE WRKNAMSMTP DESTDIR PREFIX OUTPUT DEFAULT RECEIVE '
              'SYSOUT ENVID ORCPT DESTID REPLY SMTPGATE NAMES FROMJES FROMTCP VERIFY'.split())


def case_words_in_capitals(w):
    """What a page writes in capitals between backticks is a statement, a word of a statement's form, or an operator command."""
    gw = w.gateway()
    gw.write()
    known = {c[0] for c in operator_commands()} | FOREIGN
    for row in gw.json('config', 'statements'):
        known |= {row['statement']} | set(re.findall(r'[A-Z0-9]{4,}', row['form']))
    for path in pages():
        if os.path.basename(path) in ('OPERATIONS.md', 'README.md') or 'guide' in path:
            words = set(re.findall(r'`([A-Z][A-Z0-9]{4,})\b[^`]*`', text_of(path)))
            assert words <= known, (path, words - known)


def case_links(w):
    """Relative links of every page lead to a file."""
    for path in glob.glob(os.path.join(DOCS, '**', '*.md'), recursive=True) + [os.path.join(wd.TOP, 'README.md')]:
        for target in re.findall(r'\]\(([^)#:]+)\)', text_of(path)):
            assert os.path.exists(os.path.join(os.path.dirname(path), target)), (path, target)


def case_where_it_is_proved(w):
    """Each test that the tables of behaviours name is one."""
    for table, own, least in (('unit/rscs/README.md', 'rscs', 150), ('unit/mail/README.md', 'mail', 100),
                              ('unit/smtp/README.md', 'smtp', 200),
                              ('e2e/OPERATIONS.md', 'gateway', 90)):
        names = re.findall(r'`((?:[a-z0-9]+/)?[a-z0-9_]+\.[a-z0-9_]+|dialog/[a-z0-9_-]+)`',
                           text_of(os.path.join(wd.TOP, 'tests', table)).split('## 1.')[1])
        assert len(set(names)) > least, (own, len(set(names)))
        for name in names:
            folder, _, rest = ('%s/%s' % (own, name) if '/' not in name else name).partition('/')
            if folder == 'dialog':
                assert os.path.exists(os.path.join(wd.TOP, 'tests', 'golden', 'smtp', rest + '.dialog')), name
                continue
            module, test = rest.split('.')
            if folder == 'e2e':
                path, line = os.path.join('tests', 'e2e', 'case_%s.py' % module), 'def case_%s(' % test
            else:
                path, line = os.path.join('tests', 'unit', folder, 'test_%s.c' % module), 'START_TEST(%s)' % test
            assert os.path.exists(os.path.join(wd.TOP, path)) and line in text_of(os.path.join(wd.TOP, path)), name
