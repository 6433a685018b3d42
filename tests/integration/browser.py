# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium without a screen: what a page looks like, how wide it is, and what it prints."""

from __future__ import annotations

import html
import json
import re
import subprocess
import tempfile
from pathlib import Path

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
FRAME = """<!doctype html><body style="margin:0">
<iframe style="border:0;width:{width}px;height:{height}px" srcdoc="{page}"></iframe>
<script>onload = () => {{
  const inner = document.querySelector("iframe").contentDocument;
  const all = [...inner.querySelectorAll("body *")], box = one => one.getBoundingClientRect();
  const shown = all.filter(one => box(one).width && !one.closest("svg"));
  const over = shown.filter(one => box(one).right > {width} + 0.5);
  const wider = one => one.clientWidth && one.scrollWidth > one.clientWidth + 1;
  const cut = shown.filter(one => wider(one) && !one.matches(".track, .bar, .wide"));
  const texts = shown.filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  const leaves = texts.filter(one => !one.querySelector("*"));
  const lies = (a, b) => box(a).left < box(b).right - 1 && box(b).left < box(a).right - 1
    && box(a).top < box(b).bottom - 1 && box(b).top < box(a).bottom - 1;
  const near = leaves.map((one, at) => leaves.slice(at + 1, at + 12).find(other => lies(one, other)) && one);
  const name = ones => ones.filter(Boolean).slice(0, 9).map(one => one.outerHTML.slice(0, 80));
  const rects = (node, at, word) => {{
    const range = inner.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + word.length);
    return new Set([...range.getClientRects()].map(rect => rect.top)).size;
  }};
  const words = node => [...node.data.matchAll(/(?<![^\\s])[A-Za-z]{{2,12}}(?![^\\s])/g)];
  const broken = shown.filter(one => !one.closest("code, pre, .wide")).flatMap(one => [...one.childNodes])
    .filter(node => node.nodeType === 3)
    .flatMap(node => words(node).filter(found => rects(node, found.index, found[0]) > 1).map(found => found[0]));
  const edges = {{wide: name(over), cut: name(cut), over: name(near)}};
  const found = {{broken: broken.slice(0, 9), width: inner.documentElement.scrollWidth, ...edges}};
  document.body.dataset.found = JSON.stringify(found);
}}</script>"""


def chromium(*words: str) -> str:
    with tempfile.TemporaryDirectory() as profile:
        argv = ["chromium", *QUIET, f"--user-data-dir={profile}", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout


def framed(page: Path, folder: Path, width: int, height: int) -> Path:
    """A page around ours, which gives it its width (Chromium's own window is never below 500) and measures it."""
    policy = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>")
    text = html.escape(policy.sub("", page.read_text(encoding="utf-8")))
    frame = folder / f"frame-{width}.html"
    frame.write_text(FRAME.format(width=width, height=height, page=text), encoding="utf-8")
    return frame


def measured(page: Path, folder: Path, width: int) -> dict[str, object]:
    """How wide the page is in a window of ``width`` pixels, and what of it reaches over its edge, is cut by what is
    around it, or lies over another text; and which words of a usual length are broken."""
    shown = chromium("--dump-dom", f"file://{framed(page, folder, width, 800)}")
    return json.loads(html.unescape(re.search(r'data-found="([^"]*)"', shown)[1]))


def screenshot(page: Path, folder: Path, width: int, height: int) -> Path:
    picture = folder / f"{page.stem}-{width}.png"
    frame = framed(page, folder, width, height)
    chromium(f"--window-size={max(width, 500)},{height}", f"--screenshot={picture}", f"file://{frame}")
    return picture


def printed(page: Path, folder: Path) -> str:
    """The text of the page's PDF."""
    pdf = folder / f"{page.stem}.pdf"
    chromium("--no-pdf-header-footer", f"--print-to-pdf={pdf}", f"file://{page}")
    return subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
