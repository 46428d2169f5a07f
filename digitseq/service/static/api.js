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
  sessionStorage.setItem(KEY, key);
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

export async function ask(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service cannot be reached.");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ detail: answer.statusText }));
  throw new Problem(answer.status, said.message ?? said.detail, said.field, Number(answer.headers.get("Retry-After")));
}
