# SPDX-License-Identifier: Apache-2.0
"""The results as a picture: a list of shapes, written as SVG by hand and as PNG by matplotlib."""

import math
from xml.sax.saxutils import escape

from machine import size_text
from report import DIRECTIONS, ORDER, best, is_mapped

WIDTH = 860
LEFT, RIGHT = 220, 70
ROW, BAR = 44, 15
COLORS = {"put": "#2f6fb0", "get": "#e0892b"}
INK, FAINT, GRID = "#222222", "#666666", "#dddddd"
FONT = "DejaVu Sans, Verdana, sans-serif"


def rectangle(x, y, width, height, color):
    return {"kind": "rectangle", "x": x, "y": y, "width": width, "height": height, "color": color}


def line(x1, y1, x2, y2, color):
    return {"kind": "line", "x1": x1, "y1": y1, "x2": x2, "y2": y2, "color": color}


def dot(x, y, color):
    return {"kind": "dot", "x": x, "y": y, "color": color}


def text(x, y, string, size=13, anchor="start", color=INK, bold=False):
    return {"kind": "text", "x": x, "y": y, "string": string, "size": size, "anchor": anchor,
            "color": color, "bold": bold}


# ---- the drawing ----

def nice_step(most):
    """A round step that gives 4 to 8 of them."""
    step = 10 ** math.floor(math.log10(most))
    return next(step * f for f in (0.125, 0.25, 0.5, 1, 2) if most / (step * f) <= 8)


def legend(y):
    shapes = []
    for i, direction in enumerate(DIRECTIONS):
        x = WIDTH - RIGHT - 110 + 60 * i
        shapes += [rectangle(x, y - 10, 12, 12, COLORS[direction]), text(x + 17, y, direction)]
    return shapes


def draw_speeds(ways, size, top):
    """A bar a way and direction: GB/s. Gives the shapes and where they end."""
    names = [name for name in ORDER if name in ways]
    speeds = {name: {d: 0 if is_mapped(name, d) else size / best(ways[name], d) / 1e9
                     for d in DIRECTIONS} for name in names}
    most = max(max(pair.values()) for pair in speeds.values())
    scale = (WIDTH - LEFT - RIGHT) / most
    bottom = top + ROW * len(names)
    shapes = []
    step = nice_step(most)
    for i in range(int(most / step) + 1):
        x = LEFT + i * step * scale
        shapes += [line(x, top, x, bottom, GRID),
                   text(x, bottom + 18, f"{i * step:g}", 12, "middle", FAINT)]
    shapes.append(text(WIDTH - RIGHT, bottom + 36, "GB/s; longer is better", 12, "end", FAINT))
    for row, name in enumerate(names):
        y = top + ROW * row + (ROW - 2 * BAR) / 2
        shapes.append(text(LEFT - 10, y + BAR + 5, ways[name]["label"], 13, "end"))
        for i, direction in enumerate(DIRECTIONS):
            length = speeds[name][direction] * scale
            shown = f"{speeds[name][direction]:.2g}"
            if is_mapped(name, direction):
                shown = f"mapped in {seconds_text(best(ways[name], direction))}"
            shapes += [rectangle(LEFT, y + i * BAR, length, BAR - 1, COLORS[direction]),
                       text(LEFT + length + 5, y + i * BAR + 12, shown, 12)]
    return shapes, bottom + 40


def seconds_text(seconds):
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def draw_times(ways, top):
    """A dot a way and direction on a logarithmic axis of seconds."""
    names = [name for name in ORDER if name in ways]
    times = {name: {d: best(ways[name], d) for d in DIRECTIONS} for name in names}
    values = [value for pair in times.values() for value in pair.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    scale = (WIDTH - LEFT - RIGHT) / max(high - low, 1)
    bottom = top + ROW * len(names)
    shapes = []
    for power in range(low, high + 1):
        x = LEFT + (power - low) * scale
        shapes += [line(x, top, x, bottom, GRID),
                   text(x, bottom + 18, seconds_text(10.0**power), 12, "middle", FAINT)]
    shapes.append(text(WIDTH - RIGHT, bottom + 36, "logarithmic; left is better", 12, "end", FAINT))
    for row, name in enumerate(names):
        y = top + ROW * (row + 0.5)
        shapes.append(text(LEFT - 10, y + 5, ways[name]["label"], 13, "end"))
        for i, direction in enumerate(DIRECTIONS):
            x = LEFT + (math.log10(times[name][direction]) - low) * scale
            middle = y + (i - 0.5) * BAR
            shapes += [dot(x, middle, COLORS[direction]),
                       text(x + 9, middle + 4, seconds_text(times[name][direction]), 12)]
    return shapes, bottom + 40


def draw(results):
    machine = results["machine"]
    shapes = [text(20, 32, f"Handing over a table of {size_text(results['bytes'])}", 17, bold=True),
              text(20, 52, f"{results['rows']:,} rows, {results['columns']} float64 columns; best "
                   f"of {loops_of(results)} loops", 12, color=FAINT), *legend(52)]
    parts, y = draw_speeds(results["ways"], results["bytes"], 68)
    shapes += parts
    small = results["small"]
    if small["ways"]:
        shapes.append(text(20, y + 36, f"The same for {size_text(small['bytes'])}, with JSON", 17,
                           bold=True))
        parts, y = draw_times(small["ways"], y + 52)
        shapes += parts
    shapes.append(text(20, y + 24, f"{machine['processor']}, {machine['cores']} cores, "
                       f"{size_text(machine['memory'])}; Linux {machine['kernel']}; pyarrow "
                       f"{results['pyarrow']}; {results['date'][:10]}", 11, color=FAINT))
    return {"width": WIDTH, "height": y + 40, "shapes": shapes}


def loops_of(results):
    return max(len(way["put"]["loops"]) for way in results["ways"].values())


# ---- as SVG ----

def svg_shape(shape):
    kind, color = shape["kind"], shape["color"]
    if kind == "rectangle":
        return (f'<rect x="{shape["x"]:.1f}" y="{shape["y"]:.1f}" width="{shape["width"]:.1f}" '
                f'height="{shape["height"]:.1f}" fill="{color}"/>')
    if kind == "line":
        return (f'<line x1="{shape["x1"]:.1f}" y1="{shape["y1"]:.1f}" x2="{shape["x2"]:.1f}" '
                f'y2="{shape["y2"]:.1f}" stroke="{color}"/>')
    if kind == "dot":
        return f'<circle cx="{shape["x"]:.1f}" cy="{shape["y"]:.1f}" r="5" fill="{color}"/>'
    weight = ' font-weight="bold"' if shape["bold"] else ""
    return (f'<text x="{shape["x"]:.1f}" y="{shape["y"]:.1f}" font-size="{shape["size"]}" '
            f'text-anchor="{shape["anchor"]}" fill="{color}"{weight}>'
            f'{escape(shape["string"])}</text>')


def svg(drawing):
    width, height = drawing["width"], drawing["height"]
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" '
            f'viewBox="0 0 {width} {height:.0f}" font-family="{FONT}">')
    body = "\n".join(svg_shape(shape) for shape in drawing["shapes"])
    return f'{head}\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'


# ---- as PNG ----

def write_png(drawing, path):
    """False where matplotlib isn't there."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import patches, pyplot
    except ImportError:
        return False
    width, height = drawing["width"], drawing["height"]
    figure = pyplot.figure(figsize=(width / 100, height / 100), dpi=200)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    anchors = {"start": "left", "middle": "center", "end": "right"}
    for shape in drawing["shapes"]:
        kind, color = shape["kind"], shape["color"]
        if kind == "rectangle":
            axes.add_patch(patches.Rectangle((shape["x"], shape["y"]), shape["width"],
                                             shape["height"], color=color, linewidth=0))
        elif kind == "line":
            axes.plot([shape["x1"], shape["x2"]], [shape["y1"], shape["y2"]], color=color,
                      linewidth=0.7, zorder=0)
        elif kind == "dot":
            axes.add_patch(patches.Circle((shape["x"], shape["y"]), 5, color=color, linewidth=0))
        else:
            axes.text(shape["x"], shape["y"], shape["string"], fontsize=shape["size"] * 0.72,
                      color=color, ha=anchors[shape["anchor"]], va="baseline",
                      weight="bold" if shape["bold"] else "normal")
    figure.savefig(path)
    pyplot.close(figure)
    return True
