"""The table of guards in docs/SMTP.md: each default is in force and as careful as others' are, each test exists."""
import os
import re
import threading

import world as wd

# The most (or the least) that is careful, by what Postfix, Exim and OpenSMTPD set.
AT_MOST = {'LIMIT CONNECTIONS': 50, 'LIMIT MESSAGES': 1000, 'LIMIT RCPTS': 1000, 'LIMIT COMMAND': 2048, 'LIMIT HEADER': 102400,
           'MAILHOPCOUNT': 50, 'LIMIT ERRORS': 20, 'LIMIT JUNK': 100, 'INACTIVE': 300, 'FINISHOPEN': 30, 'RETRYAGE': 5,
           'RETURNBYTES': 50000}
AT_LEAST = {'LEASTRATE': 500, 'MINFREE': 10485760}


def rows():
    with open(os.path.join(wd.TOP, 'docs', 'SMTP.md'), encoding='utf-8') as f:
        table = f.read().split('| guard | statement')[1].split('\n\n')[0]
    for line in table.split('\n')[2:]:
        yield [re.findall('`([^`]+)`', cell) for cell in line.split('|')[1:-1]]


def tests():
    """Names of everything that tests: dialogues, unit tests, cases."""
    found = {n[:-7] for n in os.listdir(os.path.join(wd.TOP, 'tests/golden/smtp')) if n.endswith('.dialog')}
    for folder, _, names in os.walk(os.path.join(wd.TOP, 'tests')):
        for n in names:
            if n.endswith(('.c', '.py')):
                with open(os.path.join(folder, n), encoding='utf-8') as f:
                    found.update(re.findall(r'(?:START_TEST\(|def (?=case_))(\w+)', f.read()))
    return found


def case_table_of_guards(w):
    gw = w.gateway().start()
    shown, there = gw.cli('config', 'show').splitlines(), tests()
    seen = {}
    for _, statements, _, names in rows():
        for s in statements:
            if re.search(' [a-z]', s):
                continue  # a rate or a number that is not set unless somebody does
            assert s in shown or s.endswith(' 0') and not any(ln.split()[0] == s.split()[0] for ln in shown), s
            name, value = s.rsplit(' ', 1)
            seen[name] = value
        for name in names:
            assert name in there, 'no test is named ' + name
    for name, most in AT_MOST.items():
        assert int(seen[name]) <= most, (name, seen[name])
    for name, least in AT_LEAST.items():
        assert int(seen[name]) >= least, (name, seen[name])


def case_send_times(w):
    """SENDTIME: a host that does not answer the end of a mail is given up after DOT, and asked again."""
    gw, p, sink = w.pair(['SENDTIME DOT=1 DATA=2', 'RETRYINT 1', 'LOCALUSER FAR MBOX=far@example.org'])
    assert 'SENDTIME DATA=2 BLOCK=180 DOT=1' in gw.cli('config', 'show')
    stuck, quiet = [], threading.Event()

    def hang(session, arg):
        stuck.append(1)
        quiet.wait(wd.LIMIT)
    sink.on('DOT', hang)
    gw.mail('far@' + gw.fqdn)
    gw.until(lambda: 'event=deferred' in gw.read_log())
    quiet.set()
    assert stuck and 'no answer to the end of the message within 1 s' in gw.read_log(), gw.read_log()
