"""Puts many messages into the queue of a gateway that is stopped, by writing its tables."""
import sqlite3
import time

BODY = b'From: a@gate.example.test\r\nDate: Wed, 08 Feb 1995 15:49:33 +0000\r\nMessage-ID: <%d@fill>\r\nSubject: s\r\n\r\nx\r\n'


def fill(path, rows, size=0, message=(), rcpt=()):
    """rows: (address, domain) in order; each becomes a message due now, with a body of at least that size.
    message, rcpt: columns that are to hold something else. The number of the first message comes back."""
    db = sqlite3.connect(path)
    columns = {t: [c[1] for c in db.execute('PRAGMA table_info(%s)' % t)] for t in ('message', 'rcpt')}
    now = int(time.time() * 1e6) - len(rows) - 1000
    first = (db.execute('SELECT max(id) FROM message').fetchone()[0] or 0) + 1000

    def values(table, known):
        return [known.get(c, '' if table == 'rcpt' and c in ('original', 'reason', 'orcpt') or c in (
            'origin_sender', 'sender', 'subject', 'head', 'envid') else 0) for c in columns[table]]

    def message_row(i, body):
        return values('message', {**{'id': first + i, 'origin': first + i, 'from_door': 1, 'to_door': 1, 'accepted': now + i,
                                  'size': len(body), 'file': None, 'origin_sender': 'a@gate.example.test',
                                  'sender': 'a@gate.example.test', 'body': body}, **dict(message)})

    def rcpt_row(i, address, domain):
        return values('rcpt', {**{'msg': first + i, 'due': now + i, 'addr': address, 'dest': domain, 'door': 1},
                               **dict(rcpt)})
    marks = {t: ','.join('?' * len(columns[t])) for t in columns}
    body = BODY + (b'y' * 70 + b'\r\n') * (size // 72)
    with db:
        db.executemany('INSERT INTO message VALUES (%s)' % marks['message'],
                       (message_row(i, body.replace(b'%d', b'%d' % i, 1)) for i in range(len(rows))))
        db.executemany('INSERT INTO rcpt VALUES (%s)' % marks['rcpt'],
                       (rcpt_row(i, a, d) for i, (a, d) in enumerate(rows)))
    db.close()
    return first
