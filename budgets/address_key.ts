/**
 * The key under which an address is counted.
 *
 * @module
 */

/** An IPv4 address in IPv6 notation. */
const MAPPED_IPV4 = /^(?:0*:)*:?ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/**
 * The key of an address. An IPv4 address counts by itself, in whichever notation; an IPv6 address counts by its network of
 * 64 bits, because one machine has all of that.
 *
 * @param address an IPv4 or IPv6 address, as the system writes it
 * @returns the same key for addresses that count as one
 */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = MAPPED_IPV4.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (mapped) {
    const [high, low] = [parseInt(mapped[2]!, 16), parseInt(mapped[3]!, 16)];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const filled = tail === undefined
    ? front
    : [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0"), ...back];
  const network = filled.slice(0, 4).map((group) => parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}

/** The holder of a budget that has an address but no identity. No identity of a token begins with `@`. */
export function addressHolder(address: string): string {
  return `@${addressKey(address)}`;
}
