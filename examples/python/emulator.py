"""Tests a Python program against the emulator, with nothing but the standard library.

    python3 examples/python/emulator.py

EMULATOR names a built emulator; without it Go builds one. Each check prints a line; the first one
that fails ends the program with status 1.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Emulator:
    """A running emulator, with its control API."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            [command, "-addr", "127.0.0.1:0", "-control"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = [self.process.stdout.readline() for _ in range(5)]
        self.settings = dict(line.strip().split("=", 1) for line in lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def control(self, method, path, order=None):
        return send(method, self.settings["EMULATOR_CONTROL_URL"] + path, order)

    def call(self, method, path, **members):
        """Calls the API as a program under test does."""
        organization = self.settings["PROMPT_ORCHESTRA_ORGANIZATION_ID"]
        url = self.settings["PROMPT_ORCHESTRA_BASE_URL"] + path + "?publicContract=1"
        if method == "GET":
            url, members = url + "&organizationId=" + organization, None
        else:
            members["organizationId"] = organization
        return send(method, url, members, self.settings["PROMPT_ORCHESTRA_ACCESS_TOKEN"])


def send(method, url, body=None, token=None):
    """Returns the status and the decoded body; 0 if the connection was closed without a response."""
    request = urllib.request.Request(url, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    try:
        with DIRECT.open(request, timeout=10) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        return 0, None
    return status, json.loads(text) if text else None


def check(what, got, want):
    print(f"{what:<34} {got}")
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")


def checks(emulator):
    control, call = emulator.control, emulator.call
    check("healthy", control("GET", "/health"), (200, {"status": "ok"}))
    prompt = control("POST", "/publish", {"prompt": "Hello {{name}}!"})[1]["id"]

    def run():
        return call("POST", f"/api/prompts/{prompt}/run", variables={"name": "Ada"})

    check("a run", run()[1]["outputText"], "Hello Ada!")

    control("POST", "/limits", {"seats": 3})
    check("with three seats", run()[0], 402)
    control("DELETE", "/limits")

    control("POST", "/faults", {"op": "Prompts.Run", "faults": [{"fault": "dropAfter"}]})
    check("a lost response", run(), (0, None))
    check("and yet it ran", len(call("GET", "/api/runs")[1]), 2)

    control("POST", "/failures", {"id": prompt, "message": "provider down", "status": 200})
    check("a failure inside a 200", (run()[0], call("GET", "/api/runs")[1][-1]["status"]), (200, "failed"))

    steps = {"entryStepKey": "end", "transitions": [], "steps": [
        {"stepKey": "end", "name": "End", "stepType": "return_step", "positionIndex": 0}]}
    agent = control("POST", "/publish", {"agent": steps})[1]["id"]
    started = call("POST", f"/api/agents/{agent}/run", variables={})[1]
    check("an agent run at first", started["status"], "running")
    fetched = call("GET", "/api/agent-runs/" + started["runId"])[1]
    check("and when it is fetched", fetched["run"]["status"], "completed")

    status, rejected = control("POST", "/faults", {"op": "Prompts.Run", "faults": [{"fault": "dropafter"}]})
    check("a misspelt fault", (status, "dropafter" in rejected["error"]), (400, True))

    control("POST", "/reset")
    check("after a reset", call("GET", "/api/runs"), (200, []))


def main():
    with tempfile.TemporaryDirectory() as scratch:
        command = os.environ.get("EMULATOR")
        if not command:
            command = os.path.join(scratch, "emulator")
            subprocess.run(["go", "build", "-o", command, "./cmd/promptorchestra-emulator"], cwd=ROOT, check=True)
        with Emulator(command) as emulator:
            checks(emulator)


if __name__ == "__main__":
    main()
