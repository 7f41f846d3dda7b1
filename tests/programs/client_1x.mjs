/**
 * A client of dsmq 1.x for Node, and a program that uses it.
 *
 *     client_1x.mjs HOST PORT         puts and gets between two connections
 *     client_1x.mjs HOST PORT stop    asks the server to stop
 *
 * It prints what it received as lines of JSON.
 */

import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

const TRIES = 10;
const FIRST_PAUSE = 10;

function dial(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** As Python's `json.dumps` formats it. */
function json(request) {
  const field = ([name, value]) =>
    `"${name}": ${typeof value === "number" ? value : JSON.stringify(value)}`;
  return `{${Object.entries(request).map(field).join(", ")}}`;
}

class Client {
  #socket;
  #frames = [];
  #waiting = [];

  constructor(socket) {
    this.#socket = socket;
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", (code) => this.#fail(new Error(`closed with ${code}`)));
    socket.on("message", (data) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting.resolve(data.toString());
      else this.#frames.push(data.toString());
    });
  }

  static async connect(host, port) {
    let pause = FIRST_PAUSE;
    for (let tries = 1;; tries++, pause *= 2) {
      try {
        return new Client(await dial(`ws://${host}:${port}`));
      } catch (error) {
        if (tries > TRIES || error.code !== "ECONNREFUSED") throw error;
        await sleep(pause);
      }
    }
  }

  put(topic, message) {
    this.#socket.send(json({ action: "put", topic, message }));
  }

  get(topic) {
    return this.#read("get", topic);
  }

  getLatest(topic) {
    return this.#read("get_latest", topic);
  }

  async getWait(topic) {
    let pause = FIRST_PAUSE;
    for (let tries = 1;; tries++, pause *= 2) {
      const message = await this.get(topic);
      if (message !== "" || tries === TRIES) return message;
      await sleep(pause);
    }
  }

  async shutdownServer() {
    this.#socket.send(JSON.stringify({ action: "shutdown", topic: "" }));
    await sleep(100);
  }

  async close() {
    this.#socket.close();
    await sleep(100);
  }

  /** Unsolicited frames. */
  get unasked() {
    return this.#frames;
  }

  async #read(action, topic) {
    const frame = this.#next();
    this.#socket.send(json({ action, topic }));
    return JSON.parse(await frame).message;
  }

  #next() {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function print(step, got) {
  console.log(JSON.stringify({ step, got }));
}

async function exchange(host, port) {
  const one = await Client.connect(host, port);
  const other = await Client.connect(host, port);
  print("nothing yet", [await one.get("t"), await one.getLatest("t")]);

  for (const message of ["first", "second", "third", "fourth"]) one.put("t", message);
  print("waited for", [await other.getWait("t")]);
  print("own", [await one.get("t"), await one.get("t"), await one.get("t"), await one.get("t")]);
  print("oldest, newest, none", [
    await other.get("t"),
    await other.getLatest("t"),
    await other.get("t"),
  ]);

  other.put("numbers", 7);
  other.put("numbers", -2.5);
  other.put("numbers", 12345678901234567890n.toString());
  print("numbers", [await other.get("numbers"), await other.get("numbers")]);
  print("large number", [await other.get("numbers")]);

  const exact = 'é😀 "\\\n\0';
  other.put("exact", exact);
  print("exact", [(await one.getWait("exact")) === exact]);

  const values = [null, true, false, NaN, Infinity, 1e300, ""];
  for (const value of values) other.put("values", value);
  const got = [];
  for (const _ of values) got.push(await other.get("values"));
  print("values", got);
  for (const topic of ["", true, 7.5]) {
    one.put(topic, "here");
    print("topic", [await one.get(topic), await other.get(topic)]);
  }
  one.put(NaN, "nowhere");
  one.put("t", ["no", "text"]);
  print("bad", [await one.get(NaN), await one.get("t")]);

  await one.shutdownServer();
  one.put("t", "still here");
  print("after shutdown", [await other.getWait("t")]);
  print("unasked", [...one.unasked, ...other.unasked]);
  await one.close();
  await other.close();
}

async function stop(host, port) {
  const client = await Client.connect(host, port);
  client.put("t", "last");
  print("last", [await client.get("t")]);
  await client.shutdownServer();
  await client.close();
}

const [host, port, what] = process.argv.slice(2);
await (what === "stop" ? stop : exchange)(host, port);
