import { z } from "zod";
import { editDistance } from "../lib/edit-distance.ts";
import { once } from "../lib/once.ts";

/** More edits make another word. */
const EDITS = 2;
/**
 * Unknown fields of a body that are compared with the known ones. Nobody misspells that many, and a body that was made with thousands is not worth the time.
 */
const COMPARED = 100;

/** The part of JSON Schema that says which names an object may have. */
interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: unknown;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

/** One of the values with names in them that are allowed in some place: an object, or a list of such values. */
type Shape =
  | { readonly items: readonly Shape[] }
  | {
      /** The allowed values of each field. */
      readonly fields: ReadonlyMap<string, readonly Shape[]>;
      /** Fields that distinguish this object from others that are allowed here, such as `type`. */
      readonly constants: readonly (readonly [name: string, value: unknown])[];
      /** Any name may be given, or the schema itself refuses those that it does not know. */
      readonly isSettled: boolean;
    };
type ObjectShape = Extract<Shape, { fields: unknown }>;

type Path = readonly (string | number)[];

/**
 * The schema, refusing fields whose names are nearly those of known ones. Other unknown fields are ignored. Without this, a misspelt
 * optional field would do nothing, and its sender would not notice.
 */
export function refusingNearNames<S extends z.ZodType>(schema: S) {
  const shapes = once(() => shapesOf(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema));
  return z.preprocess((body, context) => {
    let left = COMPARED;
    lookAt(body, shapes(), [], (name, known, path) => {
      if (left-- <= 0) return false;
      const meant = known.find((one) => isNear(name, one));
      if (meant === undefined) return true;
      context.addIssue({ code: "custom", path: [...path, name], message: `is not a field; is ${meant} meant?` });
      return true;
    });
    return body;
  }, schema);
}

/** Within two edits, and not by changing every letter, since the shortest names are two edits from any other. */
function isNear(name: string, known: string): boolean {
  const edits = editDistance(name, known);
  return edits <= EDITS && edits < Math.min(name.length, known.length);
}

function shapesOf(schema: JsonSchema): Shape[] {
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(shapesOf);
  const items = schema.items ? shapesOf(schema.items) : [];
  if (items.length > 0) choices.push({ items });
  if (schema.properties) {
    const properties = Object.entries(schema.properties);
    choices.push({
      fields: new Map(properties.map(([name, inner]) => [name, shapesOf(inner)])),
      constants: properties.flatMap(([name, inner]) =>
        inner.const === undefined ? [] : [[name, inner.const] as const],
      ),
      isSettled: schema.additionalProperties !== undefined,
    });
  }
  return choices;
}

/** Called with an unknown name and the names that are known in its place; returns false to stop the search. */
type OnUnknown = (name: string, known: readonly string[], path: Path) => boolean;

function lookAt(value: unknown, shapes: readonly Shape[], path: Path, onUnknown: OnUnknown): boolean {
  if (shapes.length === 0 || typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) {
    const items = shapes.flatMap((shape) => ("items" in shape ? shape.items : []));
    return value.every((item, index) => lookAt(item, items, [...path, index], onUnknown));
  }
  const objects = shapes.filter((shape): shape is ObjectShape => "fields" in shape && fits(value, shape));
  const isSettled = objects.length === 0 || objects.some((object) => object.isSettled);
  for (const name in value) {
    const inner = innerOf(objects, name);
    if (inner.length > 0 && !lookAt((value as never)[name], inner, [...path, name], onUnknown)) return false;
    if (isSettled || objects.some(({ fields }) => fields.has(name))) continue;
    if (
      !onUnknown(
        name,
        objects.flatMap(({ fields }) => [...fields.keys()]),
        path,
      )
    )
      return false;
  }
  return true;
}

const NOTHING: readonly Shape[] = [];

/** What a field may hold. Mostly one object is meant, and this is asked for each field of each request, so nothing is copied then. */
function innerOf(objects: readonly ObjectShape[], name: string): readonly Shape[] {
  const [first, second] = objects;
  if (!second) return first?.fields.get(name) ?? NOTHING;
  return objects.flatMap(({ fields }) => fields.get(name) ?? []);
}

/** Whether a value has the constants of an object; where it has not, the schema says so. */
function fits(value: object, { constants }: ObjectShape): boolean {
  return constants.every(([name, constant]) => (value as Record<string, unknown>)[name] === constant);
}
