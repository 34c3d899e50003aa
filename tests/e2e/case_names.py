"""SNADS aliases, NAMES files and tables as XML, by njegate beside a running daemon."""
import os
import subprocess

import njefile
from world import TOP, program


def write(w, name, data):
    path = os.path.join(w.dir, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def case_snads_alias(w):
    """An alias names an NJE user on the Internet both ways; without one it is userid?address."""
    gw, p, sink = w.pair(['SNADSADDRESS QSMRMTAD', 'NODE MVSA SCHEME=SNADS'])
    gw.mail('bob?mvsa@' + gw.fqdn)
    assert p.take_file().dest == ('BOB', 'MVSA')
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', gw.name, ['one'], 'One', to=['x at example.org'])).wait()
    assert sink.take().sender.lower() == 'bob?mvsa@' + gw.fqdn
    gw.cli('alias', 'add', 'BOB', 'MVSA', 'The.Octopus@' + gw.fqdn)
    gw.mail('the.octopus@' + gw.fqdn)
    assert p.take_file().dest == ('BOB', 'MVSA')


def case_alias_outbound(w):
    """*ANY and personal aliases from NJE; a user ID that is not registered is returned; no relaying."""
    gw, p, sink = w.pair(['SNADSADDRESS QSMRMTAD'])
    gw.cli('alias', 'add', '*ANY', 'REEF', '*@example.org')
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'my.crab@example.org', '--personal', 'BOB@MVSA')
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'other', status=1)
    p.send(njefile.note('BOB', 'MVSA', 'CRAB', 'REEF', ['hello'], 'Hi')).wait()
    assert sink.take().rcpts == ['my.crab@example.org']
    p.send(njefile.note('EVE', 'MVSA', 'CRAB', 'REEF', ['hello'], 'Hi')).wait()
    assert sink.take().rcpts == ['crab@example.org']
    p.send(njefile.note('EVE', 'MVSA', 'NOBODY', 'QSMRMTAD', ['hello'], 'Hi')).wait()
    assert p.take_file().dest[0] == 'EVE'
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        assert c.rcpt('crab?reef@' + gw.fqdn)[0] == 550  # it would be relaying
    gw.cli('alias', 'delete', 'CRAB', 'LAGOON', status=1)
    gw.cli('alias', 'delete', 'CRAB', 'REEF', '--personal', 'BOB@MVSA')


def case_personal_alias(w):
    """The sender's own table holds at every way out: file, batch, note header, RFC 822 header; nobody else's does."""
    gw, p, sink = w.pair(['SNADSADDRESS QSMRMTAD'])
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'crab@example.org')
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'my.crab@example.org', '--personal', 'BOB@MVSA')
    for user, box in (('BOB', 'my.crab@example.org'), ('EVE', 'crab@example.org')):
        p.send(njefile.note(user, 'MVSA', 'CRAB', 'REEF', ['hello'], 'Hi')).wait()
        m = sink.take()
        assert m.rcpts == [box] and box in m.mail['To'], (m.rcpts, m.mail['To'])
        p.send(njefile.bsmtp(user, 'MVSA', 'SMTP', 'GATE', [
            'MAIL FROM:<%s@MVSA>' % user, 'RCPT TO:<CRAB@REEF>', 'DATA', 'From: %s@MVSA' % user, 'To: CRAB@REEF',
            '', 'x', '.'])).wait()
        m = sink.take()
        assert m.rcpts == [box] and box in m.mail['To'], (m.rcpts, m.mail['To'])
        p.send(njefile.note(user, 'MVSA', 'SMTP', 'GATE', ['hello'], to=['steve@example.org', 'CRAB at REEF'])).wait()
        m = sink.take()
        assert m.rcpts == ['steve@example.org'] and box in m.mail['To'], (m.rcpts, m.mail['To'])


def case_own_alias_in_headers(w):
    """A SNADS user's alias, or his ? form, is what header fields show of him as well."""
    gw, p, sink = w.pair(['SNADSADDRESS QSMRMTAD', 'NODE MVSA SCHEME=SNADS'])
    gw.cli('alias', 'add', 'BOB', 'MVSA', 'The.Octopus@' + gw.fqdn)
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'From: BOB@MVSA', 'Cc: EVE@MVSA', '', 'x', '.'])).wait()
    m = sink.take()
    assert m.sender == 'The.Octopus@' + gw.fqdn and m.sender in m.mail['From'], (m.sender, m.mail['From'])
    assert m.mail['Cc'].lower() == 'eve?mvsa@' + gw.fqdn, m.mail['Cc']


def case_message_to_a_mailbox(w):
    """A TELL to a name that stands for a mailbox says so."""
    gw, p, _ = w.pair(['SNADSADDRESS QSMRMTAD'])
    gw.cli('alias', 'register', 'steve@example.org')
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    for user, node, word in (('QSM01', 'QSMRMTAD', 'steve@example.org'), ('ANNE', 'GATE', 'anne@example.org'),
                             ('QSM02', 'QSMRMTAD', 'NOT LOGGED ON'), ('NOBODY', 'GATE', 'NOT LOGGED ON')):
        p.message(user, node, 'are you there', 'BOB')
        assert word in p.take_message(lambda m: m['to_user'] == 'BOB')['text'], user


def case_register(w):
    gw = w.gateway(lines=['SNADSADDRESS QSMRMTAD']).start()
    assert gw.cli('alias', 'register', 'a@Example.org').split() == ['QSM01', 'QSMRMTAD']
    assert gw.cli('alias', 'register', 'a@example.org').split() == ['QSM01', 'QSMRMTAD']
    assert gw.cli('alias', 'register', 'b@example.org').split() == ['QSM02', 'QSMRMTAD']
    assert [r['auto'] for r in gw.json('alias', 'list')] == [True, True]


def case_names_file(w):
    """In and out again, tags kept; a file with one fault changes nothing."""
    gw = w.gateway().start()
    path = write(w, 'nickname.nam', b':nick.FRED :userid.Fred :node.example.org\r\n   :phone.1 2\r\n'
                 b':nick.REN :userid.r@x.example :name.Ren\x82\r\n:nick.ALL :list.FRED REN\r\n\x1a')
    gw.cli('nick', 'import', path)
    assert [(r['mailbox'], r['list'], r['name']) for r in gw.json('nick', 'list')] == [
        ('', 'FRED REN', ''), ('Fred@example.org', '', ''), ('r@x.example', '', 'René')]
    out = gw.cli('nick', 'export')
    assert ':phone.1 2' in out and ':name.René' in out, out
    bad = write(w, 'bad.names', b':nick.NEW :userid.n@x.example\n:nick.SMTP :userid.s@x.example\n')
    assert ':2:' in gw.cli('nick', 'import', bad, status=1)
    assert len(gw.json('nick', 'list')) == 3
    assert 'of this gateway' in gw.cli('nick', 'add', 'ME', 'bob%mvsa@' + gw.fqdn, status=1)
    assert 'USER@NODE' in gw.cli('nick', 'add', 'ME', 'a@example.org', '--owner', 'nobody', status=1)


def case_list(w):
    """A NAMES file's list: a note or a batch to it reaches everybody once, lists within it and NJE users too."""
    gw, p, sink = w.pair()
    path = write(w, 'lists.names', b':nick.FRED :userid.fred :node.example.org\n:nick.BOB :userid.BOB :node.MVSA\n'
                 b':nick.TEAM :list.FRED ANNE@Example.org BOB\n:nick.ALL :userid.boss :node.example.org\n'
                 b'   :list.TEAM FRED steve AT example.org\n')
    gw.cli('nick', 'import', path)
    assert ':list.TEAM FRED steve@example.org' in ' '.join(gw.cli('nick', 'export').split())
    everybody = ['ANNE@example.org', 'boss@example.org', 'fred@example.org', 'steve@example.org']

    def reached(rcpts):
        got = []
        while len(got) < len(rcpts):
            got += sink.take().rcpts
        assert sorted(got) == rcpts, got
        assert p.take_file().dest == ('BOB', 'MVSA')
    p.send(njefile.note('EVE', 'MVSA', 'ALL', 'GATE', ['hello'], 'Hi')).wait()
    reached(everybody)
    p.send(njefile.bsmtp('EVE', 'MVSA', 'SMTP', 'GATE', ['MAIL FROM:<EVE@MVSA>', 'RCPT TO:<TEAM@%s>' % gw.fqdn, 'DATA',
                                                         'Subject: x', '', 'x', '.'])).wait()
    reached(['ANNE@example.org', 'fred@example.org'])
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        assert c.rcpt('ALL@' + gw.fqdn)[0] == 550  # it would be relaying
    said = gw.json('resolve', 'ALL@' + gw.fqdn)
    assert 'list of 5 recipients' in str(said) and 'FRED is fred@example.org' not in str(said), said
    out = os.path.join(w.dir, 'lists.xml')
    gw.cli('table', 'export', out)
    gw.cli('nick', 'delete', 'FRED')  # a member that is gone: nobody gets half a list
    p.send(njefile.note('EVE', 'MVSA', 'ALL', 'GATE', ['hello'], 'Hi')).wait()
    assert p.take_file().dest == ('EVE', 'MVSA')
    gw.cli('table', 'import', out, '--replace')
    gw.cli('nick', 'import', '--replace', write(w, 'loop', b':nick.TEAM :list.ALL\n:nick.ALL :list.TEAM\n'), status=1)
    with open(out) as f:
        text = f.read()
    gw.cli('table', 'import', write(w, 'l.xml', text.replace('"FRED ANNE', '"ALL ANNE').encode()))
    p.send(njefile.note('EVE', 'MVSA', 'ALL', 'GATE', ['hello'], 'Hi')).wait()
    assert p.take_file().dest == ('EVE', 'MVSA')
    assert p.take_message(lambda m: 'holds itself' in m['text'])
    gw.empty()
    assert not sink.messages


def case_table_file(w):
    """All tables out, in again; a bad file is refused with its lines and changes nothing."""
    gw = w.gateway().start()
    gw.cli('nick', 'add', 'FRED', 'f@example.org')
    gw.cli('alias', 'add', '*ANY', 'REEF', '*@example.org')
    path = os.path.join(w.dir, 't.xml')
    gw.cli('table', 'export', path)
    gw.cli('nick', 'delete', 'FRED')
    gw.cli('nick', 'add', 'GONE', 'g@example.org')
    gw.cli('table', 'import', path, '--replace')
    assert [r['nick'] for r in gw.json('nick', 'list')] == ['FRED']
    assert gw.json('alias', 'list')[0]['mailbox'] == '*@example.org'
    with open(path) as f:
        text = f.read()
    bad = write(w, 'bad.xml', text.replace('"FRED"', '"TOOLONGAME"').encode())
    assert 'bad.xml:3' in gw.cli('table', 'import', bad, '--replace', status=1)
    assert [r['nick'] for r in gw.json('nick', 'list')] == ['FRED']


def case_two_administrators(w):
    """Many at once: no change is lost, and of two that exclude each other one is refused and says why."""
    gw = w.gateway().start()

    def at_once(calls):
        ends = [subprocess.Popen([program('njegate'), '-c', gw.conf] + [str(a) for a in words], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for words in calls]
        return [(e.communicate(), e.returncode) for e in ends]
    adds = [('nick', 'add', 'A%d' % i, 'a%d@example.org' % i) for i in range(6)]
    adds += [('alias', 'add', 'B%d' % i, 'REEF', 'b%d@example.org' % i) for i in range(4)]
    adds += [('secure', 'add', 'C%d' % i, 'MVSA', 'c%d' % i, 'Y', 'Y') for i in range(4)]
    assert all(code == 0 for _, code in at_once(adds))
    assert [len(gw.json(kind, 'list')) for kind in ('nick', 'alias', 'secure')] == [6, 4, 4]
    for words, row in ((lambda i: ('nick', 'add', 'SAME', 's%d@example.org' % i), 'SAME'),
                       (lambda i: ('secure', 'add', 'D%d' % i, 'MVSA', 'BOSS', 'Y', 'N'), 'BOSS')):
        ends = at_once([words(i) for i in range(4)])
        assert sorted(code for _, code in ends) == [0, 1, 1, 1], ends
        assert all(row in err for (_, err), code in ends if code), ends
    path = os.path.join(w.dir, 'two.xml')
    gw.cli('table', 'export', path)
    (_, imported), (_, added) = at_once([('table', 'import', path, '--replace'), ('nick', 'add', 'LATE', 'l@example.org')])
    assert (imported, added) == (0, 0)
    assert {'A0', 'SAME'} <= {r['nick'] for r in gw.json('nick', 'list')}


def case_completion(w):
    """bash offers every verb that njegate knows."""
    script = ('source %s/docs/njegate.bash-completion; COMP_WORDS=("$1" ""); COMP_CWORD=1; _njegate; '
              'echo "${COMPREPLY[@]}"') % TOP
    said = subprocess.run(['bash', '-c', script, 'x', program('njegate')], capture_output=True, text=True).stdout.split()
    help_ = subprocess.run([program('njegate'), '--help'], capture_output=True, text=True).stdout
    verbs = {line.split()[1] for line in help_.splitlines() if line.startswith('  njegate ')}
    assert set(said) == verbs, (said, verbs)


def case_completion_of_arguments(w):
    """What stands in the tables is offered where it can be named; files where a file is wanted; options of the verb."""
    gw = w.gateway().start()
    gw.cli('nick', 'add', 'STEVE', 's@example.org')
    gw.cli('nick', 'delete', 'STEVE')
    gw.cli('nick', 'add', 'ANNE', 'a@example.org')
    gw.cli('restrict', 'add', 'PURGE', 'EVIL@MVSA')
    gw.cli('access', 'deny', 'EVE@MVSA')
    gw.cli('secure', 'add', 'BOB', 'MVSB', 'Bobby', 'Y', 'Y')
    write(w, 'file.names', b'')
    script = ('source %s/docs/njegate.bash-completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _njegate; '
              'printf "%%s\\n" "${COMPREPLY[@]}"') % TOP

    def offered(*words):
        said = subprocess.run(['bash', '-c', script, 'x', program('njegate'), '-c', gw.conf] + list(words), capture_output=True,
                              text=True, cwd=w.dir)
        assert not said.stderr, said.stderr
        return said.stdout.split()
    for words, want in ((('nick', 'show', ''), ['ANNE']), (('nick', 'delete', 'A'), ['ANNE']), (('nick', 'delete', 'S'), []),
                        (('restrict', 'delete', ''), ['EVIL@MVSA']), (('access', 'allow', ''), ['EVE@MVSA']),
                        (('secure', 'delete', ''), ['BOB']), (('secure', 'delete', 'BOB', ''), ['MVSB']),
                        (('secure', 'delete', 'BOB', 'MVSB', ''), ['Bobby']),
                        (('history', ''), ['access', 'alias', 'nick', 'restrict', 'secure']),
                        (('history', 'nick', 'ST'), ['STEVE']), (('nick', 'import', 'file'), ['file.names']),
                        (('restore', 'file'), ['file.names']), (('secure', 'add', 'A', 'B', 'C', ''), ['N', 'Y'])):
        assert offered(*words) == want, (words, offered(*words))
    assert {'--list', '--name', '--owner'} <= set(offered('nick', 'add', 'X', '--'))
