"""A client of dsmq 1.x as Python programs have it, and a program that uses it.

    client_1x.py HOST PORT         puts and gets between two connections
    client_1x.py HOST PORT stop    asks the server to stop

What it got is printed as lines of JSON.
"""

import json
import sys
import time

import websocket

TRIES = 10
FIRST_PAUSE = 0.01


class Client:
    def __init__(self, host, port):
        pause = FIRST_PAUSE
        for tries in range(TRIES + 1):
            try:
                self._socket = websocket.create_connection(f"ws://{host}:{port}")
                return
            except OSError:
                if tries == TRIES:
                    raise
                time.sleep(pause)
                pause *= 2

    def put(self, topic, message):
        self._send({"action": "put", "topic": topic, "message": message})

    def get(self, topic):
        return self._read("get", topic)

    def get_latest(self, topic):
        return self._read("get_latest", topic)

    def get_wait(self, topic):
        message = self.get(topic)
        pause = FIRST_PAUSE
        for _ in range(TRIES - 1):
            if message != "":
                break
            time.sleep(pause)
            pause *= 2
            message = self.get(topic)
        return message

    def shutdown_server(self):
        self._send({"action": "shutdown", "topic": ""})
        time.sleep(0.1)

    def close(self):
        self._socket.close()
        time.sleep(0.1)

    def unasked(self):
        """Unsolicited frames that have already arrived."""
        self._socket.settimeout(0.01)
        try:
            return [self._socket.recv()]
        except websocket.WebSocketTimeoutException:
            return []
        finally:
            self._socket.settimeout(None)

    def _send(self, request):
        self._socket.send(json.dumps(request))

    def _read(self, action, topic):
        self._send({"action": action, "topic": topic})
        return json.loads(self._socket.recv())["message"]


def show(step, got):
    print(json.dumps({"step": step, "got": got}), flush=True)


def exchange(host, port):
    one = Client(host, port)
    other = Client(host, port)
    show("nothing yet", [one.get("t"), one.get_latest("t")])

    for message in ["first", "second", "third", "fourth"]:
        one.put("t", message)
    show("waited for", [other.get_wait("t")])
    show("own", [one.get("t"), one.get("t"), one.get("t"), one.get("t")])
    show("oldest, newest, none", [other.get("t"), other.get_latest("t"), other.get("t")])

    other.put("numbers", 7)
    other.put("numbers", -2.5)
    other.put("numbers", 12345678901234567890)
    show("numbers", [other.get("numbers"), other.get("numbers")])
    show("large number", [other.get("numbers")])

    exact = 'é😀 "\\\n\0'
    other.put("exact", exact)
    show("exact", [one.get_wait("exact") == exact])

    # What json.dumps writes for these, NaN among them, is not JSON.
    values = [None, True, False, float("nan"), float("inf"), 1e300, ""]
    for value in values:
        other.put("values", value)
    show("values", [other.get("values") for _ in values])
    for topic in ["", True, 7.5]:
        one.put(topic, "here")
        show("topic", [one.get(topic), other.get(topic)])
    one.put(float("nan"), "nowhere")
    one.put("t", ["no", "text"])
    show("bad", [one.get(float("nan")), one.get("t")])

    one.shutdown_server()
    one.put("t", "still here")
    show("after shutdown", [other.get_wait("t")])
    show("unasked", one.unasked() + other.unasked())
    one.close()
    other.close()


def stop(host, port):
    client = Client(host, port)
    client.put("t", "last")
    show("last", [client.get("t")])
    client.shutdown_server()
    client.close()


if __name__ == "__main__":
    HOST, PORT, *WHAT = sys.argv[1:]
    (stop if WHAT == ["stop"] else exchange)(HOST, PORT)
