import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { type IdentityApp, openIdentityApp } from "../../test/identity-app.ts";
import { StillTime } from "../../test/still-time.ts";
import type { Writes } from "../db/writer.ts";
import { withDeadline } from "../lib/interval.ts";
import type { ProblemError } from "../lib/problem.ts";
import type { Granted } from "./logins.ts";
import { discardLogin } from "./logins-writes.ts";
import type { QrCode } from "./qr-login.ts";
import { QrOnConnection } from "./qr-on-connection.ts";
import * as procedures from "./qr-writes.ts";

/** What a connection is to a QR login: keeps what it was shown, waits for what is expected. */
class Screen {
  readonly codes: QrCode[] = [];
  readonly errors: unknown[] = [];
  granted: Granted | undefined;
  scans = 0;
  #closed = false;
  #clean: (() => void)[] = [];
  readonly #waiting = new Set<() => void>();

  readonly asker = {
    ip: "203.0.113.9",
    userAgent: "screen",
    baseUrl: async () => "http://localhost",
    signedIn: () => this.granted !== undefined,
    closed: () => this.#closed,
    show: (code: QrCode) => this.#note(() => this.codes.push(code)),
    scanned: () => this.#note(() => (this.scans += 1)),
    signIn: (granted: Granted) => this.#note(() => (this.granted = granted)),
    onClosed: (clean: () => void) => void this.#clean.push(clean),
  };

  close(): void {
    this.#closed = true;
    for (const clean of this.#clean) clean();
  }

  async until(look: () => unknown, what: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => void (look() && resolve());
    this.#waiting.add(wake);
    wake();
    await withDeadline(promise, 4500, `no ${what}`).finally(() => this.#waiting.delete(wake));
  }

  #note(change: () => unknown): void {
    change();
    for (const wake of [...this.#waiting]) wake();
  }
}

let app: IdentityApp;
let screen: Screen;
beforeEach(async () => {
  app = await openIdentityApp();
  screen = new Screen();
});
afterEach(async () => {
  screen.close();
  await app.close();
});

/** `renewAfterMs`: when the next code comes, on the real clock, since a code's 60 s stand still. */
function onScreen(
  renewAfterMs: number,
  renewForMs?: number,
  { on = screen, ip = "203.0.113.9", context = app.context } = {},
): QrOnConnection {
  return new QrOnConnection({
    context,
    asker: { ...on.asker, ip },
    onError: (error) => on.errors.push(error),
    renewBeforeMs: 60_000 - renewAfterMs,
    ...(renewForMs === undefined ? {} : { renewForMs }),
  });
}

/** Resolves after another screen was shown six codes, 20 ms apart. */
async function meanwhile(): Promise<void> {
  const other = new Screen();
  await onScreen(20, undefined, { on: other }).ask();
  await other.until(() => other.codes.length === 6, "sixth code");
  other.close();
}

/** The same for a screen at another address. */
async function meanwhileElsewhere(): Promise<void> {
  const other = new Screen();
  await onScreen(20, undefined, { on: other, ip: "198.51.100.7" }).ask();
  await other.until(() => other.codes.length === 6, "sixth code");
  other.close();
}

describe("a code on a connection", () => {
  test("GW-58: is replaced before it ends; the older one still signs in", async () => {
    const { token } = await app.register("ann");
    await onScreen(20).ask();
    await screen.until(() => screen.codes.length === 3, "third code");
    expect(new Set(screen.codes.map(({ code }) => code)).size).toBe(3);
    const first = screen.codes[0]?.code;
    await app.ask(`/qr-logins/${first}/scan`, { method: "POST", token });
    await app.ask(`/qr-logins/${first}/confirm`, { method: "POST", token });
    await screen.until(() => screen.granted, "login");
    expect(screen.granted?.user.name).toBe("ann");
    expect(screen.errors).toEqual([]);
    expect(app.context.qrLogins.watching).toBe(0);
  });

  test("GW-58: is not replaced while its owner looks at their phone", async () => {
    const { token } = await app.register("ann");
    await app.scratch.connect();
    using begun = spyOn(globalThis, "setTimeout");
    using ended = spyOn(globalThis, "clearTimeout");
    await onScreen(20_000).ask();
    const renewal = begun.mock.results[begun.mock.calls.findIndex(([, ms]) => ms === 20_000)];
    await app.ask(`/qr-logins/${screen.codes[0]?.code}/scan`, { method: "POST", token });
    await screen.until(() => screen.scans === 1, "scan");
    expect(ended.mock.calls.map(([timer]): unknown => timer)).toContain(renewal?.value);
    // None comes before the end of this one.
    const planned = begun.mock.calls.map(([, ms]) => ms).filter((ms) => ms === 20_000 || ms === 60_000);
    expect(planned).toEqual([20_000, 60_000]);
    await app.ask(`/qr-logins/${screen.codes[0]?.code}/confirm`, { method: "POST", token });
    await screen.until(() => screen.granted, "login");
    expect(screen.codes).toHaveLength(1);
  });

  test("GW-58: one that was scanned and not confirmed is replaced when it ends", async () => {
    const { token } = await app.register("ann");
    await onScreen(20_000).ask();
    app.clock.advance(59_950);
    await app.ask(`/qr-logins/${screen.codes[0]?.code}/scan`, { method: "POST", token });
    await screen.until(() => screen.scans === 1, "scan");
    await screen.until(() => screen.codes.length === 2, "second code");
  });

  test("GW-58: one that is asked for by LOGIN takes the place of the one that would have come by itself", async () => {
    await app.scratch.connect();
    const [begun, ended] = [spyOn(globalThis, "setTimeout"), spyOn(globalThis, "clearTimeout")];
    try {
      const asked = onScreen(20_000);
      await asked.ask();
      const renewal = begun.mock.results[begun.mock.calls.findIndex(([, ms]) => ms === 20_000)];
      app.clock.advance(5000);
      await asked.ask();
      expect(ended.mock.calls.map(([timer]): unknown => timer)).toEqual([renewal?.value]);
    } finally {
      begun.mockRestore();
      ended.mockRestore();
    }
  });

  test("GW-58: is replaced for ten minutes, then only LOGIN brings another", async () => {
    // With the clock at its start a renewal in 20 ms is within no time, one in 60 ms is not.
    const patient = onScreen(20, 10);
    await patient.ask();
    await meanwhile();
    expect(screen.codes).toHaveLength(1);
    app.clock.advance(5000);
    await patient.ask();
    expect(screen.codes).toHaveLength(2);
  });

  test("GW-55: a code may be asked for once in 5 s, also after the clock was set back", async () => {
    const asked = onScreen(20_000);
    const refusal = () => asked.ask().catch((error: ProblemError) => [error.code, error.retryAfterMs]);
    await asked.ask();
    app.clock.advance(4_999);
    expect(await refusal()).toEqual(["rate_limited", 1]);
    app.clock.advance(1);
    await asked.ask();
    app.clock.advance(-3_600_000);
    expect(await refusal()).toEqual(["rate_limited", 5_000]);
    app.clock.advance(5_000);
    await asked.ask();
    expect(screen.codes).toHaveLength(3);
  });

  test("GW-58: nothing goes on after the connection has ended", async () => {
    await app.scratch.connect();
    const [begun, ended] = [spyOn(globalThis, "setTimeout"), spyOn(globalThis, "clearTimeout")];
    try {
      await onScreen(20).ask();
      expect(app.context.qrLogins.watching).toBe(1);
      const running = () => {
        const cleared = new Set<unknown>(ended.mock.calls.map(([timer]) => timer));
        return begun.mock.results.filter(({ value }) => !cleared.has(value));
      };
      // One for the next code, and one for the end of this one. Those of PostgreSQL's readers are over.
      expect(running()).toHaveLength(2);
      screen.close();
      expect(app.context.qrLogins.watching).toBe(0);
      expect(running()).toEqual([]);
    } finally {
      begun.mockRestore();
      ended.mockRestore();
    }
    await meanwhile();
    expect(screen.codes).toHaveLength(1);
  });

  test("GW-58: a connection that ends while its code is made is shown none, and nobody waits for it", async () => {
    const asked = onScreen(20).ask();
    screen.close();
    await asked;
    expect([screen.codes, app.context.qrLogins.watching]).toEqual([[], 0]);
  });
});

describe("ID-37: of the codes of one address", () => {
  const spent = async (count: number) => {
    await app.close();
    app = await openIdentityApp({ RATE_LIMITS: "on" });
    for (let code = 0; code < count; code++) {
      expect((await app.ask("/qr-logins", { method: "POST", ip: screen.asker.ip })).status).toBe(201);
    }
  };

  test("twenty a minute are given out, over HTTP and connections together", async () => {
    using _time = new StillTime();
    await spent(20);
    const refused = await onScreen(20)
      .ask()
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "rate_limited", retryAfterMs: 60_000 });
    expect((await app.ask("/qr-logins", { method: "POST", ip: screen.asker.ip })).status).toBe(429);
    expect(screen.codes).toEqual([]);
  });

  test("one that is to be replaced stays where there is none left, and is no fault", async () => {
    using _time = new StillTime();
    await spent(19);
    await onScreen(20).ask();
    await meanwhileElsewhere();
    expect(screen.codes).toHaveLength(1);
    expect(screen.errors).toEqual([]);
  });
});

describe("GW-57: a connection that cannot use the login any more while it is collected", () => {
  const devices = async (token: string) => (await app.ask("/logins", { token })).body.items.length;

  test.each<[string, () => void]>([
    ["because it closed", () => screen.close()],
    ["because a token signed it in", () => (screen.granted = {} as Granted)],
  ])("%s leaves none behind", async (_, happen) => {
    const { token } = await app.register("ann");
    const { promise: discarded, resolve } = Promise.withResolvers<void>();
    const { writes } = app.context;
    const run: Writes["run"] = async (procedure, input) => {
      const result = await writes.run(procedure, input);
      const ran: unknown = procedure;
      // The moment between the collection and its answer, which a test cannot meet otherwise.
      if (ran === procedures.collectQrLogin) {
        expect(result).toMatchObject({ user: { name: "ann" } });
        expect(await devices(token)).toBe(2);
        happen();
      }
      if (ran === discardLogin) resolve();
      return result;
    };
    const watched: Writes = {
      run,
      runWhenIdle: writes.runWhenIdle.bind(writes),
      truncateJournal: async () => true,
      close: () => writes.close(),
    };
    await onScreen(20_000, undefined, { context: { ...app.context, writes: watched } }).ask();
    const code = screen.codes[0] as QrCode;
    await app.ask(`/qr-logins/${code.code}/scan`, { method: "POST", token });
    await app.ask(`/qr-logins/${code.code}/confirm`, { method: "POST", token });
    await withDeadline(discarded, 3000, "the login was not discarded");
    expect(await devices(token)).toBe(1);
    expect(screen.errors).toEqual([]);
  });
});
