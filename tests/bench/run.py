#!/usr/bin/env python3
"""make bench: durable throughput, CPU, waiting time and memory of njegated beside Postfix and the
machine's floors.

Everything on loopback and on one file system. What is compared runs interleaved (A B A B ...) and ratios
are of medians. Nothing here is a pass or a failure: it prints a table, also to build/bench.txt.

    run.py [--messages N] [--rounds N] [--quick] [--no-slow] [--plain] [--only WORD] [--part WORD]"""
import argparse
import os
import statistics
import subprocess
import time

import runs  # first: it says where the others' modules lie
from runs import SESSIONS, STREAMS, Load
import bulk
import content
import cost
import directory
import looking
import nje

OURS = [('njegate SMTP -> NJE', runs.run_smtp_to_nje), ('njegate NJE -> SMTP', runs.run_nje_to_smtp)]
BESIDE = ('Postfix SMTP -> SMTP', runs.run_postfix)
MS5 = 5000
TROUBLE = (RuntimeError, OSError, subprocess.SubprocessError)


class Table:
    def __init__(self):
        self.lines = []

    def say(self, text=''):
        print(text, flush=True)
        self.lines.append(text)

    def save(self):
        with open(os.path.join(runs.TOP, 'build', 'bench.txt'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(self.lines) + '\n')


def interleaved(table, title, load, args):
    kinds = [(name, run) for name, run in OURS + [BESIDE] if not args.only or args.only in name]
    got = {name: [] for name, _ in kinds}
    for _ in range(args.rounds):
        for name, run in kinds:
            try:
                got[name].append(run(load))
            except TROUBLE as e:
                table.say('%s: not measured: %s' % (name, e))
    table.say('%s: %d messages of %d bytes, %d sessions, %d rounds' %
              (title, load.count, load.size, load.sessions, args.rounds))
    table.say('  %-24s %12s %12s %12s %18s' % ('', 'median /s', 'lowest', 'highest', 'CPU s per 1000'))
    medians = {}
    for name, values in got.items():
        if values:
            rates, costs = [v[0] for v in values], [v[1] for v in values]
            medians[name] = (statistics.median(rates), statistics.median(costs))
            table.say('  %-24s %12.0f %12.0f %12.0f %18.3f' % (
                name, medians[name][0], min(rates), max(rates), medians[name][1]))
    base = medians.get(BESIDE[0])
    for name, (rate, cost) in medians.items():
        if base and name != BESIDE[0]:
            table.say('  %-24s %.2f x the rate of Postfix, %.2f x its CPU' % (name, rate / base[0], cost / base[1]))
    table.say()


def floors(table, args):
    wire = statistics.median(runs.floor_wire(args.messages) for _ in range(args.rounds))
    table.say('floors')
    table.say('  %-44s %10.0f /s' % ('smtp-source straight to smtp-sink', wire))
    for us in (0, MS5):
        for name, value in runs.disk_floor(us).items():
            table.say('  %-44s %10.0f /s' % ('append 2 KB and fdatasync, in groups of %s%s' % (
                name.split('_')[1], ', syncs 5 ms slower' if us else ''), value))
    table.say()


def rates(table, args):
    few = max(args.messages // 4, 500)
    interleaved(table, 'as the disk is', Load(args.messages), args)
    if args.no_slow:
        return
    interleaved(table, '5 ms added to each sync', Load(few, MS5), args)
    interleaved(table, '5 ms added to each sync', Load(few, MS5, STREAMS), args)
    interleaved(table, '5 ms added to each sync', Load(few * 3, MS5, 100), args)
    interleaved(table, '5 ms added to each sync', Load(few // 4, MS5, 1), args)


def large(table, args):
    interleaved(table, '1 MB', Load(max(args.messages // 20, 100), size=1 << 20), args)


def huge(table, args):
    """Mails of a hundred megabytes."""
    try:
        bulk.measure(runs, table, args.quick)
    except TROUBLE as e:
        table.say('  not measured: %s' % e)


def latency(table, args):
    table.say('microseconds from the dot to the 250')
    for us in (0, MS5):
        for sessions in (1, SESSIONS):
            load = Load(max(args.messages // 4, 500) if sessions > 1 else 200, us, sessions)
            got = {'njegate': [], 'Postfix': []}
            try:
                for _ in range(args.rounds):
                    got['njegate'].append(runs.wait_of_gate(load))
                    got['Postfix'].append(runs.wait_of_postfix(load))
            except TROUBLE as e:
                table.say('  not measured: %s' % e)
            for name, values in got.items():
                if values:
                    p50, p99 = (statistics.median(v[k] for v in values) for k in ('p50', 'p99'))
                    table.say('  %-10s %3d sessions%s  p50 %8.0f  p99 %8.0f  failed %d' % (
                        name, sessions, ', syncs 5 ms slower' if us else '', p50, p99,
                        sum(v['failed'] for v in values)))
    table.say()


def memory(table, args):
    table.say('memory')
    at_rest, each, n = runs.idle_of_gate(args.sessions)
    table.say('  njegated at rest %.1f MB; an idle SMTP session %.1f KB (over %d)' % (at_rest / 1024, each, n))
    table.say('  njegated at its most with 100 busy sessions %.1f MB' %
              (runs.busy_memory(Load(args.messages, sessions=100)) / 1024))
    try:
        at_rest, each, n = runs.idle_of_postfix(90)
        table.say('  Postfix at rest %.1f MB; an idle SMTP session %.1f KB (over %d)' % (at_rest / 1024, each, n))
    except TROUBLE as e:
        table.say('  Postfix: not measured: %s' % e)
    table.say()


def nodes(table, args):
    """Two NJE nodes."""
    try:
        nje.measure(runs, table, args.messages, args.rounds, 128 if args.quick else 512, 0 if args.quick else 2048)
    except TROUBLE as e:
        table.say('  not measured: %s' % e)


def names(table, args):
    """Who is meant."""
    try:
        directory.measure(runs, table, 100000 if args.quick else 1000000)
    except TROUBLE as e:
        table.say('  not measured: %s' % e)


def contents(table, args):
    """What the content of mail costs."""
    try:
        content.measure(runs, table)
    except TROUBLE as e:
        table.say('  not measured: %s' % e)


def costs(table, args):
    """What METRICS and the journal cost."""
    try:
        cost.measure(runs, table, args.messages, args.rounds)
    except TROUBLE as e:
        table.say('  not measured: %s' % e)


def looks(table, args):
    """njegate status over a long queue, njegate trace over a long journal."""
    looking.measure(table, *((100000, 1000000) if args.quick else (1000000, 10000000)))


PARTS = [floors, rates, large, huge, latency, memory, nodes, names, contents, costs, looks]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--messages', type=int, default=10000)
    a.add_argument('--rounds', type=int, default=5)
    a.add_argument('--quick', action='store_true', help='2000 messages, 3 rounds')
    a.add_argument('--no-slow', action='store_true', help='not with slow syncs')
    a.add_argument('--sessions', type=int, default=10000, help='idle sessions for the memory figure')
    a.add_argument('--plain', action='store_true', help='the queues on the disk of the tree as it is mounted')
    a.add_argument('--only', default='', help='only the runs whose name holds this')
    a.add_argument('--part', default='', help='only %s' % ', '.join(p.__name__ for p in PARTS))
    args = a.parse_args()
    if args.quick:
        args.messages, args.rounds = 2000, 3
    runs.build()
    table = Table()
    table.say('njegate bench, %s, %d cores, %s' % (time.strftime('%Y-%m-%d %H:%M'), os.cpu_count(),
                                                   os.uname().release))
    table.say('Postfix 3.7 with in_flow_delay = 0; queues of both on %s' % runs.disk.mount(args.plain))
    table.say()
    try:
        for part in PARTS:
            if args.part in part.__name__:
                part(table, args)
    finally:
        runs.disk.unmount()
    table.save()


if __name__ == '__main__':
    main()
