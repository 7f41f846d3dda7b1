/**
 * The name of a topic for people.
 *
 * @module
 */

/** Spaces, and characters that are not drawn. */
const UNSEEN = /^[\p{Z}\p{C}\p{Default_Ignorable_Code_Point}]*$/u;

/** The name; in quotes, if nothing of it would be seen. */
export function topicName(topic: string): string {
  return UNSEEN.test(topic) ? JSON.stringify(topic) : topic;
}
