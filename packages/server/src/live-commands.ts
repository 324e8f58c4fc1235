import { Command, encodePush, LIMITS, Push, roomStream, typingSchema, userStream } from "@parley/protocol";
import type { Context } from "./context.ts";
import { type CommandHandler, command } from "./gateway/commands.ts";
import type { ConnectedLogin, Connection } from "./gateway/connection.ts";
import { publicUrl } from "./identity/public-url.ts";
import { type QrAsker, QrOnConnection } from "./identity/qr-on-connection.ts";
import { ProblemError } from "./lib/problem.ts";
import type { Logger } from "./ops/logger.ts";
import { silentRooms } from "./rooms/direct-silence.ts";

export interface LiveCommandParts {
  readonly context: Context;
  readonly logger: Logger;
  readonly signIn: (connection: Connection, login: ConnectedLogin, token: string) => Promise<void>;
  readonly memberCountOf: (roomId: number) => Promise<number>;
  /** Whether a user may read a room now; called for connections that are not live yet. */
  readonly mayRead: (uid: number, roomId: number) => Promise<boolean>;
}

/** The commands that features add to the gateway's own: LOGIN and TYPING. */
export function liveCommands(parts: LiveCommandParts): [number, CommandHandler][] {
  return [
    [Command.LOGIN, loginCommand(parts)],
    [Command.TYPING, typingCommand(parts)],
  ];
}

function loginCommand({ context, logger, signIn }: LiveCommandParts): CommandHandler {
  const askers = new WeakMap<Connection, QrOnConnection>();
  return (connection) => {
    let qr = askers.get(connection);
    if (!qr) {
      const onError = (error: unknown) => {
        if (error instanceof ProblemError) return connection.error(error.code, error.message, Command.LOGIN);
        logger.error({ err: error, ...connection.named }, "a QR login failed");
        connection.error("internal", "The QR code could not be renewed; ask again", Command.LOGIN);
      };
      qr = new QrOnConnection({ context, asker: askerOf(connection, { context, signIn }), onError });
      askers.set(connection, qr);
    }
    return qr.ask();
  };
}

function askerOf(connection: Connection, { context, signIn }: Pick<LiveCommandParts, "context" | "signIn">): QrAsker {
  const { ip, userAgent, address } = connection.origin;
  return {
    ip,
    userAgent,
    baseUrl: () => publicUrl(context.urlSource, address),
    signedIn: () => connection.login !== undefined,
    closed: () => connection.closed,
    show: ({ url, expiresAt }) => connection.push(Push.LOGIN_URL, { loginUrl: url, expiresAt }),
    scanned: () => connection.push(Push.LOGIN_SCAN_SUCCESS, undefined),
    signIn: ({ loginId, user, expiresAt, token }) => {
      const { uid, power, name, avatar } = user;
      void signIn(connection, { loginId, uid, power, name, avatar, expiresAt }, token);
    },
    onClosed: (clean) => connection.onClosed.push(clean),
  };
}

function typingCommand({ context, memberCountOf, mayRead }: LiveCommandParts): CommandHandler {
  return command(typingSchema, async (connection, { roomId }) => {
    const { login } = connection;
    if (!login) throw new ProblemError("unauthorized");
    const stream = roomStream(roomId);
    // People who read the room may see its members; for everybody else the room does not exist.
    const reads =
      connection.isSubscribed(stream) || (connection.state.kind !== "live" && (await mayRead(login.uid, roomId)));
    if (!reads) throw new ProblemError("not_found");
    // More often than that the readers know already.
    if (!context.rates.typing.tryTake(`${login.uid}:${roomId}`)) return;
    const members = await memberCountOf(roomId);
    if (members === 0 || members > LIMITS.typingRoomMembers) return;
    const isSilent = members === 2 && (await silentRooms(context.db, [roomId])).has(roomId);
    // They may have left the room, or been kept out, while that was read.
    if (connection.closed || (connection.state.kind === "live" && !connection.isSubscribed(stream))) return;
    // Their own devices are told in any case.
    const frame = encodePush(Push.TYPING, { roomId, uid: login.uid });
    context.liveFrames.publish([isSilent ? userStream(login.uid) : stream], frame);
  });
}
