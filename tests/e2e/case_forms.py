"""Wrong arguments: every operator command and every njegate verb answers with the form it has."""
import os
import re
import subprocess

import world as wd

OPERATOR = os.path.join(wd.TOP, 'operator')


def rows(name, start):
    """The rows of a table of commands, as lists of their operands."""
    with open(os.path.join(OPERATOR, name), encoding='utf-8') as f:
        text = f.read()
    found = re.findall(r'^%s\((.*)\)$' % start, text, re.M)
    assert found, name
    return [[re.sub(r'^"|"$', '', w) for w in re.findall(r'"(?:[^"\\]|\\.)*"|[^,\s][^,]*', row)] for row in found]


def case_forms_of_operator_commands(w):
    """Too many operands, and none where one is needed; each command by itself, and its shortest form's too short."""
    gw, p, _ = w.pair(['SMSGAUTHLIST BOB@MVSA ENDSMSGAUTHLIST'])
    for name, shortest, privileged, _, operands, _ in rows('oper.def', 'COMMAND'):
        form = 'The form is: ' + (name + ' ' + operands).strip()
        short = name[:int(shortest)]
        assert form in gw.cli('smsg', 'HELP ' + short), (name, form)
        wrong = [name + ' x y z', short + ' x y z']
        if operands and not operands.startswith('['):
            wrong.append(name)
        if not operands:
            wrong.append(name + ' x')
        for words in wrong:
            said = gw.cli('smsg', words)
            assert form in said, (words, said)
        if len(short) > 1:
            said = gw.cli('smsg', short[:-1] + ' x y z')
            assert form not in said, (short, said)
        if privileged == 'true':
            p.messages.clear()
            p.message('SMTP', 'GATE', wrong[0], 'EVE')
            one = p.take_message(lambda m: m['to_user'] == 'EVE')['text']
            assert 'not authorised' in one and name in one, one
            p.message('SMTP', 'GATE', wrong[0], 'BOB')
            assert form in p.take_message(lambda m: m['to_user'] == 'BOB')['text'], wrong[0]


case_forms_of_operator_commands.limit = 180


def case_forms_of_verbs(w):
    """Every verb of njegate: with a word too many or too few it says its form on standard error, and ends with 2."""
    gw = w.gateway()
    gw.write()
    text = subprocess.run([wd.program('njegate'), '--help'], capture_output=True, text=True).stdout
    forms = re.findall(r'^  njegate (.*)$', text, re.M)
    assert len(forms) > 50
    for form in forms:
        words = form.split(' < ')[0].split()
        verb = [words[0]] + ([words[1]] if len(words) > 1 and re.fullmatch('[a-z]+', words[1]) else [])
        least = ' '.join(words[len(verb):])
        while '[' in least:  # what may be left out, from within
            least = re.sub(r'\[[^\[\]]*\]', '', least).strip()
        tries = []
        if '...' not in form and words[0] != 'tell':
            tries.append(verb + ['x'] * 1001)
        if least:
            tries.append(verb)
        for words in tries:
            r = subprocess.run([wd.program('njegate'), '-c', gw.conf] + words, capture_output=True, text=True, env=gw.env,
                               stdin=subprocess.DEVNULL, timeout=wd.LIMIT)
            assert r.returncode == 2, (words[:4], r.returncode, r.stderr)
            assert 'njegate ' + form in r.stderr, (words[:4], r.stderr)
            assert not r.stdout, r.stdout
    for words, want in ((['queue'], 'queue list'), (['queue', 'frob'], 'queue list'), (['frob'], 'unknown verb'),
                        (['queue', 'list', '--frob'], '--frob'), (['queue', 'list', '--to'], '--to')):
        said = gw.cli(*words, status=2)
        assert want in said, (words, said)


case_forms_of_verbs.limit = 180
