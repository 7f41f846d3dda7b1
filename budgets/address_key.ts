/**
 * Addresses, as far as they tell who somebody is.
 *
 * @module
 */

/** An address of IPv4 that is written as one of IPv6. */
const MAPPED_IPV4 = /^(?:0*:)*:?ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/**
 * What counts as one address: of IPv4 each, however it is written; of IPv6 each network of 64 bits, for one
 * machine has all of that.
 *
 * @param address an address of IPv4 or IPv6, as the system writes it
 * @returns the same for all that count as one
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

/** The holder of a budget who is known by address alone. No identity of a token begins with the mark. */
export function addressHolder(address: string): string {
  return `@${addressKey(address)}`;
}
