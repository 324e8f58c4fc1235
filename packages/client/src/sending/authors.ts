import { ParleyError } from "../api/parley-error.ts";

/** The author of a waiting message, as far as known: a user, or the token under which it was written. */
export interface Author {
  token: string | undefined;
  uid: number | undefined;
}

/**
 * Makes sure that the login of one user does not send what another user wrote. The first answers of a connection say whose login it is; the
 * server is asked only if messages wait that were written under another token.
 */
export class Authors {
  readonly #askUid: (token: string) => Promise<unknown>;
  #now: Author;
  /** The author of another token, the last one that was looked up. */
  #other: Author | undefined;

  /** @param token the one that is known before the first start */
  constructor(token: string | undefined, askUid: (token: string) => Promise<unknown>) {
    this.#now = { token, uid: undefined };
    this.#askUid = askUid;
  }

  /** The author of what is written now. */
  get now(): Author {
    return this.#now;
  }

  /** From now on messages are written under this token. */
  begin(token: string | undefined): void {
    if (token !== undefined) this.#uses(token);
  }

  /** The server has said whose login this is. */
  learned(token: string | undefined, uid: number): void {
    if (token !== undefined) this.#uses(token).uid = uid;
  }

  /** Asks whose login it is, if that is not known. */
  async know(token: string): Promise<void> {
    await this.#uidOf(this.#uses(token));
  }

  /**
   * Before a message is sent by this token.
   * @throws ParleyError: `other_user`, or why it cannot be told now
   */
  async check(author: Author, token: string): Promise<void> {
    const sender = this.#of(token);
    if (author === sender) return;
    author.uid ??= await this.#ofBefore(author);
    // That login ended before its user was known: the product continues with another login for the same client.
    if (author.uid === undefined) author.token = token;
    else if (author.uid !== (await this.#uidOf(sender))) {
      throw new ParleyError(0, { code: "other_user", title: "Another user is signed in now" });
    }
  }

  async #ofBefore(author: Author): Promise<number | undefined> {
    if (author.token === undefined) return undefined;
    return this.#uidOf(author).catch((error: ParleyError) => {
      if (error.code === "unauthorized") return undefined;
      throw error;
    });
  }

  async #uidOf(author: Author): Promise<number> {
    if (author.uid !== undefined) return author.uid;
    const uid = await this.#askUid(author.token as string).catch((error: unknown) => {
      const isKnown = error instanceof ParleyError && (error.canRetry || error.code === "unauthorized");
      throw isKnown ? error : new ParleyError(0);
    });
    if (typeof uid !== "number") throw new ParleyError(0);
    author.uid = uid;
    return uid;
  }

  #uses(token: string): Author {
    this.#now.token ??= token;
    const author = this.#of(token);
    if (author !== this.#now) this.#other = this.#now;
    this.#now = author;
    return author;
  }

  #of(token: string): Author {
    if (this.#now.token === token) return this.#now;
    if (this.#other?.token !== token) this.#other = { token, uid: undefined };
    return this.#other;
  }
}
