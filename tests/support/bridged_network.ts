/**
 * Networks of this machine's own: hosts that are network namespaces, on bridges from which each can be cut. Linux alone.
 *
 * They are made within a namespace of networks and mounts that a command of its own has ({@linkcode OWN_NETWORK}), so that nothing of
 * the machine is changed, and all of it is gone once that command ends.
 *
 * @module
 */

/** Runs the rest of its arguments with networks, mounts and processes of their own; all of those end with it. */
export const OWN_NETWORK: readonly string[] = [
  "unshare",
  ...(Deno.uid() === 0 ? [] : ["--map-root-user"]),
  ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"],
];

/** What all of it needs of the system. */
const PROBE = [
  "mount -t tmpfs tmpfs /run",
  "ip link set lo up",
  "ip link add probe0 type bridge",
  "ip netns add probe",
  "ip link add probe1 type veth peer name probe2 netns probe",
  "ip link set probe1 master probe0",
  "ip link set dev probe1 type bridge_slave learning off flood off mcast_flood off bcast_flood off fdb_flush",
  "nsenter --net=/run/netns/probe true",
].join(" && ");

/** Why networks of its own cannot be had here, if they cannot. */
export const noNamespaces: string | false = Deno.build.os !== "linux"
  ? "only Linux has network namespaces"
  : await whyNot();

async function whyNot(): Promise<string | false> {
  const [program, ...args] = [...OWN_NETWORK, "sh", "-c", PROBE];
  try {
    const { success, stderr } = await new Deno.Command(program!, { args, stdout: "null" }).output();
    if (success) return false;
    const [line = ""] = new TextDecoder().decode(stderr).split("\n");
    return `network namespaces cannot be made: ${line}`;
  } catch (error) {
    return `network namespaces cannot be made: ${(error as Error).message}`;
  }
}

/** A host at a bridge. */
export interface BridgePort {
  readonly host: string;
  readonly bridge: string;
}

/** Which bridges there are, and which hosts; names have at most 7 characters. */
export interface BridgedNetworkOptions {
  readonly bridges: readonly string[];
  /** The bridges that each host is at. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  /** The bridges that this process is at. */
  readonly own: readonly string[];
}

/** What makes a port hear nothing, or all again. What comes from it goes out as before. */
const DEAF = "learning off flood off mcast_flood off bcast_flood off fdb_flush";
const HEARING = "learning on flood on mcast_flood on bcast_flood on";

/** The networks. They are there as long as {@linkcode OWN_NETWORK}, within which this must run. */
export class BridgedNetwork {
  readonly #bridges: readonly string[];
  readonly #hosts: readonly string[];
  /** What brings each port back that was cut. */
  readonly #healing: string[] = [];

  private constructor({ bridges, hosts }: BridgedNetworkOptions) {
    this.#bridges = bridges;
    this.#hosts = Object.keys(hosts);
  }

  /** Makes them. */
  static async create(options: BridgedNetworkOptions): Promise<BridgedNetwork> {
    const { bridges, hosts, own } = options;
    const network = new BridgedNetwork(options);
    await run(["mount", "-t", "tmpfs", "tmpfs", "/run"]);
    const ports = Object.entries(hosts).flatMap(([host, at]) =>
      at.map((bridge) => ({ host, bridge }))
    );
    await ip([
      "link set lo up",
      ...bridges.flatMap((bridge) => [
        `link add ${bridge} address ${network.#mac(bridge)} type bridge`,
        `link add ${apart(bridge)} type bridge`,
        `link set ${bridge} up`,
        `link set ${apart(bridge)} up`,
      ]),
      ...own.map((bridge) => `addr add ${network.address(bridge)}/24 dev ${bridge}`),
      ...network.#hosts.map((host) => `netns add ${host}`),
      ...ports.flatMap(({ host, bridge }) => {
        const name = portName({ host, bridge });
        const mac = network.#mac(bridge, host);
        return [
          `link add ${name} type veth peer name ${bridge} address ${mac} netns ${host}`,
          `link set ${name} master ${bridge} up`,
        ];
      }),
      ...own.flatMap((bridge) => network.#neighbours(bridge, ports)),
    ]);
    await Promise.all(network.#hosts.map((host) =>
      ip([
        "link set lo up",
        ...hosts[host]!.flatMap((bridge) => [
          `addr add ${network.address(bridge, host)}/24 dev ${bridge}`,
          `link set ${bridge} up`,
          ...network.#neighbours(bridge, ports, host),
          ...(own.includes(bridge) ? [network.#neighbour(bridge)] : []),
        ]),
      ], host)
    ));
    return network;
  }

  /** The address of a host at a bridge; without one, that of this process. */
  address(bridge: string, host?: string): string {
    return `10.${this.#bridges.indexOf(bridge) + 1}.0.${this.#number(host)}`;
  }

  /** The command that its own is given to, to run it at a host. */
  enter(host: string): readonly string[] {
    return ["nsenter", `--net=/run/netns/${host}`, "--"];
  }

  /** Cuts hosts off: nothing comes from them or gets to them there, without a sign of that. */
  async cut(ports: readonly BridgePort[]): Promise<void> {
    await this.#change(ports, () => "nomaster", ({ bridge }) => `master ${bridge}`);
  }

  /** Lets hosts reach each other, and nobody else at this bridge. */
  async separate(ports: readonly BridgePort[]): Promise<void> {
    await this.#change(
      ports,
      ({ bridge }) => `master ${apart(bridge)}`,
      ({ bridge }) => `master ${bridge}`,
    );
  }

  /** Has hosts hear nothing; they are heard. */
  async deafen(ports: readonly BridgePort[]): Promise<void> {
    await this.#change(
      ports,
      () => `type bridge_slave ${DEAF}`,
      () => `type bridge_slave ${HEARING}`,
    );
  }

  /** All is as it was. */
  async heal(): Promise<void> {
    await ip(this.#healing.splice(0));
  }

  async #change(
    ports: readonly BridgePort[],
    cut: (port: BridgePort) => string,
    heal: (port: BridgePort) => string,
  ): Promise<void> {
    const set = (port: BridgePort, what: string) => `link set dev ${portName(port)} ${what}`;
    this.#healing.push(...ports.map((port) => set(port, heal(port))));
    await ip(ports.map((port) => set(port, cut(port))));
  }

  #number(host: string | undefined): number {
    return host === undefined ? 1 : this.#hosts.indexOf(host) + 11;
  }

  #mac(bridge: string, host?: string): string {
    const bytes = [2, 0, 0, 0, this.#bridges.indexOf(bridge), this.#number(host)];
    return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  }

  /** Everybody knows everybody: who is cut off is not unreachable, but silent. */
  #neighbours(bridge: string, ports: readonly BridgePort[], self?: string): string[] {
    return ports.filter((port) => port.bridge === bridge && port.host !== self)
      .map(({ host }) => this.#neighbour(bridge, host));
  }

  #neighbour(bridge: string, host?: string): string {
    const at = `${this.address(bridge, host)} lladdr ${this.#mac(bridge, host)}`;
    return `neigh add ${at} dev ${bridge} nud permanent`;
  }
}

function portName({ host, bridge }: BridgePort): string {
  return `${host}-${bridge}`;
}

/** The bridge for those who are separated from the others of a bridge. */
function apart(bridge: string): string {
  return `${bridge}-apart`;
}

/** Gives `ip` commands, all at once. */
function ip(lines: readonly string[], host?: string): Promise<void> {
  return run(["ip", ...(host === undefined ? [] : ["-n", host]), "-batch", "-"], lines.join("\n"));
}

async function run([program, ...args]: readonly string[], input?: string): Promise<void> {
  const stdin = input === undefined ? "null" : "piped";
  const command = new Deno.Command(program!, { args, stdin, stdout: "null", stderr: "piped" });
  const child = command.spawn();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${input}\n`));
    await writer.close();
  }
  const { success, stderr } = await child.output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr).trim()}`);
}
