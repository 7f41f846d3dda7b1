/**
 * Counts what costs time in large maps.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";

/**
 * Counts how many names are deleted from maps: one that is deleted again and again makes a large map slow.
 *
 * @param work what may delete some
 * @returns how many it deleted
 */
export function countDeletes(work: () => void): number {
  const original = NameMap.prototype.delete;
  let deleted = 0;
  NameMap.prototype.delete = function (name) {
    const wasThere = original.call(this, name);
    if (wasThere) deleted++;
    return wasThere;
  };
  try {
    work();
  } finally {
    NameMap.prototype.delete = original;
  }
  return deleted;
}
