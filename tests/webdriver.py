"""A real browser for tests: headless Chromium by its driver, with the standard library alone."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_WAIT_S = 180  # a busy machine needs long for the first page
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_KEYS = {"Left": "\ue012", "Right": "\ue014", "Enter": "\ue007", "Escape": "\ue00c", "Home": "\ue011", "Tab": "\ue004"}


class Browser:
    """One window. Coordinates are CSS pixels of the window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, page: Path) -> None:
        """Load a page from disk."""
        self._post("url", {"url": page.resolve().as_uri()})

    def js(self, script: str, *arguments: object) -> Any:
        """Run JavaScript with `arguments` and return its value."""
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str) -> Any:
        """Wait until JavaScript returns something true, and return it."""
        body = (
            "const done = arguments[arguments.length - 1], end = Date.now() + 180000;"
            f"const test = () => {{ {script} }};"
            "const again = () => { const value = test(); if (value || Date.now() > end) done(value);"
            " else setTimeout(again, 30); }; again();"
        )
        value = self._post("execute/async", {"script": body, "args": []})
        assert value, f"never true: {script}"
        return value

    def point(self, x: float, y: float, *, kind: str = "mouse", press: bool = False) -> None:
        """Move the pointer, and press it there."""
        actions: list[dict[str, object]] = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]
        if press:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        source = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}
        self._post("actions", {"actions": [source]})

    def press(self, *keys: str) -> None:
        """Press keys one after the other: names such as Left, or signs."""
        signs = [_KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": sign} for sign in signs for kind in ("keyDown", "keyUp")]
        self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def devtools(self, command: str, **parameters: object) -> Any:
        """Run a command of the DevTools protocol."""
        return self._post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width: int, height: int = 900) -> None:
        """Set the size of the window; a narrow one is a phone with a touch screen."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def scheme(self, scheme: str) -> None:
        """Prefer "light" or "dark"."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def pdf(self) -> bytes:
        """Return the page as printed on A4."""
        return base64.b64decode(self._post("print", {"background": True}))

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Save what the window shows, or the whole page."""
        options: dict[str, object] = {"captureBeyondViewport": True} if whole else {}
        if whole:
            size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        path.write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot", format="png", **options)["data"]))

    def requests(self) -> list[str]:
        """Return the addresses that pages asked for since the last call, without embedded data."""
        entries = [json.loads(entry["message"])["message"] for entry in self._post("se/log", {"type": "performance"})]
        urls = [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def errors(self) -> list[str]:
        """Return what pages wrote to the console as errors since the last call."""
        return [entry["message"] for entry in self._post("se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def close(self) -> None:
        """End the browser."""
        _request(self._session, None, method="DELETE")

    def _post(self, command: str, body: dict[str, Any]) -> Any:
        return _request(f"{self._session}/{command}", body)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile; skips the test where there is no browser or no driver."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    binary, driver = next(filter(None, found), None), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    with subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = next(
                found[1] for line in process.stdout if (found := re.search(r"successfully on port (\d+)", line))
            )
            root = f"http://127.0.0.1:{port}/session"
            options = {"binary": binary, "args": [*_ARGUMENTS, f"--user-data-dir={profile}"]}
            wanted = {
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
                "timeouts": {"script": 200_000},
            }
            session = _request(root, {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            window = Browser(f"{root}/{session}")
            try:
                yield window
            finally:
                window.close()
        finally:
            process.terminate()


def _request(url: str, body: dict[str, Any] | None, *, method: str = "POST") -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_WAIT_S) as response:
            return json.load(response)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode(errors="replace")[:2000]) from error
