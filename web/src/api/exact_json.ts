// The server writes 64-bit and longer whole numbers in full; JSON.parse alone would round them.

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

const keepDigits: Reviver = (_key, value, context) =>
  typeof value === 'number' &&
  !Number.isSafeInteger(value) &&
  context?.source !== undefined &&
  /^-?\d+$/.test(context.source)
    ? context.source
    : value;

/** As JSON.parse, but a whole number beyond 2^53 becomes its digits as text. Browsers that don't
 * hand a number's source to the reviver give it rounded. */
export function parseExact(text: string): unknown {
  // The reviver visits every value: only where a long number can be in the text.
  return /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
}
