import { ENV, ENV_NAMES, type Env, type EnvName } from "./env.ts";
import type { Parser } from "./parse.ts";

/** One variable as `parley config` shows it. */
export interface ConfigEntry {
  readonly name: EnvName;
  /** Text, with secrets masked; what it means when it is not set. */
  readonly value: string;
  readonly source: "environment" | "default";
}

/** Reads single variables, collecting problems; a wrong one continues with its default so that all problems are found. */
export class Reader {
  readonly problems: string[] = [];
  readonly #env: Env;
  readonly #entries = new Map<EnvName, ConfigEntry>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** A variable with a default, which is written like the variable's text. */
  value<T>(name: EnvName, parser: Parser<T>, defaultText: string): T {
    const given = this.#read(name, parser, defaultText);
    if (given) return given.value;
    const standard = parser(defaultText);
    if (!standard.ok) throw new Error(`the default of ${name} is not valid: ${defaultText}`);
    return standard.value;
  }

  /** A variable that may be absent; `meaning` says what that means. */
  maybe<T>(name: EnvName, parser: Parser<T>, meaning: string): T | undefined {
    return this.#read(name, parser, meaning)?.value;
  }

  isSet(name: EnvName): boolean {
    return Boolean(this.#env[name]?.trim());
  }

  entries(): ConfigEntry[] {
    return ENV_NAMES.flatMap((name) => this.#entries.get(name) ?? []);
  }

  #read<T>(name: EnvName, parser: Parser<T>, whenAbsent: string): { value: T } | undefined {
    const text = this.#env[name]?.trim();
    if (!text) {
      this.#entries.set(name, { name, value: whenAbsent, source: "default" });
      return undefined;
    }
    this.#entries.set(name, { name, value: shown(name, text), source: "environment" });
    const parsed = parser(text);
    if (parsed.ok) return parsed;
    this.problems.push(`${name} is ${quoted(name, text)}, wanted ${parsed.wanted}`);
    return undefined;
  }
}

function shown(name: EnvName, text: string): string {
  return "secret" in ENV[name] ? "********" : text;
}

function quoted(name: EnvName, text: string): string {
  return "secret" in ENV[name] ? "set (hidden)" : JSON.stringify(text);
}
