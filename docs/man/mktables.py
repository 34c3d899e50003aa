#!/usr/bin/python3
"""Write docs/man/njegate-tables.5, its part about XML from the schema: mktables.py docs/njegate-tables.rng > page."""
import sys
import xml.etree.ElementTree as ET

RNG = '{http://relaxng.org/ns/structure/1.0}'
HEAD = r'''.\" Written by docs/man/mktables.py from docs/njegate-tables.rng; change these.
.Dd November 22, 2026
.Dt NJEGATE-TABLES 5
.Os
.Sh NAME
.Nm njegate-tables
.Nd files the tables of the mail gateway are read from and written to
.Sh DESCRIPTION
Nicknames, aliases, and who may, are tables in the database, changed by
.Xr njegate 8 .
Whole tables are moved by files of three forms.
A file is taken whole, or every problem is told with its line and nothing is changed.
.Sh NAMES FILES
.Ql njegate nick import
takes a CMS NAMES file, or OS/2 LaMail's nickname.nam;
.Ql njegate nick export
writes one.
An entry begins with
.Ql \&:nick.
and has tags up to the next:
.Bd -literal -offset indent
:nick.ANN  :userid.ann  :node.mail.example  :name.Ann Otter
:nick.BOB  :userid.bob@mail.example
.Ed
.Pp
.Ql \&:userid.
and
.Ql \&:node.
are the mailbox, or
.Ql \&:userid.
alone a whole address; all other tags are kept.
A
.Ql \&:list.
names nicknames of the file, user@host or user AT node, blanks or commas between them, and continues on lines that
begin with a blank.
Lines that begin with
.Ql *
or
.Ql .*
are comments.
Entries without an Internet address that are no list are named and left out.
.Sh SECURITY TABLE
.Ql njegate secure import
takes IBM's form,
.Ql njegate secure export
writes it.
One record a line of up to 255 characters, its words separated by blanks; a line that begins with
.Ql *
is a comment:
.Pp
.Dl NJE_userid NJE_nodeid Oo nickname primary_nick? primary_mbox? Oc
.Pp
The flags are Y or N.
primary_nick: mail to the nickname goes to this user; primary_mbox: his mail leaves under this nickname.
A nickname has one primary_nick row, a user one primary_mbox row.
.Sh XML
.Ql njegate table export
writes all tables as they are at one moment,
.Ql njegate table import
takes them, checked against the schema
.Pa njegate-tables.rng ,
which is built in.
The outermost element is
.Ql njegate-tables
with
.Ql version=\&"1\&" ;
in it stand any number of these, in any order, each with attributes only; those in brackets may be left out:
.Bl -tag -width Ds
'''
TAIL = r'''.El
.Pp
auto: made by the gateway itself.
changed and by: when and by whom; rows without them take the moment and the user of the import.
.Sh EXAMPLES
.Bd -literal
<njegate-tables version="1">
  <nick nick="ANN" mailbox="ann@mail.example" name="Ann Otter"/>
  <restrict user="EVIL" node="*" action="purge"/>
</njegate-tables>
.Ed
.Sh SEE ALSO
.Xr njegate.conf 5 ,
.Xr njegate 8
'''


def elements(root):
    for define in root.iter(RNG + 'define'):
        element = define.find(RNG + 'element')
        if element is not None:
            yield element


def main():
    root = ET.parse(sys.argv[1]).getroot()
    print(HEAD, end='')
    for element in elements(root):
        print('.It Ic ' + element.get('name'))
        words = []
        for child in element:
            attribute = child if child.tag == RNG + 'attribute' else child.find(RNG + 'attribute')
            if attribute is not None:
                name = attribute.get('name')
                words.append(name if child.tag == RNG + 'attribute' else '[%s]' % name)
        print(', '.join(words) + '.')
    print(TAIL, end='')


main()
