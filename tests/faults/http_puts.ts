/**
 * Puts over plain HTTP, each at one server alone: so it is known how long that takes to answer, and nobody repeats them.
 *
 * @module
 */

import { connect } from "../../mod.ts";
import { disorder, type Stored } from "./one_history.ts";
import { type Finding, none } from "./report.ts";
import { sleep } from "./sleep.ts";

/** In how long a put is answered, or refused if nobody can store it, in milliseconds. */
export const REFUSED = 5000;

/** The topic of these puts. */
const TOPIC = "posts";

/** How long it may take until what is stored can be read, in milliseconds. */
const READ_TIMEOUT = 60_000;

/** How long until the next put at the same server, in milliseconds. */
const PACE = 20;

/** A put over HTTP. */
interface Post {
  readonly body: string;
  /** `stored`, the code of its error, or the name of what ended it without an answer. */
  readonly outcome: string;
  /** Its number, if it is stored. */
  readonly seq: number | undefined;
  /** The server has said that it is not stored. */
  readonly isRefused: boolean;
  /** In milliseconds. */
  readonly took: number;
}

/** The puts of a run. */
export class HttpPuts {
  readonly #posts: Post[] = [];
  readonly #ofServer = new Map<string, number>();

  /** How many there were. */
  get count(): number {
    return this.#posts.length;
  }

  /** The bodies of those, from one of them on, that were acknowledged. */
  acknowledgedSince(first: number): string[] {
    return this.#posts.slice(first).filter(({ seq }) => seq !== undefined).map(({ body }) => body);
  }

  /** Puts at each of these servers, one after another, until a promise has settled; and at least once. */
  async putUntil(urls: readonly string[], end: Promise<unknown>): Promise<void> {
    let isOver = false;
    const ending = end.finally(() => isOver = true);
    await Promise.all(urls.map(async (url) => {
      do {
        this.#posts.push(await this.#post(url));
        await sleep(PACE);
      } while (!isOver);
    }));
    await ending;
  }

  /**
   * Whether each was answered in time, and truly.
   *
   * @param url the server that says what is stored
   * @param stated why times are not promised
   */
  async findings(url: string, stated: string | undefined): Promise<Finding[]> {
    const posts = this.#posts;
    const stored = await storedAt(url);
    const at = new Map(stored.map(({ body, seq }) => [body, seq]));
    const slowest = Math.max(0, ...posts.map(({ took }) => took));
    const outcomes = [...new Set(posts.map(({ outcome }) => outcome))];
    return [
      { what: "puts over HTTP meanwhile", seen: posts.length, good: posts.length > 0 },
      { what: "their answers", seen: outcomes.join(), good: true },
      none(
        "acknowledged over HTTP, and lost or elsewhere",
        posts.filter(({ body, seq }) => seq !== undefined && at.get(body) !== seq),
      ),
      none(
        "said over HTTP not to be stored, and stored",
        posts.filter(({ isRefused, body }) => isRefused && at.has(body)),
      ),
      none(
        "stored twice over HTTP, or out of order",
        [...stored.filter(({ body, seq }) => at.get(body) !== seq), ...disorder(stored)],
      ),
      {
        what: "the slowest put over HTTP",
        seen: `${Math.round(slowest)} ms`,
        good: slowest <= REFUSED,
        stated,
      },
    ];
  }

  async #post(url: string): Promise<Post> {
    const n = this.#ofServer.get(url) ?? 0;
    this.#ofServer.set(url, n + 1);
    const body = `${url.replace(/.*\/\//, "").replace(":", "/")}:${n}`;
    const begun = performance.now();
    const took = () => performance.now() - begun;
    try {
      const answer = await fetch(`${url.replace("ws:", "http:")}/topics/${TOPIC}`, {
        ...{ method: "POST", body, signal: AbortSignal.timeout(2 * REFUSED) },
      });
      const { code, seq } = await answer.json();
      const isRefused = !answer.ok && code !== "unknown_outcome";
      return { body, outcome: answer.ok ? "stored" : `${code}`, seq, isRefused, took: took() };
    } catch (error) {
      const { name } = error as Error;
      return { body, outcome: name, seq: undefined, isRefused: false, took: took() };
    }
  }
}

async function storedAt(url: string): Promise<Stored[]> {
  await using mq = await connect(url, { since: "start", timeout: READ_TIMEOUT });
  const stored: Stored[] = [];
  for (let message; (message = await mq.read(TOPIC));) {
    stored.push({ seq: message.seq, body: message.body });
  }
  return stored;
}
