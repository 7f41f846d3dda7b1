/**
 * Checks the certificate and the key of TLS before they are used.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Tls } from "./auth_options.ts";

/** A pair that can be used. */
export interface CheckedTls {
  /** The pair in a form that every transport accepts. */
  readonly tls: Tls;
  /** Why clients may reject it, a sentence each. */
  readonly warnings: readonly string[];
}

/** A block of PEM. A byte order mark, other line ends and text around it do no harm. */
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g;

/** The curves that both transports can use. */
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];

/** The shortest RSA key that both transports can use, in bits. */
const RSA_BITS = 2048;

/**
 * Checks a certificate and its key. The transports would find some faults only when a client connects.
 *
 * @param pair the pair to check
 * @param names the names of the two
 * @param now the time, in milliseconds since 1970
 * @returns the pair, and warnings
 * @throws {RangeError} if it cannot be used
 */
export function checkTls(pair: Tls, names: Tls, now: number): CheckedTls {
  const chain = certificates(pair.cert, names.cert);
  const key = privateKey(pair.key, names.key);
  const owner = chain.findIndex(({ certificate }) => certificate.checkPrivateKey(key.object));
  if (owner < 0) {
    throw tlsError(names.key, `the certificate in ${names.cert} is for another key`);
  }
  if (owner > 0) {
    const reason = `the certificate of the key must come first in it, but is number ${owner + 1}`;
    throw tlsError(names.cert, reason);
  }
  return {
    tls: { cert: chain.map(({ pem }) => `${pem}\n`).join(""), key: `${key.pem}\n` },
    warnings: tlsWarnings(chain.map(({ certificate }) => certificate), names.cert, now),
  };
}

function certificates(
  text: string,
  name: string,
): readonly { readonly pem: string; readonly certificate: X509Certificate }[] {
  const found = blocks(text, name).filter(({ label }) => label === "CERTIFICATE");
  if (found.length === 0) throw tlsError(name, `there is no certificate in it${contentHint(text)}`);
  return found.map(({ pem }, i) => {
    try {
      return { pem, certificate: new X509Certificate(pem) };
    } catch (cause) {
      throw tlsError(name, `certificate number ${i + 1} in it is damaged`, cause);
    }
  });
}

function privateKey(
  text: string,
  name: string,
): { readonly pem: string; readonly object: KeyObject } {
  const [found] = blocks(text, name).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  if (found === undefined) {
    throw tlsError(name, `there is no private key in it${contentHint(text)}`);
  }
  const { label, pem } = found;
  if (label.startsWith("ENCRYPTED") || pem.includes("Proc-Type: 4,ENCRYPTED")) {
    throw tlsError(name, "the key in it is locked with a passphrase (openssl pkey can unlock it)");
  }
  let object: KeyObject;
  try {
    object = createPrivateKey(pem);
  } catch (cause) {
    throw tlsError(name, "the private key in it is damaged, or of an unknown kind", cause);
  }
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = object;
  const isUsable = kind === "rsa"
    ? (details?.modulusLength ?? 0) >= RSA_BITS
    : kind === "ec"
    ? CURVES.includes(details?.namedCurve ?? "")
    : kind === "ed25519";
  if (isUsable) return { pem, object };
  const what = [kind, details?.namedCurve, details?.modulusLength].filter((part) => part).join(" ");
  const usable = `RSA of at least ${RSA_BITS} bits, P-256, P-384, P-521 or Ed25519`;
  throw tlsError(name, `its key is ${what}, and has to be ${usable}`);
}

function blocks(text: string, name: string): readonly { label: string; pem: string }[] {
  if (text.replace(/^\uFEFF/, "").trim() === "") throw tlsError(name, "it is empty");
  return [...text.replaceAll(/\r\n?/g, "\n").matchAll(PEM_BLOCK)].map(([pem, label]) => ({
    label: label!,
    pem,
  }));
}

/** What a text contains in place of what it should. */
function contentHint(text: string): string {
  const label = [...text.matchAll(PEM_BLOCK)].map(([, label]) => label!).find((label) =>
    label !== "EC PARAMETERS"
  );
  if (label === undefined) return ": it is not in PEM";
  const what = label.endsWith("PRIVATE KEY") ? "private key" : label.toLowerCase();
  return `, but a ${what}`;
}

/** Why clients may reject it. */
function tlsWarnings(chain: readonly X509Certificate[], name: string, now: number): string[] {
  const found: string[] = [];
  chain.forEach((certificate, i) => {
    const which = i === 0 ? name : `certificate number ${i + 1} in ${name}`;
    const [from, to] = [certificate.validFrom, certificate.validTo].map((date) => new Date(date));
    if (to!.getTime() < now) found.push(`${which} has expired, on ${formatDate(to!)}`);
    if (from!.getTime() > now) {
      found.push(`${which} is not valid yet, but from ${formatDate(from!)} on`);
    }
    const above = chain[i + 1];
    if (above && !certificate.checkIssued(above)) {
      found.push(
        `certificate number ${i + 2} in ${name} is not the one that number ${i + 1} is signed with`,
      );
    }
  });
  if (chain[0]!.subjectAltName === undefined) {
    found.push(`${name} names no host (subjectAltName)`);
  }
  const tlsWarnings = found.map((warning) => `${warning}: clients will not trust it`);
  // The default of `openssl req -x509`.
  if (chain[0]!.ca) {
    tlsWarnings.push(
      `${name} is the certificate of an authority (CA:TRUE): clients on Deno will not trust it, make one with CA:FALSE`,
    );
  }
  return tlsWarnings;
}

function formatDate(date: Date): string {
  return Number.isNaN(date.getTime()) ? "an unknown date" : date.toISOString();
}

/** The content is not shown: it may be a key. */
function tlsError(name: string, reason: string, cause?: unknown): Error {
  return new RangeError(`Cannot use ${name}: ${reason}`, { cause });
}
