import { Command, commandFrameSchema, LIMITS } from "@parley/protocol";
import type { z } from "zod";
import { ProblemError } from "../lib/problem.ts";
import type { Logger } from "../ops/logger.ts";
import type { Connection } from "./connection.ts";

/**
 * Carries out a command. May throw ProblemError, which becomes an ERROR frame; anything else is logged and answered
 * without detail.
 */
export type CommandHandler = (connection: Connection, data: unknown) => void | Promise<void>;

/** A command whose `data` is checked by a schema before it is handled. */
export function command<S extends z.ZodType>(
  schema: S,
  handle: (connection: Connection, data: z.output<S>) => void | Promise<void>,
): CommandHandler {
  return (connection, data) => {
    const parsed = schema.safeParse(data ?? {});
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const where = issue && issue.path.length > 0 ? `data.${issue.path.join(".")}` : "data";
      throw new BadFrame(`${where}: ${issue?.message ?? "is not valid"}`);
    }
    return handle(connection, parsed.data);
  };
}

/** A frame that cannot be a command. It is answered with ERROR; five in ten seconds end the connection. */
class BadFrame extends Error {
  override readonly name = "BadFrame";
}

export interface CommandParts {
  /** By type of frame; the gateway's own commands and those that features hand in. */
  readonly table: ReadonlyMap<number, CommandHandler>;
  readonly logger: Logger;
}

/** HEARTBEAT as every client writes it. It is by far the most common frame, and needs no answer. */
const HEARTBEAT_TEXT = `{"type":${Command.HEARTBEAT}}`;

/** Receives frames: counts and parses them, and finds the handler. */
export class Commands {
  readonly #parts: CommandParts;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Called for each data frame. `text` is undefined for a binary one. */
  receive(connection: Connection, text: string | undefined): void {
    if (!connection.inbound.takeFrame()) {
      connection.error("rate_limited", "Too many frames; this connection is cut");
      return connection.cut();
    }
    if (text === HEARTBEAT_TEXT) return;
    if (connection.state.kind === "authorizing") {
      connection.state.waiting.push(text ?? "");
      if (connection.state.waiting.length > LIMITS.framesBeforeReady) {
        connection.close(1008, "too many frames before the token was checked");
      }
      return;
    }
    this.#run(connection, text);
  }

  /** Runs the frames that waited for the token, in order. */
  runWaiting(connection: Connection, waiting: readonly string[]): void {
    for (const text of waiting) if (!connection.closed) this.#run(connection, text);
  }

  #run(connection: Connection, text: string | undefined): void {
    let type: number | undefined;
    try {
      const frame = parseFrame(text);
      type = frame.type;
      const handler = this.#parts.table.get(frame.type);
      if (!handler) {
        connection.error("unknown_type", `There is no command of type ${frame.type}`, frame.type);
        return this.#bad(connection);
      }
      const done = handler(connection, frame.data);
      if (done) done.catch((error: unknown) => this.#failed(connection, error, type));
    } catch (error) {
      this.#failed(connection, error, type);
    }
  }

  #failed(connection: Connection, error: unknown, type: number | undefined): void {
    if (connection.closed) return;
    if (error instanceof BadFrame) {
      connection.error("invalid", error.message, type);
      return this.#bad(connection);
    }
    if (error instanceof ProblemError) return connection.error(error.code, error.message, type);
    this.#parts.logger.error({ err: error, ...connection.named, type }, "a command failed");
    connection.error("internal", "Something went wrong on the server; it has been logged", type);
  }

  #bad(connection: Connection): void {
    if (!connection.inbound.takeBadFrame()) connection.close(1008, "too many broken frames");
  }
}

function parseFrame(text: string | undefined): { type: number; data?: unknown } {
  if (text === undefined) throw new BadFrame("Frames are JSON text, not binary");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadFrame("The frame is not JSON");
  }
  const parsed = commandFrameSchema.safeParse(value);
  if (!parsed.success) throw new BadFrame('A frame is {"type": <number>, "data"?: <object>}');
  return parsed.data;
}
