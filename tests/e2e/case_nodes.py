"""Two njegate nodes back to back, used by their own users through njegate."""
import os

import njefile


def two(w, extra_a=(), extra_b=(), parm=''):
    a = w.gateway('NODEA', ['LOCALUSER ALICE', 'LOCALUSER OPER'] + list(extra_a))
    b = w.gateway('NODEB', ['LOCALUSER BOB'] + list(extra_b))
    a.link('NODEB', extra=parm).start()
    b.link('NODEA', a.nje, extra=parm).start()
    b.until(lambda: state(b, 'NODEA') == 'up' and state(a, 'NODEB') == 'up')
    return a, b


def state(gw, link):
    return next(k['state'] for k in gw.json('link', 'list') if k['link'] == link)


def case_note_tell_sendfile_reader(w):
    a, b = two(w)
    a.cli('note', 'BOB@NODEB', '--from', 'ALICE', '--subject', 'Hello', stdin='first\n\nlast line\n')
    row = b.until(lambda: b.json('reader', 'list', 'BOB'))[0]
    assert row['from'].upper().replace(' ', '') in ('ALICE@NODEA', 'ALICEATNODEA'), row
    assert row['ft'] == 'NOTE' and row['user'] == 'BOB', row
    shown = b.cli('reader', 'show', str(row['id']))
    assert 'last line' in shown and 'Hello' in shown, shown
    path = os.path.join(a.dir, 'data.bin')
    blob = bytes(range(256)) * 40
    with open(path, 'wb') as f:
        f.write(blob)
    a.cli('sendfile', path, 'BOB@NODEB', '--from', 'ALICE')
    rows = b.until(lambda: len(b.json('reader', 'list', 'BOB')) == 2 and b.json('reader', 'list', 'BOB'))
    new = next(r for r in rows if r['id'] != row['id'])
    folder = os.path.join(b.dir, 'in')
    os.mkdir(folder)
    b.cli('reader', 'receive', str(new['id']), folder)
    got = os.listdir(folder)
    assert len(got) == 1, got
    with open(os.path.join(folder, got[0]), 'rb') as f:
        assert f.read() == blob, got
    b.cli('reader', 'purge', str(row['id']))
    b.until(lambda: row['id'] not in [r['id'] for r in b.json('reader', 'list', 'BOB')])
    a.empty()
    b.empty()


def case_text_file(w):
    """A text file comes back as it went, as NETDATA and punched."""
    a, b = two(w)
    seen = set()

    def arrived():
        return [r for r in b.json('reader', 'list', 'BOB') if r['id'] not in seen]
    path = os.path.join(a.dir, 'memo.txt')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('one\n\n\u00e4\u00f6\u00fc [x]\nfour\n')
    for n, options in enumerate(([], ['--punch'])):
        a.cli('sendfile', path, 'BOB@NODEB', '--from', 'ALICE', *options)
        last = b.until(arrived)[0]
        seen.add(last['id'])
        folder = os.path.join(b.dir, 'in%d' % n)
        os.mkdir(folder)
        assert (last['fn'], last['ft']) == ('MEMO', 'TXT'), last
        b.cli('reader', 'receive', str(last['id']), folder)
        with open(os.path.join(folder, os.listdir(folder)[0]), encoding='utf-8') as f:
            assert [ln.rstrip() for ln in f.read().splitlines()] == ['one', '', '\u00e4\u00f6\u00fc [x]', 'four']


def case_reply_across(w):
    """Mail from the Internet to BOB at NODEB through NODEA; the answer goes back through NODEA's nickname."""
    sink = w.sink()
    a, b = two(w, ['DESTINATION example.org ' + sink.where])
    a.mail('bob%nodeb@' + a.fqdn)
    row = b.until(lambda: b.json('reader', 'list', 'BOB'))[0]
    nick = row['from'].upper().replace(' AT ', '@').split('@')[0].strip()
    b.cli('note', '%s@NODEA' % nick, '--from', 'BOB', '--subject', 'Re', stdin='my answer\n')
    m = sink.take()
    assert m.rcpts == ['steve@example.org'] and 'my answer' in m.mail.get_content(), m.data
    assert m.sender.lower().startswith('bob%nodeb'), m.sender


def case_three_in_a_row(w):
    """Store and forward: ALICE at NODEA to CAROL at NODEC through NODEB, and back."""
    c = w.gateway('NODEC', ['LOCALUSER CAROL'])
    b = w.gateway('NODEB', [])
    a = w.gateway('NODEA', ['LOCALUSER ALICE', 'ROUTE * TO NODEB'])
    b.link('NODEA')
    b.link('NODEC').start()
    a.link('NODEB', b.nje).start()
    c.lines.append('ROUTE NODEA TO NODEB')
    c.link('NODEB', b.nje).start()
    a.cli('note', 'CAROL@NODEC', '--from', 'ALICE', '--subject', 'far', stdin='over two hops\n')
    c.until(lambda: c.json('reader', 'list', 'CAROL'))
    c.cli('note', 'ALICE@NODEA', '--from', 'CAROL', '--subject', 'back', stdin='and back\n')
    a.until(lambda: a.json('reader', 'list', 'ALICE'))
    for gw in (a, b, c):
        gw.empty()


def case_local_user_forward(w):
    """LOCALUSER with MBOX: kept in the reader and forwarded."""
    sink = w.sink()
    a, b = two(w, (), ['LOCALUSER DORA MBOX=dora@example.org', 'DESTINATION example.org ' + sink.where])
    a.cli('note', 'DORA@NODEB', '--from', 'ALICE', '--subject', 'both', stdin='kept and forwarded\n')
    b.until(lambda: b.json('reader', 'list', 'DORA'))
    m = sink.take()
    assert m.rcpts == ['dora@example.org'] and 'kept and forwarded' in m.mail.get_content()


def case_tls_between_nodes(w):
    cert, key = w.tls()
    common = ['TLSCERT ' + cert, 'TLSKEY ' + key, 'TLSCA ' + cert]
    a = w.gateway('NODEA', ['LOCALUSER ALICE'] + common)
    b = w.gateway('NODEB', ['LOCALUSER BOB'] + common)
    port = w.port()
    a.lines.append('LISTENNJE %s:%d TLS' % (w.address, port))
    a.link('NODEB', extra='TLS=YES').start()
    b.link('NODEA', (w.address, port), extra='TLS=YES').start()
    b.until(lambda: state(b, 'NODEA') == 'up')
    b.cli('note', 'ALICE@NODEA', '--from', 'BOB', '--subject', 'tls', stdin='sealed\n')
    a.until(lambda: a.json('reader', 'list', 'ALICE'))


def case_passwords(w):
    """Line and node passwords: the right pair signs on, a wrong one does not."""
    a, b = two(w, parm='PASSWORD=SECRET LPASSWORD=LINEPW')
    b.stop()
    b.lines = [ln.replace('SECRET', 'WRONG') for ln in b.lines]
    b.start()
    b.until(lambda: 'assword' in b.read_log() or 'assword' in a.read_log())
    assert state(b, 'NODEA') != 'up'


def case_receipt(w):
    """Who sent a file with INMFACK hears that it was received: an acknowledgement (INMR07) of it, once, and of no other."""
    gw = w.gateway(lines=['LOCALUSER BOB'])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    folder = os.path.join(gw.dir, 'in')
    os.mkdir(folder)
    for ack in ('MARK7', None):
        p.send(njefile.netdata('ALICE', 'MVSA', 'BOB', 'GATE', ['one'], fn='DATA', ft='PLAN%d' % bool(ack),
                                ack=ack)).wait()
        row = gw.until(lambda: gw.json('reader', 'list', 'BOB'))[0]
        told = gw.cli('reader', 'receive', str(row['id']), folder)
        assert ('acknowledged to ALICE@MVSA' in told) == bool(ack), told
        if not ack:
            continue
        f = p.take_file()
        got = f.netdata()
        assert f.origin == ('BOB', 'GATE'), f.summary()
        assert got['r01']['fuid'] == 'BOB' and got['r01']['tuid'] == 'ALICE', got['r01']
        assert got['r07']['dsnam'] == ['A', 'DATA', 'PLAN1'] and got['r07']['fack'] == 'MARK7', got
        assert got['r07']['ftime'].startswith('2'), got
    gw.empty()
    assert not p.files, p.files
