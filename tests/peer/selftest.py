#!/usr/bin/env python3
"""The peer against itself, manner by manner, and against recorded bytes of other implementations.

Runs with no argument; the last line is `N passed, N failed, N skipped`."""
import glob
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import njefile  # noqa: E402
import njepeer  # noqa: E402
import njewire as w  # noqa: E402
from njepeer import Peer  # noqa: E402

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden', 'nje')

# What each manner does that the others may complain of.
HABITS = {'rscs': set(), 'unixnje': {'pad', 'no-rcb00'}, 'nje38': {'ack0-twice', 'ack0-up'},
          'jes2': {'buffer-big', 'buffer', 'event', 'concur', 'count'}}
# UnixNJE really dies of these: a buffer of 32768 offered, DLE ACK0 twice.
DEADLY = {('jes2', 'unixnje'), ('unixnje', 'nje38')}


def pair(manner_a, manner_b, **more):
    if 'nje38' in (manner_a, manner_b):
        more['streams'] = 1  # it never answers a second request
    b = Peer('NODEB', 'NODEA', manner_b, listen=('127.0.0.1', 0), allow=HABITS[manner_a], **more)
    a = Peer('NODEA', 'NODEB', manner_a, connect=b.listen_at, allow=HABITS[manner_b], **more)
    return njepeer.connect_pair(a, b)


def done(*peers):
    for p in peers:
        p.stop()
    for p in peers:
        p.check()


def exchange(sender, receiver):
    long = 'x' * 100 + '    ' + 'end'
    body = ['Hello', '', long, '  trailing   '] + ['line %d' % i for i in range(300)]
    n = sender.send(njefile.note('ALICE', sender.node, 'BOB', receiver.node, body, 'A test', 'Alice A'))
    p = sender.send(njefile.punch('ALICE', sender.node, 'BOB', receiver.node, body, fn='CARDS', ft='DATA'))
    blob = bytes(range(256)) * 40
    b = sender.send(njefile.netdata('ALICE', sender.node, 'BOB', receiver.node, [blob], fn='BLOB', ft='BIN'))
    assert (n.wait(), p.wait(), b.wait()) == ('taken',) * 3
    got = receiver.take_file(lambda f: f.ft == 'NOTE')
    assert got.netdata()['note'] and got.lines()[-1] == 'line 299'
    assert got.lines()[1].split() == ['From:', 'Alice', 'A', 'ALICE', 'at', sender.node], got.lines()[1]
    assert got.origin == ('ALICE', sender.node) and got.dest == ('BOB', receiver.node)
    cards = receiver.take_file(lambda f: f.fn == 'CARDS')
    assert cards.lines()[2:4] == ['x' * 80, 'x' * 20 + '    end'], cards.lines()[:5]
    assert receiver.take_file(lambda f: f.fn == 'BLOB').netdata()['records'] == [blob]


def test_manners():
    for first in sorted(njepeer.MANNERS):
        for second in sorted(njepeer.MANNERS):
            if (first, second) not in DEADLY:
                yield 'pair %s %s' % (first, second), lambda x=first, y=second: one_pair(x, y)


def one_pair(first, second):
    a, b = pair(first, second)
    exchange(a, b)
    exchange(b, a)
    a.message('BOB', 'NODEB', 'Hello there', 'ALICE')
    m = b.take_message(lambda m: m['to_user'] == 'BOB')
    assert (m['text'], m['from_user'], m['from_node']) == ('Hello there', 'ALICE', 'NODEA'), m
    b.command('NODEA', 'q system', 'BOB')
    assert a.take_command()['text'] == 'Q SYSTEM'
    b.take_message(lambda m: m['text'].startswith('Link') and m['to_user'] == 'BOB')
    done(a, b)


def one_fragile(first, second):
    b = Peer('NODEB', 'NODEA', second, listen=('127.0.0.1', 0))
    a = Peer('NODEA', 'NODEB', first, connect=b.listen_at, redial=False)
    b.start()
    a.start()
    fragile = a if first == 'unixnje' else b
    fragile.until(lambda: fragile.complaints, what='a complaint')
    fragile.wait_down()
    a.stop()
    b.stop()


def test_fragile():
    """UnixNJE breaks on what UnixNJE breaks on."""
    for first, second in sorted(DEADLY):
        yield 'fragile %s %s' % (first, second), lambda x=first, y=second: one_fragile(x, y)


def test_plans():
    yield 'cut in mid file', cut_mid_file
    yield 'refusal', refusal
    yield 'hold complete', hold_complete
    yield 'wait-a-bit', wait_a_bit
    yield 'keep-alives', keep_alives
    yield 'wrong password', wrong_password


def cut_mid_file():
    a, b = pair('rscs', 'rscs')
    big = njefile.punch('ALICE', 'NODEA', 'BOB', 'NODEB', ['line %d' % i for i in range(2000)])
    assert a.send(big, cut_after=500).wait() == 'cut'
    b.until(lambda: b.sessions == 2 and b.up)
    assert not b.files
    assert a.send(big).wait() == 'taken'
    assert len(b.take_file().records) == 2000
    done(a, b)


def refusal():
    a, b = pair('rscs', 'rscs')
    b.policy = lambda rcb: 'deny'
    assert a.send(njefile.punch('A', 'NODEA', 'B', 'NODEB', ['x'])).wait() == 'refused'
    done(a, b)


def hold_complete():
    a, b = pair('rscs', 'rscs')
    b.hold_complete = True
    s = a.send(njefile.punch('A', 'NODEA', 'B', 'NODEB', ['x']))
    b.take_file()
    assert s.fate is None
    b.release()
    assert s.wait() == 'taken'
    done(a, b)


def wait_a_bit():
    a, b = pair('rscs', 'rscs')
    b.fcs(bytes.fromhex('cfcf'))
    b.message('A', 'NODEA', 'after the stop')
    a.take_message()
    s = a.send(njefile.punch('A', 'NODEA', 'B', 'NODEB', ['x']))
    b.until(lambda: any('request' in t for t in b.trace))
    assert s.fate is None
    b.fcs(bytes.fromhex('8fcf'))
    assert s.wait() == 'taken'
    done(a, b)


def keep_alives():
    for manner in sorted(njepeer.MANNERS):
        a, b = pair(manner, manner, keepalive=0.05)
        allow = {'rscs': 'keep-alive', 'nje38': 'keep-alive', 'jes2': 'null block', 'unixnje': 'command'}
        b.until(lambda: any(allow[manner] in t for t in b.trace), what='a keep-alive of ' + manner)
        done(a, b)


def wrong_password():
    b = Peer('NODEB', 'NODEA', listen=('127.0.0.1', 0), line='RIGHT').start()
    a = Peer('NODEA', 'NODEB', connect=b.listen_at, line='WRONG', redial=False).start()
    b.until(lambda: b.complaints)
    assert b.complaints[0][0] == 'signon-password'
    a.stop()
    b.stop()


# --- codec ------------------------------------------------------------------------------------------------

def quiet(code, text):
    pass


def test_codec():
    yield 'scb round trip', scb_round
    yield 'netdata round trip', netdata_round
    yield 'segments round trip', segment_round
    yield 'malformed', malformed


def scb_round():
    cases = [b'', b'\x40', b'\x40' * 200, b'ab' * 100, b'a' * 33, bytes(range(256)), b'x' + b'\x40' * 31 + b'yyyy']
    for raw in cases:
        for put in (w.scb_literal, w.scb_squeeze):
            scan = w.Scan(put(raw))
            assert w.scb_get(scan) == (raw, False) and not scan.left(), raw


def netdata_round():
    records = [b'\xc1' * n for n in (1, 2, 252, 253, 254, 506, 5000)]
    got = w.nd_get(w.nd_put('A', 'B', 'C', 'D', records, ('A', 'FN', 'FT'), ack='X'))
    assert got['records'] == records and got['r02'][0]['dsnam'] == ['A', 'FN', 'FT'] and not got['note']
    assert got['r01']['fuid'] == 'A' and got['r01']['fack'] == 'X'


def segment_round():
    out = njefile.punch('ALICE', 'NODEA', 'BOB', 'NODEB', ['x'])
    whole = out.dsh(njepeer.MANNERS['rscs'])
    for limit in (100, 132, 253, 256, 300):
        joiner = w.Joiner()
        joined = [joiner.add(piece) for piece in w.segments(whole, limit)]
        assert joined[-1] == whole and not any(joined[:-1])


def malformed():
    block = w.DLE_STX + b'\x80\x8f\xcf'
    for raw, code in ((block + b'\x97\x00\x00', 'rcb'), (block + b'\x99\x80\xc5ab', 'short'),
                      (block + b'\x99\x80\x70\x00', 'scb'), (b'\x10\x03', 'block'),
                      (block + b'\x99\x80\x00\xa9\x80\x00\x00', 'mixed'),
                      (block + b'\x90\x99\x00\x90\xa9\x00\x00', 'crowd')):
        try:
            w.block_get(raw, quiet)
        except w.Bad as e:
            assert e.code == code, (raw, e.code)
        else:
            raise AssertionError('%s was not refused' % raw.hex())


# --- recorded bytes -----------------------------------------------------------------------------------------

# Probers break rules on purpose: what they break.
PROBES = {'21': {'count'}, '30': {'request-open'}, '31': {'no-trailer'}, '33': {'no-data'},
          '34': {'count', 'data-empty'}, '35': {'count'}, '37': {'count'}, '40': {'count'}}


def test_golden():
    for path in sorted(glob.glob(os.path.join(os.environ.get('NJE_GOLDEN', GOLDEN), '*.bin'))):
        yield 'golden ' + os.path.basename(path), lambda p=path: golden(p)


def golden(path):
    """Every byte is understood, and our framing of the same blocks gives the same bytes."""
    with open(path, 'rb') as f:
        data = f.read()
    complaints, at = [], 0
    streams, files, nmrs = {}, [], []

    def complain(code, text):
        complaints.append(code)
    while data[at:at + 1] not in (b'', b'\0'):  # control records; a TTB starts with X'00'
        record = data[at:at + 33]
        if record[:5] != w.eb('HELLO'):
            w.ctl_get(record)
        at += 33
    while at < len(data):
        n = w.ttb_size(data[at:at + 8])
        raw = data[at:at + n]
        blocks = w.ttb_get(raw, complain)
        assert w.ttb_put([b for _, b in blocks], any(f for f, _ in blocks)) == raw, 'TTB at %d differs' % at
        at += n
        for _, block in blocks:
            if block[:2] != w.SOH_ENQ and block[:2] != w.DLE_ACK0:
                golden_block(block, complain, streams, files, nmrs)
    broken = set(complaints) - HABITS['unixnje'] - {'nmr-long', 'nmr-stamp', 'nmr-length', 'buffer', 'buffer-big'}
    assert broken <= PROBES.get(os.path.basename(path)[:2], set()), broken
    for f in files:
        assert f.njh['jobname'] and f.lines() is not None, f.summary()


def golden_block(block, complain, streams, files, nmrs):
    _, _, records = w.block_get(block, complain)
    for rcb, srcb, data, aborted in records:
        if rcb in w.STREAMS:
            s = streams.setdefault(rcb, njefile.Inbound(rcb, complain))
            try:
                verdict = s.take(srcb, data, aborted)
            except w.Bad as e:
                complain(e.code, str(e))
                verdict = 'abort'
            if verdict:
                streams.pop(rcb)
            if verdict == 'eof':
                files.append(s.file)
        elif rcb == 0x9A:
            nmrs.append(w.nmr_get(data, complain))
        elif rcb == 0xF0 and srcb in b'\xc9\xd1':
            assert w.signon_get(data)['node']


def main():
    passed = failed = skipped = 0
    for group in (test_codec, test_golden, test_manners, test_fragile, test_plans):
        cases = list(group())
        skipped += not cases
        for title, case in cases:
            begun = time.monotonic()
            try:
                case()
                passed += 1
            except Exception:
                failed += 1
                print('FAILED: %s\n%s' % (title, traceback.format_exc()))
            if '-v' in sys.argv:
                print('%6.2f s %s' % (time.monotonic() - begun, title))
    print('%d passed, %d failed, %d skipped' % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
