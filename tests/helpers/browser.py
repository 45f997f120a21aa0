"""A page in a real browser: what its console said, its images, what it asked the network for, and what axe finds."""

import json
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OWN = "not an origin"  # who begins the browser's own errands
SCRIPT = """
<script>
window.addEventListener("load", async () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const images = [...document.images];
  images.forEach((one) => { one.loading = "eager"; });
  const ended = (one) => one.complete || new Promise((done) => { one.onload = one.onerror = done; });
  await Promise.all(images.map(ended));
  const seen = {
    images: images.map((one) => [one.getAttribute("src"), one.naturalWidth, one.alt]),
    widths: [document.documentElement.scrollWidth, window.innerWidth],
    violations: [],
  };
  if (window.axe) {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    const elements = (one) => one.nodes.map((node) => node.html).slice(0, 3);
    seen.violations = found.violations.map((one) => [one.impact, one.id, elements(one)]);
  }
  const box = document.createElement("pre");
  box.id = "seen";
  box.textContent = JSON.stringify(seen);
  document.body.append(box);
});
</script>
"""


@dataclass(frozen=True)
class Visit:
    """What one visit showed: lines of the console; (source, natural width, alternative text) of every image; URLs
    that were asked of the network; width of the page and of the window; (impact, rule, elements) by axe."""

    console: tuple[str, ...]
    images: tuple[tuple[str, int, str], ...]
    requests: tuple[str, ...]
    page_width: int
    window_width: int
    violations: tuple[tuple[str, str, list[str]], ...]


def axe_script():
    """axe-core's file, where `make test-long` could fetch it or $CONCORD_AXE names it; else None."""
    own = Path(__file__).parents[2] / ".venv" / "axe.min.js"
    path = Path(os.environ.get("CONCORD_AXE", own))
    return path if path.is_file() else None


def visit(page, folder, width=1200, dark=False, axe=None):
    """Open a page from the disk, every part of it unfolded.

    Parameters
    ----------
    page : its file; a copy with a script that looks around is opened beside it.
    folder : where the browser keeps what is its own.
    width : of the window, in pixels.
    dark : whether the user prefers dark pages.
    axe : axe-core's file; None: it is not asked.
    """
    copy, log = page.with_name(f"visited-{page.name}"), folder / "net.json"
    rules = f"<script>{axe.read_text(encoding='utf-8')}</script>" if axe else ""
    text = page.read_text(encoding="utf-8")
    assert text.count("</body>") == 1
    copy.write_text(text.replace("</body>", f"{rules}{SCRIPT}</body>"), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'browser'}", f"--log-net-log={log}", f"--proxy-server=127.0.0.1:{_closed_port()}",
        f"--window-size={width},1000", "--virtual-time-budget=60000", "--dump-dom",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []), copy.as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    finally:
        copy.unlink()
    seen = json.loads(unescape(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
    return Visit(
        console=tuple(re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr)),
        images=tuple(map(tuple, seen["images"])),
        requests=_requests(log),
        page_width=seen["widths"][0],
        window_width=seen["widths"][1],
        violations=tuple(map(tuple, seen["violations"])),
    )


def _closed_port():
    """A port of this machine at which nobody listens: whatever asks a proxy there is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _requests(log):
    """URLs of what the page, or anything in it, asked for, as the browser's own log has them; not the browser's own
    errands, which no page began."""
    events = json.loads(log.read_text(encoding="utf-8", errors="replace"))["events"]
    asked = [
        one["params"] for one in events if one.get("params", {}).get("initiator", "not an origin") != "not an origin"
    ]
    urls = [str(one.get("url", "")) for one in asked]
    return tuple(dict.fromkeys(url for url in urls if not url.startswith(("file:", "data:", "blob:"))))
