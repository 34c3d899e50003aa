"""One resolver: SMTP RCPT, batch SMTP, notes and `njegate resolve` give the same answer for the same address, over
generated tables and addresses of every form."""
import random

import njefile

SEED = 4711


def tables(gw, rng):
    """Nicknames, aliases of both directions, restricted users."""
    def some(letters, n):
        return [letters + '%d' % rng.randrange(1000) for _ in range(n)]
    t = {'nick': some('NICK', 4), 'alias': some('FISH', 3), 'own': some('Real.Name', 3), 'restricted': some('EVIL', 2)}
    for i, nick in enumerate(dict.fromkeys(t['nick'])):
        gw.cli('nick', 'add', nick, '%s%d@example.org' % (nick.lower(), i))
    for name in dict.fromkeys(t['alias']):
        gw.cli('alias', 'add', name, 'REEF', '%s.reef@example.org' % name.lower())
    gw.cli('alias', 'add', '*ANY', 'REEF', '*@example.org')
    for i, name in enumerate(dict.fromkeys(t['own'])):
        gw.cli('alias', 'add', 'OWN%d' % i, rng.choice(['MVSA', 'FAR', 'GATE']), '%s@%s' % (name, gw.fqdn))
    for name in dict.fromkeys(t['restricted']):
        gw.cli('restrict', 'add', rng.choice(['PURGE', 'RETURN']), '%s@MVSA' % name)
    return t


def addresses(gw, rng, t):
    """(local, domain): each form of addressing.md and snads.md with names that are and are not there."""
    names = t['nick'] + t['alias'] + t['own'] + t['restricted'] + ['OPER', 'postmaster', 'abuse', 'NOBODY', 'TOOLONGNAME',
                                                                    'SMTP', 'QSM01', 'bob']
    nodes = ['MVSA', 'mvsa', 'FAR', 'GATE', 'REEF', 'NOWHERE', 'QSMRMTAD', 'TOOLONGNODE']
    seen = {}
    while len(seen) < 90:
        name, node = rng.choice(names), rng.choice(nodes)
        form = rng.choice([
            (name, gw.fqdn), (name, gw.fqdn.upper()), ('%s%%%s' % (name, node), gw.fqdn),
            ('%s%%%s.RSCSNET' % (name, node), gw.fqdn), ('%s%%%s.OLDNET' % (name, node), gw.fqdn),
            ('%s?%s' % (name, node), gw.fqdn), ('%s?%s%%%s' % (name, rng.choice(nodes), node), gw.fqdn),
            ('%s%%%s%%%s' % (name, rng.choice(nodes), node), gw.fqdn), ('%s%%example.org' % name, gw.fqdn),
            (name, 'example.org'), ('%s!%s' % (node, name), gw.fqdn), (name, 'alt.example'),
            ('%s%%%s' % (name, node), 'alt.example'), ('"%s"' % name, gw.fqdn)])
        seen['%s@%s' % form] = form
    return seen


def resolved(gw, address):
    """door -> '250' or the refusal, and what it means."""
    rows = gw.json('resolve', address.replace('"', ''))
    return {r['step']: r['text'] for r in (rows if isinstance(rows, list) else [rows])}


def code_of(text):
    return int(text.split()[1]) if text.startswith('refused:') else 250


def case_same_answer(w):
    same_answer(w, SEED, [])


def case_same_answer_secure(w):
    """The same with a security table, drawn too: names with and without a nickname, primary or not."""
    same_answer(w, SEED + 1, ['SECURE'])


def same_answer(w, seed, lines):
    rng = random.Random(seed)
    gw, p, sink = w.pair(lines + ['SNADSADDRESS QSMRMTAD', 'NODE FAR SCHEME=SNADS', 'ROUTE FAR TO MVSA', 'LOCALUSER OPER',
                          'ALTTCPHOSTNAME alt.example', 'ALTRSCSDOMAIN OLDNET', 'POSTMASTER OPER'])
    t = tables(gw, rng)
    if lines:
        gw.cli('secure', 'add', 'BOB', 'MVSA')
        for i, name in enumerate(dict.fromkeys(t['nick'] + t['restricted'] + ['OPER', 'POSTMAST'])):
            node = rng.choice(['MVSA', 'FAR', 'GATE'])
            gw.cli('secure', 'add', name, node, 'Sec%d' % i, rng.choice('YN'), rng.choice('YN'))
            gw.cli('secure', 'add', name, rng.choice(['MVSA', 'FAR']), 'Shared', 'N', 'N')
        t['own'] += ['Sec0', 'Sec1', 'Sec2', 'Shared']
    asked = addresses(gw, rng, t)
    said = {a: resolved(gw, a) for a in asked}
    accepted = [a for a in asked if code_of(said[a]['from the Internet']) == 250]
    assert len(accepted) > 3, accepted
    refused = [a for a in asked if code_of(said[a]['from NJE']) != 250]
    assert 20 < len(refused) < (85 if lines else 70), len(refused)  # the draw must hold both

    # SMTP: reply code and text
    with gw.client() as c:
        c.ehlo()
        for a in asked:
            c.rset()
            c.mail('steve@example.org')
            code, text = c.rcpt(a)
            want = said[a]['from the Internet']
            assert code == code_of(want), (a, code, text, want)
            if code != 250:
                assert ' '.join(text.decode().split()) in ' '.join(want.split()), (a, text, want)

    # Batch SMTP: replies in order, nothing is sent
    lines = ['HELO MVSA', 'VERB ON', 'MAIL FROM:<BOB@MVSA>'] + ['RCPT TO:<%s>' % a for a in asked] + ['RSET', 'QUIT']
    p.send(njefile.netdata('BOB', 'MVSA', 'SMTP', 'GATE', lines)).wait()
    report = p.take_file().lines()
    for a in asked:
        at = next(i for i, ln in enumerate(report) if ln.strip() == 'RCPT TO:<%s>' % a)
        want, reply = said[a]['from NJE'], report[at + 1].strip()
        assert int(reply[:3]) == code_of(want), (a, reply, want)
        if reply[0] != '2':
            assert ' '.join(reply.split()[:2]) in want, (a, reply, want)

    # A note: who is refused is named in a note back, the others get it
    plain = [a for a in asked if not set(a) & set('"!') and len(a) < 60]
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['x'], to=plain)).wait()
    back, reached = set(), set()
    want_back = {a for a in plain if code_of(said[a]['from NJE']) != 250}
    while len(back) < len(want_back):
        f = p.take_file()
        if f.dest == ('BOB', 'MVSA') and 'Undeliverable' in f.text():
            back |= {a for a in plain if a in f.text()}
        else:
            reached.add('%s at %s' % f.dest)
    assert back == want_back, back ^ want_back
    mailboxes = {said[a]['from NJE'].split()[-1] for a in plain if said[a]['from NJE'].startswith('Internet mailbox')}
    got = set()
    while got != mailboxes:
        rcpts = set(sink.take().rcpts)
        assert rcpts <= mailboxes, rcpts - mailboxes
        got |= rcpts
    users = {said[a]['from NJE'][9:] for a in plain if said[a]['from NJE'].startswith('NJE user')}
    while reached != users:
        reached.add('%s at %s' % p.take_file().dest)
        assert reached <= users, reached - users
case_same_answer.limit = case_same_answer_secure.limit = 120
