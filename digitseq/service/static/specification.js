// Texts such as "elastic:alpha=6..9,p=0.5": a name, and what is set of its parameters.

export function parse(text) {
  const [name, ...rest] = text.split(":");
  const given = rest.join(":").split(",").filter(Boolean).map((item) => {
    const [key, ...value] = item.split("=");
    return [key.trim(), value.join("=").trim()];
  });
  return { name: name.trim(), given: Object.fromEntries(given) };
}

export function write(name, given) {
  return given.length ? `${name}:${given.join(",")}` : name;
}

// "6..9" or "6" as two numbers; null for anything else, which no slider shows.
export function range(text) {
  const ends = text.split("..").map(Number);
  return text !== "" && ends.length <= 2 && ends.every(Number.isFinite) ? [ends[0], ends.at(-1)] : null;
}

export function rangeText([low, high]) {
  return low === high ? String(low) : `${low}..${high}`;
}
