import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import type { Settings } from "../../../server/test/harness.ts";
import { Stage } from "../../../server/test/transports/stage.ts";
import type { ClientOptions, Internals } from "../../src/index.ts";
import { Door } from "./door.ts";
import { WatchedClient } from "./watched-client.ts";

/** Keeps what a test opens, and closes it when the test has ended, however it ended. */
export class Rig {
  readonly #closings: (() => unknown)[] = [];

  constructor() {
    afterEach(async () => {
      // The last one closes first: clients before the doors and servers that they go through.
      for (const close of this.#closings.splice(0).reverse()) await close();
    });
  }

  use<T extends { close(): unknown }>(opened: T): T {
    this.#closings.push(() => opened.close());
    return opened;
  }

  /** A client that has started. */
  watch(options: ClientOptions, internals?: Internals): WatchedClient {
    const watched = new WatchedClient(options, internals);
    this.#closings.push(() => watched.client.stop());
    return watched;
  }
}

/** A rig with a server that the tests share, and a door in front of it for each test. */
export class ServerRig extends Rig {
  #stage: Stage | undefined;
  #door: Door | undefined;

  constructor(settings: Settings = {}) {
    super();
    beforeAll(async () => {
      this.#stage = await Stage.open(settings);
    }, 20_000);
    beforeEach(async () => {
      this.#door = this.use(await Door.open(this.stage.server.url));
    });
    afterAll(() => this.#stage?.close());
  }

  get stage(): Stage {
    return this.#stage as Stage;
  }

  get door(): Door {
    return this.#door as Door;
  }

  /** Ben's client, through the door. */
  open(more: Partial<ClientOptions> = {}, internals?: Internals): WatchedClient {
    const options = { url: this.door.url, token: this.stage.ben.token, ...more };
    // A client that signs in by name and password has no token.
    if (more.login) delete (options as { token?: unknown }).token;
    return this.watch(options as ClientOptions, internals);
  }
}
