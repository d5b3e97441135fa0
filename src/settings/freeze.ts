// Settings are read once and never change: what holds them may share them.

/** Freezes plain objects, arrays and sets all the way down. Instances of classes are left alone: they guard themselves. */
export function deepFreeze<T>(value: T): T {
  if (value instanceof Set) {
    for (const method of ["add", "delete", "clear"]) {
      Object.defineProperty(value, method, { value: refuse });
    }
    return Object.freeze(value);
  }
  if (!Array.isArray(value) && !isPlain(value)) return value;
  if (Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value as object)) deepFreeze(part);
  return value;
}

function isPlain(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function refuse(): never {
  throw new TypeError("settings do not change");
}
