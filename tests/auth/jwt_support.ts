/**
 * JSON Web Tokens for tests: keys, tokens, and a server of keys.
 *
 * @module
 */

import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** A secret for HS256. */
export const SECRET = "a secret of a test with 32 bytes";

/** A pair of keys in all the forms that they come in. */
export interface Keys {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly pem: string;
  readonly jwk: JsonWebKey;
}

/** Makes a pair of keys. */
export async function keysFor(alg: "RS256" | "ES256"): Promise<Keys> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey) as JsonWebKey;
  return { alg, privateKey, pem: await exportSPKI(publicKey), jwk };
}

/** Makes a public key of RSA that is too short to be accepted. */
export async function weakKey(): Promise<JsonWebKey> {
  const { publicKey } = await crypto.subtle.generateKey(
    {
      ...{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 1024 },
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ["sign", "verify"],
  );
  return await crypto.subtle.exportKey("jwk", publicKey);
}

/** What a token says; `undefined` leaves a claim out. */
export type Claims = { readonly [name in keyof JWTPayload]?: unknown };

/** The claims of a token that is valid for an hour. */
export function claims(now: number, more: Claims = {}): JWTPayload {
  const all = { dsmq: { permissions: ["read"] }, exp: Math.floor(now / 1000) + 3600, ...more };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Signs a token with a key, or with a secret and HS256. */
export async function signed(
  payload: JWTPayload,
  by: Keys | string = SECRET,
  header: object = {},
): Promise<string> {
  const [alg, key] = typeof by === "string"
    ? ["HS256", new TextEncoder().encode(by)]
    : [by.alg, by.privateKey];
  return await new SignJWT(payload).setProtectedHeader({ alg, ...header }).sign(key);
}

/** A part of a token as it is sent. */
export function encodedPart(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** Serves a JWK Set; what it answers can be changed. */
export function jwksServer(answer: () => Response | Promise<Response>) {
  let requests = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    requests++;
    return answer();
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/jwks.json`,
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** `AbortSignal.timeout` whose time passes only when the test says so; until this is disposed of. */
export class HeldTimeouts implements Disposable {
  readonly #original = AbortSignal.timeout;
  readonly #controllers: AbortController[] = [];
  /** The times that were asked for, in milliseconds. */
  readonly asked: number[] = [];

  constructor() {
    AbortSignal.timeout = (ms) => {
      this.asked.push(ms);
      const controller = new AbortController();
      this.#controllers.push(controller);
      return controller.signal;
    };
  }

  /** All of them are over. */
  pass(): void {
    const error = new DOMException("The time is over.", "TimeoutError");
    for (const controller of this.#controllers.splice(0)) controller.abort(error);
  }

  [Symbol.dispose](): void {
    AbortSignal.timeout = this.#original;
  }
}
