/**
 * The ids of a subscription on the wire.
 *
 * @module
 */

/** Records each id of a subscription: on the wire nothing else tells two of one topic apart. */
export function recordIds(stream: object, ids: number[]): void {
  let { id } = stream as { id: number };
  ids.push(id);
  Object.defineProperty(stream, "id", {
    get: () => id,
    set: (value: number) => {
      id = value;
      ids.push(id);
    },
  });
}
