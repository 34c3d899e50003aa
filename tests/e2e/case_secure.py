"""SECURE: the manual's security table in both directions, every door, the memo; RESTRICT from the table; DIM."""
import os

import njefile

TABLE = ('* the example of the manual\n'
         '  DEBULOIS       MLVFSC1  FRED0 Y N\n'
         '  DEBULOIS       MLVFSC5  FRED1 N Y\n'
         '  TCPMAINT       MLVFSC5  TCP0  N N\n'
         '  DEBULOIS       MLVFSC1  TCP1  Y Y\n')


def example(w, lines=(), table=TABLE):
    """A secure gateway with the table of the manual, its node MLVFSC5 and beyond it MLVFSC1."""
    gw, p, sink = w.pair(['SECURE', 'ROUTE MLVFSC1 TO MLVFSC5'] + list(lines), node='MLVFSC5')
    path = os.path.join(gw.dir, 'sectable')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(table)
    gw.cli('secure', 'check', path)
    gw.cli('secure', 'import', path)
    return gw, p, sink


def inbound(gw, p, local):
    """Where mail for local@gateway goes, or the refusal."""
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        code, text = c.rcpt('%s@%s' % (local, gw.fqdn))
    if code != 250:
        assert code == 550 and b'is not a registered gateway user' in text, (local, code, text)
        return code
    gw.mail('%s@%s' % (local, gw.fqdn))
    return '%s at %s' % p.take_file().dest


def batch(user, node, sender, body=('Subject: x', '', 'x'), maker=njefile.netdata):
    return maker(user, node, 'SMTP', 'GATE', ['HELO ' + node, 'MAIL FROM:<%s>' % sender,
                                              'RCPT TO:<steve@example.org>', 'DATA'] + list(body) + ['.'])


def case_example_to_nje(w):
    gw, p, _ = example(w)
    assert inbound(gw, p, 'FRED0') == 'DEBULOIS at MLVFSC1'
    assert inbound(gw, p, 'fred1') == 'DEBULOIS at MLVFSC5'
    assert inbound(gw, p, 'TCP0') == 'TCPMAINT at MLVFSC5'
    assert inbound(gw, p, 'TCP1') == 'DEBULOIS at MLVFSC1'
    for user, node in (('DEBULOIS', 'MLVFSC1'), ('DEBULOIS', 'MLVFSC5'), ('TCPMAINT', 'MLVFSC5')):
        assert inbound(gw, p, '%s%%%s' % (user, node)) == '%s at %s' % (user, node)
    for nobody in ('TCPMAINT%MLVFSC1', 'BOB%MLVFSC5', 'FRED2', 'DEBULOIS', 'BOB%NOWHERE'):
        assert inbound(gw, p, nobody) == 550
    with gw.client() as c:
        c.ehlo()
        assert c.mail('@relay.example:steve@example.org')[0] == 550


def case_example_strict(w):
    gw, p, sink = example(w)
    gw.lines = ['SECURE STRICT' if ln == 'SECURE' else ln for ln in gw.lines]
    gw.restart()
    p.until(lambda: p.sessions == 2 and p.up)
    assert inbound(gw, p, 'FRED0') == 'DEBULOIS at MLVFSC1'
    assert inbound(gw, p, 'FRED1') == 550
    assert inbound(gw, p, 'TCP0') == 550
    assert inbound(gw, p, 'TCP1') == 'DEBULOIS at MLVFSC1'
    for user, node in (('DEBULOIS', 'MLVFSC1'), ('DEBULOIS', 'MLVFSC5'), ('TCPMAINT', 'MLVFSC5')):
        assert inbound(gw, p, '%s%%%s' % (user, node)) == '%s at %s' % (user, node)
    to_internet(gw, p, sink)


def case_example_to_internet(w):
    to_internet(*example(w))


def to_internet(gw, p, sink):
    """Envelope and header, from a note and from a batch; who is not registered gets nothing out."""
    for user, node, address in (('DEBULOIS', 'MLVFSC1', 'TCP1@' + gw.fqdn), ('DEBULOIS', 'MLVFSC5', 'FRED1@' + gw.fqdn),
                                ('TCPMAINT', 'MLVFSC5', 'TCPMAINT%MLVFSC5.RSCSNET@' + gw.fqdn)):
        p.send(njefile.note(user, node, 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
        m = sink.take()
        assert m.sender == address and address in m.mail['From'], (address, m.sender, m.mail['From'])
        p.send(batch(user, node, '%s@%s' % (user, node),
                     ['From: %s@%s' % (user, node), 'To: steve@example.org', '', 'x'])).wait()
        m = sink.take()
        assert m.sender == address and address in m.mail['From'], (address, m.sender, m.mail['From'])
        p.send(batch(user, node, address)).wait()
        assert sink.take().sender == address
    p.send(njefile.note('BOB', 'MLVFSC5', 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
    assert 'is not a registered gateway user' in p.take_file().text()
    gw.empty()
    assert not sink.messages


def case_spoofing(w):
    """The batch's sender, and the NETDATA's, must be the file's origin; cards are not taken."""
    gw, p, sink = example(w)
    for claim in ('TCPMAINT@MLVFSC5', 'FRED0@' + gw.fqdn, 'president@example.org', 'debulois%mlvfsc1@' + gw.fqdn):
        p.send(batch('DEBULOIS', 'MLVFSC5', claim)).wait()
        back = p.take_file()
        assert back.dest == ('DEBULOIS', 'MLVFSC5'), back.summary()
        assert "<DEBULOIS@MLVFSC5> does not match" in ' '.join(back.text().split()), back.text()
    stolen = njefile.note('TCPMAINT', 'MLVFSC5', 'SMTP', 'GATE', ['x'], to=['steve@example.org'])
    stolen.origin = ('DEBULOIS', 'MLVFSC5')
    p.send(stolen).wait()
    assert 'does not match' in p.take_file().text()
    p.send(batch('DEBULOIS', 'MLVFSC5', 'DEBULOIS@MLVFSC5', maker=njefile.punch)).wait()
    assert "550 User '@' is not a registered gateway user" in p.take_file().text()
    gw.empty()
    assert not sink.messages


def case_memo(w):
    """Who is not registered gets the memo, read when it is sent, with the text of his mail."""
    gw, p, sink = example(w, ['MEMO memo'])
    memo = os.path.join(gw.dir, 'memo')
    for text in ('Ask the help desk.', 'Ask nobody.'):
        with open(memo, 'w', encoding='utf-8') as f:
            f.write(text)
        for send in (njefile.note('BOB', 'MLVFSC5', 'SMTP', 'GATE', ['my precious words'], to=['steve@example.org']),
                     batch('BOB', 'MLVFSC5', 'BOB@MLVFSC5', ['', 'my precious words'])):
            p.send(send).wait()
            lines = p.take_file().lines()
            assert 'Subject: Undeliverable Mail' in lines, lines
            assert "550 User 'BOB@MLVFSC5' is not a registered gateway user" in lines and text in lines, lines
            assert any('** Text of Mail follows **' in ln for ln in lines), lines
            assert 'my precious words' in lines, lines
            p.take_message(lambda m: m['to_user'] == 'BOB')
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org')
    p.send(njefile.netdata('BOB', 'MLVFSC5', 'STEVE', 'GATE', [bytes(range(200))], fn='BIN', ft='DATA')).wait()
    back = sorted((p.take_file() for _ in range(2)), key=lambda f: f.origin[0])
    assert 'Ask nobody.' in back[1].lines(), back[1].text()
    assert back[0].fn == 'BIN' and back[0].dest == ('BOB', 'MLVFSC5')  # what cannot be quoted comes back itself
    gw.empty()
    assert not sink.messages


def case_at_once(w):
    """A change of the table holds for the next command."""
    gw, p, sink = example(w)
    assert inbound(gw, p, 'BOB%MLVFSC5') == 550
    gw.cli('secure', 'add', 'BOB', 'MLVFSC5', 'Robert', 'N', 'Y')
    assert inbound(gw, p, 'robert') == 'BOB at MLVFSC5'
    p.send(njefile.note('BOB', 'MLVFSC5', 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
    assert sink.take().sender == 'Robert@' + gw.fqdn
    gw.cli('secure', 'delete', 'BOB', 'MLVFSC5')
    assert inbound(gw, p, 'robert') == 550
    out = gw.cli('secure', 'export')
    assert [ln.split() for ln in out.splitlines()[1:]] == [
        'DEBULOIS MLVFSC1 FRED0 Y N'.split(), 'DEBULOIS MLVFSC1 TCP1 Y Y'.split(),
        'DEBULOIS MLVFSC5 FRED1 N Y'.split(), 'TCPMAINT MLVFSC5 TCP0 N N'.split()], out


def case_next_message(w):
    """In one session, one link: a change of any table by njegate holds for the next message."""
    gw, p, sink = example(w)
    gw.cli('nick', 'add', 'STEVE', 'one@example.org')
    with gw.client() as c:
        c.ehlo()
        for verb, code in ((None, 550), ('add', 250), ('delete', 550), ('add', 250)):
            if verb:
                gw.cli('secure', verb, 'BOB', 'MLVFSC5')
            c.rset()
            c.mail('steve@example.org')
            assert c.rcpt('BOB%%MLVFSC5@%s' % gw.fqdn)[0] == code, verb
        gw.cli('restrict', 'add', 'PURGE', 'BOB@*')
        c.rset()
        c.mail('steve@example.org')
        assert c.rcpt('BOB%%MLVFSC5@%s' % gw.fqdn)[0] == 550
    for box in ('one@example.org', 'two@example.org', 'three@example.org'):
        gw.cli('nick', 'change', 'STEVE', box)
        p.send(njefile.note('TCPMAINT', 'MLVFSC5', 'STEVE', 'GATE', ['x'])).wait()
        assert sink.take().rcpts == [box]


def case_bad_tables(w):
    """Every problem with its line; nothing changed; one primary each."""
    gw, p, _ = example(w)
    before = gw.json('secure', 'list')
    path = os.path.join(gw.dir, 'bad')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('NEW MLVFSC5\nA B C Y\nA B C.D Y N\nA\n')
    for verb in ('check', 'import'):
        out = gw.cli('secure', verb, path, status=1)
        assert all('bad:%d:' % n in out for n in (2, 3, 4)) and 'bad:1:' not in out, out
    with open(path, 'w', encoding='utf-8') as f:
        f.write('NEW MLVFSC5\nOTHER MLVFSC5 TCP1 Y N\n')
    out = gw.cli('secure', 'import', path, status=1)
    assert 'bad:2:' in out and 'DEBULOIS' in out, out
    assert 'FRED1' in gw.cli('secure', 'add', 'DEBULOIS', 'MLVFSC5', 'OTHER', 'N', 'Y', status=1)
    gw.cli('secure', 'add', 'X', 'MLVFSC5', 'a@b', 'N', 'Y', status=1)
    gw.cli('secure', 'add', 'X', 'MLVFSC5', 'NICK', 'Y', status=2)
    gw.cli('secure', 'delete', 'X', 'MLVFSC5', status=1)
    assert gw.json('secure', 'list') == before
    gw.cli('secure', 'import', '--replace', path)
    assert len(gw.json('secure', 'list')) == 2


def case_restrict_table(w):
    """The table's entries, both directions, changed while it runs."""
    gw, p, sink = w.pair(['LOCALUSER OPER'])
    gw.cli('restrict', 'add', 'RETURN', 'EVIL@MVSA')
    gw.cli('restrict', 'add', 'TRANSFERTO:OPER', 'moved@*')
    gw.cli('restrict', 'add', 'PURGE', '*@MVSA')
    gw.cli('restrict', 'add', 'PURGE', 'EVIL@MVSA', status=1)
    gw.cli('restrict', 'add', 'TRANSFERTO:NOBODY', 'X@MVSA', status=1)
    gw.cli('restrict', 'add', 'BURN', 'X@MVSA', status=1)
    assert {'action': 'TRANSFERTO', 'transfer': 'OPER', 'user': 'MOVED', 'node': '*'} in gw.json('restrict', 'list')
    for user in ('EVIL', 'BOB'):
        p.send(njefile.note(user, 'MVSA', 'SMTP', 'GATE', ['by ' + user], to=['steve@example.org'])).wait()
    assert p.take_file().dest == ('EVIL', 'MVSA')
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        for user in ('evil', 'bob'):
            assert c.rcpt('%s%%mvsa@%s' % (user, gw.fqdn))[0] == 550
    gw.cli('restrict', 'delete', '*@MVSA')
    gw.cli('restrict', 'delete', '*@MVSA', status=1)
    p.send(njefile.note('MOVED', 'MVSA', 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
    gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    gw.mail('bob%mvsa@' + gw.fqdn)
    assert p.take_file().dest == ('BOB', 'MVSA')
    assert not sink.messages


def ask(p, command, user='BOB', node=None):
    p.message('DIM', 'GATE', command, user)
    return p.take_message(lambda m: m['to_user'] == user)['text']


def case_dim(w):
    """Privileged users, DENY and ALLOW, owners, nonsense, many nicknames."""
    gw, p, _ = w.pair(['LOCALUSER OPER', 'SMSGAUTHLIST CHIEF@MVSA ENDSMSGAUTHLIST'])
    assert 'belongs to' not in ask(p, 'ADD STEVE steve@example.org Steve Hayes')
    assert gw.json('nick', 'show', 'STEVE')['name'] == 'Steve Hayes'
    assert 'BOB@MVSA' in ask(p, 'DELETE STEVE', 'CAROL')
    assert 'not authorised' in ask(p, 'DENY CAROL AT MVSA')
    assert 'CAROL' in ask(p, 'DENY CAROL AT MVSA', 'CHIEF')
    assert 'may not' in ask(p, 'QUERY', 'CAROL')
    assert gw.json('access', 'list') == [{'user': 'CAROL', 'node': 'MVSA', 'allowed': False}]
    ask(p, 'ALLOW carol@mvsa', 'CHIEF')
    assert 'STEVE' in ask(p, 'QUERY', 'CAROL')
    assert 'changed' in ask(p, 'CHANGE STEVE s2@example.org', 'CHIEF')
    row = gw.json('nick', 'show', 'STEVE')
    assert (row['owner'], row['by'], row['name']) == ('BOB@MVSA', 'CHIEF@MVSA', 'Steve Hayes'), row
    for bad in ('ADD', 'ADD X', 'ADD NINECHARS a@example.org', 'ADD SMTP a@example.org', 'ADD OPER a@example.org',
                'ADD X nonsense', 'ADD X bob%mvsa@' + gw.fqdn, 'ADD STEVE other@example.org', 'CHANGE NOBODY a@example.org',
                'DELETE NOBODY', 'FROB', ''):
        assert ask(p, bad), bad
    assert [r['mailbox'] for r in gw.json('nick', 'list')] == ['s2@example.org']
    for i in range(25):
        gw.cli('nick', 'add', 'N%d' % i, 'n%d@example.org' % i)
    p.message('DIM', 'GATE', 'QUERY N*', 'BOB')
    lines = [p.take_message(lambda m: m['to_user'] == 'BOB')['text'] for _ in range(21)]
    assert lines[20] == 'and 5 more', lines


def case_temporary_nicknames(w):
    """Nicknames a note gives itself: good for that note, before those of the table."""
    gw, p, sink = w.pair(['DIMNODE SMTPGATE'])
    gw.cli('nick', 'add', 'STEVE', 'other@example.org')
    own = ['.STEVE = steve@example.org', '', 'the text']
    p.send(njefile.note('BOB', 'MVSA', 'STEVE', 'SMTPGATE', own)).wait()
    m = sink.take()
    assert m.rcpts == ['steve@example.org'] and 'STEVE =' not in m.mail.get_content(), m.mail.get_content()
    p.send(njefile.note('BOB', 'MVSA', 'ANNE', 'SMTPGATE', [':nick.ANNE :mbox.anne@example.org', '', 'x'])).wait()
    assert sink.take().rcpts == ['anne@example.org']
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['.PAUL = paul@example.org', '', 'x'],
                        to=['PAUL     at SMTPGATE'])).wait()
    assert sink.take().rcpts == ['paul@example.org']
    p.send(njefile.note('BOB', 'MVSA', 'ANNE', 'SMTPGATE', ['x'])).wait()
    assert p.take_file().dest == ('BOB', 'MVSA')
    gw.cli('access', 'deny', '*@MVSA')
    p.send(njefile.note('BOB', 'MVSA', 'STEVE', 'SMTPGATE', own)).wait()
    assert p.take_file().dest == ('BOB', 'MVSA')
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['.PAUL = paul@example.org', '', 'x'],
                        to=['PAUL     at SMTPGATE'])).wait()
    assert 'nickname service' in p.take_file().text()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['MAIL FROM:<BOB@MVSA>', 'RCPT TO:<STEVE@%s>' % gw.fqdn,
                                                         'DATA', 'Subject: x', '', 'x', '.'])).wait()
    assert 'nickname service' in ' '.join(p.take_file().text().split())
    gw.empty()
    assert not sink.messages
