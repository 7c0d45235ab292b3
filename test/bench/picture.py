"""SVG pictures: the means as points, resident memory over time as lines."""

COLOURS = {"ours": "#c0392b", "jemalloc": "#1f4e79", "glibc": "#7f8c8d",
           "mimalloc": "#27ae60", "tcmalloc": "#8e44ad"}
MORE = ("#d68910", "#17a589", "#6e2c00", "#ff66aa")
FONT = 'font-family="Helvetica, Arial, sans-serif"'


def colours(names):
    """A colour for each allocator, the same in every picture."""
    rest = iter(MORE * len(names))
    return {name: COLOURS.get(name) or next(rest) for name in names}


def ticks(low, high, most):
    """Round numbers from low to high, at most so many."""
    step = 0.001
    while (high - low) / step > most:
        step *= 2 if f"{step:e}"[0] != "2" else 2.5
    first = int(low / step)
    marks = [step * i for i in range(first, first + most + 3)]
    return [mark for mark in marks if low - 1e-9 <= mark <= high + 1e-9]


class Chart:
    """A frame with axes, and what is drawn in it."""

    def __init__(self, width, height, x_range, y_range, title):
        self.left, self.top = 78, 52
        self.width, self.height = width, height
        self.x_range, self.y_range = x_range, y_range
        self.parts = []
        self.text(self.left, 30, title, size=17, weight="bold")

    def x(self, value):
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * self.width

    def y(self, value):
        low, high = self.y_range
        return self.top + self.height \
            - (value - low) / (high - low) * self.height

    def text(self, x, y, words, size=13, anchor="start", colour="#222",
             weight="normal", turn=None):
        place = f'x="{x:.1f}" y="{y:.1f}"' if turn is None else \
            f'transform="translate({x:.1f} {y:.1f}) rotate({turn})"'
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(
            f'<text {place} font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{words}</text>')

    def line(self, x1, y1, x2, y2, colour="#ddd", width=1, dash=""):
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" '
                          f'stroke="{colour}" stroke-width="{width}"{style}/>')

    def axes(self, x_title, y_title):
        """Grid, numbers, titles, frame."""
        bottom = self.top + self.height
        right = self.left + self.width
        for value in ticks(*self.x_range, 10):
            self.line(self.x(value), self.top, self.x(value), bottom)
            self.text(self.x(value), bottom + 19, f"{value:g}",
                      anchor="middle")
        for value in ticks(*self.y_range, 9):
            self.line(self.left, self.y(value), right, self.y(value))
            self.text(self.left - 8, self.y(value) + 4, f"{value:g}",
                      anchor="end")
        self.text(self.left + self.width / 2, bottom + 44, x_title,
                  size=14, anchor="middle")
        self.text(22, self.top + self.height / 2, y_title, size=14,
                  anchor="middle", turn=-90)
        self.parts.append(
            f'<rect x="{self.left}" y="{self.top}" width="{self.width}" '
            f'height="{self.height}" fill="none" stroke="#444"/>')

    def legend(self, entries):
        """Entries of (words, colour, dash) to the right of the frame."""
        x = self.left + self.width + 18
        for i, (words, colour, dash) in enumerate(entries):
            y = self.top + 12 + i * 24
            self.line(x, y - 4, x + 24, y - 4, colour, 3, dash)
            self.text(x + 32, y, words)

    def write(self, path, margin):
        width = self.left + self.width + margin
        height = self.top + self.height + 62
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                '<svg xmlns="http://www.w3.org/2000/svg" '
                f'width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" {FONT}>\n'
                '<rect width="100%" height="100%" fill="#fcfcfc"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")




def means(results, path):
    """Time ratio against RSS ratio, one point per allocator."""
    points = {name: (results.mean(name, "cpu"), results.mean(name, "rss_kib"))
              for name in results.allocators}
    points = {name: point for name, point in points.items() if all(point)}
    if not points:
        return
    ranges = []
    for axis in (0, 1):
        values = [point[axis] for point in points.values()] + [1.0]
        room = 0.15 * max(max(values) - min(values), 0.2)
        ranges.append((max(0, min(values) - room), max(values) + room))
    chart = Chart(520, 440, *ranges,
                  f"Time and memory, {len(results.rows)} rows")
    base = results.base
    chart.axes(f"CPU time, geometric mean relative to {base}",
               f"peak RSS, geometric mean relative to {base}")
    chart.line(chart.x(1), chart.top, chart.x(1), chart.top + chart.height,
               "#888", 1, "5 4")
    chart.line(chart.left, chart.y(1), chart.left + chart.width, chart.y(1),
               "#888", 1, "5 4")
    chart.text(chart.left + 10, chart.top + chart.height - 10,
               "this corner: faster and smaller", colour="#888")
    colour = colours(points)
    for name, (cpu, rss) in points.items():
        place_point(chart, name, cpu, rss, colour[name])
    chart.legend([(f"{name}  {cpu:.2f}, {rss:.2f}", colour[name], "")
                  for name, (cpu, rss) in points.items()])
    chart.write(path, 210)


def place_point(chart, name, cpu, rss, colour):
    """A point with its name on the side where there is room."""
    x, y = chart.x(cpu), chart.y(rss)
    chart.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" '
                       f'fill="{colour}"/>')
    right = x < chart.left + chart.width * 0.8
    chart.text(x + (11 if right else -11), y - 8, name, size=14,
               anchor="start" if right else "end", colour=colour,
               weight="bold")


def over_time(title, lines, live, path):
    """Resident MiB over seconds: {name: [(second, MiB)]}, and live bytes."""
    top = max(mib for line in list(lines.values()) + [live]
              for _, mib in line)
    end = max(line[-1][0] for line in lines.values())
    chart = Chart(780, 400, (0, end), (0, top * 1.06), title)
    chart.axes("seconds", "resident memory, MiB")
    colour = colours(lines)
    chart.parts.append(
        f'<path d="M{chart.x(live[0][0]):.1f} {chart.y(0):.1f}'
        + "".join(f"L{chart.x(s):.1f} {chart.y(mib):.1f}" for s, mib in live)
        + f'L{chart.x(live[-1][0]):.1f} {chart.y(0):.1f}Z" '
        'fill="#000" fill-opacity="0.08" stroke="#555" stroke-width="1" '
        'stroke-dasharray="4 3"/>')
    for name, line in lines.items():
        chart.parts.append(
            '<polyline fill="none" stroke-width="2" stroke-linejoin="round" '
            f'stroke="{colour[name]}" points="' + " ".join(
                f"{chart.x(s):.1f},{chart.y(mib):.1f}" for s, mib in line)
            + '"/>')
    chart.legend([(f"{name}, {mean(line):.0f} on average", colour[name], "")
                  for name, line in lines.items()]
                 + [(f"live bytes, {mean(live):.0f}", "#555", "4 3")])
    chart.write(path, 245)


def mean(line):
    """The average of a line over its time."""
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2
               for a, b in zip(line, line[1:]))
    return area / (line[-1][0] - line[0][0]) if len(line) > 1 else 0
