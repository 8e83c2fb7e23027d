// Regular expressions of RE2, the syntax of Prometheus, as JavaScript writes them. `ictus top` does the
// same for Rust, and both are tested with the same searches.

/** Classes of ASCII characters: pairs of a first and a last character, in ascending order. */
const CLASSES = {
  d: "09", s: "\t\n\f\r  ", w: "09AZ__az", alnum: "09AZaz", alpha: "AZaz", ascii: "\0\x7f", blank: "\t\t  ", cntrl: "\0\x1f\x7f\x7f",
  digit: "09", graph: "!~", lower: "az", print: " ~", punct: "!/:@[`{~", space: "\t\r  ", upper: "AZ", word: "09AZ__az", xdigit: "09AFaf",
};
/** Escapes outside of classes, and everywhere. */
const ANCHORS = { A: "(?:(?<![^]))", z: "(?:(?![^]))", b: "(?:\\b)", B: "(?:\\B)" };
const ESCAPES = { a: "\\x07", f: "\\f", n: "\\n", r: "\\r", t: "\\t", v: "\\v" };
const TOKEN = new RegExp([
  /\\Q(?<quoted>.*?)\\E/, /\\(?<octal>0[0-7]{0,2}|[1-7][0-7]{1,2})/, /\\x(?:\{(?<long>[\da-fA-F]+)\}|(?<short>[\da-fA-F]{2}))/,
  /\\(?<p>[pP])(?:\{(?<not>\^?)(?<name>[A-Z][A-Za-z_]*)\}|(?<letter>[A-Z]))/, /\\(?<perl>[dswDSW])/, /\\(?<escaped>.?)/,
  /\[:(?<no>\^?)(?<posix>[^\]]*?):\]/, /\(\?(?<flags>[imsU-]*)(?<end>[:)])/, /\(\?P?<(?![=!])/, /\{(?<least>\d+)(,(?<most>\d*))?\}/, /\[\^?\]?/, /\(\??/, /./,
].map(({ source }) => source).join("|"), "gsu");

const code = (point) => `\\u{${point.toString(16)}}`;
const literal = (text) => [...text].map((one) => code(one.codePointAt(0))).join("");

/** A class of ASCII characters, or its complement, as a part of another class. */
function members(pairs, isComplement) {
  let ends = [...pairs].map((one) => one.codePointAt(0));
  if (isComplement) ends = [0, ...ends.map((end, at) => (at % 2 ? end + 1 : end - 1)), 0x10ffff];
  return ends.map((end, at) => (at % 2 && ends[at - 1] <= end ? `${code(ends[at - 1])}-${code(end)}` : "")).join("");
}

/** Compiles an expression, which has to match a whole value. */
export function compile(text) {
  const refuse = (what) => { throw new SyntaxError(`${text} is not a regular expression of Prometheus: ${what}`); };
  let isInClass = false, global = "";
  /** For each open group, the groups that flags such as `(?i)` have opened in it. */
  const opened = [[]];
  const close = (groups) => ")".repeat(groups?.length ?? 0);
  const translated = text.replace(TOKEN, (token, ...rest) => {
    const { quoted, octal, long, short, p, not, name, letter, perl, escaped, no, posix, flags, end, least, most } = rest.at(-1);
    if (quoted !== undefined && !isInClass) return literal(quoted);
    if (octal) return literal(String.fromCodePoint(parseInt(octal, 8)));
    if (long ?? short) return literal(String.fromCodePoint(parseInt(long ?? short, 16)));
    if (p) {
      const property = name ?? letter;
      const script = property.length > 2 && property !== "Any" ? "Script=" : "";
      return `\\${(p === "P") !== Boolean(not) ? "P" : "p"}{${script}${property}}`;
    }
    if (perl) {
      const part = members(CLASSES[perl.toLowerCase()], perl < "a");
      return isInClass ? part : `[${part}]`;
    }
    if (escaped !== undefined) {
      if (/[!-/:-@[-`{-~]/.test(escaped)) return literal(escaped);
      return ESCAPES[escaped] ?? (isInClass ? undefined : ANCHORS[escaped]) ?? refuse(/[1-9]/.test(escaped) ? "a back-reference" : `the escape \\${escaped}`);
    }
    if (isInClass) {
      if (posix !== undefined) return members(CLASSES[posix.length > 1 ? posix : ""] ?? refuse(`the unknown class ${token}`), no);
      isInClass = !token.endsWith("]");
      return token.replace("[", "\\[");
    }
    if (end) {
      const kept = flags.replace("U", "").replace(/-$/, "");
      if (end === ")" && rest.at(-3) === 0 && !kept.includes("-")) {
        global = kept.replace("s", "");
        return "";
      }
      if (end === ":") opened.push([]);
      else opened.at(-1)?.push(`(?${kept}:`);
      return `(?${kept}:`;
    }
    if (Math.max(least ?? 0, most ?? 0) > 1000) refuse("more than 1,000 repetitions");
    if (token === "^" || token === "$") return `(?:${token})`;
    if (token === "(?") refuse("an unknown group, such as look-around");
    if (token[0] === "(") opened.push([]);
    if (token === ")" && opened.length === 1) refuse("a parenthesis that no other opens");
    if (token === ")") return `${close(opened.pop())})`;
    if (token === "|") return `${close(opened.at(-1))}|${(opened.at(-1) ?? []).join("")}`;
    if (posix === undefined && token[0] === "[") {
      isInClass = true;
      return token.replace("]", "\\]");
    }
    // Alone, these are characters.
    return "{}]".includes(token) ? `\\${token}` : token.replace("(?P<", "(?<");
  });
  if (isInClass) refuse("no end of a class");
  try {
    return new RegExp(`(?<![^])(?:${translated}${close(opened[0])})(?![^])`, `su${global}`);
  } catch (error) {
    // After the translated expression.
    return refuse(error.message.split(": ").at(-1));
  }
}
