import { z } from "@hono/zod-openapi";

type Registry = { register<S extends z.ZodType>(name: string, schema: S): S };

/**
 * The body of a route that takes one thing, or a list of them as `{items}`. The form of the body decides which schema applies, so that
 * errors name the field where they are, and not both forms at once.
 */
export function eitherBody<One extends z.ZodType, Many extends z.ZodType>(
  { one, many }: { one: One; many: Many },
  registry: Registry,
  names: { one: string; many: string },
) {
  registry.register(names.one, one);
  registry.register(names.many, many);
  const schema = z
    .unknown()
    .transform((body, context): z.infer<One> | z.infer<Many> => {
      const isList = typeof body === "object" && body !== null && "items" in body;
      const parsed = (isList ? many : one).safeParse(body);
      if (parsed.success) return parsed.data as z.infer<One> | z.infer<Many>;
      for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
      return z.NEVER;
    })
    .openapi({ anyOf: [names.one, names.many].map((name) => ({ $ref: `#/components/schemas/${name}` })) });
  return { required: true, content: { "application/json": { schema } } } as const;
}
