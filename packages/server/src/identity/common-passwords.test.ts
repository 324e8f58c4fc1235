import { expect, test } from "bun:test";
import { refuseCommonPassword } from "./common-passwords.ts";

/** The code with which a password is refused. */
async function refusal(password: string, name = "Somebody"): Promise<string | undefined> {
  try {
    await refuseCommonPassword(password, name);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test.each([
  // The first one of the list that has eight characters, one of its middle, and the last one that is refused.
  ["password"],
  ["iloveyou"],
  ["13101988"],
  ["PassWord"],
  ["ｐａｓｓｗｏｒｄ"],
])("ID-40: %s is too common", async (password) => expect(await refusal(password)).toBe("password_too_common"));

test.each([
  // The one after the last that is refused.
  ["13101992"],
  ["passwords of mine"],
  ["a long password"],
])("ID-40: %s is not", async (password) => expect(await refusal(password)).toBeUndefined());

test.each([
  ["Countess Ada", "Countess Ada"],
  ["countess ada", "Countess Ada"],
  ["Ｃountess  Ada", "countess ada"],
])("ID-40: %s is the name %s", async (password, name) =>
  expect(await refusal(password, name)).toBe("password_too_common"),
);

test("ID-40: a password may contain the name", async () => {
  expect(await refusal("countess ada of Lovelace", "Countess Ada")).toBeUndefined();
});
