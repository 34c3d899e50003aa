#!/usr/bin/python3
"""Write docs/man/njegate-commands.7 from the tables of commands: mkcommands.py GATEWAY-FOLDER > page."""
import re
import sys

HEAD = r'''.\" Written by docs/man/mkcommands.py from operator/oper.def and operator/rscscmd.def; change those.
.Dd November 22, 2026
.Dt NJEGATE-COMMANDS 7
.Os
.Sh NAME
.Nm njegate-commands
.Nd what operators and users may ask the gateway by message
.Sh DESCRIPTION
Commands come as interactive messages over the NJE network, from a terminal
.Pq Cm SMSG , TELL , SEND ,
or from
.Ql njegate smsg .
Answers come the same way, one message a line, without a sending user, so that nothing answers them.
Small letters may be left out, as far as the letters that are left are no other command.
.Ss Messages to user SMTP at our node
'''
MIDDLE = r'''.Pp
A privileged command is for the users of
.Cm SMSGAUTHLIST
and for
.Ql njegate smsg ;
others get a line that says so.
.Ss Commands to our node
What RSCS and JES2 send as a command
.Pq Ql SMSG RSCS CMD NJEGATE ... , Ql $N node,'...' :
'''
TAIL = r'''.Ss Messages to user DIM at the node of nicknames
Described in
.Xr njegate 8
under
.Sx Nickname commands by message .
.Sh EXAMPLES
.Dl SMSG RSCS MSG NJEGATE SMTP QUEUES
.Dl SMSG RSCS CMD NJEGATE QUERY SYSTEM
.Dl $ njegate smsg 'NUMQ'
.Sh SEE ALSO
.Xr njegate.conf 5 ,
.Xr njegate 8
'''


def escape(text):
    text = text.replace('\\', r'\e').replace('|', r'\*(Ba')
    return r'\&' + text if text[:1] in ".'" else text


def rows(path, macro):
    """Each row as (name, shortest, the words between, the strings)."""
    with open(path, encoding='utf-8') as f:
        for match in re.finditer(r'^%s\((\w+), *(\d+), *(.*?)\)$' % macro, f.read(), re.M | re.S):
            rest = match.group(3)
            yield (match.group(1), int(match.group(2)), re.sub(r'"[^"]*"', '', rest), re.findall(r'"([^"]*)"', rest))


def short(name, n):
    return name[:n] + name[n:].lower()


def show(items):
    print('.Bl -tag -width Ds')
    for head, sentence in items:
        print('.It ' + head)
        print(escape(sentence[:1].upper() + sentence[1:]) + '.')
    print('.El')


def operator(path):
    for name, n, words, strings in rows(path, 'COMMAND'):
        form = strings[-2] if len(strings) > 1 else ''
        # A form may begin with the name itself.
        form = ' '.join(w for w in form.split() if w.upper() != name)
        yield ('Cm %s%s%s' % (short(name, n), ' No ' + escape(form) if form else '',
                              ' No (privileged)' if 'true' in words else ''), strings[-1])


def network(path):
    for name, n, _, strings in rows(path, 'RSCS_COMMAND'):
        first, _, rest = strings[0].partition(' ')
        yield ('Cm %s%s' % (short(name if name.startswith(first) else first, n), ' No ' + escape(rest) if rest else ''), strings[1])


def main():
    folder = sys.argv[1]
    print(HEAD, end='')
    show(operator(folder + '/oper.def'))
    print(MIDDLE, end='')
    show(network(folder + '/rscscmd.def'))
    print(TAIL, end='')


main()
