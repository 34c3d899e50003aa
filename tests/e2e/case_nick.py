"""Nicknames: by njegate, by message to DIM, by CMS NAMES files; who may."""
import os
import pwd
import re

import njefile
from world import Raw, Skip


def ask(p, gw_node, command, user='BOB', to='DIM'):
    """A command as TELL sends it; the first line of the answer."""
    p.message(to, gw_node, command, user)
    m = p.take_message(lambda m: m['to_user'] == user)
    assert not m['from_user'], m
    if 'NOT LOGGED ON' in m['text']:
        raise Skip('nickname commands by message are not in this version')
    return m['text']


def case_by_njegate(w):
    gw, p, _ = w.pair()
    gw.cli('nick', 'add', 'steve', 'Steve.Hayes@Example.ORG', '--name', 'Steve Hayes', '--owner', 'BOB@MVSA')
    row = gw.json('nick', 'show', 'STEVE')
    assert (row['nick'], row['name'], row['owner']) == ('STEVE', 'Steve Hayes', 'BOB@MVSA'), row
    assert row['mailbox'].startswith('Steve.Hayes@') and not row['auto'], row
    gw.cli('nick', 'add', 'STEVE', 'x@example.org', status=1)
    gw.cli('nick', 'change', 'STEVE', 'new@example.org')
    assert gw.json('nick', 'list', 'ST*')[0]['mailbox'] == 'new@example.org'
    assert 'NINE' in gw.cli('nick', 'add', 'NINECHARS', 'x@example.org', status=1).upper()
    for reserved in ('SMTP', 'MAILER', 'DIM', 'POSTMASTER', 'QSM77'):
        gw.cli('nick', 'add', reserved, 'x@example.org', status=1)
    gw.cli('nick', 'add', 'NOAT', 'example.org', status=1)
    gw.cli('nick', 'add', status=2)
    gw.cli('nick', 'frobnicate', status=2)
    gw.cli('nick', 'delete', 'STEVE')
    gw.cli('nick', 'show', 'STEVE', status=1)
    assert gw.json('nick', 'list') == []


def case_offline(w):
    """Tables can be worked on while the daemon is down; live things cannot."""
    gw, p, _ = w.pair()
    gw.stop()
    gw.cli('nick', 'add', 'STEVE', 's@example.org')
    assert gw.json('nick', 'list')[0]['nick'] == 'STEVE'
    gw.cli('link', 'list', status=3)
    gw.start()
    assert gw.json('nick', 'list')[0]['nick'] == 'STEVE'


def case_names_files(w):
    gw, p, _ = w.pair()
    path = os.path.join(gw.dir, 'user.names')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('* comment\n:nick.STEVE   :userid.steve :node.example.org\n   :name.Steve Hayes\n'
                ':NICK.ANNE :userid.anne.x\n :node.example.org :name.Anne\n')
    gw.cli('nick', 'import', path)
    rows = {r['nick']: r for r in gw.json('nick', 'list')}
    assert rows['STEVE']['mailbox'] == 'steve@example.org' and rows['STEVE']['name'] == 'Steve Hayes', rows
    assert rows['ANNE']['mailbox'] == 'anne.x@example.org', rows
    out = gw.cli('nick', 'export')
    assert ':nick.STEVE' in out and ':name.Steve Hayes' in out, out
    for nick in rows:
        gw.cli('nick', 'delete', nick)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(out)
    gw.cli('nick', 'import', path)
    assert {r['nick']: r['mailbox'] for r in gw.json('nick', 'list')} == {k: v['mailbox'] for k, v in rows.items()}
    with open(path, 'w', encoding='utf-8') as f:
        f.write(':nick.WAYTOOLONGNICK :userid.a :node.b.org\n')
    assert 'user.names' in gw.cli('nick', 'import', path, status=1)


def case_domains_beyond_ascii(w):
    """A mailbox is one, whether its domain comes in U-labels or A-labels, whoever writes it where."""
    u, a = 'b\u00fccher.example', 'xn--bcher-kva.example'
    sink = w.sink()
    gw, p, _ = w.pair(['NODE MVSA STYLE=NOTE', 'LOCALUSER ANNE MBOX=anne@' + u, 'DESTINATION %s %s' % (u, sink.where)])
    path = os.path.join(gw.dir, 'user.names')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(':nick.FILED :userid.filed :node.%s\n:nick.MANY :list.FILED listed@%s\n' % (u, u))
    gw.cli('nick', 'import', path)
    gw.cli('nick', 'import', path)
    gw.cli('nick', 'add', 'TYPED', 'typed@' + u)
    assert a in ask(p, 'GATE', 'ADD TOLD told@' + u)
    for bad in ('b\u00fccher..example', '\u202e\u00fc.example'):
        assert 'no mailbox' in gw.cli('nick', 'add', 'BAD', 'x@' + bad, status=1)
    assert 'no mailbox' in ask(p, 'GATE', 'ADD BAD x@ab--\u00fc.example')
    assert 'TOLD' in ask(p, 'GATE', 'QUERY told@' + u) and 'TOLD' in ask(p, 'GATE', 'QUERY told@' + a)
    assert {r['nick']: r['mailbox'] for r in gw.json('nick', 'list')} == {
        n: n.lower() + '@' + a if n != 'MANY' else '' for n in ('FILED', 'TYPED', 'TOLD', 'MANY')}
    assert [r['nick'] for r in gw.json('nick', 'list', 'typed@' + u)] == ['TYPED']
    r = Raw(gw.smtp)
    r.hello()
    for who, nick in (('filed', 'FILED'), ('typed', 'TYPED'), ('told', 'TOLD'), ('new', 'QSM01')):
        for domain in (a, u):
            r.send(('MAIL FROM:<%s@%s> SMTPUTF8\r\n' % (who, domain)).encode())
            r.expect(250)
            r.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
            r.ask('DATA', 354)
            r.send(('From: %s@%s\r\nSubject: x\r\n\r\nx\r\n.\r\n' % (who, domain)).encode())
            r.expect(250)
            assert p.take_file().origin == (nick, 'GATE'), (who, domain)
    # what they get back, by hosts that take ASCII only
    for to, fields, want in (
            ('TYPED', [], {'typed'}),
            ('MANY', [], {'filed', 'listed'}),
            ('SMTP', ['Hand Written%36s%-8s at %s' % ('', 'hand', u), 'J\u00fcrgen%36s%-8s at %s' % ('', 'jb', a)], {'hand', 'jb'})):
        p.send(njefile.note('BOB', 'MVSA', to, 'GATE', ['x'], 'gr\u00fc\u00df', 'B\u00f6b', to=fields or [
            'Them%40s%-8s at GATE' % ('', to)])).wait()
        got = set()
        while got != set(n + '@' + a for n in want):
            m = sink.take()
            assert 'SMTPUTF8' not in m.params and m.data.isascii(), m.data
            got |= set(m.rcpts)
        if fields:
            assert [x.addr_spec for x in m.mail['To'].addresses] == ['hand@' + a, 'jb@' + a], m.mail['To']
    gw.cli('note', 'typed@' + u, '--from', 'ANNE', stdin='x\n')
    m = sink.take()
    assert 'SMTPUTF8' not in m.params and m.data.isascii() and m.sender == 'anne@' + a, (m.params, m.data)
    assert m.mail['From'].addresses[0].addr_spec == 'anne@' + a
    both = [{r['id'] for r in gw.json('trace', 'typed@' + domain)} for domain in (a, u)]
    assert both[0] == both[1] and len(both[0]) >= 4, both
    gw.empty()


def case_by_message(w):
    """TELL DIM AT GATE ADD ..., as general users do it."""
    gw, p, _ = w.pair()
    assert 'STEVE' in ask(p, 'GATE', 'ADD STEVE steve@example.org')
    row = gw.json('nick', 'show', 'STEVE')
    assert row['mailbox'] == 'steve@example.org' and row['owner'] == 'BOB@MVSA', row
    assert 'steve@example.org' in ask(p, 'GATE', 'query st*')
    ask(p, 'GATE', 'CHANGE STEVE s2@example.org', 'CAROL')
    assert gw.json('nick', 'show', 'STEVE')['mailbox'] == 'steve@example.org', 'only its owner may change it'
    ask(p, 'GATE', 'change steve s3@example.org')
    assert gw.json('nick', 'show', 'STEVE')['mailbox'] == 's3@example.org'
    assert ask(p, 'GATE', 'HELP')
    ask(p, 'GATE', 'DELETE STEVE')
    gw.until(lambda: gw.json('nick', 'list') == [])


def case_closed(w):
    gw, p, _ = w.pair(['DIMNODE GATE CLOSED'])
    ask(p, 'GATE', 'ADD STEVE steve@example.org')
    assert gw.json('nick', 'list') == []


def case_access(w):
    """access deny stops commands and mail through nicknames."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org')
    gw.cli('access', 'deny', 'BOB@MVSA')
    assert gw.json('access', 'list')[0]['allowed'] is False or gw.json('access', 'list')[0]['allowed'] == 'N'
    ask(p, 'GATE', 'ADD X x@example.org')
    assert [r['nick'] for r in gw.json('nick', 'list')] == ['STEVE']
    p.send(njefile.note('BOB', 'MVSA', 'STEVE', 'GATE', ['x'], 'denied')).wait()
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA')
    gw.cli('access', 'allow', 'BOB@MVSA')
    p.send(njefile.note('BOB', 'MVSA', 'STEVE', 'GATE', ['allowed text'], 'allowed')).wait()
    assert 'allowed text' in sink.take().mail.get_content()


def case_own_dimnode(w):
    """DIMNODE of its own: nicknames are users of that node."""
    gw, p, sink = w.pair(['DIMNODE SMTPGATE'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    nick, node = p.take_file().origin
    assert node == 'SMTPGATE', node
    p.send(njefile.note('BOB', 'MVSA', nick, 'SMTPGATE', ['x'], 'Re')).wait()
    assert sink.take().rcpts == ['steve@example.org']
    assert ask(p, 'SMTPGATE', 'HELP')


def case_one_name_per_mailbox(w):
    gw, p, _ = w.pair()
    for sender in ('a.b@example.org', 'a.b@EXAMPLE.org', 'A.B@example.org', 'c@example.org'):
        gw.mail('bob%mvsa@' + gw.fqdn, sender=sender, headers=[('From', sender)])
    got = [p.take_file().origin[0] for _ in range(4)]
    assert len(set(got)) == 3, got
    assert len(gw.json('nick', 'list')) == 3 and all(r['auto'] for r in gw.json('nick', 'list'))


def case_snads(w):
    """SNADSADDRESS AUTOADD: senders become QSMnn at QSMRMTAD; a reply there reaches them."""
    gw, p, sink = w.pair(['SNADSADDRESS QSMRMTAD AUTOADD', 'NODE MVSA SCHEME=SNADS'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    f = p.take_file()
    assert f.origin[0].startswith('QSM') and f.origin[1] == 'QSMRMTAD', f.origin
    p.send(njefile.note('BOB', 'MVSA', f.origin[0], 'QSMRMTAD', ['snads reply'], 'Re')).wait()
    m = sink.take()
    assert m.rcpts == ['steve@example.org'] and 'snads reply' in m.mail.get_content()
    assert gw.json('alias', 'list')[0]['mailbox'] == 'steve@example.org'


def case_history(w):
    """Who changed what and when, deletions too: by njegate and for NJE users; a table file does not carry it, a backup does."""
    gw, p, _ = w.pair(['SMSGAUTHLIST CHIEF@MVSA ENDSMSGAUTHLIST'])
    me = pwd.getpwuid(os.getuid()).pw_name
    ask(p, 'GATE', 'ADD STEVE steve@example.org')
    gw.cli('nick', 'change', 'STEVE', 's2@example.org', '--name', 'Steve')
    ask(p, 'GATE', 'DELETE STEVE', 'CHIEF')
    gw.cli('nick', 'add', 'OTHER', 'o@example.org')
    gw.cli('restrict', 'add', 'PURGE', 'EVIL@MVSA')
    gw.cli('restrict', 'delete', 'EVIL@MVSA')
    gw.cli('secure', 'add', 'BOB', 'MVSA')
    gw.cli('secure', 'delete', 'BOB', 'MVSA')
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'c@example.org')
    gw.cli('alias', 'delete', 'CRAB', 'REEF')
    gw.cli('access', 'deny', 'EVE@MVSA')
    rows = gw.json('history', 'nick', 'st*')
    assert [(r['action'], r['by']) for r in rows] == [('add', 'BOB@MVSA'), ('change', me), ('delete', 'CHIEF@MVSA')], rows
    assert rows[1]['was'].startswith('steve@example.org') and rows[1]['now'].startswith('s2@example.org name: Steve'), rows
    assert all(r['table'] == 'nick' and r['name'] == 'STEVE' and re.fullmatch(r'\d{4}(-\d\d){2}T.*Z', r['time']) for r in rows)
    every = [(r['table'], r['name'], r['action']) for r in gw.json('history')][4:]
    assert every == [('restrict', 'EVIL@MVSA', 'add'), ('restrict', 'EVIL@MVSA', 'delete'), ('secure', 'BOB@MVSA', 'add'),
                     ('secure', 'BOB@MVSA', 'delete'), ('alias', 'CRAB@REEF', 'add'), ('alias', 'CRAB@REEF', 'delete'),
                     ('access', 'EVE@MVSA', 'add')], every
    assert {r['by'] for r in gw.json('history')[3:]} == {me}
    assert 'ACTION' in gw.cli('history', 'restrict') and 'OTHER' not in gw.cli('history', 'nick', 'STEVE')
    assert 'no table' in gw.cli('history', 'nicks', status=1)
    gw.cli('history', 'nick', 'A', 'B', status=2)
    p.message('DIM', 'GATE', 'QUERY steve HISTORY', 'BOB')
    lines = [p.take_message(lambda m: m['to_user'] == 'BOB')['text'] for _ in range(3)]
    assert 'add by BOB@MVSA: steve@example.org' in lines[0] and lines[2].endswith('delete by CHIEF@MVSA'), lines
    assert 'No change' in ask(p, 'GATE', 'QUERY NOBODY HISTORY')
    assert 'form is' in ask(p, 'GATE', 'QUERY STEVE NONSENSE')
    xml, copy = os.path.join(w.dir, 't.xml'), os.path.join(w.dir, 'copy')
    before = gw.json('history')
    gw.cli('table', 'export', xml)
    with open(xml, encoding='utf-8') as f:
        assert 'history' not in f.read()
    gw.cli('table', 'import', xml, '--replace')
    after = gw.json('history')
    assert after[:-1] == before and after[-1]['action'] == 'import' and after[-1]['by'] == me, after[-2:]
    gw.cli('backup', copy)
    gw.stop()
    gw.cli('restore', copy, '--replace')
    assert gw.json('history') == after
    gw.start()


def case_lists(w):
    """njegate nick --list: made, shown, changed, guarded against holding itself; it reaches everybody once; taken away."""
    gw, p, sink = w.pair(['LOCALUSER OPER', 'ROUTE MVSB TO MVSA'])
    gw.cli('nick', 'add', 'FRED', 'fred@example.org')
    gw.cli('nick', 'add', 'team', '--list', 'fred, bob@mvsa Anne.B@Example.ORG', '--name', 'The team', '--owner', 'bob@mvsa')
    row = gw.json('nick', 'show', 'TEAM')
    assert (row['mailbox'], row['list']) == ('', 'FRED BOB@MVSA Anne.B@example.org'), row
    assert (row['name'], row['owner']) == ('The team', 'BOB@MVSA'), row
    assert 'FRED BOB@MVSA' in gw.cli('nick', 'list') and 'FRED BOB@MVSA' in gw.cli('nick', 'show', 'team')
    gw.cli('nick', 'add', 'ALL', '--list', 'TEAM,fred,TEAM@GATE,OPER@GATE')
    assert gw.json('nick', 'show', 'ALL')['list'] == 'TEAM FRED TEAM OPER@GATE'
    p.send(njefile.note('EVE', 'MVSA', 'ALL', 'GATE', ['hello'], 'Hi')).wait()
    got = []
    while len(got) < 2:
        got += sink.take().rcpts
    assert sorted(got) == ['Anne.B@example.org', 'fred@example.org'] and p.take_file().dest == ('BOB', 'MVSA')
    gw.until(lambda: len(gw.json('reader', 'list', 'OPER')) == 1)
    before = gw.json('nick', 'list')
    for words, said in ((('add', 'X', '--list', 'NOBODY'), 'NOBODY, which is no nickname'),
                        (('add', 'X', '--list', 'X'), 'X, which is no nickname'),
                        (('change', 'TEAM', '--list', 'ALL'), 'the list TEAM holds itself'),
                        (('change', 'FRED', '--list', 'FRED,a@example.org'), 'the list FRED holds itself'),
                        (('add', 'X', '--list', 'bob%%mvsa@%s' % gw.fqdn), 'an address of this gateway'),
                        (('add', 'X', '--list', 'TOOLONGNAME@MVSA'), 'is no member'),
                        (('add', 'X', '--list', '@MVSA'), 'is no member'),
                        (('add', 'X', '--list', ' , '), 'names nobody'),
                        (('add', 'X', '--list', ','.join('member%04d@long.example.org' % i for i in range(400))), 'longer than'),
                        (('add', 'TEAM', '--list', 'FRED'), 'exists already'),
                        (('add', 'SMTP', '--list', 'FRED'), 'SMTP'),
                        (('change', 'X', '--list', 'FRED'), 'no nickname X')):
        out = gw.cli('nick', *words, status=1)
        assert said in out and len(out.strip().splitlines()) == 1, (words, out)
    for words in (('add', 'X'), ('add', 'X', 'a@example.org', '--list', 'FRED'), ('change', 'TEAM'), ('add', '--list', 'FRED')):
        gw.cli('nick', *words, status=2)
    assert gw.json('nick', 'list') == before
    assert 'no route to node NOWHERE' in gw.cli('nick', 'change', 'ALL', '--list', 'CAROL@NOWHERE,CAROL@MVSB', both=True)
    gw.cli('nick', 'change', 'TEAM', '--name', 'Another')
    row = gw.json('nick', 'show', 'TEAM')
    assert row['name'] == 'Another' and row['list'].startswith('FRED BOB') and row['owner'] == 'BOB@MVSA', row
    assert 'TEAM names FRED' in gw.cli('nick', 'delete', 'FRED', both=True)
    p.send(njefile.note('EVE', 'MVSA', 'TEAM', 'GATE', ['hello'], 'Hi')).wait()
    assert p.take_file().dest == ('EVE', 'MVSA') and p.take_message(lambda m: 'TEAM names FRED' in m['text'])
    gw.cli('nick', 'change', 'TEAM', 'team@example.org')
    row = gw.json('nick', 'show', 'TEAM')
    assert (row['mailbox'], row['list']) == ('team@example.org', ''), row
    p.send(njefile.note('EVE', 'MVSA', 'TEAM', 'GATE', ['hello'], 'Hi')).wait()
    assert sink.take().rcpts == ['team@example.org']
    gw.cli('nick', 'delete', 'TEAM')
    gw.cli('nick', 'delete', 'TEAM', status=1)
