// Requests to the service, and its problems (RFC 9457) as errors with a field.

const KEY = "digitseq-key";

export class Problem extends Error {
  constructor(status, message, field, after = 0) {
    super(message);
    this.status = status;
    this.field = field;
    this.after = after; // seconds in which to ask again
  }
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key.trim());
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

export async function ask(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  if (key !== null && !/^[!-~]+$/.test(key)) throw new Problem(401, "This key is wrong."); // no header could hold it
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service cannot be reached.");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  const message = said?.message ?? said?.detail, after = Number(answer.headers.get("Retry-After"));
  // what stands between the page and the service may answer, too
  if (!message || typeof message !== "string") throw unknownAnswer(answer, after);
  throw new Problem(answer.status, message, said.field, after);
}

// The answer's JSON, which must have the part of this name.
export async function askForJson(path, part, options = {}) {
  const answer = await ask(path, options);
  const text = await answer.text().catch((error) => {
    throw error.name === "AbortError" ? error : new Problem(0, "The service cannot be reached.");
  });
  try {
    const found = JSON.parse(text);
    if (found[part].length) return found;
  } catch { /* as below */ }
  throw unknownAnswer(answer);
}

export function unknownAnswer({ status, statusText }, after) {
  return new Problem(status, `The service gave no answer that the page knows: ${status} ${statusText}`.trim(), undefined, after);
}
