"""Store and forward through three nodes, and the commands other nodes may give ours."""
import random
import struct

import njefile
import njepeer

MANNER = njepeer.MANNERS['rscs']


class Travelled(njefile.Outgoing):
    """A file that has crossed nodes before."""
    hops = 0

    def njh(self, manner):
        h = bytearray(super().njh(manner))
        struct.pack_into('>H', h, 18, self.hops)
        return bytes(h)


def chain(w):
    """LEFT (a peer) - NODEA - NODEB - NODEC - RIGHT (a peer); the ends send all they do not know inward."""
    left, right = w.peer('LEFT', 'NODEA'), w.peer('RIGHT', 'NODEC')
    a, c = (w.gateway(n, [' ROUTE * TO NODEB']) for n in ('NODEA', 'NODEC'))
    b = w.gateway('NODEB', ['ROUTE LEFT TO NODEA', 'ROUTE RIGHT TO NODEC'])
    b.link('NODEA').link('NODEC').start()
    a.link('LEFT', left.listen_at).link('NODEB', b.nje).start()
    c.link('RIGHT', right.listen_at).link('NODEB', b.nje).start()
    for gw in (a, b, c):
        gw.links_up()
    return left, a, b, c, right


def same_but_hops(out, got, hops):
    """Every byte of the headers and the data, but for the hop count and the times the trailer is made with."""
    njh = bytearray(out.njh(MANNER))
    struct.pack_into('>H', njh, 18, getattr(out, 'hops', 0) + hops)
    assert got.njh['raw'] == bytes(njh), (got.njh, njh.hex())
    assert [d['raw'] for d in got.dsh] == [out.dsh(MANNER)], got.dsh
    assert got.njt['cards'] == len(out.cards) and got.cards() == out.cards, got.summary()


def case_files_through_three_nodes(w):
    """Byte for byte both ways, headers as they were, one hop more a node."""
    left, a, b, c, right = chain(w)
    rng = random.Random(7)
    for sender, receiver in ((left, right), (right, left)):
        way = ('BOB', sender.node, 'CAROL', receiver.node)
        cards = [bytes(rng.randrange(256) for _ in range(79)) + b'\xc1' for _ in range(300)]
        out = [Travelled(*way, 'BINARY', 'DATA', cards), njefile.netdata(*way, ['a', '', 'c' * 200]),
               njefile.punch(*way, ['quiet'], form='QUIET', cls='M')]
        for o in out:
            sender.send(o).wait()
            same_but_hops(o, receiver.take_file(), 3)
    for gw in (a, b, c):
        gw.empty()
    assert not left.files and not right.files and not left.messages and not right.messages


def case_link_down_in_the_middle(w):
    """What the middle node cannot pass on it keeps, over a restart too, and passes on once."""
    left, a, b, c, right = chain(w)
    c.stop()
    b.until(lambda: [k for k in b.json('link', 'list') if k['link'] == 'NODEC' and k['state'] != 'up'])
    out = [njefile.punch('BOB', 'LEFT', 'CAROL', 'RIGHT', ['number %d' % i]) for i in range(3)]
    for o in out:
        left.send(o).wait()
    a.empty()
    b.until(lambda: len(b.json('queue', 'list')) == 3)
    left.command('NODEB', 'QUERY NODEC', 'BOB')
    line = left.take_message(lambda m: 'NODEC' in m['text'])['text']
    assert ' 3 queued' in line, line
    assert [k['queued'] for k in b.json('link', 'list') if k['link'] == 'NODEC'] == [3]
    b.restart()
    c.start()
    got = sorted(right.take_file().lines()[0] for _ in out)
    assert got == ['number 0', 'number 1', 'number 2'], got
    b.empty()
    assert not right.files


def case_hop_limit(w):
    """A file that may cross three nodes more crosses them; one that may not goes back to its origin."""
    left, a, b, c, right = chain(w)
    for hops in (29, 30):
        out = Travelled('BOB', 'LEFT', 'CAROL', 'RIGHT', 'OLD', 'FILE', njefile.text_cards(['hop hop']))
        out.hops = hops
        left.send(out).wait()
        if hops == 29:
            same_but_hops(out, right.take_file(), 3)
    back = left.take_file()
    assert back.dest == ('BOB', 'LEFT') and back.lines() == ['hop hop'], back.summary()
    m = left.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'crossed 32 nodes' in m['text'] and m['from_node'] == 'NODEC', m
    assert not right.files


def case_unroutable(w):
    """No way on in the middle: back to its origin over two nodes, with the reason."""
    left, a, b, c, right = chain(w)
    left.send(njefile.punch('BOB', 'LEFT', 'CAROL', 'NOWHERE', ['return to sender'])).wait()
    back = left.take_file()
    assert back.dest == ('BOB', 'LEFT') and back.lines() == ['return to sender'], back.summary()
    m = left.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'NOWHERE' in m['text'] and m['from_node'] == 'NODEB' and not m['from_user'], m
    for gw in (a, b, c):
        gw.empty()


def case_never_back(w):
    """Two nodes with default routes to each other: files and messages for nobody's node do not bounce."""
    a = w.gateway('NODEA', ['ROUTE * TO NODEB'])
    b = w.gateway('NODEB', ['ROUTE * TO NODEA'])
    p = w.peer('LEFT', 'NODEA')
    b.link('NODEA').start()
    a.link('NODEB', b.nje).link('LEFT', p.listen_at).start()
    a.links_up()
    p.send(njefile.punch('BOB', 'LEFT', 'CAROL', 'NOWHERE', ['to nobody'])).wait()
    assert p.take_file().lines() == ['to nobody']
    assert 'routing loop' in p.take_message(lambda m: m['to_user'] == 'BOB')['text']
    p.message('X', 'NOWHERE', 'to nobody', 'CAROL')
    assert p.take_message(lambda m: m['to_user'] == 'CAROL')['text'] == 'Node NOWHERE not recognised.'
    p.command('NOWHERE', 'Q SYS', 'DAVE')
    assert p.take_message(lambda m: m['to_user'] == 'DAVE')['text'] == 'Node NOWHERE not recognised.'
    p.message('X', 'NOWHERE', 'without sender')
    p.message('X', 'NOWHERE', '* a comment', 'CAROL')
    p.command('NODEB', 'CPQ TIME', 'LAST')
    p.take_message(lambda m: m['to_user'] == 'LAST')
    assert not p.messages and not p.files, p.messages


def case_messages_through_three_nodes(w):
    """Message, command and answer keep their names; a long message comes whole, in pieces."""
    left, a, b, c, right = chain(w)
    left.message('CAROL', 'RIGHT', 'x' * 60 + 'y' * 68, 'BOB')
    text = ''
    while len(text) < 128:
        m = right.take_message(lambda m: m['to_user'] == 'CAROL')
        assert (m['from_user'], m['from_node']) == ('BOB', 'LEFT') and len(m['text']) <= 120, m
        text += m['text']
    assert text == 'x' * 60 + 'y' * 68, text
    right.command('NODEA', 'CPQ TIME', 'CAROL')
    m = right.take_message(lambda m: m['to_user'] == 'CAROL')
    assert m['from_node'] == 'NODEA' and 'TIME IS' in m['text'] and not m['from_user'], m
    right.command('NODEC', 'CMD NODEB CMD NODEA Q SYS', 'CAROL')
    m = right.take_message(lambda m: m['to_user'] == 'CAROL' and 'NODEA:' in m['text'])
    right.command('NODEB', 'MSG LEFT BOB by way of NODEB', 'CAROL')
    m = left.take_message(lambda m: m['to_user'] == 'BOB')
    assert (m['from_user'], m['from_node'], m['text']) == ('CAROL', 'RIGHT', 'BY WAY OF NODEB'), m


def asker(p):
    """Ask the gateway; the answers up to the one of a command given behind it."""
    def ask(text, user='BOB'):
        p.messages.clear()
        p.command('GATE', text, user)
        p.command('GATE', 'CPQ TIME', 'END')
        p.until(lambda: [m for m in p.messages if m['to_user'] == 'END'])
        assert all(not m['from_user'] and m['from_node'] == 'GATE' for m in p.messages), p.messages
        return [m['text'] for m in p.messages if m['to_user'] == user]
    return ask


def case_queries(w):
    """QUERY FILE and link QUEUE: names are for who sent the file or is to have it."""
    gw, p, _ = w.pair(['LOCALUSER OPER', 'LINKDEFINE FAR TYPE TCPNJE NODE MVSB', 'ROUTE MVSC TO FAR'])
    ask = asker(p)
    p.send(njefile.punch('BOB', 'MVSA', 'CAROL', 'MVSC', ['waits'])).wait()
    row = gw.until(lambda: gw.json('queue', 'list'))[0]
    for command in ('Q FAR QUEUE', 'QUERY LINK FAR Q', 'QU FILE %d' % int(row['id'])):
        mine, other = ask(command), ask(command, 'EVE')
        assert 'from BOB@MVSA to CAROL@MVSC' in mine[0] and row['id'] in mine[0], mine
        assert row['id'] in other[0] and 'BOB' not in other[0] and 'CAROL' not in other[0], other
    assert ask('Q FAR Q')[-1] == '1 files queued for link FAR'
    assert ask('Q FILE 99999999') == ['File 99999999 not found']
    assert 'link MVSA, which is up' in ask('QUERY NODE MVSA')[0]
    assert 'routed over link FAR, which is not up' in ask('Q MVSC')[0]
    assert ask('Q NOWHERE') == ['Node NOWHERE not recognised.']
    assert ask('CPQ USER OPER') == ['OPER     - DSC'] and ask('CPQ U EVE') == ['EVE NOT LOGGED ON']
    assert ask('MSG GATE OPER hello there') == []
    gw.until(lambda: gw.json('reader', 'list', 'OPER'))
    assert ask('MSG GATE NOBODY hello') == ['USER NOBODY NOT LOGGED ON']
    assert 'not recognised' in ask('FORCE GATE')[0]
    assert len(ask('HELP', 'ANN')) > 5  # BOB has had his screen


def case_file_spooled(w):
    """A file in a local user's reader is told to its sender, but for a quiet form."""
    gw, p, _ = w.pair(['LOCALUSER OPER'])
    p.send(njefile.punch('BOB', 'MVSA', 'OPER', 'GATE', ['quiet'], form='QUIET', job=41)).wait()
    p.send(njefile.punch('BOB', 'MVSA', 'OPER', 'GATE', ['loud'], job=42, when=790000000)).wait()
    m = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert m['text'] == 'FILE (0042) SPOOLED TO OPER -- ORIGIN MVSA(BOB) 01/13/95 12:26:40 UTC', m
    assert not m['from_user'] and m['from_node'] == 'GATE', m
    p.command('GATE', 'CPQ TIME', 'LAST')
    p.take_message(lambda m: m['to_user'] == 'LAST')
    assert not p.messages, p.messages
