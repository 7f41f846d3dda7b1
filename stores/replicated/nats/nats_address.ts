/**
 * The address of a log in NATS, as an operator writes it.
 *
 *     nats://[USER:PASSWORD@ | TOKEN@]SERVER[:PORT],…/NAME[?replicas=3&storage=file&sync=always&…]
 *
 * Errors never quote it: whoever forgets to escape a character of a password moves the rest of it to any other part.
 *
 * @module
 */

/** How a client proves who it is. Secrets: shown to nobody. */
export interface NatsLogin {
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** The path of a file with a JWT and a seed, as `nsc` makes it. */
  readonly credentials?: string;
}

/** How the connection is encrypted. */
export interface NatsTls {
  /** `required` after the server has told about itself, `first` before that (the server's `handshake_first`). */
  readonly mode: "required" | "first";
  /** Paths of PEM files: authorities to trust instead of the system's, and a certificate of the client with its key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where a log is, and how it is to be. */
export interface NatsAddress {
  /** Servers as `HOST:PORT`, at least one. */
  readonly servers: readonly string[];
  /** The name of the stream. */
  readonly name: string;
  /** How many servers have a copy of each record. Default: 1 */
  readonly replicas: 1 | 3 | 5;
  /** Where servers keep records. Default: `file` */
  readonly storage: "file" | "memory";
  /** The operator asserts `sync_interval: always` of all servers; nobody else can know. Default: `false` */
  readonly syncAlways: boolean;
  /** Default: nobody in particular. */
  readonly login: NatsLogin;
  /** Default: encrypted if the server offers it. */
  readonly tls?: NatsTls;
  /** For people: scheme, servers and name. */
  readonly description: string;
}

/** The error for an address: what it must be. */
export type AddressFault = (expected: string) => Error;

const DEFAULT_PORT = 4222;
const SHAPE = '"nats://SERVER:PORT,…/NAME"';
const PARAMETERS = ["replicas", "storage", "sync", "credentials", "tls", "ca", "cert", "key"];

/** Letters, digits, - and _, and no longer than NATS takes with what is made of it. */
const NAME = /^[\w-]{1,200}$/;
const HOST = /^(?:[a-z\d](?:[a-z\d._-]*[a-z\d])?|\[[a-f\d:.]+\])$/i;

/**
 * Parses the address of a log.
 *
 * @param text the address
 * @param fault makes the error if it is invalid. Default: a `RangeError` with "Cannot open a log: address must be …"
 * @returns its parts
 * @throws what `fault` returns; it never contains a part of the address
 */
export function parseNatsAddress(
  text: string,
  fault: AddressFault = (expected) =>
    new RangeError(`Cannot open a log: address must be ${expected}`),
): NatsAddress {
  const fail = (reason: string) => fault(`${SHAPE}, ${reason}`);
  const parts = /^(nats|tls):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(text);
  if (parts === null) {
    throw fail("beginning with nats:// or tls://, and without # (write %23 in a password)");
  }
  const [, scheme, authority, name = "", query = ""] = parts as unknown as [string, string, string];
  const at = authority.lastIndexOf("@");
  if (name.includes("@") || (at < 0 && query.includes("@") && name === "")) {
    throw fail("where / and ? in a user, password or token are written %2F and %3F");
  }
  const login = parseLogin(at < 0 ? "" : authority.slice(0, at), fail);
  const servers = authority.slice(at + 1).split(",").map((server) => parseServer(server, fail));
  if (name === "") throw fail("where NAME is the name of its stream");
  if (!NAME.test(name)) throw fail("where NAME has letters, digits, - and _ only, at most 200");
  const given = parseQuery(query, fail);
  const { credentials } = given;
  if (credentials !== undefined && at >= 0) {
    throw fail("with a user or token, or with credentials, not both");
  }
  const tls = parseTls(scheme.toLowerCase() === "tls", given, fail);
  return {
    servers,
    name,
    replicas: Number(oneOf(given, "replicas", ["1", "3", "5"], fail) ?? 1) as 1 | 3 | 5,
    storage: oneOf(given, "storage", ["file", "memory"], fail) ?? "file",
    syncAlways: oneOf(given, "sync", ["always"], fail) === "always",
    login: { ...login, ...(credentials !== undefined && { credentials }) },
    ...(tls && { tls }),
    description: `${scheme.toLowerCase()}://${servers.map(withoutDefaultPort)}/${name}`,
  };
}

type Fail = (reason: string) => Error;
type Given = Readonly<Partial<Record<string, string>>>;

function parseLogin(text: string, fail: Fail): NatsLogin {
  if (text === "") return {};
  const colon = text.indexOf(":");
  const part = (encoded: string) => decoded(encoded, "a user, password or token", fail);
  if (colon < 0) return { token: part(text) };
  if (colon === 0) throw fail("where a password has a user before it");
  return { user: part(text.slice(0, colon)), password: part(text.slice(colon + 1)) };
}

function parseServer(text: string, fail: Fail): string {
  const [, host = "", port] = /^(.*?)(?::([^:\]]*))?$/.exec(text)!;
  if (host === "") throw fail("where each SERVER is a name or an IP address");
  if (!HOST.test(host)) {
    throw fail("where each SERVER is a name or an IP address (IPv6 in square brackets)");
  }
  if (port === undefined) return `${host}:${DEFAULT_PORT}`;
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    throw fail("where PORT is a whole number from 1 to 65535");
  }
  return `${host}:${Number(port)}`;
}

function withoutDefaultPort(server: string): string {
  return server.replace(new RegExp(`:${DEFAULT_PORT}$`), "");
}

function parseQuery(text: string, fail: Fail): Given {
  const given: Record<string, string> = {};
  for (const pair of text === "" ? [] : text.split("&")) {
    const [, name = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(pair)!;
    if (!PARAMETERS.includes(name)) {
      throw fail(`with no parameters but ${PARAMETERS.join(", ")}`);
    }
    if (Object.hasOwn(given, name)) throw fail(`with ${name} once`);
    given[name] = decoded(value, name, fail);
    if (given[name] === "") throw fail(`where ${name} has a value`);
  }
  return given;
}

/** As `decodeURIComponent`: a + stands for itself. */
function decoded(text: string, what: string, fail: Fail): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fail(`where % in ${what} is followed by two hexadecimal digits (% itself is %25)`);
  }
}

function oneOf<Word extends string>(
  given: Given,
  name: string,
  words: readonly Word[],
  fail: Fail,
): Word | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const word = words.find((word) => word === value);
  if (word === undefined) {
    const all = [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" or ");
    throw fail(`where ${name} is ${all}`);
  }
  return word;
}

function parseTls(required: boolean, given: Given, fail: Fail): NatsTls | undefined {
  const mode = oneOf(given, "tls", ["required", "first"], fail);
  const { ca, cert, key } = given;
  if ((cert === undefined) !== (key === undefined)) throw fail("with cert and key, or neither");
  const files = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
  };
  if (!required && mode === undefined && Object.keys(files).length === 0) return undefined;
  return { mode: mode ?? "required", ...files };
}
