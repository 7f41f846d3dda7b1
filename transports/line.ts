/**
 * The line to a peer, as far as it is the same however the peer arrived.
 *
 * @module
 */

import { type Turn, Turns } from "../budgets/turns.ts";
import { FRAME_BYTES, PEER_SPEED } from "../protocol/limits.ts";
import type { SharedEnd } from "../protocol/shared_end.ts";
import { CLOSE } from "../protocol/websocket.ts";
import { Pace } from "./pace.ts";
import type { Bounds, House, Peer, Visit } from "./transport.ts";
import { Unread, type UnreadShare } from "./unread.ts";
import { Watch, type Watched } from "./watch.ts";

/** Little is buffered below so many bytes. */
export const LOW_WATER = 64 * 1024;

/** So much may have to leave before a system that holds back much tells that any of it did, in bytes. */
const HELD_BACK = 1024 * 1024;

/** After what time to look again whether a slow peer has read, in milliseconds: there is no event for it. */
const DRAIN_POLL = { first: 5, longest: 100 };

/** What the lines of one port share. */
export interface Shared {
  readonly house: House;
  readonly watch: Watch;
  readonly unread: Unread;
  readonly turns: Turns;
  /** Thousands may be given up at once, and to hang up on them takes a third of a second. */
  readonly hangUps: Pace;
}

/** What the lines of a new port share. */
export function shareOf(house: House, bounds: Bounds): Shared {
  return {
    house,
    watch: new Watch(bounds),
    unread: new Unread(bounds.unread),
    turns: new Turns(),
    hangUps: new Pace(),
  };
}

/**
 * Guards what the visit does, keeps account of what the peer has yet to read, and ends once. A socket
 * says what it hears to `opened`, `received` and `ended`, and does what the abstract methods say.
 */
export abstract class Line implements Peer, Watched {
  readonly turn: Turn;
  readonly #shared: Shared;
  readonly #share: UnreadShare;
  #arrived: ((peer: Peer) => Visit) | undefined;
  #visit: Visit | undefined;
  #gone = false;
  #leaving = false;
  #watched = false;
  /** At most so much is buffered, in characters: to ask the platform takes as long as to send. */
  #unread = 0;
  /** At least so much would be buffered if the peer had read nothing since the last look. */
  #unreadSinceLook = 0;
  /** The largest frame that was sent since little was buffered, in bytes, if it is larger than answers together may be. */
  #large = 0;
  /** The peer has said that it has read. */
  #saidSo = false;
  /** It cannot say so. */
  #mute = false;
  /** There while somebody waits for the peer to read. */
  #drain: PromiseWithResolvers<void> | undefined;
  #nextLook: ReturnType<typeof setTimeout> | undefined;
  #pause = DRAIN_POLL.first;

  /**
   * Makes the line, before the peer has arrived.
   *
   * @param arrived begins the visit
   * @param shared what all lines share
   * @param from the address of the peer
   */
  constructor(arrived: (peer: Peer) => Visit, shared: Shared, from: string) {
    this.#arrived = arrived;
    this.#shared = shared;
    this.#share = shared.unread.open(from, () => this.#gone ? 0 : this.#unread = this.measure());
    this.turn = shared.turns.join();
  }

  /** How many bytes the socket holds for the peer. */
  protected abstract measure(): number;
  /** Sends a text frame; the line is not gone. */
  protected abstract transmit(frame: string): void;
  /** The same, of a frame that ends as those of others do. */
  protected transmitShared(head: string, { body, after }: SharedEnd): void {
    this.transmit(head + body + after);
  }
  /** Says goodbye, if that has not been done. */
  protected abstract sayGoodbye(code: number, reason: string): void;
  /** Reads nothing more, as far as the platform can. */
  protected abstract stopReading(): void;
  /** Ends the connection at once, as far as the platform can. */
  protected abstract hangUp(): void;

  /** It is known whether the peer arrives. */
  protected settled(): void {}

  /** The socket is open. */
  protected opened(): void {
    if (this.#gone) return this.hangUp();
    this.#guarded(() => this.#enter());
  }

  /** A frame came. */
  protected received(data: unknown): void {
    this.#guarded(() => this.#visit?.receive(data));
  }

  /** Gives up a peer that broke the rules, with a code and a reason for itself, and another for the log. */
  protected expel(code: number, reason: string, why: string): void {
    if (this.#gone) return;
    this.ended();
    this.sayGoodbye(code, reason);
    this.#shared.house.gaveUp(why);
  }

  /** The peer has read. Not all sockets know. */
  protected wasRead(): void {
    if (this.#drain) this.#lookForRoom();
  }

  /** The socket is closed. Some say so twice. */
  protected ended(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#share.close();
    this.#shared.watch.delete(this);
    this.#lookForRoom();
    this.#guarded(() => {
      // One who never came was promised a visit, too.
      this.#enter();
      this.#visit?.closed();
    });
  }

  #enter(): void {
    const arrived = this.#arrived;
    if (!arrived) return;
    this.#arrived = undefined;
    this.settled();
    this.#visit = arrived(this);
  }

  get buffered(): number {
    if (this.#gone) return 0;
    return this.#unread < LOW_WATER ? this.#unread : this.#unread = this.measure();
  }

  hasRead(): void {
    this.#saidSo = true;
  }

  cannotTell(): void {
    this.#mute = true;
  }

  belongsTo(holder: string): void {
    this.#share.account.moveTo(holder);
  }

  send(frame: string, bytes: number = frame.length): void {
    if (this.#gone) return;
    this.#sends(frame.length, bytes);
    this.transmit(frame);
    this.#hasSent();
  }

  sendShared(head: string, end: SharedEnd, bytes: number): void {
    if (this.#gone) return;
    this.#sends(head.length + end.length, bytes);
    this.transmitShared(head, end);
    this.#hasSent();
  }

  /** So much is about to be sent. */
  #sends(characters: number, bytes: number): void {
    if (bytes > FRAME_BYTES) this.#large = Math.max(this.#large, bytes);
    this.#unread += characters;
    this.#unreadSinceLook += characters;
  }

  #hasSent(): void {
    if (this.#unread > this.#share.countedTo || this.#share.isReserved) this.#share.sent();
    if (this.#unread > LOW_WATER && !this.#watched && this.buffered > LOW_WATER) this.#beWatched();
  }

  isScarce(bytes: number): boolean {
    return !this.#gone && this.#share.isScarceFor(bytes);
  }

  hasRoom(bytes: number): boolean {
    return this.#gone || this.#share.hasRoom(bytes);
  }

  room(bytes: number): Promise<void> {
    return this.#gone ? Promise.resolve() : this.#share.room(bytes);
  }

  drained(): Promise<void> {
    if (!this.#drain) {
      this.#drain = Promise.withResolvers<void>();
      const { promise } = this.#drain;
      this.#lookForRoom();
      return promise;
    }
    return this.#drain.promise;
  }

  close(code: number, reason: string): void {
    if (this.#gone) return;
    this.#leaving = true;
    this.sayGoodbye(code, reason);
    // It may never answer: then it is given up.
    if (!this.#watched) this.#beWatched();
  }

  cutOff(code: number, reason: string): void {
    if (this.#gone) return;
    this.close(code, reason);
    this.stopReading();
  }

  drop(why: string): void {
    if (this.#gone) return;
    this.ended();
    const turn = this.#shared.hangUps.turn();
    if (turn) void turn.then(() => this.hangUp());
    else this.hangUp();
    this.#shared.house.gaveUp(why);
  }

  look(): "has read" | "has not read" | "is well" {
    const now = this.measure();
    this.#share.looked(now);
    const hasRead = this.#saidSo || now < this.#unreadSinceLook;
    this.#saidSo = false;
    this.#unread = this.#unreadSinceLook = now;
    if (now <= LOW_WATER) this.#large = 0;
    if (now <= LOW_WATER && !this.#leaving) {
      this.#watched = false;
      return "is well";
    }
    return hasRead ? "has read" : "has not read";
  }

  /**
   * That a large frame moves shows when all of it has left; and what is small may be held back, too. Where its holder has
   * as much to read as it may have, nobody has time for that.
   */
  get slack(): number {
    if (this.#share.isScarce) return 0;
    const hidden = this.#large > 0 || (this.#mute && !this.#leaving);
    return hidden ? 1000 * (this.#large + HELD_BACK) / PEER_SPEED : 0;
  }

  #beWatched(): void {
    this.#watched = true;
    this.#unreadSinceLook = this.measure();
    this.#shared.watch.add(this);
  }

  /** Looks whether the peer has read; if not, looks again, after longer and longer pauses. */
  #lookForRoom(): void {
    clearTimeout(this.#nextLook);
    const { buffered } = this;
    if (buffered > LOW_WATER || this.isScarce(buffered)) {
      this.#nextLook = setTimeout(() => this.#lookForRoom(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, DRAIN_POLL.longest);
      return;
    }
    this.#pause = DRAIN_POLL.first;
    this.#drain?.resolve();
    this.#drain = undefined;
  }

  /** Does what an event asks for. An exception would end the whole process. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#shared.house.failed(error);
      this.close(CLOSE.internalError, "internal error");
    }
  }
}

/** In the place of a peer whose handshake failed. */
const NOBODY: Peer = {
  send() {},
  buffered: 0,
  hasRoom: () => true,
  room: () => Promise.resolve(),
  drained: () => Promise.resolve(),
  close() {},
  cutOff() {},
  drop() {},
};

/** The handshake of one who was admitted has failed: the visit is over at once. */
export function nobodyCame(arrived: (peer: Peer) => Visit): void {
  arrived(NOBODY).closed();
}
