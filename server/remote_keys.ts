/**
 * The keys of a JWK Set at an address: fetched when they are needed, in bounded size and time, and kept while they cannot be
 * fetched again.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { EventLog } from "../queue/log_event.ts";
import type { FindKey, Jose } from "./jose_package.ts";
import type { OptionNames } from "./option_checks.ts";
import { importJwk } from "./public_keys.ts";

/** The largest set, in bytes; those of identity providers have some kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** How long it may take to arrive, in milliseconds: clients wait for it. */
const TIMEOUT = 4000;

/**
 * Fetches the keys of a set.
 *
 * @param url its address
 * @returns what the set has, not checked any further
 * @throws {Error} if it does not come, or is none
 */
async function fetchKeys(url: URL): Promise<readonly unknown[]> {
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    const response = await fetch(url, {
      signal,
      headers: { accept: "application/json, application/jwk-set+json" },
      // Whoever answers at another address could sign tokens.
      redirect: "manual",
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the answer has status ${response.status}, not 200`);
    }
    return keysOf(await textOf(response));
  } catch (error) {
    if (signal.aborted) throw new Error(`nothing came within ${TIMEOUT / 1000} s`);
    throw withReason(error as Error, url);
  }
}

/** What `fetch` throws says only in its cause what is wrong. The address, which may have a secret in it, is not shown. */
function withReason(error: Error, url: URL): Error {
  const { message, cause } = error;
  if (!(cause instanceof Error)) return error;
  return new Error(`${message}: ${cause.message.replaceAll(url.href, "…")}`, { cause });
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the JWK Set has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return await new Blob(chunks).text();
}

function keysOf(text: string): readonly unknown[] {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error("the answer is no JSON");
  }
  const { keys } = Object(set) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new Error("the answer is no JWK Set: it has no list of keys");
  return keys;
}

/** Older keys are fetched again, in milliseconds: some may have been revoked. */
const MAX_AGE = 600_000;

/** For how much longer known keys count while they cannot be fetched again, in milliseconds. */
const MAX_OUTAGE = 3_600_000;

/** After a fetch there is none for so long, in milliseconds, unless no key is known. */
const COOLDOWN = 30_000;

/** The keys cannot be had now. */
export class KeysUnavailable extends Error {}

/** What it needs of its server. */
export interface RemoteKeysContext {
  readonly clock: Clock;
  readonly log: EventLog;
  /** How options are named in the log. */
  readonly nameOf: OptionNames;
}

/** The option with the address, as the log names it. */
const OPTION = "auth.jwt.jwks";

/** The keys at one address. */
export class RemoteKeys {
  readonly #jose: Pick<Jose, "createLocalJWKSet" | "importJWK">;
  readonly #url: URL;
  readonly #context: RemoteKeysContext;
  #known: FindKey | undefined;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #fetching: Promise<FindKey> | undefined;
  /** Why the last fetch failed. */
  #fault: string | undefined;

  /** Fetches nothing yet. */
  constructor(
    jose: Pick<Jose, "createLocalJWKSet" | "importJWK">,
    url: URL,
    context: RemoteKeysContext,
  ) {
    this.#jose = jose;
    this.#url = url;
    this.#context = context;
  }

  /**
   * Finds the key for a token.
   *
   * @throws {KeysUnavailable} if the keys cannot be had; the errors of `npm:jose`, if none of them fits, or several do
   */
  readonly find: FindKey = async (header, token) => {
    const known = await this.#current();
    try {
      return await known(header, token);
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== "ERR_JWKS_NO_MATCHING_KEY") throw error;
      const newer = await this.#newerThan(known);
      if (!newer) throw error;
      return await newer(header, token);
    }
  };

  /** The keys that count now. */
  async #current(): Promise<FindKey> {
    const known = this.#known;
    const age = this.#time() - this.#fetchedAt;
    if (!known || age >= MAX_AGE + MAX_OUTAGE) return await this.#fetch();
    if (age < MAX_AGE) return known;
    const isFailing = this.#fault !== undefined;
    if (isFailing && !this.#mayFetch()) return known;
    const fetching = this.#fetch().catch(() => known);
    // Nobody waits for what has just failed.
    return isFailing ? known : await fetching;
  }

  /** Keys that may have come since; `undefined` if there are none. */
  async #newerThan(known: FindKey): Promise<FindKey | undefined> {
    if (this.#known !== known) return this.#known;
    if (this.#fetching || this.#mayFetch()) return await this.#fetch();
    // The key may be among those that cannot be fetched.
    if (this.#fault !== undefined) throw new KeysUnavailable(this.#fault);
    return undefined;
  }

  #mayFetch(): boolean {
    return this.#time() - this.#triedAt >= COOLDOWN;
  }

  /** Fetches them. All who need them meanwhile share that. */
  #fetch(): Promise<FindKey> {
    return this.#fetching ??= this.#load().finally(() => this.#fetching = undefined);
  }

  async #load(): Promise<FindKey> {
    this.#triedAt = this.#time();
    try {
      const known = this.#jose.createLocalJWKSet({ keys: await this.#usable() });
      this.#fetchedAt = this.#time();
      if (this.#fault !== undefined && this.#known) {
        const { log, nameOf } = this.#context;
        const message = `the keys of ${nameOf(OPTION)} were fetched again`;
        log.write({ event: "keys_available", message });
      }
      this.#fault = undefined;
      return this.#known = known;
    } catch (error) {
      const { message } = error as Error;
      if (this.#fault === undefined) this.#warn(message);
      this.#fault = message;
      throw new KeysUnavailable(message, { cause: error });
    }
  }

  /** Others in the set are for other purposes, or of kinds that are not supported. */
  async #usable(): Promise<JsonWebKey[]> {
    const keys: JsonWebKey[] = [];
    for (const key of await fetchKeys(this.#url)) {
      const imported = await importJwk(this.#jose, key);
      if (typeof imported === "object") keys.push(key as JsonWebKey);
    }
    return keys;
  }

  /** Once for each outage. */
  #warn(reason: string): void {
    const left = this.#fetchedAt + MAX_AGE + MAX_OUTAGE - this.#time();
    if (!this.#known || left <= 0) return;
    const { clock, log, nameOf } = this.#context;
    const until = new Date(clock.now() + left).toJSON();
    log.write({
      event: "keys_unavailable",
      message: `the keys of ${nameOf(OPTION)} cannot be fetched again`,
      reason,
      advice: `those that are known count until ${until}`,
    });
  }

  #time(): number {
    const { clock } = this.#context;
    return clock.monotonic?.() ?? clock.now();
  }
}
