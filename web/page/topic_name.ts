/**
 * The name of a topic for people.
 *
 * @module
 */

/** The name; in quotes, if nothing of it would be seen. */
export function topicName(topic: string): string {
  return topic.trim() === "" ? JSON.stringify(topic) : topic;
}
