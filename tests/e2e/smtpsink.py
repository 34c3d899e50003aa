"""An SMTP server for tests that keeps what it is given and can be told to misbehave.

    sink = Sink(('127.0.0.1', 0)); sink.on('RCPT', lambda s, arg: '550 5.1.1 no such user')
    m = sink.take()       # waits for a message: m.sender, m.rcpts, m.data, m.mail (email.message)
"""
import base64
import email
import email.policy
import hashlib
import hmac
import re
import socketserver
import ssl
import threading

LIMIT = 30.0


class Message:
    def __init__(self, sender, rcpts, data, session):
        self.sender, self.rcpts, self.data = sender, rcpts, data
        self.helo, self.tls, self.params = session.helo, session.tls, session.params

    @property
    def mail(self):
        return email.message_from_bytes(self.data, policy=email.policy.default)

    @property
    def strict(self):
        """The header and body as bytes, after checks of RFC 5322 and 5321 that a parser would forgive."""
        head, sep, body = self.data.partition(b'\r\n\r\n')
        assert sep, 'no blank line between header and body'
        assert not re.search(rb'(?<!\r)\n|\r(?!\n)', self.data), 'bare CR or LF'
        for line in head.split(b'\r\n'):
            assert len(line) <= 998, 'header line of %d' % len(line)
            assert re.match(rb'[!-9;-~]+:|[ \t]', line), 'bad header line %r' % line
            assert all(32 <= c < 127 or c == 9 for c in line), '8-bit or control in header %r' % line
        for line in body.split(b'\r\n'):
            assert len(line) <= 998, 'body line of %d' % len(line)
        fields = [ln.split(b':')[0].lower() for ln in head.split(b'\r\n') if ln[:1] not in b' \t']
        for once in (b'date', b'from', b'to', b'cc', b'subject', b'message-id', b'mime-version',
                     b'content-type', b'content-transfer-encoding', b'return-path'):
            assert fields.count(once) <= 1, '%s occurs %d times' % (once, fields.count(once))
        for must in (b'date', b'from', b'message-id'):
            assert must in fields, 'no %s field in %r' % (must, head)
        return head, body


class Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')
        self.wfile.flush()

    def handle(self):
        self.sink = self.server.sink
        self.helo, self.tls, self.sender, self.rcpts, self.params = '', False, None, [], ''
        with self.sink.cond:
            self.sink.sessions += 1
            self.sink.cond.notify_all()
        try:
            greeting = self.sink.hook(self, 'GREETING', '') or '220 sink.test ESMTP'
            self.say(greeting)
            if greeting.startswith('220'):
                self._talk()
        except (ConnectionError, ValueError, OSError, Hangup):
            pass

    def _talk(self):
        while True:
            line = self.rfile.readline(65536)
            if not line:
                return
            verb, _, arg = line.decode('utf-8', 'replace').rstrip('\r\n').partition(' ')
            verb = verb.upper()
            with self.sink.cond:
                self.sink.lines.append(line.decode('utf-8', 'replace').rstrip())
            reply = self.sink.hook(self, verb, arg)
            if reply:
                self.say(reply)
                if reply.startswith('421'):
                    return
                continue
            if verb == 'QUIT':
                self.say('221 2.0.0 bye')
                return
            getattr(self, 'do_' + verb.lower(), self._unknown)(arg)

    def _unknown(self, arg):
        self.say('500 5.5.1 unknown')

    def do_ehlo(self, arg):
        self.helo = arg
        words = ['sink.test'] + self.sink.extensions
        if self.sink.tls and not self.tls:
            words.append('STARTTLS')
        if self.sink.auth and (self.tls or not self.sink.tls):
            words.append('AUTH ' + ' '.join(self.sink.auth.mechanisms))
        for word in words[:-1]:
            self.say('250-' + word)
        self.say('250 ' + words[-1])

    def do_auth(self, arg):
        self.say(self.sink.auth.talk(self, arg))

    def do_helo(self, arg):
        self.helo = arg
        self.say('250 sink.test')

    def do_mail(self, arg):
        m = re.match(r'FROM:<([^>]*)>(.*)', arg, re.I)
        self.sender, self.params, self.rcpts = m.group(1), m.group(2), []
        self.say('250 2.1.0 ok')

    def do_rcpt(self, arg):
        self.rcpts.append(re.match(r'TO:<([^>]*)>', arg, re.I).group(1))
        self.say('250 2.1.5 ok')

    def do_rset(self, arg):
        self.sender, self.rcpts = None, []
        self.say('250 2.0.0 ok')

    def do_noop(self, arg):
        self.say('250 2.0.0 ok')

    def do_data(self, arg):
        if not self.rcpts:
            return self.say('554 5.5.1 no valid recipients')
        self.say('354 go on')
        lines = []
        while True:
            line = self.rfile.readline(1 << 20)
            if not line:
                return None
            if line == b'.\r\n':
                break
            lines.append(line[1:] if line.startswith(b'.') else line)
        return self._end(b''.join(lines))

    def do_bdat(self, arg):
        n, last = int(arg.split()[0]), 'LAST' in arg.upper()
        self.chunks = getattr(self, 'chunks', b'') + self.rfile.read(n)
        if not last:
            return self.say('250 2.0.0 chunk')
        data, self.chunks = self.chunks, b''
        return self._end(data)

    def do_lhlo(self, arg):
        return self.do_ehlo(arg) if self.sink.lmtp else self._unknown(arg)

    def _end(self, data):
        if self.sink.lmtp:
            return self._end_each(data)
        reply = self.sink.hook(self, 'DOT', '') or '250 2.0.0 kept'
        if reply.startswith('250'):
            self.sink.keep(Message(self.sender, self.rcpts, data, self))
            if self.sink.one_each:
                self.say(reply)
                raise Hangup
        self.sender, self.rcpts = None, []
        return self.say(reply)

    def _end_each(self, data):
        """LMTP: an answer for each recipient; the hook is told whose."""
        replies = [self.sink.hook(self, 'DOT', r) or '250 2.0.0 kept' for r in self.rcpts]
        kept = [r for r, reply in zip(self.rcpts, replies) if reply.startswith('250')]
        if kept:
            self.sink.keep(Message(self.sender, kept, data, self))
        self.sender, self.rcpts = None, []
        for reply in replies:
            self.say(reply)

    def do_starttls(self, arg):
        if not self.sink.tls:
            return self._unknown(arg)
        self.say('220 2.0.0 go')
        self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile('rb'), self.connection.makefile('wb')
        self.tls, self.helo = True, ''
        return None


class Auth:
    """Who may sign on, with which mechanisms; `used` lists what was used with success."""

    def __init__(self, user, password, *mechanisms, rounds=4096):
        self.user, self.password, self.mechanisms, self.rounds = user, password, mechanisms, rounds
        self.used = []

    def talk(self, session, arg):
        name, _, first = arg.partition(' ')
        if name not in self.mechanisms:
            return '504 5.5.4 no such mechanism'
        try:
            act = {'PLAIN': self._plain, 'LOGIN': self._login}.get(name, self._scram)
            ok = act(session, name, first)
        except (ValueError, KeyError, IndexError) as e:
            return '501 5.5.2 %r' % e
        if ok:
            self.used.append(name)
        return '235 2.7.0 welcome' if ok else '535 5.7.8 wrong'

    @staticmethod
    def ask(session, text):
        session.say('334 ' + base64.b64encode(text.encode()).decode())
        return base64.b64decode(session.rfile.readline().strip(), validate=True).decode()

    def _plain(self, session, name, first):
        return base64.b64decode(first).decode().split('\0')[1:] == [self.user, self.password]

    def _login(self, session, name, first):
        return (self.ask(session, 'Username:'), self.ask(session, 'Password:')) == (self.user, self.password)

    def _scram(self, session, name, first):
        """RFC 5802, RFC 7677: the server's side."""
        digest = {'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256'}[name]
        bare = base64.b64decode(first).decode().split(',', 2)[2]
        words = dict(w.split('=', 1) for w in bare.split(','))
        server = 'r=%sserver,s=%s,i=%d' % (words['r'], base64.b64encode(b'salt').decode(), self.rounds)
        final = self.ask(session, server)
        without, _, proof = final.rpartition(',p=')
        text = ','.join((bare, server, without)).encode()

        def mac(key, data):
            return hmac.new(key, data, digest).digest()
        salted = hashlib.pbkdf2_hmac(digest, self.password.encode(), b'salt', self.rounds)
        key = mac(salted, b'Client Key')
        signature = mac(hashlib.new(digest, key).digest(), text)
        shown = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature))
        if shown != key or words['n'] != self.user:
            return False
        proof = base64.b64encode(mac(mac(salted, b'Server Key'), text)).decode()
        return self.ask(session, 'v=' + proof) == ''


class Hangup(Exception):
    """Raised by a hook: drop the connection."""


class Sink:
    def __init__(self, address, tls=None, extensions=('PIPELINING', 'SIZE 10000000', '8BITMIME',
                                                       'ENHANCEDSTATUSCODES'), lmtp=False):
        self.cond = threading.Condition()
        self.messages, self.lines, self.sessions = [], [], 0
        self.hooks = {}
        self.extensions = list(extensions)
        self.tls = tls
        self.lmtp = lmtp
        self.auth = None
        self.one_each = False  # hang up after each message

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 200
        self.server = Server(address, Session)
        self.server.sink = self
        self.address = self.server.server_address
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    where = property(lambda self: '%s:%d' % self.address)

    def on(self, verb, reply):
        """reply: text, or a function (session, argument) giving text or None; None takes it off."""
        if reply is None:
            self.hooks.pop(verb, None)
        else:
            self.hooks[verb] = reply if callable(reply) else lambda session, arg: reply

    def hook(self, session, verb, arg):
        hook = self.hooks.get(verb)
        return hook(session, arg) if hook else None

    def keep(self, message):
        with self.cond:
            self.messages.append(message)
            self.cond.notify_all()

    def until(self, test, limit=LIMIT, what='a condition'):
        with self.cond:
            if not self.cond.wait_for(test, limit):
                raise AssertionError('sink waited %.0f s in vain for %s; %d messages; heard:\n  %s' % (
                    limit, what, len(self.messages), '\n  '.join(self.lines[-30:])))
            return test()

    def take(self, test=lambda m: True, limit=LIMIT):
        m = self.until(lambda: next((m for m in self.messages if test(m)), None), limit, 'a message')
        with self.cond:
            self.messages.remove(m)
        return m

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def server_tls(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
