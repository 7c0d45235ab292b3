"""Results as tables, as markdown and as JSON."""

import benchlib


def cell(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


def print_table(title, header, lines):
    """Columns as wide as they must be, the first left-aligned."""
    if not lines:
        return
    print(title)
    lines = [header] + lines
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(header))]
    for line in lines:
        print("  " + line[0].ljust(widths[0]) + "".join(
            "  " + text.rjust(width)
            for text, width in zip(line[1:], widths[1:])))
    print()


def show_ratios(results, what, title, absolute, form):
    """One line per row: the base's figure, then everyone's ratio to it."""
    flag = "m" if what == "rss_kib" else "t"
    names = list(results.allocators)
    header = ["row", absolute] + names + ["leads by 5 %"]
    lines = []
    for row in results.rows:
        if flag not in row.flags:
            continue
        line = [row.name, cell(results.figure(row, results.base, what), form)]
        line += [cell(results.ratio(row, name, what)) for name in names]
        lines.append(line + [results.leader(row, what)])
    if not lines:
        return
    lines.append(["geometric mean", ""] + [
        cell(results.mean(name, what), "{:.3f}") for name in names] + [""])
    print_table(title, header, lines)


def show_live(results):
    """RSS over live bytes for the programs that know how much is live."""
    lines = []
    for row in results.rows:
        line = [row.name]
        for name in results.allocators:
            live = results.said(row, name, "live")
            rss = results.said(row, name, "rss")
            peak = results.figure(row, name, "rss_kib")
            if live and "1" in row.flags:
                line.append(cell(rss / live))
            elif live:
                line.append(cell(peak * 1024 / live))
            elif rss:
                line.append(cell(rss / 2**20, "{:.1f} MiB"))
        if len(line) == len(results.allocators) + 1:
            lines.append(line)
    if lines:
        print_table("RSS over live bytes (peak; density and thinned rows: "
                    "at that moment; idle-threads: RSS while idle)",
                    ["row"] + list(results.allocators), lines)


def show_operations(results):
    """Nanoseconds of CPU time per operation."""
    lines = []
    for row in results.rows:
        line = [row.name]
        for name in results.allocators:
            ops = results.said(row, name, "ops")
            cpu = results.figure(row, name, "cpu")
            line.append(cell(cpu * 1e9 / ops if ops and cpu else None,
                             "{:.1f}"))
        if "t" in row.flags:
            lines.append(line)
    print_table("CPU time per operation, ns", ["row"]
                + list(results.allocators), lines)


def show_refill(results):
    """Servers that were emptied and filled again."""
    lines = []
    for row in results.rows:
        line = [row.name]
        for name in results.allocators:
            after = results.said(row, name, "rss")
            again = results.said(row, name, "refilled")
            if after and again:
                line.append(f"{after / 2**20:.0f} -> {again / 2**20:.0f}")
        if len(line) == len(results.allocators) + 1:
            lines.append(line)
    print_table("RSS in MiB after deleting 70 % and waiting, and after "
                "filling again", ["row"] + list(results.allocators), lines)


def show_faults(results):
    """Page faults: what an allocator costs that no function shows."""
    lines = [[row.name] + [
        cell(results.figure(row, name, "faults"), "{:.0f}")
        for name in results.allocators]
        for row in results.rows if "1" not in row.flags]
    print_table("Page faults without reading (median)",
                ["row"] + list(results.allocators), lines)


def show_syscalls(results):
    """One line for each row and allocator."""
    names = benchlib.TRACED
    lines = []
    for row in results.rows:
        for name in results.allocators:
            calls = results.syscalls.get((row.name, name))
            if calls is None:
                continue
            lines.append([row.name, name] + [
                f"{calls[call]}" if calls.get(call) else "."
                for call in names] + [f"{sum(calls.values())}"])
    print_table("System calls for memory and waiting (strace -f -c)",
                ["row", "allocator"] + list(names) + ["all of these"], lines)


def show_means(results):
    """The geometric means over all rows, and over each group."""
    lines = []
    for what, title in (("cpu", "CPU time"), ("wall", "wall time"),
                        ("rss_kib", "peak RSS")):
        for group in results.groups() + [None]:
            rows = [row for row in results.rows
                    if group in (None, row.group)]
            means = [results.mean(name, what, rows)
                     for name in results.allocators]
            if not any(means) or (group and len(results.groups()) == 1):
                continue
            lines.append([f"{title}, {group or 'all rows'}"] +
                         [cell(mean, "{:.3f}") for mean in means])
    print_table("Geometric means", ["over"] + list(results.allocators), lines)


def show(results, settings):
    print(f"{settings['repeat']} repetitions at scale {settings['scale']:g} "
          f"on {settings['cpu']}, {settings['cpus']} CPUs, "
          f"Linux {settings['kernel']}")
    print(f"Ratios are to {results.base}; time is the fastest repetition "
          "(with threads: the median), memory the median.\n")
    show_ratios(results, "cpu", "CPU time, user + system", "seconds",
                "{:.3f}")
    show_ratios(results, "wall", "Wall time", "seconds", "{:.3f}")
    show_ratios(results, "rss_kib", "Peak RSS", "KiB", "{:.0f}")
    show_live(results)
    show_refill(results)
    show_operations(results)
    show_faults(results)
    show_syscalls(results)
    show_means(results)
    print_table("Rows where a peer leads ours by more than 5 % in CPU time",
                ["row", "ours", "best peer"],
                [[row.name, cell(mine), f"{best} {ratio:.2f}"]
                 for row, mine, best, ratio in results.leaders()])
    for name in results.allocators:
        if results.missing(name):
            print(f"Not in the means of {name}: "
                  + ", ".join(results.missing(name)))
    for fault in sorted(set(results.faults)):
        print(f"FAULT: {fault}")


def write_markdown(results, settings, path):
    """The means and the rows where we are behind, to be pasted."""
    names = list(results.allocators)
    lines = [f"{settings['date']}, {settings['cpu']}, {settings['cpus']} "
             f"CPUs, {settings['repeat']} repetitions, scale "
             f"{settings['scale']:g}; ratios to {results.base}", "",
             "| geometric mean | " + " | ".join(names) + " |",
             "|---" * (len(names) + 1) + "|"]
    for what, title in (("cpu", "CPU"), ("wall", "wall"),
                        ("rss_kib", "peak RSS")):
        lines.append(f"| {title} | " + " | ".join(
            cell(results.mean(name, what), "{:.3f}")
            for name in names) + " |")
    lines += ["", "| a peer leads by > 5 % | CPU of ours | best peer | "
              "ours / best | runs of ours | of the best | faults ours / best "
              "| what it is |", "|---" * 8 + "|"]
    worst = sorted(results.leaders(), key=lambda item: item[3] / item[1])
    for row, mine, best, ratio in worst:
        lines.append(
            f"| {row.name} | {mine:.2f} | {best} {ratio:.2f} | "
            f"{mine / ratio:.2f} | {spread(results, row, 'ours')} | "
            f"{spread(results, row, best)} | "
            f"{cell(results.figure(row, 'ours', 'faults'), '{:.0f}')} / "
            f"{cell(results.figure(row, best, 'faults'), '{:.0f}')} | "
            f"{row.about} |")
    lines += ["", f"| peak RSS over {results.base}'s by > 5 % | ours | least "
              "| what it is |", "|---|---|---|---|"]
    for row in results.rows:
        ratios = {name: results.ratio(row, name, "rss_kib") for name in names}
        ratios = {name: ratio for name, ratio in ratios.items() if ratio}
        if "m" in row.flags and ratios.get("ours", 0) > 1.05:
            best = min(ratios, key=ratios.get)
            lines.append(f"| {row.name} | {ratios['ours']:.2f} | {best} "
                         f"{ratios[best]:.2f} | {row.about} |")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def spread(results, row, name):
    """Least and largest CPU time of a row: how noisy is it?"""
    times = [sample.cpu for sample in results.samples[row.name, name]]
    return f"{min(times):.3f} to {max(times):.3f} s"


def as_json(results, settings):
    """Everything measured, samples included."""
    rows = {}
    for row in results.rows:
        rows[row.name] = {"group": row.group, "flags": row.flags,
                          "command": " ".join(row.command), "results": {}}
        for name in results.allocators:
            samples = results.samples[row.name, name]
            rows[row.name]["results"][name] = {
                "cpu_s": [round(s.cpu, 6) for s in samples],
                "user_s": [round(s.user, 6) for s in samples],
                "wall_s": [round(s.wall, 6) for s in samples],
                "peak_rss_kib": [s.rss_kib for s in samples],
                "minor_faults": [s.faults for s in samples],
                "cpu_ratio": results.ratio(row, name, "cpu"),
                "wall_ratio": results.ratio(row, name, "wall"),
                "rss_ratio": results.ratio(row, name, "rss_kib"),
                "said": samples[-1].said if samples else {},
                "syscalls": results.syscalls.get((row.name, name), {}),
            }
    means = {name: {"cpu": results.mean(name, "cpu"),
                    "wall": results.mean(name, "wall"),
                    "rss": results.mean(name, "rss_kib")}
             for name in results.allocators}
    return {"settings": settings, "base": results.base,
            "allocators": results.allocators, "means": means, "rows": rows,
            "faults": results.faults}
