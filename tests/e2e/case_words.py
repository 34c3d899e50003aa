"""Wrong words: every verb of njegate and every operator command answers them with its right form; who may not is told so in
one line. (The commands of RSCS: rscscmd.wrong_words_are_answered_by_the_form in tests/unit/operator.)"""
import os
import re
import subprocess

import world as wd

OPTION = re.compile(r'\[?--[a-z]+( [A-Z@:.]+)?\]?')


def njegate(gw, *words):
    r = subprocess.run([wd.program('njegate'), '-c', gw.conf] + list(words), capture_output=True, text=True, env=gw.env,
                       stdin=subprocess.DEVNULL)
    return r.returncode, r.stdout, r.stderr


def case_every_verb_tells_its_form(w):
    """More words than a verb takes, fewer than it needs, an option that is none: status 2 and one line, with the form."""
    gw = w.gateway()
    gw.write()
    forms = [ln[len('  njegate '):] for ln in wd.run([wd.program('njegate'), '--help']).splitlines()
             if ln.startswith('  njegate ')]
    assert len(forms) > 50, forms
    for form in forms:
        verb = re.match(r'[a-z]+( [a-z]+)?', form).group(0).split()
        words = OPTION.sub('', form).split()[len(verb):]
        asks = [verb + ['--frob']]
        if '...' not in form and 'TEXT' not in words and "'" not in form:
            asks.append(verb + ['X'] * 12)
        if words and not words[0].startswith('['):
            asks.append(verb)
        for ask in asks:
            status, out, err = njegate(gw, *ask)
            assert status == 2 and not out and len(err.splitlines()) == 1, (ask, status, out, err)
            said = 'unknown option --frob' if '--frob' in ask else 'the form is: njegate ' + form
            assert said in err, (ask, err, said)
    for ask, said in ((['frob'], 'unknown verb frob'), ([], 'usage: ')):
        status, out, err = njegate(gw, *ask)
        assert status == 2 and said in err, (ask, status, err)


def case_daemon_tells_its_form(w):
    for words in (['-x'], ['word'], ['-c']):
        r = subprocess.run([wd.program('njegated')] + words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert r.returncode == 2 and 'njegated [-' in r.stderr, (words, r)


def commands():
    """(name, shortest, privileged, operands) of operator/oper.def."""
    with open(os.path.join(wd.TOP, 'operator', 'oper.def'), encoding='utf-8') as f:
        found = re.findall(r'^COMMAND\((\w+), (\d+), (true|false), \w+, "([^"]*)"', f.read(), re.M)
    return [(name, name[:int(n)], who == 'true', operands) for name, n, who, operands in found]


def case_every_command_tells_its_form(w):
    """operator/oper.def: too many operands, and too few, by the shortest form of the word; nothing is done."""
    gw, _, _ = w.pair()
    assert len(commands()) >= 21
    for name, short, _, operands in commands():
        asks = ['%s one two three four' % short]
        if operands and not operands.startswith('['):
            asks.append(short)
        for ask in asks:
            said = gw.cli('smsg', ask)
            assert said.startswith(('The form is: %s %s' % (name, operands)).strip()), (ask, said)
    assert gw.process.poll() is None and gw.json('link', 'list')[0]['state'] == 'up', gw.json('link', 'list')


def case_who_may_not_is_told_in_one_line(w):
    """Each privileged command from somebody who is not in SMSGAUTHLIST: one line that says so, and nothing is done."""
    gw, p, _ = w.pair()
    for i, (name, short, privileged, _) in enumerate(commands()):
        if not privileged:
            continue
        user = 'EVE%d' % i
        for text in (name, short + ' MVSA'):
            p.message('SMTP', 'GATE', text, user)
        p.message('SMTP', 'GATE', 'NUMQUEUE', user)
        p.until(lambda: [m for m in p.messages if m['to_user'] == user and 'mails queued' in m['text']])
        said = [m['text'] for m in p.messages if m['to_user'] == user][:-1]
        assert len(said) == 2 and all('SMSGAUTHLIST' in s and name in s for s in said), (name, said)
    assert gw.process.poll() is None and gw.json('link', 'list')[0]['state'] == 'up'
