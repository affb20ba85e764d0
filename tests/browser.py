"""A browser without a window, for the tests of pages.

Chromium is told what to do through the pipe of --remote-debugging-pipe: one
JSON object for each command, answer and event, with a zero byte behind it.
That needs no driver and no library.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ["chromium", "chromium-browser", "google-chrome"]
LIMIT = 120     # seconds for one answer; a net for hangs
KEYS = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38,
        "ArrowLeft": 37, "ArrowRight": 39, " ": 32, "/": 191, "Escape": 27}


def program():
    """The path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of one browser, and what it has complained about."""

    def __init__(self, folder, width=1440, height=900):
        self.number, self.answers = 0, {}
        self.complaints, self.requests, self.loaded = [], [], 0
        commands, self.to = os.pipe()
        self.origin, replies = os.pipe()

        def place_pipes():      # where Chromium expects them
            ends = os.dup(commands), os.dup(replies)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [program(), "--headless=new", "--remote-debugging-pipe",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync",
             "--user-data-dir=%s" % folder, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=place_pipes,
            pass_fds=(3, 4), env={**os.environ, "HOME": str(folder)})
        os.close(commands)
        os.close(replies)
        self.unread, self.session = b"", None
        target = self.ask("Target.createTarget", url="about:blank")
        self.session = self.ask(
            "Target.attachToTarget", targetId=target["targetId"],
            flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.ask(domain + ".enable")
        self.resize(width, height)

    # ---- The pipe ----------------------------------------------------

    def ask(self, method, **parameters):
        """Sends a command; returns its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        number = self.number
        self.until(lambda: number in self.answers, method)
        answer = self.answers.pop(number)
        assert "error" not in answer, "%s: %s" % (method, answer["error"])
        return answer["result"]

    def until(self, done, what):
        """Reads messages until DONE() is true."""
        end = time.monotonic() + LIMIT
        while not done():
            ready, _, _ = select.select([self.origin], [], [], 1)
            assert time.monotonic() < end, "%s: no answer" % what
            assert ready or self.process.poll() is None, "no browser"
            if ready:
                self.unread += os.read(self.origin, 1 << 20)
                *whole, self.unread = self.unread.split(b"\0")
                for message in whole:
                    self.receive(json.loads(message))

    def receive(self, message):
        method, about = message.get("method"), message.get("params", {})
        if "id" in message:
            self.answers[message["id"]] = message
        elif method == "Page.loadEventFired":
            self.loaded += 1
        elif method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(about["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])

    # ---- What a person does ------------------------------------------

    def open(self, url):
        """Loads a page that is not the one with another fragment."""
        before = self.loaded
        self.ask("Page.navigate", url=url)
        self.until(lambda: self.loaded > before, url)

    def resize(self, width, height=900):
        self.ask("Emulation.setDeviceMetricsOverride", width=width,
                 height=height, deviceScaleFactor=1, mobile=width < 600)

    def colours(self, scheme):
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key, shift=False):
        """A key that has a name."""
        text = {"Enter": "\r", " ": " ", "/": "/"}.get(key)
        event = dict(key=key, code="Space" if key == " " else key,
                     windowsVirtualKeyCode=KEYS[key],
                     modifiers=8 if shift else 0)
        self.ask("Input.dispatchKeyEvent",
                 type="keyDown" if text else "rawKeyDown",
                 **event, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def settle(self):
        """Lets the page do what it has put off, such as a new fragment."""
        self.run("new Promise(done => setTimeout(done, 0))")

    # ---- What there is to see ----------------------------------------

    def run(self, script):
        """The value of an expression of JavaScript in the page."""
        done = self.ask("Runtime.evaluate", expression=script,
                        returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def text(self, selector):
        """The text of an element; None if there is none."""
        return self.run("(e => e && e.textContent)(document.querySelector(%s))"
                        % json.dumps(selector))

    def screenshot(self, path):
        """For people: no test looks at it."""
        picture = self.ask("Page.captureScreenshot")
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def close(self):
        try:
            os.write(self.to, b'{"id":0,"method":"Browser.close"}\0')
            self.process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.origin)
