"""The tables of the specification, row by row: one case a table, each row by its number and words. A row that does not
hold is named, and all that do not hold are named together."""
import os

import njefile
from case_secure import TABLE


def rows(table, check):
    """check(*row) answers what it found; the row's last item is what must be."""
    wrong = []
    for n, row in enumerate(table, 1):
        try:
            got = check(*row[1:-1])
        except AssertionError as e:
            got = 'AssertionError: %s' % str(e).splitlines()[0]
        if got != row[-1]:
            wrong.append('row %d, %s: %r, not %r' % (n, row[0], got, row[-1]))
    assert not wrong, '%d of %d rows do not hold:\n  %s' % (len(wrong), len(table), '\n  '.join(wrong))


def meant(gw, address, side='from the Internet'):
    """Whom an address means at the SMTP door (held against njegate resolve), or at the NJE door: USER at NODE, a mailbox,
    or the reply code."""
    said = {r['step']: r['text'] for r in gw.json('resolve', address)}[side]
    code = int(said.split()[1]) if said.startswith('refused:') else 250
    if side == 'from the Internet':
        with gw.client() as c:
            c.ehlo()
            c.mail('steve@example.org')
            reply = c.rcpt(address)
        assert reply[0] == code, '%s: RCPT %s, resolve %s' % (address, reply, said)
    if code == 250 and said.startswith('reader of our user '):
        return '%s at %s' % (said.split()[4].rstrip(','), gw.name)
    return code if code != 250 else said.split(' ', 2)[2].split(',')[0]


def leaves_as(gw, p, sink, user, node):
    """The envelope sender of a note's mail, the same in its header; or what comes back."""
    p.send(njefile.note(user, node, 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
    gw.until(lambda: sink.messages or p.files)
    if not sink.messages:
        text = p.take_file().text()
        return 'refused' if 'is not a registered gateway user' in text else text
    m = sink.take()
    assert m.sender in m.mail['From'], (m.sender, m.mail['From'])
    return m.sender


def secure_gateway(w, secure='SECURE', lines=(), table=TABLE):
    gw, p, sink = w.pair([secure, 'ROUTE MLVFSC1 TO MLVFSC5'] + list(lines), node='MLVFSC5')
    path = os.path.join(gw.dir, 'sectable')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(table)
    gw.cli('secure', 'import', path)
    return gw, p, sink


def case_security_3_to_tcp(w):
    """security.md 3, first table: RSCS/NJE -> TCP."""
    gw, p, sink = secure_gateway(w)
    rows([('DEBULOIS at MLVFSC1', 'DEBULOIS', 'MLVFSC1', 'TCP1@' + gw.fqdn),
          ('DEBULOIS at MLVFSC5', 'DEBULOIS', 'MLVFSC5', 'FRED1@' + gw.fqdn),
          ('TCPMAINT at MLVFSC5', 'TCPMAINT', 'MLVFSC5', 'TCPMAINT%MLVFSC5.RSCSNET@' + gw.fqdn),
          ('anyone else', 'BOB', 'MLVFSC5', 'refused')], lambda user, node: leaves_as(gw, p, sink, user, node))


def to_nje(w, secure, fred1, tcp0):
    gw, _, _ = secure_gateway(w, secure, ['ALTRSCSDOMAIN OLDNET'])
    rows([('FRED0', 'FRED0', 'DEBULOIS at MLVFSC1'), ('FRED1', 'fred1', fred1), ('TCP0', 'TCP0', tcp0),
          ('TCP1', 'tcp1', 'DEBULOIS at MLVFSC1'),
          ('DEBULOIS%MLVFSC1', 'DEBULOIS%MLVFSC1', 'DEBULOIS at MLVFSC1'),
          ('DEBULOIS%MLVFSC5', 'debulois%mlvfsc5', 'DEBULOIS at MLVFSC5'),
          ('TCPMAINT%MLVFSC5', 'TCPMAINT%MLVFSC5', 'TCPMAINT at MLVFSC5'),
          ('user%node.RSCSDOMAIN of a registered pair', 'TCPMAINT%MLVFSC5.RSCSNET', 'TCPMAINT at MLVFSC5'),
          ('the same, ALTRSCSDOMAIN', 'TCPMAINT%MLVFSC5.OLDNET', 'TCPMAINT at MLVFSC5'),
          ('any other user%node', 'BOB%MLVFSC5', 550), ('any other node', 'TCPMAINT%MLVFSC1', 550),
          ('no nickname', 'FRED2', 550)], lambda local: meant(gw, '%s@%s' % (local, gw.fqdn)))


def case_security_3_to_nje(w):
    """security.md 3, second table: TCP -> RSCS/NJE, recommended."""
    to_nje(w, 'SECURE', 'DEBULOIS at MLVFSC5', 'TCPMAINT at MLVFSC5')


def case_security_3_to_nje_strict(w):
    """The same by the strict meaning."""
    to_nje(w, 'SECURE STRICT', 550, 550)


def case_security_3_dotted(w):
    """user@node.RSCSDOMAIN of a registered pair (a dotted domain)."""
    gw, _, _ = secure_gateway(w, lines=['RSCSDOMAIN nje.example.net'])
    rows([('registered', 'tcpmaint@mlvfsc5.nje.example.net', 'TCPMAINT at MLVFSC5'),
          ('not registered', 'bob@mlvfsc5.nje.example.net', 550)], lambda address: meant(gw, address))


def case_security_2_spoof2(w):
    """security.md 2: the SPOOF2 example, in real use."""
    gw, p, sink = w.pair(['SECURE'], node='JES2NODE')
    for words in (('MYUSER', 'THOMAS', 'N', 'Y'), ('SYSPROG', 'THOMAS', 'Y', 'N'), ('SYSPROG', 'MARTIN', 'Y', 'Y')):
        gw.cli('secure', 'add', words[0], 'JES2NODE', *words[1:])
    rows([("MYUSER's mail", 'MYUSER', 'THOMAS@' + gw.fqdn), ("SYSPROG's mail", 'SYSPROG', 'MARTIN@' + gw.fqdn),
          ('anyone else', 'EVE', 'refused')], lambda user: leaves_as(gw, p, sink, user, 'JES2NODE'))
    rows([('to thomas', 'thomas', 'SYSPROG at JES2NODE'), ('to martin', 'martin', 'SYSPROG at JES2NODE'),
          ('First.Last', 'first.last', 550)], lambda local: meant(gw, '%s@%s' % (local, gw.fqdn)))


def case_security_2_record(w):
    """security.md 2: what a record may be; every fault with its line, the table untouched (fail closed)."""
    gw = w.gateway(lines=['SECURE']).start()
    gw.cli('secure', 'add', 'OLD', 'NODE')
    path = os.path.join(gw.dir, 'table')

    def read(text):
        with open(path, 'wb') as f:
            f.write(b'* first line\n' + text)
        out = gw.cli('secure', 'check', path, status=0 if good(text) else 1)
        if good(text):
            return 'good'
        said = gw.cli('secure', 'import', path, status=1)
        assert [r['user'] for r in gw.json('secure', 'list')] == ['OLD'], 'the table was changed'
        assert said.splitlines()[:1] == out.splitlines()[:1], (said, out)
        return out.splitlines()[0].split('table:')[1]

    def good(text):
        return text.startswith(b'good ') or b'* comment' in text or text.startswith(b'\n')
    rows([('free form, lower case', b'good node\n', 'good'), ('all five', b'good node nick y n\n', 'good'),
          ('comment: first non-blank *', b'   * comment\nU N\n', 'good'), ('blank lines', b'\n\nU N\n', 'good'),
          ('userid of nine', b'NINECHARS N\n', '2: the userid "NINECHARS" is not 1 to 8 of A-Z 0-9 $ # @ _ - + :'),
          ('wildcard node', b'U *\n', '2: the node "*" is not 1 to 8 of A-Z 0-9 $ # @ _ - + :'),
          ('no node', b'U\n', '2: a node is missing after the userid "U"'),
          ('nickname alone', b'U N X\n', '2: nickname, primary_nick? and primary_mbox? go together: all three or none'),
          ('one flag', b'U N X Y\n', '2: nickname, primary_nick? and primary_mbox? go together: all three or none'),
          ('neither Y nor N', b'U N X Y Q\n', '2: "Q" must be Y or N'),
          ('six words', b'U N X Y N Y\n', '2: more than five words: "Y" is too much'),
          ('two primary_nick', b'U N X Y N\nV N x Y N\n',
           '3: V N x: a primary_nick=Y row of this nickname is in line 2'),
          ('two primary_mbox', b'U N X N Y\nU N Z N Y\n', '3: U N Z: a primary_mbox=Y row of this user is in line 2'),
          ('twice', b'U N\nu n\n', '3: U N : the same record is in line 2'),
          ('EBCDIC', b'\xe4\x40\xd5\n', ' the file is not text (a table still in EBCDIC must be converted first)')] +
         [('forbidden %s' % ch, ('U N A%sB Y N\n' % ch).encode(),
           '2: the nickname "A%sB" holds a forbidden character (%s): none of <>()[]\\.,;:@"%%! nor blanks' % (ch, ch))
          for ch in '<>()[]\\.,;:@"%!'], read)


def case_security_5_restrict(w):
    """security.md 5: forms of an entry, and what becomes of files, in both directions; configuration and table."""
    gw, p, sink = w.pair(['LOCALUSER OPER', 'RESTRICT RETURN KNIGHT@MVSA *@CASTLE BARE@* ENDRESTRICT', 'ROUTE CASTLE TO MVSA',
                          'ROUTE TOURN TO MVSA'])
    gw.cli('restrict', 'add', 'PURGE', 'GONE@MVSA')
    gw.cli('restrict', 'add', 'TRANSFERTO:OPER', 'MOVED@MVSA')
    gw.cli('restrict', 'add', 'TRANSFER:CARL@MVSA', 'AWAY@MVSA')
    rows([('user@node', 'knight%mvsa', 550), ('the same user at another node', 'knight%tourn', 'KNIGHT at TOURN'),
          ('*@node', 'anybody%castle', 550), ('user@*', 'bare%tourn', 550), ('PURGE', 'gone%mvsa', 550),
          ('TRANSFERTO', 'moved%mvsa', 550), ('TRANSFER', 'away%mvsa', 550), ('nobody named', 'bob%mvsa', 'BOB at MVSA')],
         lambda local: meant(gw, '%s@%s' % (local, gw.fqdn)))

    def sent(user, node):
        p.send(njefile.note(user, node, 'SMTP', 'GATE', ['x'], to=['steve@example.org'])).wait()
        mine = len(gw.json('reader', 'list', 'OPER'))
        if user == 'GONE':
            gw.empty()
            return 'purged' if not sink.messages and not p.files and not mine else 'not purged'
        if user == 'MOVED':
            return 'reader of OPER' if gw.until(lambda: gw.json('reader', 'list', 'OPER')) else ''
        if user == 'BOB':
            return sink.take().rcpts[0]
        return '%s at %s' % p.take_file().dest
    rows([('PURGE', 'GONE', 'MVSA', 'purged'), ('RETURN', 'KNIGHT', 'MVSA', 'KNIGHT at MVSA'),
          ('RETURN *@node', 'ANYBODY', 'CASTLE', 'ANYBODY at CASTLE'), ('RETURN user@*', 'BARE', 'TOURN', 'BARE at TOURN'),
          ('TRANSFERTO a local user', 'MOVED', 'MVSA', 'reader of OPER'),
          ('TRANSFER to another node', 'AWAY', 'MVSA', 'CARL at MVSA'),
          ('nobody named', 'BOB', 'MVSA', 'steve@example.org')], sent)


def case_addressing_to_nje(w):
    """addressing.md, first table: TCP -> RSCS/NJE."""
    gw, _, _ = w.pair(['LOCALUSER OPER', 'ALTRSCSDOMAIN OLDNET', 'ALTTCPHOSTNAME alt.example'])
    at = '@' + gw.fqdn
    rows([('user@gateway', 'oper' + at, 'OPER at GATE'), ('user@gateway, no such user', 'nobody' + at, 550),
          ('user%node@gateway', 'bob%mvsa' + at, 'BOB at MVSA'),
          ('user%node.RSCSDOMAIN@gateway', 'bob%mvsa.rscsnet' + at, 'BOB at MVSA'),
          ('user%node.ALTRSCSDOMAIN@gateway', 'bob%mvsa.oldnet' + at, 'BOB at MVSA'),
          ('user@node (unqualified)', 'bob@mvsa', 550), ('@gateway:user@node', '@%s:bob@mvsa.rscsnet' % gw.fqdn, 550),
          ('user@ALTTCPHOSTNAME', 'oper@alt.example', 'OPER at GATE'),
          ('user%node@ALTTCPHOSTNAME', 'bob%mvsa@alt.example', 'BOB at MVSA'),
          ('node!user', 'mvsa!bob' + at, 550), ('user%n1%n2@gw, right-most first', 'bob%mvsa%gate' + at, 'BOB at MVSA'),
          ('unknown node', 'bob%nowhere' + at, 550), ('local part of nine before %', 'ninechars%mvsa' + at, 550)],
         lambda address: 550 if address.startswith('@') and refused(gw, address) else meant(gw, address))
    rows([('user@node (unqualified), from NJE', 'bob@mvsa', 'BOB at MVSA'),
          ('user%node@gateway, from NJE', 'bob%mvsa' + at, 'BOB at MVSA'),
          ('a mailbox, from NJE', 'Steve.H@Example.ORG', 'Steve.H@example.org')],
         lambda address: meant(gw, address, 'from NJE'))


def refused(gw, address):
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        return c.docmd('RCPT TO:<%s>' % address)[0] == 550


def case_addressing_to_nje_dotted(w):
    """addressing.md, first table: user@node.RSCSDOMAIN with a dotted domain."""
    gw, _, _ = w.pair(['RSCSDOMAIN nje.example.net'])
    rows([('user@node.RSCSDOMAIN', 'bob@mvsa.nje.example.net', 'BOB at MVSA'),
          ('unknown node', 'bob@nowhere.nje.example.net', 550),
          ('user%node.RSCSDOMAIN@gateway', 'bob%%mvsa.nje.example.net@%s' % gw.fqdn, 'BOB at MVSA')],
         lambda address: meant(gw, address))


def senders(w, lines, secure, forms):
    """addressing.md, third table: the sender address made for TCP, one RSCSDOMAIN a column."""
    gw, p, sink = w.pair(lines + (['SECURE'] if secure else []) + ['LOCALUSER OPER'])
    if secure:
        for words in (('BOB', 'MVSA', 'Bobby', 'N', 'Y'), ('CAROL', 'MVSA'), ('OPER', 'GATE', 'Op', 'Y', 'Y')):
            gw.cli('secure', 'add', *words)

    def sent(user, node):
        if node == 'GATE':
            gw.cli('note', 'steve@example.org', '--from', user, stdin='x\n')
            return sink.take().sender.replace(gw.fqdn, 'gw')
        return leaves_as(gw, p, sink, user, node).replace(gw.fqdn, 'gw')
    rows(forms, sent)


def case_addressing_sender_undotted(w):
    senders(w, [], False, [('user at gateway node', 'OPER', 'GATE', 'OPER@gw'),
                           ('RSCSDOMAIN without dot', 'BOB', 'MVSA', 'BOB%MVSA.RSCSNET@gw')])


def case_addressing_sender_dotted(w):
    senders(w, ['RSCSDOMAIN nje.example.net'], False,
            [('user at gateway node', 'OPER', 'GATE', 'OPER@gw'),
             ('RSCSDOMAIN with dot', 'BOB', 'MVSA', 'BOB@MVSA.nje.example.net')])


def case_addressing_sender_secure(w):
    senders(w, [], True, [('gateway node, mbox=Y', 'OPER', 'GATE', 'Op@gw'),
                          ('mbox=Y', 'BOB', 'MVSA', 'Bobby@gw'),
                          ('registered without', 'CAROL', 'MVSA', 'CAROL%MVSA.RSCSNET@gw')])


SNADS = ['SNADSADDRESS QSMRMTAD AUTOADD', 'NODE SHADE SCHEME=SNADS', 'NODE GARDEN SCHEME=SNADS', 'ROUTE SHADE TO MVSA',
         'ROUTE GARDEN TO MVSA', 'LOCALUSER OCTOPUS']


def case_snads_2_inbound(w):
    """snads.md 2, inbound recipients; with and without an alias."""
    gw, _, _ = w.pair(SNADS)
    at = '@' + gw.fqdn
    rows([('octopus@here, no alias', 'octopus' + at, 'OCTOPUS at GATE'),
          ('octopus?garden@here', 'octopus?garden' + at, 'OCTOPUS at GARDEN'),
          ('octopus%shade@here', 'octopus%shade' + at, 'OCTOPUS at SHADE'),
          ('octopus?garden%shade@here', 'octopus?garden%shade' + at, 'OCTOPUS at GARDEN'),
          ('not in the host table', 'octopus@elsewhere.example', 550),
          ('user ID of nine', 'octopuses9?garden' + at, 550)], lambda address: meant(gw, address))
    gw.cli('alias', 'add', 'OCTO1', 'GARDEN', 'octopus' + at)
    gw.cli('alias', 'add', 'BOTH', 'SHADE', '"octopus?garden"' + at)
    rows([('octopus@here, an alias', 'octopus' + at, 'OCTO1 at GARDEN'), ('the domain in capitals', 'octopus@' + gw.fqdn.upper(),
                                                                       'OCTO1 at GARDEN')],
         lambda address: meant(gw, address))


def case_snads_1_directory(w):
    """snads.md 1, directory entries for SMTP targets, and 2, outbound: exact, *ANY address, *ANY *ANY, none; personal first."""
    gw, _, _ = w.pair(SNADS)
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'The.Crab@example.org')
    gw.cli('alias', 'add', '*ANY', 'REEF', '*@reef.example')
    gw.cli('alias', 'add', 'ROUTED', 'REEF', '@a.example,@b.example:u@c.example')
    rows([('(userid, address, TCPIP)', 'CRAB@REEF', 'The.Crab@example.org'), ('(*ANY, address, TCPIP)', 'EEL@REEF', 'eel@reef.example'),
          ('no entry', 'EEL@LAGOON', 550), ('no entry at our own address', 'NOBODY@QSMRMTAD', 550),
          ('an address that has a link', 'EEL@SHADE', 'EEL at SHADE')], lambda address: meant(gw, address, 'from NJE'))
    gw.cli('alias', 'add', '*ANY', '*ANY', '*@*.example.net')
    rows([('(*ANY, *ANY, TCPIP)', 'EEL@LAGOON', 'eel@lagoon.example.net'), ('exact before it', 'CRAB@REEF', 'The.Crab@example.org'),
          ('*ANY never leads back to a link', 'EEL@SHADE', 'EEL at SHADE')], lambda address: meant(gw, address, 'from NJE'))


def case_snads_2_senders(w):
    """snads.md 2, senders outbound (alias, else userid?address) and inbound (alias, never *ANY, else 3: registered)."""
    gw, p, sink = w.pair(SNADS)
    gw.cli('alias', 'add', 'ALIASED', 'GARDEN', 'The.Alias@' + gw.fqdn)
    gw.cli('alias', 'add', '*ANY', 'REEF', '*@reef.example')
    gw.cli('alias', 'add', 'STEVE', 'REEF', 'steve@known.example')
    rows([('an alias', 'ALIASED', 'GARDEN', 'The.Alias@' + gw.fqdn), ('no alias', 'EEL', 'SHADE', 'EEL?SHADE@' + gw.fqdn)],
         lambda user, node: leaves_as(gw, p, sink, user, node))

    def seen_as(sender):
        gw.mail('bob%mvsa@' + gw.fqdn, sender=sender, headers=[('From', sender)])
        return '%s at %s' % p.take_file().origin
    rows([('alias of the mailbox', 'steve@known.example', 'STEVE at REEF'),
          ('the domain without case', 'steve@KNOWN.Example', 'STEVE at REEF'),
          ('*ANY is ignored: registered', 'eel@reef.example', 'QSM01 at QSMRMTAD'),
          ('the next', 'other@reef.example', 'QSM02 at QSMRMTAD'), ('the same again', 'eel@reef.EXAMPLE', 'QSM01 at QSMRMTAD'),
          ('the local part by case', 'EEL@reef.example', 'QSM03 at QSMRMTAD')], seen_as)
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'c@example.org')
    assert gw.json('alias', 'register', 'other@reef.example')['userid'] == 'QSM02'


def case_snads_2_delimiters(w):
    """snads.md 2, user ID delimiter: each of the eleven."""
    gw = w.gateway('GATE', SNADS[1:] + ['LISTENNJE %s:%d' % (w.address, w.port())])
    gw.link('MVSA')
    first = True
    for ch in '?=.&$#/+_-*"':
        gw.lines = [ln for ln in gw.lines if not ln.startswith('SNADSADDRESS')] + ['SNADSADDRESS QSMRMTAD DELIMITER=' + ch]
        gw.start() if first else gw.restart()
        first = False
        local = 'eel%sgarden' % ch
        said = gw.json('resolve', '%s@%s' % (local, gw.fqdn))
        assert any('EEL at GARDEN' in r['text'] for r in said if r['step'] == 'from the Internet'), (ch, said)


def case_notes_to_mail(w):
    """notes.md: note -> RFC 822 (each line of the header), and DIM: note -> SMTP."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org', '--name', 'Steve Hayes')
    p.send(njefile.note('HAYES', 'MVSA', 'STEVE', 'GATE', ['text'], 'Testing TCP/IP NOTE EXEC')).wait()
    m = sink.take()
    rows([('From:', 'From', 'HAYES%MVSA.RSCSNET@' + gw.fqdn), ('To:', 'To', 'steve@example.org'),
          ('Subject: kept', 'Subject', 'Testing TCP/IP NOTE EXEC')],
         lambda field: next(a for a in (m.mail[field],) if a) if field == 'Subject' else m.mail[field].addresses[0].addr_spec)
    assert m.mail['Date'] and m.mail['Date'].datetime.tzinfo, m.mail['Date']


def case_notes_from_mail(w):
    """notes.md: SMTP -> note: Date, From with the sender's nickname at DIMNODE, To, Subject, Return-Path last."""
    gw, p, _ = w.pair(['TIMEZONE EST5EDT'])
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org', '--name', 'Steve Hayes')
    gw.mail('enders%mvsa@' + gw.fqdn, sender='steve@example.org',
            headers=[('From', 'Steve Hayes <steve@example.org>'), ('To', 'Matthias Enders <enders%%mvsa@%s>' % gw.fqdn),
                     ('Subject', 'Testing'), ('Date', 'Wed, 8 Feb 1995 15:20:34 -0500')])
    f = p.take_file()
    lines = f.lines()
    head = lines[:lines.index('')]
    rows([('Date: converted back', 'Date:', 'Date: 8 February 1995, 15:20:34 EST'),
          ('From: name, nickname, node', 'From:', 'From: Steve Hayes'.ljust(53) + 'STEVE    at GATE'),
          ('To: name, userid, node', 'To:', 'To:   Matthias Enders'.ljust(53) + 'ENDERS   at MVSA'),
          ('Subject: kept', 'Subject:', 'Subject: Testing')],
         lambda tag: next((ln.rstrip() for ln in head if ln.startswith(tag)), 'none'))
    assert head[-1].startswith('Return-Path: <steve@example.org>'), head
    assert f.origin == ('STEVE', 'GATE') and (f.fn, f.ft) == ('STEVE', 'NOTE'), f.summary()


def case_notes_names(w):
    """notes.md, NAMES files: forms of an entry."""
    gw = w.gateway().start()
    path = os.path.join(gw.dir, 'user.names')

    def read(text, nick='STEVE'):
        for row in gw.json('nick', 'list'):
            gw.cli('nick', 'delete', row['nick'])
        with open(path, 'wb') as f:
            f.write(text)
        gw.cli('nick', 'import', path)
        row = {r['nick']: r for r in gw.json('nick', 'list')}.get(nick)
        return row and row['mailbox'] + row['list'] + (' ' + row['name'] if row['name'] else '')
    one = b':userid.steve :node.example.org'
    rows([('one line', b':nick.STEVE ' + one, 'steve@example.org'),
          ('continued with blanks', b':nick.STEVE\n   :userid.steve\n   :node.example.org\n', 'steve@example.org'),
          ('case of tags', b':NICK.steve :UserId.steve :NODE.example.org', 'steve@example.org'),
          ('a value over two lines', b':nick.STEVE ' + one + b' :name.Steve\n   Hayes\n', 'steve@example.org Steve Hayes'),
          ('comment *', b'* x\n:nick.STEVE ' + one, 'steve@example.org'),
          ('comment .*', b'.* x\n:nick.STEVE ' + one, 'steve@example.org'),
          ('comment :*.', b':*.Generated\n:nick.STEVE ' + one, 'steve@example.org'),
          (':userid. a whole address', b':nick.STEVE :userid.steve@example.org', 'steve@example.org'),
          ('an NJE user is left out', b':nick.STEVE :userid.STEVE :node.MVSA', None),
          (':list. with user at node', b':nick.STEVE :list.a at b.example c@d.example', 'a@b.example c@d.example'),
          (':list. with commas', b':nick.STEVE :list.a@b.example, c@d.example', 'a@b.example c@d.example'),
          (':list. over lines', b':nick.STEVE :list.a@b.example\n  c@d.example', 'a@b.example c@d.example'),
          ('CRLF and the end of DOS', b':nick.STEVE ' + one + b'\r\n\x1a', 'steve@example.org')], read)
