/**
 * Kinds of messages: what differs between a text and another message, and nothing else. Each kind is a file of this folder, which says how
 * it is sent, stored, shown and quoted (`kind.ts`); this file has the table of them. Rights, numbers, quotations, mentions and recalls are
 * the same for all kinds, and are one folder above.
 *
 * Must not import the rest of messages, rooms, or the database.
 */
import { sendBaseSchema } from "@parley/protocol";
import { z } from "zod";
import { ProblemError } from "../../lib/problem.ts";
import { SIZES } from "../../limits/sizes.ts";
import { custom } from "./custom.ts";
import type { AboutMessage, AnyKind, KindRules, ShownBody, Surroundings } from "./kind.ts";
import { recalled } from "./recalled.ts";
import { text } from "./text.ts";

/** Body of `POST /rooms/{id}/messages`. `body` is what the kind of that `type` takes. */
export type SendRequest = z.infer<typeof sendBaseSchema> & { readonly type: number; readonly body: object };

/**
 * A table of kinds by their `type`. The schema of requests, and with it the API's document, and the stored and shown forms follow from it;
 * nothing else checks a message's type.
 */
export class MessageKinds {
  /** Accepts the kinds that people send. */
  readonly sendSchema: z.ZodType<SendRequest>;
  readonly #byType: ReadonlyMap<number, AnyKind>;

  constructor(kinds: readonly AnyKind[]) {
    this.#byType = new Map(kinds.map((kind) => [kind.type, kind]));
    if (this.#byType.size < kinds.length) throw new Error("two kinds of messages have the same type");
    this.sendSchema = sendSchemaOf(kinds);
  }

  /** @throws ProblemError `kind_not_allowed` */
  checkMaySend({ type, body }: SendRequest, rules: KindRules): void {
    const kind = this.#of(type);
    if (kind.maySend && !kind.maySend(body, rules)) throw new ProblemError("kind_not_allowed");
  }

  /**
   * The schema of another request that sends the same kinds, with its other fields. It refuses unknown fields, in bodies too.
   */
  strictSchema<S extends z.ZodRawShape>(
    shape: S,
  ): z.ZodType<z.infer<z.ZodObject<S>> & Pick<SendRequest, "type" | "body">> {
    const choices = [...this.#byType.values()].flatMap(({ type, sent }) => {
      if (sent === null) return [];
      const body = sent instanceof z.ZodObject ? sent.strict() : sent;
      return [z.strictObject({ ...shape, type: z.literal(type), body })];
    });
    return byType(choices) as never;
  }

  store({ type, body }: Pick<SendRequest, "type" | "body">): object {
    return this.#of(type).store(body);
  }

  show(message: { readonly type: number; readonly stored: object }, surroundings: Surroundings): ShownBody {
    return this.#of(message.type).show(message.stored, surroundings);
  }

  /** What a quotation shows: only the beginning of a long text, because quoting costs the sender nothing and the whole text would be sent again. */
  quote(message: AboutMessage & { readonly type: number; readonly stored: object }): string {
    return beginning(this.#of(message.type).quote(message.stored, message));
  }

  #of(type: number): AnyKind {
    const kind = this.#byType.get(type);
    if (!kind) throw new Error(`there is no kind of message with type ${type}`);
    return kind;
  }
}

/** At most as many code points as a quotation shows, the last one an ellipsis if there is more. */
function beginning(text: string): string {
  const max = SIZES.quotation.count;
  if (text.length <= max) return text;
  const points = [...text];
  return points.length <= max ? text : `${points.slice(0, max - 1).join("")}…`;
}

function sendSchemaOf(kinds: readonly AnyKind[]): z.ZodType<SendRequest> {
  const { clientId, replyTo, mentions } = sendBaseSchema.shape;
  const choices = kinds.flatMap(({ type, sent }) =>
    sent === null ? [] : [z.object({ clientId, type: z.literal(type), body: sent, replyTo, mentions })],
  );
  return byType(choices) as z.ZodType<SendRequest>;
}

type Choice = z.ZodObject<{ type: z.ZodLiteral<number>; body: z.ZodType }>;

/** One schema for all of these, by `type`. */
function byType(choices: readonly Choice[]): z.ZodType {
  const types = choices.map(({ shape }) => shape.type.value).join(" or ");
  return z.discriminatedUnion("type", choices as unknown as [Choice], {
    error: ({ code, input }) => {
      if (code !== "invalid_union") return undefined;
      return (input as { type?: unknown }).type === undefined ? "is required" : `must be the number ${types}`;
    },
  });
}

/** Every kind of this server. Clients know what each of them shows. */
const KINDS: readonly AnyKind<ShownBody>[] = [text, custom, recalled];

export const messageKinds = new MessageKinds(KINDS);
