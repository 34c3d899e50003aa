"""The NJE link: every manner, both directions of dialling, loss at any moment, bad neighbours."""
import socket
import struct

import njefile
import njepeer
import njewire as nw

# What njegate may hear or do in each manner that a peer of another kind would not like.
MANNERS = ('rscs', 'unixnje', 'nje38', 'jes2')


def both_ways(gw, p, sink):
    gw.mail('bob%mvsa@' + gw.fqdn, 'to NJE\r\n' + 'long ' * 200 + '\r\n')
    f = p.take_file()
    assert 'to NJE' in f.lines()
    nick, node = f.origin
    for i in range(3):
        p.send(njefile.note('BOB', 'MVSA', nick, node, ['answer %d' % i] + ['line'] * 200, 'Re')).wait()
    got = sorted(sink.take().mail.get_content().splitlines()[0] for _ in range(3))
    assert got == ['answer 0', 'answer 1', 'answer 2'], got
    p.message('SMTP', 'GATE', 'HELP', 'BOB')
    p.take_message(lambda m: m['to_user'] == 'BOB')
    gw.empty()


def manner(w, name, dial, **more):
    gw, p, sink = w.pair(manner=name, dial=dial, **more)
    both_ways(gw, p, sink)
    one = next(k for k in gw.json('link', 'list') if k['link'] == 'MVSA')
    assert one['state'] == 'up' and one['files_out'] == 1 and one['files_in'] == 3, one


def case_rscs_dialled(w):
    manner(w, 'rscs', True)


def case_rscs_dials(w):
    manner(w, 'rscs', False)


def case_unixnje_dialled(w):
    manner(w, 'unixnje', True, peer={'allow': ['pad', 'no-rcb00']})


def case_unixnje_dials(w):
    manner(w, 'unixnje', False, peer={'allow': ['pad', 'no-rcb00']})


def case_nje38_dialled(w):
    manner(w, 'nje38', True)


def case_nje38_dials(w):
    manner(w, 'nje38', False)


def case_jes2_dialled(w):
    manner(w, 'jes2', True)


def case_jes2_dials(w):
    manner(w, 'jes2', False)


def case_one_stream_only(w):
    """A peer that never answers a second request: all files pass all the same."""
    gw, p, _ = w.pair(manner='nje38')
    gw.cli('link', 'stop', 'MVSA')
    for i in range(12):
        gw.mail('bob%mvsa@' + gw.fqdn, 'number %d\r\n' % i)
    gw.cli('link', 'start', 'MVSA')
    seen = sorted(int(p.take_file(limit=60).lines()[-1].split()[1]) for _ in range(12))
    assert seen == list(range(12)), seen


case_one_stream_only.limit = 120


def case_small_buffer(w):
    """Blocks stay within the buffer agreed."""
    gw = w.gateway()
    peers = [w.peer('MVS%d' % size, bufsize=size) for size in (400, 1024)]
    for p in peers:
        gw.link(p.node, p.listen_at)
    gw.start()
    for p in peers:
        gw.mail('bob%%%s@%s' % (p.node, gw.fqdn), 'x' * 3000 + '\r\n')
        p.take_file()


def case_wait_a_bit(w):
    """FCS X'40' stops us until a block comes without it."""
    gw, p, _ = w.pair()
    p.fcs(bytes.fromhex('cfcf'))
    p.message('SMTP', 'GATE', 'HELP', 'BOB')
    gw.mail('bob%mvsa@' + gw.fqdn)
    gw.until(lambda: gw.json('queue', 'list'))
    assert not p.files and not p.messages
    p.fcs(bytes.fromhex('8fcf'))
    p.take_file()


def case_lost_while_sending_to_us(w):
    """Cut in mid file: nothing half comes out; sent again, it comes once."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    out = njefile.note('BOB', 'MVSA', 'ANNE', 'GATE', ['line %d' % i for i in range(3000)], 'Cut')
    assert p.send(out, cut_after=300).wait() == 'cut'
    p.until(lambda: p.sessions == 2 and p.up)
    assert p.send(out).wait() == 'taken'
    assert len(sink.take().mail.get_content().splitlines()) == 3000
    gw.empty()
    assert not sink.messages


def case_lost_before_complete(w):
    """Cut after the end, before X'C0': the second copy is known and dropped."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    out = njefile.note('BOB', 'MVSA', 'ANNE', 'GATE', ['only once'], 'Twice')
    p.send(out, without_c0=True).wait()
    p.until(lambda: p.sessions == 2 and p.up)
    assert p.send(out).wait() == 'taken'
    sink.take()
    gw.empty()
    assert not sink.messages


def case_same_file_twice(w):
    """Acknowledged and sent again as a new file (another job): delivered."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    for _ in range(2):
        p.send(njefile.note('BOB', 'MVSA', 'ANNE', 'GATE', ['same text'], 'Same')).wait()
    sink.take()
    sink.take()


def case_lost_while_receiving(w):
    """The peer dies in the middle of our file, several times: it comes whole and once in the end."""
    gw, p, _ = w.pair()
    state = {'left': 3}

    def drop(f, n):
        if n > 20 and state['left']:
            state['left'] -= 1
            raise njepeer.Gone('the test cuts here')
    p.on_record = drop
    gw.mail('bob%mvsa@' + gw.fqdn, ''.join('line %d\r\n' % i for i in range(4000)))
    f = p.take_file(limit=45)
    assert f.lines()[-1] == 'line 3999' and state['left'] == 0
    gw.empty()
    assert not p.files


case_lost_while_receiving.limit = 90


def case_complete_never_comes(w):
    """No X'C0' before the link is lost: our file is sent again."""
    gw, p, _ = w.pair()
    p.hold_complete = True
    gw.mail('bob%mvsa@' + gw.fqdn)
    first = p.take_file()
    assert gw.json('queue', 'list')
    p.hold_complete = False
    p.cut()
    again = p.take_file()
    assert (first.njh['job'], first.njh['entered']) == (again.njh['job'], again.njh['entered']), \
        'a file sent again must be recognisable'
    gw.empty()


def case_refused_file(w):
    """X'B0' to a request: the file waits and goes when the peer takes it again."""
    gw, p, _ = w.pair()
    p.policy = lambda rcb: 'deny'
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.until(lambda: any('verdict=deny' in t for t in p.trace))
    assert len(gw.json('queue', 'list')) == 1
    p.policy = lambda rcb: 'permit'
    gw.cli('link', 'stop', 'MVSA')
    gw.cli('link', 'start', 'MVSA')
    p.take_file(limit=45)
    gw.empty()


def case_stop_start_drain(w):
    gw, p, _ = w.pair()
    gw.cli('link', 'stop', 'MVSA')
    p.wait_down()
    assert 'signed off' in p.why, p.why
    gw.mail('bob%mvsa@' + gw.fqdn)
    assert gw.json('queue', 'list') and not p.files
    gw.cli('link', 'start', 'MVSA')
    p.take_file()
    gw.cli('link', 'drain', 'MVSA')
    p.wait_down()
    gw.cli('link', 'start', 'NOSUCH', status=1)


def raw_open(gw, rhost, ohost, kind='OPEN', extra=b''):
    s = socket.create_connection(gw.nje, timeout=30)
    s.sendall(nw.ctl_put('OPEN', rhost, ohost) if kind == 'OPEN' else kind)
    if extra:
        s.sendall(extra)
    return s


def answer(s):
    data = b''
    while len(data) < 33:
        piece = s.recv(33 - len(data))
        if not piece:
            return None
        data += piece
    return nw.ctl_get(data)


def case_refused_opens(w):
    """NAK 1 for unknown callers and wrong names, NAK 2 while the link is active; garbage is closed."""
    gw, p, _ = w.pair()
    assert answer(raw_open(gw, 'STRANGER', 'GATE'))['r'] == 1
    assert answer(raw_open(gw, 'MVSA', 'OTHER'))['r'] == 1
    got = answer(raw_open(gw, 'MVSA', 'GATE'))
    assert (got['type'], got['r']) == ('NAK', 2), got
    got = answer(raw_open(gw, '', '', kind=nw.eb('HELLO   ') + b'\x40' * 25))
    assert got is None or got['type'] == 'NAK', got
    for junk in (b'GET / HTTP/1.0\r\n\r\n' * 5, b'\0' * 33, b'\xff' * 200):
        s = socket.create_connection(gw.nje, timeout=30)
        s.sendall(junk)
        try:
            while s.recv(4096):
                pass
        except OSError:
            pass
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()


def signed_on(gw, node='MVSX'):
    """A raw socket signed on as `node`, past I and J."""
    s = raw_open(gw, node, 'GATE')
    assert answer(s)['type'] == 'ACK'
    s.sendall(nw.ttb_put([nw.SOH_ENQ]))
    read_ttb(s)
    s.sendall(nw.ttb_put([nw.DLE_STX + b'\xa0\x8f\xcf' + nw.signon_put('I', node, 4096) + b'\0']))
    read_ttb(s)
    return s


def read_ttb(s):
    head = b''
    while len(head) < 8:
        piece = s.recv(8 - len(head))
        if not piece:
            raise ConnectionError('closed')
        head += piece
    rest = b''
    while len(rest) < nw.ttb_size(head) - 8:
        rest += s.recv(nw.ttb_size(head) - 8 - len(rest))
    return nw.ttb_get(head + rest, lambda code, text: None)


def case_hostile_after_signon(w):
    """Malformed blocks on a link that is up: the link is dropped, the gateway and other links live."""
    gw = w.gateway(lines=[])
    p = w.peer()
    gw.link('MVSA', p.listen_at).link('MVSX').start()
    p.wait_up()
    block = nw.DLE_STX + b'\x80\x8f\xcf'
    fields = {'jobname': 'X', 'origin_node': 'MVSX', 'origin_user': 'X'}
    njh = nw.njh_put(fields, 1)
    bad_njh = njh[:4] + b'\xff\xff' + njh[6:]
    for junk in (struct.pack('>BBHI', 0, 0, 4, 0), struct.pack('>BBHI', 0, 0, 30, 0) + b'\0\0\xff\xff' + b'x' * 18,
                 nw.ttb_put([block + b'\x97\x00\x00']), nw.ttb_put([b'\x10\x02']), nw.ttb_put([block]),
                 nw.ttb_put([nw.DLE_STX + b'\x8c\x8f\xcf\0']), nw.ttb_put([block + b'\x99\x80\xc3abc\0\0']),
                 nw.ttb_put([block + b'\x90\x99\0\0', nw.DLE_STX + b'\x81\x8f\xcf\x99\xc0' +
                             nw.scb_literal(bad_njh) + b'\0']),
                 nw.ttb_put([block + b'\x9a\x80' + nw.scb_literal(b'\x20\x77\x0c\xff' + b'\xc1' * 26) + b'\0']),
                 nw.ttb_put([block + b'\xf0\xc9short\0']), nw.ttb_put([block + b'\xe0\x05\0']),
                 b'\xff' * 300, bytes(range(256)) * 40):
        gw.until(lambda: next(k for k in gw.json('link', 'list') if k['link'] == 'MVSX')['state'] != 'up')
        s = signed_on(gw)
        try:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass
        s.close()
    log = gw.read_log()
    for words in ("unknown record control byte X'97': 97 00 00", "of 4 bytes", ": 00 00 00 04 00 00 00 00",
                  'event=link-odd link=MVSX reason="MVSX sent a record of a file it never asked to send: 99 80 C3'):
        assert words in log, words
    assert p.sessions == 1
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()


def case_byte_by_byte(w):
    """A whole session cut into single bytes is understood."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    gw.link('MVSX').start()
    s = signed_on(gw)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    out = njefile.punch('BOB', 'MVSX', 'OPER', 'GATE', ['byte', 'by', 'byte'])
    m = njepeer.MANNERS['rscs']
    stream = nw.ttb_put([nw.DLE_STX + b'\x80\x8f\xcf\x90\x99\0\0'], fast=True)
    for i, (srcb, data) in enumerate(out.records(m)):
        rec = bytes((0x99, srcb)) + (nw.scb_squeeze(data) if data else b'\0')
        stream += nw.ttb_put([nw.DLE_STX + bytes((0x80 | (i + 1) % 16,)) + b'\x8f\xcf' + rec + b'\0'])
    for at in range(len(stream)):
        s.sendall(stream[at:at + 1])
    rows = gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert rows[0]['records'] == 3, rows
    s.close()


def case_keep_alive(w):
    """We say something on an idle link; and a partner's keep-alives are taken as such."""
    gw, p, _ = w.pair(extra='KEEPALIVE=1', peer={'keepalive': 0.2})
    p.until(lambda: sum('keep-alive' in t for t in p.trace) >= 2, what='two keep-alives')
    assert p.sessions == 1


def case_store_and_forward(w):
    """A file for another node passes with its headers; the hop count goes up; both formats."""
    gw = w.gateway()
    a, b = w.peer('MVSA'), w.peer('MVSB', manner='unixnje', allow=['pad', 'no-rcb00'])
    gw.link('MVSA', a.listen_at).link('MVSB', b.listen_at).start()
    a.wait_up()
    b.wait_up()
    blob = bytes(range(256)) * 20
    sent = [njefile.netdata('BOB', 'MVSA', 'CAROL', 'MVSB', [blob], fn='PASS', ft='THROUGH', cls='N', form='QUIET'),
            njefile.punch('BOB', 'MVSA', 'CAROL', 'MVSB', ['a', '', 'c'], fn='CARDS', ft='DECK', dsh_each=2)]
    for out in sent:
        assert a.send(out).wait() == 'taken'
    got = {f.fn: f for f in (b.take_file(), b.take_file())}
    f = got['PASS']
    assert f.netdata()['records'] == [blob] and f.origin == ('BOB', 'MVSA') and f.dest == ('CAROL', 'MVSB')
    assert (f.cls, f.form, f.ft) == ('N', 'QUIET', 'THROUGH') and f.njh['hops'] == 1, f.summary()
    assert f.njh['jobname'] == 'RSCS%04d' % sent[0].job and f.njh['job'] == sent[0].job
    assert len(got['CARDS'].dsh) == 2 and [c.rstrip(b'\x40') for c in got['CARDS'].cards()] == \
        [nw.eb('a'), b'', nw.eb('c')]
    assert not b.messages
    gw.empty()


def case_hop_limit(w):
    """A file that has made too many hops is not sent on."""
    gw = w.gateway(lines=['MAXHOPS 5'])
    a, b = w.peer('MVSA'), w.peer('MVSB')
    gw.link('MVSA', a.listen_at).link('MVSB', b.listen_at).start()
    a.wait_up()
    b.wait_up()
    out = njefile.punch('BOB', 'MVSA', 'CAROL', 'MVSB', ['x'])
    plain = out.njh
    out.njh = lambda m: plain(m)[:18] + struct.pack('>H', 6) + plain(m)[20:]
    a.send(out).wait()
    assert a.take_message(lambda m: m['to_user'] == 'BOB')
    assert not b.files


def case_sysin_and_print(w):
    """A job and a print file for a local user are kept, not lost."""
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    p.send(njefile.Outgoing('BOB', 'MVSA', 'OPER', 'GATE', 'PRT', 'LISTING', njefile.text_cards(['page one']),
                            cc=b'\x09')).wait()
    rows = gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert 'page one' in gw.cli('reader', 'show', str(rows[0]['id']))


def case_three_dialling_at_once(w):
    """Both sides dial: one link comes up and stays."""
    gw = w.gateway()
    port = w.port()
    listener = w.peer('MVSA', listen=(w.address, port))
    gw.link('MVSA', (w.address, port)).start()
    listener.wait_up()
    got = answer(raw_open(gw, 'MVSA', 'GATE'))
    assert got['type'] == 'NAK', got
    gw.mail('bob%mvsa@' + gw.fqdn)
    listener.take_file()


def case_started_by_hand(w):
    """A link with a HOST and without AST dials only when the operator starts it."""
    gw, p = w.gateway(), w.peer()
    gw.link('MVSA')
    gw.lines += ['PARM MVSA HOST=%s PORT=%d' % p.listen_at]
    gw.start()
    gw.mail('bob%mvsa@' + gw.fqdn)
    assert gw.json('link', 'list')[0]['state'] == 'waiting' and p.sessions == 0
    gw.cli('link', 'start', 'MVSA')
    p.take_file()
    gw.cli('link', 'stop', 'MVSA')
    p.wait_down()
    gw.cli('link', 'start', 'MVSA')
    gw.links_up()


def case_talks_but_never_confirms(w):
    """No X'C0' though the peer goes on talking: after TRANSFER seconds the link begins anew, and says why."""
    gw, p, _ = w.pair(extra='TRANSFER=10')
    p.hold_complete = True
    gw.mail('bob%mvsa@' + gw.fqdn)
    first = p.take_file()
    p.hold_complete = False

    def chatting():
        p.message('NIEMAND', 'GATE', '* still here', 'BOB')
        return p.sessions == 2
    gw.until(chatting, 60, 'the second session')
    assert p.take_file().njh['entered'] == first.njh['entered']
    assert 'has not confirmed the end of a file for' in gw.read_log(), gw.read_log()[-2000:]
    gw.empty()


case_talks_but_never_confirms.limit = 120


def case_jobs_are_not_run(w):
    """A job for nobody here comes back as a punch file, never as a job, with a reason; one for another node
    passes as a job."""
    gw = w.gateway(lines=['LOCALUSER OPER'])
    a, b = w.peer('MVSA'), w.peer('MVSB')
    gw.link('MVSA', a.listen_at).link('MVSB', b.listen_at).start()
    gw.links_up()
    cards = njefile.text_cards(['//JOB1 JOB', '//S EXEC PGM=IEFBR14'])
    for user in ('', 'NIEMAND', 'bob%x'):
        a.send(njefile.Outgoing('BOB', 'MVSA', user, 'GATE', 'JOB', 'JCL', cards, sysin=True)).wait()
        back = a.take_file()
        assert back.rcb in nw.SYSOUT and back.dest == ('BOB', 'MVSA') and back.cards() == cards, back.summary()
        m = a.take_message(lambda m: m['to_user'] == 'BOB')
        assert 'runs no jobs' in m['text'], m
    a.send(njefile.Outgoing('BOB', 'MVSA', 'CAROL', 'MVSB', 'JOB', 'JCL', cards, sysin=True)).wait()
    job = b.take_file()
    assert job.rcb in nw.SYSIN and job.cards() == cards and not job.dsh, job.summary()
    a.send(njefile.Outgoing('BOB', 'MVSA', 'OPER', 'GATE', 'JOB', 'JCL', cards, sysin=True)).wait()
    rows = gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert 'IEFBR14' in gw.cli('reader', 'show', str(rows[0]['id']))


class TwoDataSets(njefile.Outgoing):
    """A job with two data sets, each by its own name, the first with its header twice."""

    def records(self, manner):
        for srcb, data in super().records(manner):
            if srcb == nw.NJT and self.second:
                out, self.second = self.second, None
                yield from ((s, d) for s, d in out.records(manner) if s not in (nw.NJH, nw.NJT) and len(d) > 0)
            yield srcb, data


class SecondNumber(njefile.Outgoing):
    """A data set of the same name with the number 2."""

    def dsh(self, manner):
        return super().dsh(manner)[:48] + b'\0\2' + super().dsh(manner)[50:]


def case_data_sets_by_number(w):
    """Two data sets of a job with one name: their numbers tell them apart."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    out = TwoDataSets('BOB', 'MVSA', 'ANNE', 'GATE', 'SAME', 'LISTING', njefile.text_cards(['a', 'b']))
    out.second = SecondNumber('BOB', 'MVSA', 'ANNE', 'GATE', 'SAME', 'LISTING', njefile.text_cards(['c']))
    p.send(out).wait()
    got = sorted(a.get_content().split() for a in sink.take().mail.iter_attachments())
    assert got == [['a', 'b'], ['c']], got


def case_several_data_sets(w):
    """Each data set of a job is a file: in the reader, and as an attachment."""
    gw, p, sink = w.pair(['LOCALUSER OPER'])
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    for user in ('ANNE', 'OPER'):
        out = TwoDataSets('BOB', 'MVSA', user, 'GATE', 'ONE', 'LISTING', njefile.text_cards(['a', 'b', 'c', 'd']),
                          dsh_each=2)
        out.second = njefile.punch('BOB', 'MVSA', user, 'GATE', ['e', 'f'], fn='TWO', ft='OUTPUT')
        p.send(out).wait()
    got = {a.get_filename().upper(): a.get_content().split() for a in sink.take().mail.iter_attachments()}
    assert got == {'ONE.LISTING': ['a', 'b', 'c', 'd'], 'TWO.OUTPUT': ['e', 'f']}, got
    rows = gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert gw.cli('reader', 'show', str(rows[0]['id'])).split() == list('abcdef')
