"""Interactive messages and commands, both ways."""
import njefile


def case_to_peer(w):
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    gw.cli('tell', 'BOB@MVSA', 'Hello Bob, lunch?', '--from', 'OPER')
    m = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert (m['text'], m['from_user'], m['from_node']) == ('Hello Bob, lunch?', 'OPER', 'GATE'), m
    long = ' '.join('word%02d' % i for i in range(60))
    gw.cli('tell', 'BOB@MVSA', long, '--from', 'OPER')
    got = []
    while len(' '.join(got).split()) < 60:
        got.append(p.take_message(lambda m: m['to_user'] == 'BOB')['text'])
    assert ' '.join(got).split() == long.split() and max(map(len, got)) <= 120, got


def case_commands(w):
    """RSCS's own commands by anyone, answered line by line without sender user."""
    gw, p, _ = w.pair()
    for command in ('QUERY SYSTEM', 'Q SYS', 'CPQ TIME', 'QUERY MVSA', 'CPQ NAMES'):
        p.command('GATE', command, 'BOB')
        m = p.take_message(lambda m: m['to_user'] == 'BOB')
        assert m['text'].strip() and not m['from_user'] and m['from_node'] == 'GATE', m
        p.messages.clear()
    p.command('GATE', 'FROBNICATE', 'BOB')
    assert 'FROBNICATE' in p.take_message(lambda m: m['to_user'] == 'BOB')['text'].upper()


def case_smsg(w):
    """SMSG SMTP: HELP, QUEUES, STATS for all; privileged ones only for SMSGAUTHLIST."""
    gw, p, _ = w.pair(['SMSGAUTHLIST', 'BOB@MVSA', 'ENDSMSGAUTHLIST'])

    def ask(text, user='BOB'):
        p.messages.clear()
        p.message('SMTP', 'GATE', text, user)
        return p.take_message(lambda m: m['to_user'] == user)['text']
    for command in ('HELP', 'help', 'HE', 'QUEUES', 'NUMQ', 'STATS', 'ST'):
        assert ask(command, 'CAROL'), command
    ask('DEBUG', 'CAROL')
    refused = ask('SHUTDOWN', 'CAROL').lower()
    assert 'auth' in refused or 'privileged' in refused or 'not allowed' in refused, refused
    assert gw.process.poll() is None
    p.message('SMTP', 'GATE', 'SHUTDOWN', 'BOB')
    assert gw.process.wait(30) == 0
    gw.start()


def case_no_ping_pong(w):
    """An answer is never answered: no sender user, or a comment, stays without reply."""
    gw, p, _ = w.pair()
    p.message('SMTP', 'GATE', 'HELP', '')
    p.message('SMTP', 'GATE', '* DMTCMX171I comment', 'BOB')
    p.message('NOBODY', 'NOWHERE', 'to an unknown node', '')
    p.message('SMTP', 'GATE', 'HELP', 'CAROL')
    p.take_message(lambda m: m['to_user'] == 'CAROL')
    assert not [m for m in p.messages if m['to_user'] != 'CAROL'], p.messages


def case_unknown_node(w):
    gw, p, _ = w.pair()
    p.message('X', 'NOWHERE', 'anybody there', 'BOB')
    m = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'NOWHERE' in m['text'] and not m['from_user'], m


def case_passing_through(w):
    """MVSA to MVSB through GATE: message, command and answer keep their names."""
    gw = w.gateway()
    a, b = w.peer('MVSA'), w.peer('MVSB')
    gw.link('MVSA', a.listen_at).link('MVSB', b.listen_at).start()
    gw.links_up()
    a.message('CAROL', 'MVSB', 'through the middle', 'BOB')
    m = b.take_message(lambda m: m['to_user'] == 'CAROL')
    assert (m['from_user'], m['from_node'], m['text']) == ('BOB', 'MVSA', 'through the middle'), m
    a.command('MVSB', 'Q SYSTEM', 'BOB')
    c = b.take_command()
    assert (c['from_user'], c['from_node'], c['text']) == ('BOB', 'MVSA', 'Q SYSTEM'), c
    m = a.take_message(lambda m: m['to_user'] == 'BOB')
    assert m['from_node'] == 'MVSB', m


def case_link_down(w):
    """A message for a node whose link is down: its sender is told."""
    gw, p, _ = w.pair()
    gw.stop()
    gw.link('MVSB').start()
    p.until(lambda: p.sessions == 2 and p.up)
    p.message('CAROL', 'MVSB', 'are you there', 'BOB')
    m = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'MVSB' in m['text'] and not m['from_user'], m


def case_to_local_user(w):
    """A message to a local user is kept where he finds it; to nobody, its sender is told."""
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    p.message('NIEMAND', 'GATE', 'hello?', 'BOB')
    assert 'NIEMAND' in p.take_message(lambda m: m['to_user'] == 'BOB')['text']


def case_notify(w):
    """NOTIFY ARRIVED: our own message to the receiver of a note."""
    gw, p, _ = w.pair(['NOTIFY ARRIVED FAILED'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    m = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'steve@example.org' in m['text'].lower() or 'QSM' in m['text'], m


def case_file_for_local_user(w):
    """Files for a local user are in his reader; a quiet form asks for no message, and none comes."""
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    p.send(njefile.punch('BOB', 'MVSA', 'OPER', 'GATE', ['quiet'], form='QUIET')).wait()
    p.send(njefile.punch('CAROL', 'MVSA', 'OPER', 'GATE', ['loud'])).wait()
    gw.until(lambda: len(gw.json('reader', 'list', 'OPER')) == 2)
    assert not [m for m in p.messages if m['to_user'] == 'BOB'], p.messages


def case_pages(w):
    """The text of a message is in the page of the node at its other end."""
    gw, p, _ = w.pair(['LOCALUSER OPER', 'NODE MVSA CODEPAGE=273'])
    gw.cli('tell', 'BOB@MVSA', 'Grüße @', '--from', 'OPER')
    m = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert m['raw'] == 'c799d0a18540b5', m
    p.message('OPER', 'GATE', bytes.fromhex('c799d0a1 8540b5'), 'BOB')
    row = gw.until(lambda: gw.json('reader', 'list', 'OPER'))[0]
    assert 'Grüße @' in gw.cli('reader', 'show', str(row['id']))
    p.command('GATE', 'FROBNICATE', 'BOB')
    p.take_message(lambda m: m['to_user'] == 'BOB')
    long = 'ä' * 150 + ' ' + 'ö' * 150
    gw.cli('tell', 'BOB@MVSA', long, '--from', 'OPER')
    got = b''
    while len(got) < 300:
        got += bytes.fromhex(p.take_message(lambda m: m['to_user'] == 'BOB')['raw']).replace(b'\x40', b'')
    assert got == b'\xc0' * 150 + b'\x6a' * 150, got


def case_long_commands(w):
    """A command goes on whole up to 140 bytes, what no peer holds is refused with words."""
    gw = w.gateway()
    a, b = w.peer('MVSA'), w.peer('MVSB')
    gw.link('MVSA', a.listen_at).link('MVSB', b.listen_at).start()
    gw.links_up()
    for size in (121, 132, 140):
        a.command('MVSB', 'Q ' + 'X' * (size - 2), 'BOB')
        assert b.take_command()['text'] == 'Q ' + 'X' * (size - 2)
    a.messages.clear()
    a.command('MVSB', 'Q ' + 'X' * 139, 'BOB')
    m = a.take_message(lambda m: m['to_user'] == 'BOB' and m['from_node'] == 'GATE')
    assert '141' in m['text'] and '140' in m['text'], m
    assert not b.commands, b.commands
