"""A chart of ratios as SVG: a group of bars per contestant, and a line where the yardstick is."""

from collections.abc import Mapping
from html import escape

COLOURS = ("#2b6cb0", "#4fa3d1", "#d69e2e", "#c05621")
LEFT, WIDTH, BAR, GAP = 250, 480, 16, 14


def chart(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draw one bar per ratio; the longest fills the width."""
    longest = max(ratio for bars in groups.values() for ratio in bars.values())
    unit = WIDTH / longest
    parts, y = [f'<text x="10" y="22" font-weight="bold">{escape(title)}</text>'], 40
    for group, bars in groups.items():
        parts.append(f'<text x="10" y="{y + BAR - 3}">{escape(group)}</text>')
        for index, (name, ratio) in enumerate(bars.items()):
            colour, length = COLOURS[index % len(COLOURS)], ratio * unit
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR - 3}" '
                f'fill="{colour}"/><text x="{LEFT + length + 6:.0f}" y="{y + BAR - 5}">'
                f"{ratio:.2f} x {escape(name)}</text>"
            )
            y += BAR
        y += GAP
    line = LEFT + unit
    parts.append(f'<path d="M{line:.0f} 32V{y - GAP}" stroke="#555" stroke-dasharray="3 3"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 190}" height="{y}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(parts)}</svg>\n"
    )
