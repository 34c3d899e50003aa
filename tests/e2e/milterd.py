"""A mail filter for tests: it speaks the milter protocol and does what a case tells it.

    f = Filter(('127.0.0.1', 0))            # or a path
    f.on('M', lambda s, data: [reply('r')]) # packets to answer a command with; None: continue
    f.mails                                 # what it has seen: dicts, one a mail
Letters are those of the protocol. A function may raise Hang (no answer) or Drop (closes)."""
import socketserver
import struct
import threading

LIMIT = 30.0
CONTINUE, ACCEPT, DISCARD, REJECT, TEMPFAIL, PROGRESS = b'c', b'a', b'd', b'r', b't', b'p'
ALL_ACTIONS, NO_STEPS = 0x1FF, 0


class Hang(Exception):
    pass


class Drop(Exception):
    pass


def packet(letter, data=b''):
    letter = letter.encode() if isinstance(letter, str) else letter
    return struct.pack('>I', 1 + len(data)) + letter + data


def strings(*words):
    return b''.join(w.encode('utf-8', 'surrogateescape') + b'\0' for w in words)


def add_header(name, value):
    return packet('h', strings(name, value))


def insert_header(index, name, value):
    return packet('i', struct.pack('>I', index) + strings(name, value))


def change_header(index, name, value):
    return packet('m', struct.pack('>I', index) + strings(name, value))


def new_body(data):
    return packet('b', data)


def say(code, text):
    return packet('y', strings('%d %s' % (code, text)))


class Session(socketserver.BaseRequestHandler):
    def read(self, n):
        out = b''
        while len(out) < n:
            piece = self.request.recv(n - len(out))
            if not piece:
                raise EOFError
            out += piece
        return out

    def handle(self):
        self.filter = self.server.filter
        self.macros, self.client, self.helo = {}, None, None
        self.mail = None
        try:
            while True:
                n = struct.unpack('>I', self.read(4))[0]
                data = self.read(n)
                if not self.take(chr(data[0]), data[1:]):
                    return
        except (EOFError, ConnectionError, Drop):
            return

    def note(self, letter, data):
        """Keep what the mail server tells."""
        words = [w.decode('utf-8', 'surrogateescape') for w in data.split(b'\0')[:-1]]
        if letter == 'D':
            pairs = [w.decode('utf-8', 'surrogateescape') for w in data[1:].split(b'\0')[:-1]]
            self.macros.setdefault(chr(data[0]), {}).update(zip(pairs[::2], pairs[1::2]))
        elif letter == 'C':
            self.client = words[0]
        elif letter == 'H':
            self.helo = words[0]
        elif letter == 'M':
            self.mail = {'client': self.client, 'helo': self.helo, 'sender': words[0], 'params': words[1:], 'rcpts': [],
                         'headers': [], 'body': b'', 'macros': self.macros}
        elif letter == 'R':
            self.mail['rcpts'].append(words[0])
        elif letter == 'L':
            self.mail['headers'].append((words[0], words[1]))
        elif letter == 'B':
            self.mail['body'] += data
        elif letter == 'E':
            self.filter.saw(self.mail)

    def take(self, letter, data):
        self.filter.heard(letter)
        self.note(letter, data)
        if letter == 'O':
            self.request.sendall(packet('O', struct.pack('>III', 6, self.filter.actions, self.filter.steps)))
        elif letter == 'Q':
            return False
        elif letter not in 'DAK':
            hook = self.filter.hooks.get(letter)
            try:
                answers = hook(self, data) if hook else None
            except Hang:
                self.filter.released.wait(LIMIT)
                raise Drop
            self.request.sendall(b''.join(answers if answers is not None else [packet(CONTINUE)]))
        return True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class Filter:
    def __init__(self, at, actions=ALL_ACTIONS, steps=NO_STEPS):
        self.actions, self.steps, self.hooks = actions, steps, {}
        self.mails, self.letters = [], []
        self.cond, self.released = threading.Condition(), threading.Event()
        self.server = _Unix(at, Session) if isinstance(at, str) else _Tcp(at, Session)
        self.server.filter = self
        a = self.server.server_address
        self.where = 'unix:' + a if isinstance(a, str) else 'inet:%d@%s' % (a[1], a[0])
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def on(self, letter, hook):
        self.hooks[letter] = hook
        return self

    def at_end(self, *packets):
        """Answer the end of every mail with these, then continue."""
        return self.on('E', lambda s, d: list(packets) + [packet(CONTINUE)])

    def heard(self, letter):
        with self.cond:
            self.letters.append(letter)
            self.cond.notify_all()

    def saw(self, mail):
        with self.cond:
            self.mails.append(dict(mail))
            self.cond.notify_all()

    def wait_for(self, letter):
        with self.cond:
            assert self.cond.wait_for(lambda: letter in self.letters, LIMIT), 'the filter never heard ' + letter

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
