"""The page in a headless Chromium with onnxruntime-web from npm: the same probabilities as in Python."""

import json
import os
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from fercli.weights.classifier import load_classifier

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "browser"
WAIT_S = 240  # an idle machine needs ten

pytestmark = pytest.mark.slow


class _Pages(SimpleHTTPRequestHandler):
    """Serves a folder; what is posted goes to the server's `answer`."""

    def do_POST(self):
        self.server.answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.answered.set()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The example as a user lays it out, with its package from npm, or from FER_NODE_MODULES where that is set."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, site, dirs_exist_ok=True)
    ready = os.environ.get("FER_NODE_MODULES")
    if ready:
        (site / "node_modules").symlink_to(Path(ready).resolve())
        return site
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to get onnxruntime-web with: apt-get install npm")
    done = subprocess.run(
        [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=site, capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"npm could not get onnxruntime-web: {done.stderr.decode(errors='replace')[-200:]}")
    return site


@pytest.fixture
def server(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(site)))
    server.answer, server.answered = None, threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_page__gives_the_probabilities_of_python(browser, site, server, shipped, shipped_crops, crop, tmp_path):
    classifier = load_classifier(shipped, device="cpu")
    shutil.copy(shipped_crops, site / "model.onnx")
    (site / "card.json").write_text(classifier.card.to_json())
    Image.fromarray(crop).save(site / "crop.png")
    page = f"http://127.0.0.1:{server.server_address[1]}/index.html?picture=crop.png&report=/answer"
    quiet = ["background-networking", "component-update", "sync", "gpu", "dev-shm-usage"]
    command = [browser, "--headless", "--no-sandbox", *(f"--disable-{what}" for what in quiet)]
    with subprocess.Popen(
        [*command, f"--user-data-dir={tmp_path}", "--remote-debugging-port=0", page],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        answered = server.answered.wait(WAIT_S)
        process.terminate()
    assert answered, f"no answer from the page within {WAIT_S} s"
    [wanted] = classifier.classify(crop[None])
    assert server.answer == pytest.approx(dict(zip(classifier.card.labels, map(float, wanted), strict=True)), abs=1e-3)
