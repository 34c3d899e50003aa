"""DESTINATION ... LMTP: mail into a local store, an answer for each recipient."""
import dovecot
from case_client import post


def start(w, lines, **more):
    gw = w.gateway(lines=lines, **more)
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    return gw, p


def case_an_answer_for_each(w):
    """One is taken, one refused for good, one for now: each by himself."""
    store = w.sink(lmtp=True)
    answers = {'full@pop.test': '552 5.2.2 over quota', 'busy@pop.test': '451 4.2.1 locked'}
    store.on('DOT', lambda session, who: answers.get(who))
    gw, p = start(w, ['DESTINATION pop.test %s LMTP' % store.where])
    post(p, ['joe@pop.test', 'full@pop.test', 'busy@pop.test'])
    m = store.take()
    assert m.rcpts == ['joe@pop.test'] and m.helo == gw.fqdn
    text = p.take_file().text()
    assert 'full@pop.test' in text and 'over quota' in text and 'busy@pop.test' not in text.split('RCPT')[0], text
    row = gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])[0]
    assert row['to'] == 'busy@pop.test' and 'locked' in row['reason'], row
    answers.clear()
    gw.cli('queue', 'retry', row['id'])
    assert store.take().rcpts == ['busy@pop.test']
    gw.empty()


def case_a_store_that_dies(w):
    """Behind one of three answers: the two without an answer are tried again, the one with is not."""
    import smtpsink
    store = w.sink(lmtp=True)

    def die(session, who):
        if who == 'b@pop.test':
            store.keep(smtpsink.Message(session.sender, ['a@pop.test'], b'', session))
            session.say('250 2.0.0 kept')
            raise smtpsink.Hangup
    store.on('DOT', die)
    gw, p = start(w, ['DESTINATION pop.test %s LMTP' % store.where])
    post(p, ['a@pop.test', 'b@pop.test', 'c@pop.test'])
    assert store.take().rcpts == ['a@pop.test']
    gw.until(lambda: [r for r in gw.json('queue', 'list') if r['tries'] >= 1])
    store.on('DOT', None)
    gw.cli('queue', 'retry')
    assert store.take().rcpts == ['b@pop.test', 'c@pop.test']
    gw.empty()
    assert not p.files


def case_dovecot_by_socket_and_port(w):
    """Debian's Dovecot: a local user's mail (MBOX) and an NJE user's go into maildirs; an unknown user's returns."""
    store = dovecot.Dovecot(w, ['joe', 'alice'])
    gw, p = start(w, ['DESTINATION pop.test %s LMTP' % store.socket, 'DESTINATION imap.test %s LMTP' % store.where,
                      'LOCALUSER ALICE MBOX=alice@imap.test'])
    post(p, ['joe@pop.test', 'nobody@pop.test'], body='by socket')
    text = p.take_file().text()
    assert 'nobody@pop.test' in text and '550 5.1.1' in text, text
    assert b'by socket' in gw.until(lambda: store.mails('joe'))[0]
    gw.mail('ALICE@' + gw.fqdn, body='forwarded\r\n')
    assert b'forwarded' in gw.until(lambda: store.mails('alice'))[0]
    gw.empty()
    assert 'host=' + store.socket in gw.read_log().replace('"', '')
