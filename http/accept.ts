/**
 * Which form of a response a client wants: the header `Accept` of RFC 9110, section 12.5.1.
 *
 * @module
 */

/** A media range, and how much its type is wanted. */
interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

/** More ranges than any client sends: the rest is not looked at. */
const MAX_RANGES = 64;

/**
 * Chooses the type that a client wants most.
 *
 * @param accept the header; `null` if there is none: then the first type is chosen
 * @param offered the types that there are, such as `text/plain`, the preferred one first
 * @param ifNamed further types, which are chosen only if the header names them: no range such as `*\/*` means them
 * @returns one of them; `undefined` if it accepts none
 */
export function preferredType<Type extends string>(
  accept: string | null,
  offered: readonly [Type, ...Type[]],
  ifNamed: readonly Type[] = [],
): Type | undefined {
  if (accept === null || accept.trim() === "" || accept === "*/*") return offered[0];
  const ranges = accept.split(",", MAX_RANGES).flatMap(parseRange);
  let best: Type | undefined;
  let bestQuality = 0;
  const named = ranges.filter(({ subtype }) => subtype !== "*");
  for (const [types, meant] of [[offered, ranges], [ifNamed, named]] as const) {
    for (const type of types) {
      const quality = qualityOf(type, meant);
      if (quality > bestQuality) [best, bestQuality] = [type, quality];
    }
  }
  return best;
}

function parseRange(text: string): MediaRange[] {
  const [range, ...parameters] = text.toLowerCase().split(";").map((part) => part.trim());
  const [type, subtype] = range!.split("/");
  if (!type || !subtype) return [];
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return [{ type, subtype, quality: quality >= 0 && quality <= 1 ? quality : 0 }];
}

/** The quality of the most specific range that includes the type. */
function qualityOf(offered: string, ranges: readonly MediaRange[]): number {
  const [type, subtype] = offered.split("/");
  let [specificity, quality] = [0, 0];
  for (const range of ranges) {
    const matches = range.type === "*"
      ? 1
      : range.type !== type
      ? 0
      : range.subtype === "*"
      ? 2
      : range.subtype === subtype
      ? 3
      : 0;
    if (matches > specificity) [specificity, quality] = [matches, range.quality];
  }
  return quality;
}

/**
 * The media type in a header, in lower case and without its parameters.
 *
 * @param header such as `Content-Type`; `null` if there is none
 */
export function mediaTypeOf(header: string | null): string {
  const [type = ""] = (header ?? "").split(";", 1);
  return type.trim().toLowerCase();
}
