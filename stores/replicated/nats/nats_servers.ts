/**
 * Which servers a log may be on, as far as they can be seen.
 *
 * @module
 */

import { LogError } from "../record_log.ts";
import type { NatsAddress } from "./nats_address.ts";
import { isApiError, NatsConnection } from "./nats_connection.ts";
import { apiError, isUnanswered, unavailable } from "./nats_errors.ts";
import type { NatsPackages, NatsServerInfo } from "./nats_packages.ts";

/** How long a look at another server of the cluster may take, in milliseconds. */
const LOOK_TIMEOUT = 1000;

/** How many others are looked at. */
const MAX_OTHERS = 16;

/** The oldest release of each line, from which on a log is safe on it; later lines are. */
const OLDEST = [{ minor: 12, patch: 14 }, { minor: 14, patch: 6 }] as const;

/**
 * Why a server of this version cannot keep a log. 2.13 never was a line of releases. Before 2.12.14 and 2.14.4 a server that was away
 * can take a stream that was made anew meanwhile for the old one; before 2.14.4 a purge of all that was stored, which is how a log is
 * trimmed, can take a record along that is stored at that moment. 2.14.4 and 2.14.5 lack the last corrections of their line.
 *
 * @param version such as `2.14.6`, or `2.15.0-RC.1`
 * @returns `undefined` if it can
 */
export function versionFault(version: string): string | undefined {
  const [, major, minor, patch] = (/^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major === undefined || minor === undefined || patch === undefined) {
    return `its version ${JSON.stringify(version)} is unknown`;
  }
  const line = OLDEST.find((line) => line.minor === minor);
  const isSafe = major > 2 ||
    (major === 2 && (line ? patch >= line.patch : minor > OLDEST.at(-1)!.minor));
  if (isSafe) return undefined;
  return `it is ${version}; a log needs 2.12.14 or later of 2.12, or 2.14.6 or later, since older ones can ` +
    "take a stream that was made anew for the old one, or lose a record that arrives while the log is trimmed";
}

/**
 * Checks the server that is connected, and the others of its cluster that can be reached.
 *
 * @returns a warning, if some could not be seen
 * @throws {LogError} `unusable`, if one is too old
 */
export async function checkServers(
  connection: NatsConnection,
  address: NatsAddress,
  nats: NatsPackages,
): Promise<readonly string[]> {
  const { info } = connection.client;
  if (info === undefined) throw unavailable("look at the servers", "the connection to NATS broke");
  checkVersion(info);
  const others = [...new Set([...address.servers, ...info.connect_urls ?? []])];
  if (others.length <= 1) return [];
  const looks = others.slice(0, MAX_OTHERS).map((server) =>
    lookAt({ ...address, servers: [server] }, nats)
  );
  const seen = await Promise.all(looks);
  for (const info of seen) if (info) checkVersion(info);
  const unseen = seen.filter((info) => info === undefined).length + others.length - seen.length;
  return unseen === 0 ? [] : [
    `The versions of ${unseen} of ${others.length} NATS servers could not be checked: they were not reached`,
  ];
}

function checkVersion({ version, server_name, server_id }: NatsServerInfo): void {
  const fault = versionFault(version);
  if (fault === undefined) return;
  throw new LogError(
    "unusable",
    `Cannot use the NATS server ${server_name ?? server_id}: ${fault}`,
  );
}

async function lookAt(
  address: NatsAddress,
  nats: NatsPackages,
): Promise<NatsServerInfo | undefined> {
  try {
    await using connection = await NatsConnection.open(address, nats, LOOK_TIMEOUT);
    return connection.client.info;
  } catch {
    // It is down, or has an address that is not for clients.
    return undefined;
  }
}

/** Another server of its cluster may have it, and be down. */
function mayGetJetStream({ client: { info } }: NatsConnection): boolean {
  return info === undefined || info.jetstream === true || (info.connect_urls ?? []).length > 1;
}

/** What JetStream says of an account; -1 is no limit. */
interface AccountInfo extends AccountTier {
  readonly tiers?: Readonly<Record<string, AccountTier>>;
}

interface AccountTier {
  readonly streams: number;
  readonly limits: {
    readonly max_streams: number;
    readonly max_storage: number;
    readonly max_memory: number;
    readonly max_bytes_required?: boolean;
  };
}

/**
 * Checks that JetStream is there, and that the account may have streams without a size of their own.
 *
 * @returns a warning, if the account has a limit of bytes
 * @throws {LogError} `unusable`, if it is not
 */
export async function checkAccount(
  connection: NatsConnection,
  { replicas, storage }: NatsAddress,
): Promise<readonly string[]> {
  const action = "look at the account";
  const answer = await connection.ask<AccountInfo>(action, "INFO").catch((error) => {
    if (!isUnanswered(error) || mayGetJetStream(connection)) throw error;
    throw new LogError("unusable", "Cannot use NATS: JetStream is not enabled");
  });
  if (isApiError(answer)) {
    const { description } = answer.error;
    if (!/not enabled/.test(description)) throw apiError(action, answer.error);
    throw new LogError("unusable", `Cannot use NATS: ${description}`);
  }
  const { limits } = answer.tiers?.[`R${replicas}`] ?? answer;
  if (limits.max_bytes_required) {
    throw new LogError(
      "unusable",
      "Cannot use NATS: the account requires that each stream has a largest size (max_bytes_required), and a log has none",
    );
  }
  const max = storage === "file" ? limits.max_storage : limits.max_memory;
  return max <= 0 ? [] : [
    `The account may store ${max} bytes in JetStream; when they are full, nothing can be put until the log is trimmed`,
  ];
}
