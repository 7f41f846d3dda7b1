"""A program on Debian's requests that uses plain HTTP.

    requests_client.py ORIGIN LOSSY_ORIGIN

The first answer that comes by LOSSY_ORIGIN, which leads to the same server, is lost. What it got is
printed as lines of JSON.
"""

import json
import sys
import threading

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

TIMEOUT = 40

ORIGIN, LOSSY_ORIGIN = sys.argv[1:]
TOPIC = f"{ORIGIN}/topics/t"


def show(step, got):
    print(json.dumps({"step": step, "got": got}), flush=True)


def put(text, **more):
    response = requests.post(TOPIC, data=text.encode(), timeout=TIMEOUT, **more)
    response.raise_for_status()
    return response.json()


def exact():
    texts = ["hello", "", "ünïcödé 🦊", "a\r\nb\0", "x" * 200_000]
    for text in texts:
        put(text)
    requests.post(TOPIC, json={"a": 1}, timeout=TIMEOUT).raise_for_status()
    requests.post(TOPIC, data=(part for part in (b"in ", b"parts")), timeout=TIMEOUT)
    texts += ['{"a": 1}', "in parts"]
    after, read = "start", []
    with requests.Session() as session:
        while True:
            response = session.get(TOPIC, params={"after": after}, timeout=TIMEOUT)
            response.raise_for_status()
            after = response.headers["Dsmq-Position"]
            if response.status_code == 204:
                break
            read.append(response.text)
    show("exact", read == texts)
    return after


def attributes(after):
    headers = {"Idempotency-Key": "order-7", "Dsmq-Header-source": "cron"}
    first, again = (put("seven", headers=headers, params={"key": "ann"}) for _ in range(2))
    show("idempotent", [first["seq"] == again["seq"], again.get("dup")])
    page = requests.get(TOPIC, params={"after": after, "count": 10}, timeout=TIMEOUT).json()
    (message,) = page["messages"]
    show("page", [message[name] for name in ("body", "key", "messageId", "headers")])
    return page["next"]


def wait(after):
    got = []

    def reader():
        query = {"after": after, "wait": 30}
        got.append(requests.get(TOPIC, params=query, timeout=TIMEOUT).text)

    thread = threading.Thread(target=reader)
    thread.start()
    put("waited for")
    thread.join()
    show("wait", got)


def follow():
    headers = {"Accept": "application/x-ndjson"}
    with requests.get(TOPIC, headers=headers, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        got = []
        put("followed 1")
        for line in response.iter_lines():
            # An empty line is a heartbeat.
            if not line:
                continue
            got.append(json.loads(line)["body"])
            if len(got) == 3:
                break
            put(f"followed {len(got) + 1}")
    show("follow", got)


def retry():
    with requests.Session() as session:
        retries = Retry(total=5, backoff_factor=0.01, status_forcelist=[429, 503], allowed_methods=None)
        session.mount("http://", HTTPAdapter(max_retries=retries))
        headers = {"Idempotency-Key": "job-1"}
        url = f"{LOSSY_ORIGIN}/topics/t"
        response = session.post(url, data=b"once", headers=headers, timeout=TIMEOUT)
        show("retry", [response.status_code, response.json().get("dup")])


def problems():
    latin = requests.post(TOPIC, data="ü".encode("latin-1"), timeout=TIMEOUT)
    show("latin", [latin.status_code, latin.json()["code"]])
    gone = requests.get(TOPIC, params={"after": "another-server-1:7"}, timeout=TIMEOUT)
    show("gone", [gone.status_code, gone.json()["code"], gone.headers["Dsmq-Position"].split(":")[1]])


after = attributes(exact())
wait(after)
follow()
retry()
problems()
