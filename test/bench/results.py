"""Samples of the rows under the allocators, and what can be said of them."""

import math
import statistics

# Less CPU time than this is not compared: the clock and the start-up are it.
TIME_FLOOR = 0.002


class Results:
    """Samples by row and allocator, and what can be said of them."""

    def __init__(self, rows, allocators, base):
        self.rows = rows
        self.allocators = allocators
        self.base = base if base in allocators else next(iter(allocators))
        self.samples = {(row.name, name): []
                        for row in rows for name in allocators}
        self.faults = []
        self.syscalls = {}
        self.checks = {}

    def add(self, row, name, sample, note):
        if sample is None:
            self.faults.append(f"{row.name} under {name}: {note}")
            return
        check = (sample.said.get("ops"), sample.said.get("check"))
        if self.checks.setdefault(row.name, check) != check:
            self.faults.append(f"{row.name} under {name}: checksum {check} "
                               f"is not {self.checks[row.name]}")
        if sample.said.get("faults"):
            self.faults.append(f"{row.name} under {name}: "
                               f"{sample.said['faults']} bad blocks")
        self.samples[row.name, name].append(sample)

    def ours_failed(self):
        """Faults of the peers are shown; only ours fail the run."""
        return any(" under ours: " in fault for fault in self.faults)

    def missing(self, name):
        """Rows that a mean of this allocator lacks."""
        return [row.name for row in self.rows
                if not self.samples[row.name, name]]

    def figure(self, row, name, what):
        """The figure of a row, or None.

        Least time and median memory.  With threads the median of time too: a
        disturbance that keeps them from running at once can make them use
        less.
        """
        samples = self.samples[row.name, name]
        if not samples:
            return None
        values = [getattr(sample, what) for sample in samples]
        if what in ("rss_kib", "faults") or "p" in row.flags:
            return statistics.median(values)
        return min(values)

    def ratio(self, row, name, what):
        mine = self.figure(row, name, what)
        base = self.figure(row, self.base, what)
        if mine is None or base is None:
            return None
        if what in ("cpu", "wall") and base < TIME_FLOOR:
            return None
        return mine / base if base > 0 else None

    def mean(self, name, what, rows=None):
        """Geometric mean of the ratios, over rows that count for it."""
        flag = "m" if what == "rss_kib" else "t"
        logs = []
        for row in rows if rows is not None else self.rows:
            ratio = self.ratio(row, name, what) if flag in row.flags else None
            if ratio:
                logs.append(math.log(ratio))
        return math.exp(sum(logs) / len(logs)) if logs else None

    def leader(self, row, what):
        """Who is 5 % better than everybody else, or ''."""
        ratios = sorted((ratio, name) for name in self.allocators
                        if (ratio := self.ratio(row, name, what)))
        if len(ratios) < 2 or ratios[0][0] * 1.05 > ratios[1][0]:
            return ""
        return ratios[0][1]

    def groups(self):
        """The groups of rows, in the order of the file."""
        return list(dict.fromkeys(row.group for row in self.rows))

    def leaders(self, name="ours", lead=1.05):
        """Rows in which a peer is ahead of `name` by more than `lead`.

        A list of (row, ratio of `name`, best peer, its ratio).
        """
        found = []
        for row in self.rows:
            mine = self.ratio(row, name, "cpu")
            others = {peer: self.ratio(row, peer, "cpu")
                      for peer in self.allocators if peer != name}
            others = {peer: value for peer, value in others.items() if value}
            if "t" not in row.flags or not mine or not others:
                continue
            best = min(others, key=others.get)
            if mine > lead * others[best]:
                found.append((row, mine, best, others[best]))
        return found

    def said(self, row, name, key):
        values = [sample.said[key] for sample in
                  self.samples[row.name, name] if key in sample.said]
        return statistics.median(values) if values else None
