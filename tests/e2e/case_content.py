"""The content of mail held against other readers of it: parts, names and octets against Python's email package, the
words of HTML and their order against what inscriptis makes of its own examples."""
import base64
import email
import email.policy
import glob
import os
import re

import world as wd

SHARED = os.path.join(wd.TOP, '..', 'shared', 'samples')
OWN = os.path.join(wd.TOP, 'tests', 'corpus')
MAILS = sorted(glob.glob(os.path.join(OWN, '*.eml')) + glob.glob(os.path.join(SHARED, 'mime4j-testmsgs', '*.msg')) +
               glob.glob(os.path.join(SHARED, 'eai', '*')))
SHOWN = ('text/plain', 'text/html', 'text/enriched', 'text/richtext', 'text/rfc822-headers')
# How the two readers differ, and why ours is right or may be so.
DIFFERENT = {
    'invalid-table2.html': 'text of a row outside its cells: where it stands in the source',
    'invalid-table3.html': 'the same',
    'tnef.eml': 'winmail.dat is opened here',
    'opaque.eml': 'a message signed as a whole is opened here',
    'broken.eml': 'a name whose quote never ends, octets that are no base64',
}


def crlf(data):
    return b'\r\n'.join(data.replace(b'\r\n', b'\n').replace(b'\r', b'\n').split(b'\n'))


def files_of(part, inside=None, files_only=False):
    """The leaves that become files by docs/NOTE.md, as (name, type, octets), in order."""
    kind = part.get_content_type()
    attached = part.get_content_disposition() == 'attachment'
    if kind.startswith('multipart/') and part.is_multipart():
        parts = part.get_payload()
        if kind == 'multipart/signed':
            parts = parts[:1]
        elif kind == 'multipart/report':
            parts = [p for p in parts if p.get_content_type() not in ('message/rfc822', 'text/rfc822-headers')]
        for p in parts:
            yield from files_of(p, kind, files_only)
    elif kind in ('message/rfc822', 'message/global') and part.is_multipart():
        for p in part.get_payload():
            yield from files_of(p, kind, files_only)
    elif kind in ('message/delivery-status', 'message/global-delivery-status') or kind.startswith('multipart/'):
        return
    elif inside == 'multipart/related' and kind.startswith('image/') and part['Content-ID'] and not attached:
        return
    elif kind not in SHOWN or attached:
        yield part.get_filename(), kind, part.get_payload(decode=True) or b''


def octets(f):
    return b''.join(f.netdata()['records'])


def take_mail(p):
    note = p.take_file(lambda f: f.ft == 'NOTE')
    listed = re.findall(r'^ *(\d+) (\S+) +(\S+) +\d+ (?:   |KB |MB ) *(.*)$', '\n'.join(note.lines()), re.M)
    return note, [p.take_file(lambda f, k=k: f.fn == k[1] and f.ft == k[2]) for k in listed], listed


def same_octets(want, f, kind):
    got = octets(f)
    if got == want or not want and got in (b'', b'\x40'):
        return True
    text = '\n'.join(line.rstrip() for line in f.lines())
    def plain(s):
        return re.sub(r'\W+', '', s.encode('ascii', 'ignore').decode())
    return plain(text) == plain(want.decode('latin-1')) or plain(text) == plain(want.decode('utf-8', 'ignore'))


def case_files_as_python_finds_them(w):
    """Every sample: as many files as Python's email finds, in its order, with its octets and names."""
    gw, p, _ = w.pair()
    for path in MAILS:
        with open(path, 'rb') as f:
            data = crlf(f.read())
        name = os.path.basename(path)
        with gw.client() as c:
            wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], data)
        note, files, listed = take_mail(p)
        if name in DIFFERENT:
            continue
        want = list(files_of(email.message_from_bytes(data, policy=email.policy.compat32)))
        uu = len(re.findall(r'^begin [0-7]{3} ', data.decode('latin-1'), re.M))
        assert len(files) == len(want) + uu, (name, len(files), want, note.text())
        for (called, kind, content), f, row in zip(want, files, listed):
            assert same_octets(content, f, kind), (name, called, len(content), content[:80], octets(f)[:80])
            if called and called.isascii() and '=?' not in called and "''" not in called:
                assert row[3].strip() == called.strip(), (name, called, row)


case_files_as_python_finds_them.limit = 240


def words(text):
    return [x for x in re.sub(r'[^a-z0-9]+', ' ', text.lower()).split()]


def html_pairs():
    for path in sorted(glob.glob(os.path.join(SHARED, 'inscriptis-html', '*.html'))):
        if os.path.exists(path[:-4] + 'txt'):
            yield path, path[:-4] + 'txt'
    for path in sorted(glob.glob(os.path.join(wd.TOP, 'tests', 'golden', 'html', '*.in'))):
        yield path, path[:-2] + 'out'


def missing(want, got):
    """The words of want that are not in got in this order, each looked for behind the one before."""
    at, lost = 0, []
    for x in want:
        try:
            at = got.index(x, at) + 1
        except ValueError:
            lost.append(x)
    return lost


def case_words_of_html(w):
    """Every word that inscriptis shows of a page is in the note, in the same order."""
    gw, p, _ = w.pair()
    for path, txt in html_pairs():
        with open(path, 'rb') as f:
            page = f.read()
        with open(txt, encoding='utf-8') as f:
            want = words(re.sub(r'^\s*[*o+-] ', '', f.read(), flags=re.M))  # without its bullets
        head = ('From: steve@example.org\r\nSubject: page\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n'
                'Content-Transfer-Encoding: base64\r\n\r\n').encode()
        with gw.client() as c:
            wd.send(c, 'steve@example.org', ['bob%mvsa@' + gw.fqdn], head + crlf(base64.encodebytes(page)))
        note = p.take_file(lambda f: f.ft == 'NOTE')
        got = words('\n'.join(note.lines()).split('\n\n', 1)[1] if '\n\n' in '\n'.join(note.lines()) else note.text())
        name = os.path.basename(path)
        if name in DIFFERENT:
            continue
        # What stands side by side in a table may stand below each other here: every word, in another order.
        lost = [x for x in want if x not in got] if 'table' in name else missing(want, got)
        assert not lost, (name, lost[:20], note.text())


case_words_of_html.limit = 120
