"""make bench: what METRICS and the journal cost: the same load with both and without, in interleaved pairs. CPU time is
the process's own, to the nanosecond: it says more than throughput where others use the machine, too."""
import statistics
import threading
import urllib.request

ALLOWED = 3.0  # per cent


class Scraper(threading.Thread):
    """Prometheus: the figures every second, as often as anybody asks for them."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.url, self.over, self.asked = 'http://127.0.0.1:%d/metrics' % port, threading.Event(), 0

    def run(self):
        while not self.over.wait(1):
            try:
                with urllib.request.urlopen(self.url, timeout=20) as answer:
                    self.asked += bool(answer.read())
            except OSError:
                pass  # the gate is not up yet, or has gone


def once(runs, run, load, kept):
    if not kept:
        return run(load, 'JOURNALAGE 0\n')
    port = runs.free_port()
    scraper = Scraper(port)
    scraper.start()
    try:
        return run(load, 'METRICS 127.0.0.1:%d\n' % port)
    finally:
        scraper.over.set()
        scraper.join()


def per_cent(pairs, k):
    """How much more the first of each pair is than the second: the median of the pairs, in per cent."""
    return statistics.median((a[k] / b[k] - 1) * 100 for a, b in pairs)


def measure(runs, table, messages, rounds):
    load = runs.Load(messages)
    table.say('METRICS (asked every second) and the journal: %d pairs of %d messages, with both and without '
              '(at most %.0f per cent)' % (rounds, messages, ALLOWED))
    for name, run in (('SMTP -> NJE', runs.run_smtp_to_nje), ('NJE -> SMTP', runs.run_nje_to_smtp)):
        pairs = []
        for i in range(rounds):
            first = bool(i % 2)  # who goes first alternates
            got = {kept: once(runs, run, load, kept) for kept in (first, not first)}
            pairs.append((got[True], got[False]))
        for label, kept in (('with', 0), ('without', 1)):
            table.say('  %-12s %-8s %8.0f /s %12.4f CPU s per 1000' % (
                name, label, statistics.median(p[kept][0] for p in pairs),
                statistics.median(p[kept][1] for p in pairs)))
        table.say('  %-12s throughput %+.1f per cent, CPU a message %+.1f per cent' % (
            name, per_cent(pairs, 0), per_cent(pairs, 1)))
    table.say()
