"""make bench: who is meant. Import and look-ups of large tables of names, beside postmap on cdb and sqlite maps."""
import glob
import os
import pty
import random
import re
import shutil
import sqlite3
import subprocess
import time

import pkgs

KINDS = (('batch', 'a nickname in a batch'), ('file', 'a nickname, destination of a file'),
         ('alias', 'an alias, destination of a file'), ('secure', 'a SECURE nickname from the Internet'))


def build(runs):
    libs = [os.path.join(runs.TOP, 'build', 'lib%s.a' % a) for a in
            ('gateway_gate', 'gateway_config', 'gateway_mail', 'gateway_smtp', 'aliases', 'security', 'db', 'rscs', 'base')]
    flags = subprocess.run(['pkg-config', '--libs', 'gmime-3.0', 'libxml-2.0'], capture_output=True, text=True,
                           check=True).stdout.split()
    out = os.path.join(runs.WORK, 'bench_directory')
    subprocess.run([os.environ.get('CC', 'gcc'), '-std=c17', '-D_GNU_SOURCE', '-O2', '-I' + runs.TOP,
                    os.path.join(runs.HERE, 'bench_directory.c'), '-o', out, '-Wl,--start-group'] + libs +
                   ['-Wl,--end-group', '-levent_core', '-lssl', '-lcrypto', '-lsqlite3', '-lunbound', '-lgsasl', '-lidn2', '-lcrypt'] + flags +
                   ['-ljansson', '-lsystemd', '-lpthread'], check=True)
    return out


def configuration(folder, more=()):
    path = os.path.join(folder, 'conf' + ''.join(more))
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(['LOCAL GATE', 'GATEWAY', 'HOSTNAME gate', 'DOMAINORIGIN bench.example', 'RSCSDOMAIN RSCSNET',
                           'LINKDEFINE MVSA TYPE TCPNJE NODE MVSA', 'LOCALUSER OPER',
                           'DATABASE %s' % os.path.join(folder, 'db'), 'SPOOLDIR %s' % os.path.join(folder, 'spool'),
                           'CONTROL %s' % os.path.join(folder, 'control')] + list(more)) + '\n')
    return path


def nick(i):
    return 'N%06d' % i, 'correspondent.%d@host%d.example.org' % (i, i % 5000)


def write_tables(path, rows):
    with open(path, 'w', encoding='utf-8') as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n<njegate-tables version="1">\n')
        for i in range(rows):
            f.write('<nick nick="%s" mailbox="%s" name="Correspondent %d" owner="BOB@MVSA"/>\n' % (nick(i) + (i,)))
        f.write('</njegate-tables>\n')
    with open(path + '.alias', 'w', encoding='utf-8') as f:
        f.write('<njegate-tables version="1">\n')
        for i in range(rows):
            f.write('<alias userid="U%06d" address="REEF" mailbox="%s"/>\n' % (i, nick(i)[1]))
        f.write('</njegate-tables>\n')
    with open(path + '.names', 'w', encoding='utf-8') as f:
        for i in range(rows):
            f.write(':nick.%s :userid.%s :node.%s\n' % ((nick(i)[0],) + tuple(nick(i)[1].split('@'))))
    with open(path + '.sectable', 'w', encoding='utf-8') as f:
        for i in range(rows // 10):
            f.write('S%05d MVSA sec%05d Y Y\n' % (i, i))


def timed(runs, conf, *words):
    """Seconds of an njegate verb, and what a terminal saw of it."""
    master, slave = pty.openpty()
    began = time.monotonic()
    p = subprocess.Popen([os.path.join(runs.TOP, 'build', 'njegate'), '-c', conf] + list(words),
                         stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    seen = b''
    try:
        while True:
            piece = os.read(master, 65536)
            if not piece:
                break
            seen += piece
    except OSError:
        pass  # the terminal's end
    os.close(master)
    if p.wait():
        raise RuntimeError('%s: %s' % (' '.join(words), seen[-300:].decode(errors='replace')))
    return time.monotonic() - began, seen.count(b'\r')


def postmap_rate(runs, folder, kind, rows):
    """Nanoseconds a key that `postmap -q -` takes over a map of the same nicknames."""
    path, env = runs.tool('postmap')
    plugin, library = pkgs.unpack('postfix-' + kind), pkgs.unpack('libcdb1') if kind == 'cdb' else None
    if plugin is None or (kind == 'cdb' and library is None):
        raise RuntimeError('the package postfix-%s cannot be had' % kind)
    plugin = glob.glob(os.path.join(plugin, 'usr/lib/postfix', '*%s*.so*' % kind))[0]
    if library:
        found = glob.glob(os.path.join(library, '**', 'libcdb.so.1'), recursive=True)[0]
        env = dict(env, LD_LIBRARY_PATH=env['LD_LIBRARY_PATH'] + ':' + os.path.dirname(found))
    source = os.path.join(folder, 'nicks')
    conf = os.path.join(folder, 'postfix')
    os.makedirs(conf, exist_ok=True)
    with open(os.path.join(conf, 'main.cf'), 'w', encoding='utf-8') as f:
        f.write('compatibility_level = 3.6\nmail_owner = daemon\nsetgid_group = mail\nmeta_directory = %s\n'
                'shlib_directory = %s\n' % (conf, os.path.dirname(plugin)))
    with open(os.path.join(conf, 'dynamicmaps.cf'), 'w', encoding='utf-8') as f:
        f.write('%s %s dict_%s_open%s\n' % (kind, plugin, kind, ' mkmap_cdb_open' if kind == 'cdb' else ''))
    if kind == 'cdb':
        with open(source, 'w', encoding='utf-8') as f:
            f.writelines('%s %s\n' % nick(i) for i in range(rows))
        subprocess.run([path, '-c', conf, 'cdb:' + source], env=env, check=True, capture_output=True)
        name = 'cdb:' + source
    else:
        base = source + '.sqlite'
        d = sqlite3.connect(base)
        d.execute('CREATE TABLE nick (nick TEXT PRIMARY KEY, mailbox TEXT) WITHOUT ROWID')
        d.executemany('INSERT INTO nick VALUES (?,?)', ((nick(i)[0].lower(), nick(i)[1]) for i in range(rows)))
        d.commit()
        d.close()
        with open(source + '.cf', 'w', encoding='utf-8') as f:
            f.write("dbpath = %s\nquery = SELECT mailbox FROM nick WHERE nick = '%%s'\n" % base)
        name = 'sqlite:' + source + '.cf'
    keys = [nick(i)[0] for i in range(rows)]
    random.Random(1).shuffle(keys)

    def ask(n):
        began = time.monotonic()
        out = subprocess.run([path, '-c', conf, '-q', '-', name], env=env, input='\n'.join(keys[:n] + ['']).encode(),
                             capture_output=True, check=True).stdout
        if out.count(b'\n') != n:
            raise RuntimeError('postmap found %d of %d' % (out.count(b'\n'), n))
        return time.monotonic() - began
    few = rows // 20
    return (ask(rows // 4) - ask(few)) / (rows // 4 - few) * 1e9


def measure(runs, table, rows):
    folder = os.path.join(runs.disk.path, 'directory')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        program = build(runs)
        conf, secure = configuration(folder), configuration(folder, ['SECURE'])
        tables = os.path.join(folder, 'tables.xml')
        write_tables(tables, rows)
        table.say('names: %d nicknames, %d aliases, %d security rows' % (rows, rows, rows // 10))
        for what, words in (('nicknames as XML', ['table', 'import', tables]),
                            ('aliases as XML', ['table', 'import', tables + '.alias']),
                            ('security table', ['secure', 'import', tables + '.sectable']),
                            ('nicknames as a NAMES file, again', ['nick', 'import', tables + '.names'])):
            seconds, shown = timed(runs, conf, *words)
            table.say('  import %-34s %6.1f s, progress shown %d times' % (what, seconds, shown))
        for kind, what in KINDS:
            n = rows // 10 if kind == 'secure' else rows
            said = subprocess.run([program, secure if kind == 'secure' else conf, kind, str(n)], capture_output=True,
                                  text=True, check=True).stdout
            v = {k: float(x) for k, x in re.findall(r'(\w+)=([\d.]+)', said)}
            table.say('  %-36s first %5.2f us, then %5.2f us; %d octets an entry kept' % (
                what, v['cold_ns'] / 1000, v['warm_ns'] / 1000, v['bytes']))
        table.say('  %-36s %5.2f us a message' % ('asking whether a table changed', v['refresh_ns'] / 1000))
        for kind in ('cdb', 'sqlite'):
            try:
                table.say('  postmap -q - on %-20s %5.2f us a key' % (kind, postmap_rate(runs, folder, kind, rows) / 1000))
            except (RuntimeError, OSError, subprocess.SubprocessError) as e:
                table.say('  postmap -q - on %s: not measured: %s' % (kind, e))
        table.say()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
