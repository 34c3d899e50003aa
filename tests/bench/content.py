"""make bench: what the content of mail costs, without network and disk."""
import os
import subprocess

WANTED = {'text_2k': 'at most 40', 'html': 'at least 60', 'html_large': 'at least 60', 'netdata_write': 'at least 800',
          'netdata_read': 'at least 800', 'rules': 'at least 500000'}


def measure(runs, table):
    libs = [os.path.join(runs.TOP, 'build', 'lib%s.a' % a) for a in
            ('gateway_mail', 'aliases', 'security', 'db', 'rscs', 'base')]
    flags = subprocess.run(['pkg-config', '--libs', 'gmime-3.0', 'libxml-2.0'], capture_output=True, text=True,
                           check=True).stdout.split()
    out = os.path.join(runs.WORK, 'bench_content')
    subprocess.run([os.environ.get('CC', 'gcc'), '-std=c17', '-D_GNU_SOURCE', '-O2', '-I' + runs.TOP,
                    os.path.join(runs.HERE, 'bench_content.c'), '-o', out, '-Wl,--start-group'] + libs +
                   ['-Wl,--end-group', '-levent_core', '-lssl', '-lcrypto', '-lsqlite3', '-lunbound', '-lgsasl', '-lidn2', '-lcrypt'] + flags +
                   ['-lpthread'], check=True)
    table.say('What the content of mail costs (CPU, one core)')
    for line in subprocess.run([out], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines():
        name, value, unit = line.split()
        wanted = WANTED.get(name, 'at most 400' if name.startswith('multipart') else '')
        table.say('  %-16s %10s %-12s (%s)' % (name, value, unit, wanted))
    table.say()
