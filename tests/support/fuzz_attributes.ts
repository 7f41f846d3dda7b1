/**
 * The attributes of the messages of a fuzzer: they follow from the text, so that a reader knows what must be there.
 *
 * @module
 */

import type { Message, PutOptions } from "../../client.ts";

/** What a message is put with; some have nothing. Each id is that of one text. */
export function attributesOf(body: string): PutOptions {
  const number = Number(/^m(\d+)/.exec(body)?.[1] ?? NaN);
  // The message that is put last, perhaps several times.
  if (Number.isNaN(number)) return {};
  return {
    ...(number % 2 === 0 && { messageId: `id ${number}` }),
    ...(number % 3 === 0 && { key: `${number % 5}ä` }),
    ...(number % 4 === 0 && { headers: { ["__proto__"]: body.slice(0, 9), n: `${number}` } }),
    ...(number % 7 === 0 && { delay: number }),
  };
}

/** What is wrong with the attributes of a message, if anything is. */
export function attributesFault(message: Message): string | undefined {
  const { topic: _, body, seq, position: _position, time: _time, ...found } = message;
  const [actual, expected] = [found, attributesOf(body)].map((one) => JSON.stringify(one));
  return actual === expected
    ? undefined
    : `${seq}, ${body}: ${actual}, it was put with ${expected}`;
}
