"use strict";

/**
 * The language of `mcpdump --filter` for the exchanges of this page: the same grammar, operators and
 * comparisons as src/ledger/query, on the fields that a row has. Nothing here touches the page.
 *
 * `Filter.parse(text, fields, hasSeveralFiles)` returns a function from an exchange to a boolean. It
 * throws `Filter.Fault` where the expression is wrong, and `Filter.NotHere` where it asks for what
 * is not in the page.
 */
const Filter = (() => {
  /** An error in the expression, at a character. */
  class Fault extends Error {
    constructor(at, message, hint = "") {
      super(message);
      this.at = at;
      this.hint = hint;
    }
  }

  /** A test that needs what the page does not hold. */
  class NotHere extends Error {}

  const MAX_LENGTH = 4096;
  const MAX_DEPTH = 64;
  const MAX_REGEXES = 16;
  const MAX_DIGITS = 20;
  const SECOND = 1_000_000_000n;
  const DAY = 86_400n * SECOND;

  const ORDER = [":", "!=", ">", ">=", "<", "<="];
  /** Operators of each kind of field. */
  const OPERATORS = {
    text: [":", "!=", "~"],
    word: [":", "!=", "~"],
    session: [":", "!=", "~"],
    address: [":", "!=", "~"],
    ip: [":", "!=", "~"],
    content: [":", "!=", "~"],
    ordered: [":", "!=", "~", ">", ">=", "<", "<="],
    number: ORDER,
    http: ORDER,
    duration: ORDER,
    size: ORDER,
    packet: ORDER,
    time: ORDER,
  };

  const UNITS = {
    duration: {
      ns: 1n, us: 1_000n, "\u00b5s": 1_000n, "\u03bcs": 1_000n, ms: 1_000_000n, s: SECOND,
      m: 60n * SECOND, min: 60n * SECOND, h: 3600n * SECOND,
    },
    size: {
      b: 1n, kb: 1_000n, k: 1_000n, mb: 1_000_000n, m: 1_000_000n, gb: SECOND, g: SECOND,
      kib: 1n << 10n, mib: 1n << 20n, gib: 1n << 30n,
    },
  };

  // --- Texts ---------------------------------------------------------------------------------

  /** Lower case, character by character: a final sigma is like any other. */
  const lower = (text) => {
    let out = "";
    for (const c of text) out += c.toLowerCase();
    return out;
  };

  /** Only the letters of ASCII change. */
  const asciiLower = (text) => text.replace(/[A-Z]/g, (c) => c.toLowerCase());

  /**
   * Whether `text` begins with the folded `needle`; the rest of the text if it does, else null. The
   * needle ends where a character of the text ends.
   */
  const strip = (text, needle) => {
    let wanted = 0;
    let used = 0;
    for (const c of text) {
      if (wanted === needle.length) break;
      const folded = c.toLowerCase();
      if (!needle.startsWith(folded, wanted)) return null;
      wanted += folded.length;
      used += c.length;
    }
    return wanted === needle.length ? text.slice(used) : null;
  };

  const isAscii = (text) => /^[\x00-\x7f]*$/.test(text);

  const equals = (text, needle) =>
    isAscii(text) ? text.toLowerCase() === needle : strip(text, needle) === "";
  const begins = (text, needle) =>
    isAscii(text) ? text.slice(0, needle.length).toLowerCase() === needle : strip(text, needle) !== null;
  const contains = (text, needle) => {
    if (isAscii(text)) return text.toLowerCase().includes(needle);
    if (needle === "") return true;
    for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) {
      if (begins(text.slice(at), needle)) return true;
    }
    return false;
  };

  /** Number of insertions, deletions and replacements between two words. */
  const distance = (a, b) => {
    let row = Array.from({ length: b.length + 1 }, (_, at) => at);
    for (let i = 0; i < a.length; i += 1) {
      const next = [i + 1];
      for (let j = 0; j < b.length; j += 1) {
        next.push(Math.min(row[j] + (a[i] === b[j] ? 0 : 1), row[j + 1] + 1, next[j] + 1));
      }
      row = next;
    }
    return row.at(-1);
  };

  /** The candidate that is most like a word: at most two edits, and half of its letters. */
  const nearest = (word, candidates) => {
    if (word.length > 64) return null;
    const wanted = lower(word);
    const allowed = Math.min(Math.floor(wanted.length / 2), 2);
    const near = candidates.map((it) => [distance(wanted, it), it]).filter(([far]) => far <= allowed);
    return near.sort((a, b) => a[0] - b[0])[0]?.[1] ?? null;
  };

  const isBlank = (c) => /^\p{White_Space}$/u.test(c);

  // --- Tokens --------------------------------------------------------------------------------

  /** Reads the expression from left to right. */
  class Lexer {
    constructor(text) {
      this.text = text;
      this.at = 0;
    }

    /** The character at the position; empty at the end. */
    peek() {
      return this.at < this.text.length ? String.fromCodePoint(this.text.codePointAt(this.at)) : "";
    }

    starts(what) {
      return this.text.startsWith(what, this.at);
    }

    next() {
      const c = this.peek();
      this.at += c.length;
      return c;
    }

    blanks() {
      while (this.peek() !== "" && isBlank(this.peek())) this.next();
    }

    tokens() {
      const tokens = [];
      do tokens.push(this.token());
      while (tokens.at(-1).kind !== "end");
      return tokens;
    }

    token() {
      this.blanks();
      const at = this.at;
      const token = (kind, more = {}) => ({ kind, at, end: this.at, ...more });
      const simple = [["(", "open"], [")", "close"], ["&&", "and"], ["||", "or"]];
      for (const [sign, kind] of simple) {
        if (this.starts(sign)) {
          this.at += sign.length;
          return token(kind);
        }
      }
      if (this.starts("!") && !this.starts("!=")) {
        this.at += 1;
        return token("not");
      }
      if (this.peek() === "") return token("end");
      if (this.starts('"')) {
        const value = this.quoted(false);
        this.delimiter("the text");
        return token("quoted", { text: value.text });
      }
      const word = this.take((c) => ":=~<>".includes(c) || this.endsValue(c) || this.starts("!="));
      const keyword = KEYWORDS[asciiLower(word)];
      const afterWord = this.at;
      if (keyword && this.operator(true) === null) return token(keyword);
      this.blanks();
      const opAt = this.at;
      const op = this.operator();
      if (op === null) {
        this.at = afterWord;
        this.delimiter("the word");
        return token("word", { text: word });
      }
      if (word === "") {
        throw new Fault(opAt, `a field is missing before \`${op}\``,
          "text with : = ~ < or > in it must be quoted");
      }
      const value = this.value(op);
      return token("comparison", { field: word, op, opAt, value });
    }

    /** Takes characters up to the first that `ends` accepts. */
    take(ends) {
      const from = this.at;
      while (this.peek() !== "" && !ends(this.peek())) this.next();
      return this.text.slice(from, this.at);
    }

    endsValue(c) {
      return isBlank(c) || '()"'.includes(c) || this.starts("&&") || this.starts("||");
    }

    operator(onlyLook = false) {
      const signs = [">=", "<=", "!=", "==", ":", "=", "~", ">", "<"];
      const sign = signs.find((sign) => this.starts(sign));
      if (sign === undefined) return null;
      if (!onlyLook) this.at += sign.length;
      return sign === "==" || sign === "=" ? ":" : sign;
    }

    /** The right side of a comparison; null if it is missing. */
    value(op) {
      const before = this.at;
      this.blanks();
      const at = this.at;
      const apostrophes = this.apostrophes();
      if (apostrophes !== null || this.starts('"')) {
        const value = apostrophes ?? this.quoted(op === "~");
        value.at = at + 1;
        value.star = this.starts("*") ? this.at : null;
        if (value.star !== null) this.at += 1;
        this.delimiter("the value");
        return value;
      }
      const text = op === "~" ? this.regex() : this.take((c) => this.endsValue(c));
      // `dur > and x`: the keyword joins two tests and is not the value.
      if (text === "" || (at > before && KEYWORDS[asciiLower(text)])) {
        this.at = before;
        return null;
      }
      this.delimiter("the value");
      if (op !== "~" && text.endsWith("*")) {
        return { text: text.slice(0, -1), quoted: false, star: this.at - 1, at };
      }
      return { text, quoted: false, star: null, at };
    }

    /** Text in apostrophes; one within a word does not end it. Null if there is none. */
    apostrophes() {
      if (!this.starts("'")) return null;
      for (let end = this.at + 1; (end = this.text.indexOf("'", end)) >= 0; end += 1) {
        const next = this.text.slice(end + 1, end + 2);
        if (next === "" || isBlank(next) || next === ")" || next === "*") {
          const text = this.text.slice(this.at + 1, end);
          this.at = end + 1;
          return { text, quoted: true };
        }
      }
      return null;
    }

    /** In a regex only \" is an escape; other escapes belong to the regex. */
    quoted(isRegex) {
      const start = this.at;
      this.at += 1;
      let text = "";
      while (this.peek() !== "") {
        const c = this.next();
        if (c === '"') return { text, quoted: true };
        if (c !== "\\") {
          text += c;
        } else if (isRegex) {
          const escaped = this.next();
          text += escaped === '"' ? '"' : `\\${escaped}`;
        } else {
          text += this.escape();
        }
      }
      throw new Fault(start, "unclosed quote", 'add a " at the end of the text');
    }

    escape() {
      const at = this.at - 1;
      const c = this.next();
      const simple = { '"': '"', "\\": "\\", n: "\n", r: "\r", t: "\t" };
      if (Object.hasOwn(simple, c)) return simple[c];
      const hex = c === "u" && /^\{([0-9a-fA-F]{1,6})\}/.exec(this.text.slice(this.at));
      const code = hex ? parseInt(hex[1], 16) : -1;
      const isScalar = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
      if (!isScalar) throw new Fault(at, "unknown escape", '\\" \\\\ \\n \\r \\t and \\u{\u2026} are supported');
      this.at += hex[0].length;
      return String.fromCodePoint(code);
    }

    /** A regex ends at a blank, or at a parenthesis that it did not open. */
    regex() {
      const from = this.at;
      let open = 0;
      let inClass = false;
      let escaped = false;
      for (; this.peek() !== ""; this.next()) {
        const c = this.peek();
        if (isBlank(c)) break;
        if (escaped) {
          escaped = false;
        } else if (c === "\\") escaped = true;
        else if (c === "[") inClass = true;
        else if (c === "]") inClass = false;
        else if (c === "(" && !inClass) open += 1;
        else if (c === ")" && !inClass && open === 0) break;
        else if (c === ")" && !inClass) open -= 1;
      }
      return this.text.slice(from, this.at);
    }

    /** `f(x)` would mean `f and x`. */
    delimiter(what) {
      const c = this.peek();
      if (c === "" || isBlank(c) || c === ")" || this.starts("&&") || this.starts("||")) return;
      throw new Fault(this.at, `\`${c}\` directly after ${what}`, "add a blank, or quote the whole text");
    }
  }

  const KEYWORDS = Object.assign(Object.create(null), { and: "and", or: "or", not: "not" });

  // --- Grammar -------------------------------------------------------------------------------

  /** `not` binds tighter than `and` (or a blank), which binds tighter than `or`. */
  class Parser {
    constructor(tokens, context) {
      this.tokens = tokens;
      this.position = 0;
      this.context = context;
    }

    first() {
      return this.tokens[this.position];
    }

    accept(kind) {
      const is = this.first()?.kind === kind;
      this.position += is ? 1 : 0;
      return is;
    }

    whole() {
      const test = this.or(0);
      const rest = this.first();
      if (rest?.kind === "close") throw new Fault(rest.at, "unmatched `)`", "add the `(`");
      return test;
    }

    or(depth) {
      const parts = [this.and(depth)];
      while (this.accept("or")) parts.push(this.and(depth));
      return parts.length === 1 ? parts[0] : (it) => parts.some((part) => part(it));
    }

    and(depth) {
      const parts = [this.operand(depth)];
      const goesOn = () => this.accept("and") || !["or", "close", "end", undefined].includes(this.first()?.kind);
      while (goesOn()) parts.push(this.operand(depth));
      return parts.length === 1 ? parts[0] : (it) => parts.every((part) => part(it));
    }

    operand(depth) {
      const token = this.tokens[this.position];
      this.position += 1;
      if (depth >= MAX_DEPTH) throw new Fault(token.at, `nested deeper than ${MAX_DEPTH}`);
      switch (token.kind) {
        case "not": {
          const inner = this.operand(depth + 1);
          return (it) => !inner(it);
        }
        case "open": {
          const inner = this.or(depth + 1);
          if (!this.accept("close")) throw new Fault(token.at, "unclosed `(`", "add the `)`");
          return inner;
        }
        case "word":
        case "quoted":
          return anywhere(token.text);
        case "comparison":
          this.rejectDetachedUnit(token);
          return compile(token, this.context);
        case "end":
          throw new Fault(token.at, "a test is missing at the end");
        case "close":
          throw new Fault(token.at, "a test is missing before `)`");
        default:
          throw new Fault(token.at, `a test is missing before \`${token.kind}\``,
            `to look for the word itself, quote it: "${token.kind}"`);
      }
    }

    /** `dur>500 ms` would search for the word `ms`. */
    rejectDetachedUnit(token) {
      const next = this.first();
      const kind = find(token.field, this.context.fields)?.kind;
      const units = UNITS[kind];
      if (!units || !token.value || next?.kind !== "word" || !/[0-9]$/.test(token.value.text)) return;
      if (Object.hasOwn(units, asciiLower(next.text))) {
        throw new Fault(next.at, `blank before the unit \`${next.text}\``,
          "write the unit directly after the number, or quote the word");
      }
    }
  }

  const find = (name, fields) => fields.find((field) => field.names.includes(asciiLower(name)));

  /** A word or quoted text: found in method, name, id or session id, or the number of a session. */
  const anywhere = (text) => {
    const needle = lower(text);
    const number = /^s([1-9][0-9]*)$/.exec(needle)?.[1];
    return (it) =>
      [...it.texts("method"), ...it.texts("name"), ...it.texts("id")].some((has) => contains(has, needle)) ||
      (it.session.id !== null && contains(it.session.id, needle)) ||
      (number !== undefined && String(it.session.number) === number);
  };

  // --- Tests ---------------------------------------------------------------------------------

  /** Whether one of the values passes; with `negate`, whether there are values and none passes. */
  const any = (values, negate, passes) => values.length > 0 && values.some(passes) !== negate;

  const compare = (op, has, wanted) => {
    switch (op) {
      case ":": return has === wanted;
      case "!=": return has !== wanted;
      case ">": return has > wanted;
      case ">=": return has >= wanted;
      case "<": return has < wanted;
      default: return has <= wanted;
    }
  };

  const compile = (token, context) => {
    const field = find(token.field, context.fields);
    if (!field) {
      const near = nearest(token.field, context.fields.flatMap((field) => field.names));
      throw new Fault(token.at, `unknown field \`${token.field}\``,
        near ? `did you mean \`${near}\`?` : "text with : = ~ < or > in it must be quoted");
    }
    const { op, value } = token;
    const [name] = field.names;
    // `body` has an order of its own: it is not compared with `!=`.
    const operators = name === "body" ? [":", "~"] : OPERATORS[field.kind];
    if (!operators.includes(op)) {
      throw new Fault(token.opAt, `\`${name}\` cannot be compared with \`${op}\``,
        `it takes ${operators.join(" ")}`);
    }
    if (!value) throw new Fault(token.end, `a value is missing after \`${op}\``);
    if (field.kind === "content") {
      throw new NotHere(`${name} searches bodies and header fields, which are not in this page`);
    }
    if (op === "~" && field.kind !== "word") {
      const regex = compileRegex(value);
      return (it) => any(it.texts(name), false, (has) => regex.test(has));
    }
    if (value.star !== null) {
      checkStar(field, op, value);
      if (value.text === "" && field.kind !== "word") {
        return (it) => it.texts(name).length > 0 || it.numbers(name).length > 0;
      }
    }
    const negate = op === "!=";
    switch (field.kind) {
      case "text":
      case "ordered":
        return text(name, op, value);
      case "word":
        return words(field, op, value);
      case "session":
        return session(negate, value);
      case "address":
      case "ip":
        return value.star !== null ? text(name, op, value) : address(field, op, value);
      case "number":
        return number(name, op, whole(value) * 2n);
      case "http":
        return httpStatus(name, op, value);
      case "duration":
        return duration(name, op, value);
      case "size":
        return number(name, op, measured("size", value));
      case "packet":
        return packet(op, value, context);
      default:
        return time(op, value);
    }
  };

  const checkStar = (field, op, value) => {
    if (op !== ":" && op !== "!=") {
      throw new Fault(value.star, `\`*\` cannot be compared with \`${op}\``, "it goes with : and !=");
    }
    if (value.text === "" && op === "!=") {
      throw new Fault(value.star, "`!=*` never matches", `write not ${field.names[0]}:*`);
    }
    if (!OPERATORS[field.kind].includes("~") && value.text !== "") {
      throw new Fault(value.star, "a number has no prefix to compare");
    }
  };

  const rejectInnerStar = (value) => {
    const star = value.text.indexOf("*");
    if (star >= 0 && !value.quoted) {
      throw new Fault(value.at + star, "`*` is only allowed at the end", "use ~ and a regex, or quotes");
    }
  };

  const text = (name, op, value) => {
    rejectInnerStar(value);
    const wanted = lower(value.text);
    if (op !== ":" && op !== "!=") {
      return (it) => any(it.texts(name), false, (has) => compare(op, compareBytes(has, wanted), 0));
    }
    const passes = value.star !== null ? begins : equals;
    return (it) => any(it.texts(name), op === "!=", (has) => passes(has, wanted));
  };

  /** Compares texts by code points, as their bytes in UTF-8 compare. */
  const compareBytes = (a, b) => {
    const [left, right] = [Array.from(a), Array.from(b)];
    for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
      const differ = left[at].codePointAt(0) - right[at].codePointAt(0);
      if (differ !== 0) return Math.sign(differ);
    }
    return Math.sign(left.length - right.length);
  };

  /** The words that match are chosen once. */
  const words = (field, op, value) => {
    const wanted = lower(value.text);
    const values = field.words.filter((word) => word !== "any" && word !== "none");
    let matching;
    if (op === "~") {
      const regex = compileRegex(value);
      matching = values.filter((word) => regex.test(word));
    } else if (value.star !== null) {
      matching = values.filter((word) => begins(word, wanted));
    } else if (wanted === "any" && field.words.includes("any")) {
      matching = values;
    } else {
      matching = field.words.filter((word) => word === wanted);
    }
    if (matching.length === 0) {
      const near = nearest(value.text, field.words);
      const listed = field.words.length > 20 ? "" : `it is one of ${field.words.join(", ")}`;
      throw new Fault(value.at, `unknown ${field.names[0]} \`${value.text}\``,
        near ? `did you mean \`${near}\`?` : listed);
    }
    const set = new Set(matching);
    return (it) => any(it.texts(field.names[0]), op === "!=", (has) => set.has(has));
  };

  const session = (negate, value) => {
    rejectInnerStar(value);
    const digits = value.quoted || value.star !== null ? null : /^[sS]([0-9]+)$/.exec(value.text)?.[1];
    const number = digits !== null && digits !== undefined && BigInt(digits) < 1n << 32n ? Number(digits) : null;
    const id = lower(value.text);
    const is = ({ session }) => {
      if (number === null) return session.id !== null && begins(session.id, id);
      return session.number === number || (session.id !== null && equals(session.id, id));
    };
    return (it) => negate !== is(it);
  };

  const address = (field, op, value) => {
    const [name] = field.names;
    const written = value.text;
    const isName = value.quoted || !/^[0-9a-fA-F.:/[\]]*$/.test(written) || !/[.:/]/.test(written);
    // A name may consist of the letters a to f, or of digits.
    if (field.kind === "address" && isName) return text(name, op, value);
    const fault = (at = value.at) => new Fault(at, `\`${written}\` is not an address`);
    let port = null;
    let net;
    if (written.includes("/")) {
      const slash = written.indexOf("/");
      const base = parseIp(written.slice(0, slash));
      if (base === null) throw fault();
      const length = written.slice(slash + 1);
      const bits = /^\+?[0-9]+$/.test(length) ? Number(length) : -1;
      net = network(base, bits);
      if (net === null) {
        throw new Fault(value.at + slash + 1, `\`${length}\` is not a prefix length`,
          "0 to 32 bits for IPv4, 0 to 128 for IPv6");
      }
    } else {
      let ip = parseIp(written);
      if (ip === null && field.kind === "address") {
        const end = parseEnd(written);
        ip = end?.ip ?? null;
        port = end?.port ?? null;
      }
      if (ip === null) throw fault();
      net = { ...canonical(ip), host: 0n };
    }
    return (it) => any(it.ends(name), op === "!=", (end) => {
      const has = canonical(end.ip);
      return has.width === net.width && (has.bits ^ net.bits) >> net.host === 0n &&
        (port === null || port === end.port);
    });
  };

  const network = (ip, bits) => {
    const base = canonical(ip);
    const length = ip.width !== base.width ? bits - 96 : bits;
    if (length < 0 || length > base.width) return null;
    return { ...base, host: BigInt(base.width - length) };
  };

  /** IPv4-mapped IPv6 addresses count as IPv4. */
  const canonical = (ip) =>
    ip.width === 128 && ip.bits >> 32n === 0xffffn ? { width: 32, bits: ip.bits & 0xffffffffn } : ip;

  /** Parses an address, IPv6 with or without brackets; null if it is none. */
  const parseIp = (written) => {
    const bare = /^\[(.*)\]$/.exec(written);
    return bare ? parseIpv6(bare[1]) : parseIpv4(written) ?? parseIpv6(written);
  };

  const parseIpv4 = (written) => {
    const parts = written.split(".");
    const isPart = (part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256;
    if (parts.length !== 4 || !parts.every(isPart)) return null;
    return { width: 32, bits: parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n) };
  };

  const parseIpv6 = (written) => {
    const halves = written.split("::");
    if (halves.length > 2) return null;
    const groups = (half) => {
      if (half === "") return [];
      const out = [];
      const parts = half.split(":");
      for (const [at, part] of parts.entries()) {
        if (part.includes(".")) {
          const ipv4 = at === parts.length - 1 ? parseIpv4(part) : null;
          if (ipv4 === null) return null;
          out.push(ipv4.bits >> 16n, ipv4.bits & 0xffffn);
        } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
          out.push(BigInt(`0x${part}`));
        } else {
          return null;
        }
      }
      return out;
    };
    const [front, back] = [groups(halves[0]), groups(halves[1] ?? "")];
    if (front === null || back === null) return null;
    // The dotted form stands at the end.
    if (halves.length === 2 && halves[0].includes(".")) return null;
    const missing = 8 - front.length - back.length;
    if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
    const all = [...front, ...Array(missing).fill(0n), ...back];
    return { width: 128, bits: all.reduce((bits, group) => (bits << 16n) | group, 0n) };
  };

  /** Parses an address with its port; null if it is none. */
  const parseEnd = (written) => {
    const found = /^(?:\[([^\]%]*)(?:%[0-9]+)?\]|([0-9.]+)):([0-9]+)$/.exec(written);
    if (!found || Number(found[3]) > 65535) return null;
    const ip = found[1] !== undefined ? parseIpv6(found[1]) : parseIpv4(found[2]);
    return ip === null ? null : { ip, port: Number(found[3]) };
  };

  // --- Numbers -------------------------------------------------------------------------------

  /** Compares with `twice` / 2, which may lie between two integers. */
  const number = (name, op, twice) => (it) =>
    any(it.numbers(name), op === "!=", (has) => compare(op === "!=" ? ":" : op, has * 2n, twice));

  const decimal = (value) => {
    const found = /^([-+]?)([0-9]+)(?:\.([0-9]+))?/.exec(value.text);
    if (!found) throw new Fault(value.at, `\`${value.text}\` is not a number`);
    const integer = found[2].replace(/^0+/, "");
    const decimals = found[3] ?? "";
    if (integer.length + decimals.length > MAX_DIGITS) {
      throw new Fault(value.at, `a number of more than ${MAX_DIGITS} digits`);
    }
    const digits = BigInt(integer + decimals || "0");
    return { digits: found[1] === "-" ? -digits : digits, decimals: decimals.length, end: found[0].length };
  };

  const floorDivide = (a, b) => (a >= 0n ? a / b : -((-a + b - 1n) / b));
  const remainder = (a, b) => ((a % b) + b) % b;

  /** Twice a number of units; a result between two even integers is the odd one between them. */
  const twiceOf = ({ digits, decimals }, unit) => {
    const [scaled, one] = [digits * unit, 10n ** BigInt(decimals)];
    return floorDivide(scaled, one) * 2n + (remainder(scaled, one) === 0n ? 0n : 1n);
  };

  const whole = (value) => {
    const { digits, decimals, end } = decimal(value);
    if (end < value.text.length || decimals > 0) {
      throw new Fault(value.at + end, "unexpected text after an integer");
    }
    return digits;
  };

  const measured = (kind, value) => {
    const parsed = decimal(value);
    const unit = value.text.slice(parsed.end).trim();
    if (unit === "") return twiceOf(parsed, 1n);
    const units = UNITS[kind];
    if (!Object.hasOwn(units, asciiLower(unit))) throw new Fault(value.at + parsed.end, `unknown unit \`${unit}\``);
    return twiceOf(parsed, units[asciiLower(unit)]);
  };

  /** `dur>0.5` may mean seconds or milliseconds. 0 needs no unit. */
  const duration = (name, op, value) => {
    const parsed = decimal(value);
    const written = value.text.trimEnd();
    if (parsed.end === written.length && parsed.digits !== 0n) {
      throw new Fault(value.at + parsed.end, "the unit is missing",
        `write ${name}${op}${written}s or ${name}${op}${written}ms`);
    }
    return number(name, op, measured("duration", value));
  };

  const within = (name, negate, from, to) => (it) =>
    any(it.numbers(name), negate, (has) => has >= from && has < to);

  const httpStatus = (name, op, value) => {
    const family = /^([1-9])[xX]{2}$/.exec(value.text)?.[1];
    if (family === undefined) return number(name, op, whole(value) * 2n);
    if (op !== ":" && op !== "!=") {
      throw new Fault(value.at, `a class cannot be compared with \`${op}\``, `write the status: ${family}00`);
    }
    const from = BigInt(family) * 100n;
    return within(name, op === "!=", from, from + 100n);
  };

  const packet = (op, value, context) => {
    const colon = value.text.lastIndexOf(":");
    const digits = value.text.slice(colon + 1);
    if (colon >= 0 && !(/^\+?[0-9]+$/.test(digits) && BigInt(digits) < 1n << 64n)) {
      throw new Fault(value.at + colon + 1, `\`${digits}\` is not a packet number`);
    }
    const wanted = colon >= 0 ? BigInt(digits) : whole(value);
    if (colon >= 0 || context.hasSeveralFiles) {
      throw new NotHere("packets of several files, or of a named one, are not in this page");
    }
    if (op !== ":" && op !== "!=") return (it) => compare(op, it.firstPacket(), wanted);
    const negate = op === "!=";
    if (wanted < 0n || wanted >= 1n << 64n) return () => negate;
    return (it) => any(it.packets(), negate, ([first, last]) => first <= wanted && wanted <= last);
  };

  /**
   * Epoch seconds, dates, times with or without a zone, times of day. A value covers its last
   * component: `time:09:30` a minute, `time:2026-11-22` a day.
   */
  const time = (op, value) => {
    const written = value.text.trim();
    const isOfDay = written.includes(":") && !written.slice(1).includes("-");
    const isEpoch = !/[:Tt]/.test(written) && !written.slice(1).includes("-");
    const [from, length] = isEpoch ? epoch(value) : isOfDay ? timeOfDay(value) : date(value);
    if (op !== ":" && op !== "!=") {
      if (!isOfDay) return number("time", op, from * 2n);
      return (it) => any(it.numbers("time"), false, (has) => compare(op, remainder(has, DAY), from));
    }
    const negate = op === "!=";
    if (!isOfDay) return within("time", negate, from, from + length);
    return (it) => any(it.numbers("time"), negate, (has) => {
      const ofDay = remainder(has, DAY);
      return ofDay >= from && ofDay < from + length;
    });
  };

  const epoch = (value) => {
    const parsed = decimal(value);
    if (parsed.end < value.text.trimEnd().length) {
      throw new Fault(value.at + parsed.end, "unexpected text after epoch seconds");
    }
    const digit = SECOND / 10n ** BigInt(Math.min(parsed.decimals, 9));
    return [floorDivide(twiceOf(parsed, SECOND), 2n), digit];
  };

  const CLOCK = "([01][0-9]|2[0-3])(?::([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]{1,9}))?)?)?";

  /** Nanoseconds since midnight, and the length of the last component. */
  const clock = ([hour, minute, second, fraction]) => {
    // A leap second is the one before it.
    const seconds = BigInt(hour) * 3600n + BigInt(minute ?? 0) * 60n + BigInt(Math.min(Number(second ?? 0), 59));
    const ns = BigInt((fraction ?? "").padEnd(9, "0"));
    let length = 3600n * SECOND;
    if (fraction !== undefined) length = SECOND / 10n ** BigInt(fraction.length);
    else if (second !== undefined) length = SECOND;
    else if (minute !== undefined) length = 60n * SECOND;
    return [seconds * SECOND + ns, length];
  };

  const timeOfDay = (value) => {
    const found = new RegExp(`^${CLOCK}$`).exec(value.text.trim());
    if (!found) throw new Fault(value.at, `\`${value.text}\` is not a time`, "write it as 09:30 or 09:30:15.5");
    return clock(found.slice(1));
  };

  const date = (value) => {
    const pattern = `^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]${CLOCK}([Zz]|[-+][0-9]{2}(?::?[0-9]{2})?)?)?$`;
    const found = new RegExp(pattern).exec(value.text.trim());
    const fault = () => new Fault(value.at, `\`${value.text}\` is not a time`,
      "write it as 2026-11-22 or 2026-11-22T09:30:00Z");
    if (!found) throw fault();
    const [, year, month, day, hour, minute, second, fraction, zone] = found;
    const midnight = new Date(0);
    midnight.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
    if (midnight.getUTCMonth() + 1 !== Number(month) || midnight.getUTCDate() !== Number(day)) throw fault();
    const start = BigInt(midnight.getTime()) * 1_000_000n;
    if (hour === undefined) return [start, DAY];
    const [since, length] = clock([hour, minute, second, fraction]);
    let offset = 0n;
    const zoned = /^([-+])([0-9]{2}):?([0-9]{2})?$/.exec(zone ?? "");
    if (zoned) {
      if (Number(zoned[2]) > 25 || Number(zoned[3] ?? 0) > 59) throw fault();
      offset = (BigInt(zoned[2]) * 3600n + BigInt(zoned[3] ?? 0) * 60n) * SECOND;
      if (zoned[1] === "-") offset = -offset;
    }
    return [start + since - offset, length];
  };

  // --- Regexes -------------------------------------------------------------------------------

  const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
  const CLASSES = {
    d: "\\p{Nd}", D: "\\P{Nd}", s: "\\p{White_Space}", S: "\\P{White_Space}",
  };

  /**
   * Translates a regex of the regex crate to one of this language: the part of the syntax that both
   * have. What only the crate has is refused rather than taken for something else.
   */
  const compileRegex = (value) => {
    if (value.star !== null) throw new Fault(value.star, "`*` after a quoted regex", "write it inside the quotes");
    const notHere = (what) => new NotHere(`the page cannot evaluate ${what} in a regex`);
    const source = value.text;
    let flags = "iu";
    let at = 0;
    let out = "";
    let inClass = false;
    const prefix = /^\(\?(-?i)\)/.exec(source);
    if (prefix) {
      flags = prefix[1] === "i" ? "iu" : "u";
      at = prefix[0].length;
    }
    for (; at < source.length; at += 1) {
      const c = source[at];
      const next = source[at + 1] ?? "";
      if (c === "\\") {
        at += 1;
        out += escapeOf(next, inClass, notHere);
      } else if (inClass) {
        if (c === "[") throw notHere("a class within a class");
        if (c === next && "&-~".includes(c)) throw notHere("an operation on classes");
        if (c === "]") inClass = false;
        out += c;
      } else if (c === "[") {
        inClass = true;
        const negated = next === "^" ? "^" : "";
        at += negated.length;
        out += `[${negated}`;
        // At the beginning it is one of the characters.
        if (source[at + 1] === "]") {
          out += "\\]";
          at += 1;
        }
      } else if (c === "]" || c === "}") {
        out += `\\${c}`;
      } else if (c === "{") {
        const repetition = /^\{[0-9]+(?:,[0-9]*)?\}/.exec(source.slice(at));
        if (!repetition) throw notHere("such a `{`");
        out += repetition[0];
        at += repetition[0].length - 1;
      } else if (c === ".") {
        out += "[^\\n]";
      } else if (c === "(" && next === "?" && !["(?:"].includes(source.slice(at, at + 3))) {
        throw notHere("a group with flags or a name");
      } else if ("*+?}".includes(c) && next === "+") {
        throw notHere("a repetition of a repetition");
      } else {
        out += c;
      }
    }
    try {
      return new RegExp(out, flags);
    } catch {
      throw new Fault(value.at, "invalid regex");
    }
  };

  const escapeOf = (c, inClass, notHere) => {
    if (c === "w") return inClass ? WORD : `[${WORD}]`;
    if (c === "W" && !inClass) return `[^${WORD}]`;
    if (Object.hasOwn(CLASSES, c)) return CLASSES[c];
    if ("nrtfv".includes(c) && c !== "") return `\\${c}`;
    if (c === "b" && !inClass) return `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
    if ("^$\\.*+?()[]{}|/".includes(c) && c !== "") return `\\${c}`;
    if (c === "-") return inClass ? "\\-" : "-";
    // Other punctuation stands for itself.
    if (/^[!"#%&',:;<=>@_`~ ]$/.test(c)) return c;
    throw notHere(`\`\\${c}\``);
  };

  // --- Rows ----------------------------------------------------------------------------------

  /** The columns of a row, in the order in which data.rs writes them. */
  const COLUMNS = [
    "n", "session", "stream", "answeredOn", "client", "origin", "id", "isText", "method", "name", "status",
    "cause", "tone", "http", "error", "errorMessage", "progress", "retrans", "degraded", "findings", "view",
    "rev", "protocols", "start", "request", "response", "ack", "waited", "asked", "parent", "continues", "why",
    "inFiles",
  ];

  /** An exchange of the page: the values of its fields, as the language names them. */
  class Exchange {
    constructor(row, data) {
      const column = Object.fromEntries(COLUMNS.map((name, at) => [name, row[at]]));
      const text = (at) => (at === null ? null : data.texts[at]);
      this.data = data;
      this.n = column.n;
      this.session = data.sessions[column.session];
      this.origin = column.origin === 1 ? "server" : "client";
      for (const name of ["client", "id", "method", "name", "status", "cause", "tone", "errorMessage", "view", "rev", "why"]) {
        this[name] = text(column[name]);
      }
      for (const name of ["stream", "answeredOn", "http", "error", "progress", "retrans", "ack", "waited", "parent", "continues"]) {
        this[name] = column[name];
      }
      this.idIsText = column.isText === 1;
      this.degraded = words(column.degraded);
      this.findings = words(column.findings);
      function words(at) {
        return text(at).split(" ").filter((word) => word !== "");
      }
      const protocols = column.protocols || [];
      this.httpVersion = column.protocols ? text(protocols[0]) : "1.1";
      this.tls = protocols.length > 1 ? { version: text(protocols[1]), sni: text(protocols[2]), alpn: text(protocols[3]) } : null;
      this.start = Number(column.start);
      this.exactStart = BigInt(column.start);
      this.request = message(column.request);
      this.response = column.response && message(column.response);
      this.asked = column.asked || null;
      this.inFiles = column.inFiles && {
        packets: text(column.inFiles[0]),
        wireshark: text(column.inFiles[1]),
        names: column.inFiles[2].map(text),
      };
    }

    /** Nanoseconds: first to last byte; null if the field is not known. */
    duration(name) {
      const { request, response, degraded } = this;
      const isKnown = !degraded.includes("time_back");
      const big = (ns) => BigInt(ns);
      switch (name) {
        case "dur":
          return response && isKnown ? big(request.took) + big(response.after) + big(response.took) : null;
        case "send": return big(request.took);
        case "wait": return response && big(response.after);
        case "receive": return response && big(response.took);
        case "ack": return this.ack === null ? null : big(this.ack);
        case "waited": return this.waited && isKnown ? big(this.waited[0]) : null;
        default: return this.asked && big(this.asked[1]);
      }
    }

    /** The values of a field with numbers, in its smallest unit. */
    numbers(name) {
      const one = (value) => (value === null ? [] : [BigInt(value)]);
      switch (name) {
        case "dur": case "send": case "wait": case "receive": case "ack": case "waited": case "user":
          return one(this.duration(name));
        case "bytes": return one(this.request.bytes + (this.response?.bytes ?? 0));
        case "time": return [this.data.base + this.exactStart];
        case "packet": return one(this.request.first);
        case "port": return this.ends("port").map((end) => BigInt(end.port));
        case "progress": case "retrans": case "error": case "http":
          return one(this[name]);
        default: return [];
      }
    }

    /** The values of a field with texts. */
    texts(name) {
      const some = (...texts) => texts.filter((text) => text !== null);
      const { session } = this;
      switch (name) {
        case "session": return some(`s${session.number}`, session.id);
        case "transport": return [session.transport];
        case "server": return some(session.server, session.serverName);
        case "client": return some(this.client, session.clientName);
        case "ip": return this.ends("ip").map((end) => end.text);
        case "degraded": case "finding": {
          const words = name === "degraded" ? this.degraded : this.findings;
          return words.length === 0 ? ["none"] : words;
        }
        case "tls": return this.tls ? some(this.tls.version) : ["none"];
        case "sni": case "alpn": return this.tls ? some(this.tls[name]) : [];
        case "http_version": return some(this.httpVersion);
        case "file": return this.inFiles ? this.inFiles.names : this.data.files;
        case "method": case "name": case "id": case "status": case "cause": case "origin": case "rev": case "view":
          return some(this[name]);
        default: return [];
      }
    }

    /** The ends that a field is about. */
    ends(name) {
      const [client, server] = [this.data.end(this.client), this.data.end(this.session.server)];
      const all = name === "client" ? [client] : name === "server" ? [server] : [client, server];
      return all.filter((end) => end !== null);
    }

    firstPacket() {
      return BigInt(this.request.first);
    }

    /** First and last packet of the request, and of the response. */
    packets() {
      return [this.request, this.response].filter(Boolean).map(({ first, last }) => [BigInt(first), BigInt(last)]);
    }
  }

  /** After: nanoseconds since the end of what came before. */
  const message = ([after, took, first, last, bytes]) => ({ after, took, first, last, bytes });

  /** Reads the data of the page. */
  const read = (json) => {
    const ends = new Map();
    const data = {
      base: BigInt(json.base),
      all: json.all,
      bounds: json.bounds,
      grid: json.grid,
      hasSeveralFiles: json.several,
      files: json.files.map((at) => json.texts[at]),
      texts: json.texts,
      fields: json.fields.map(([names, kind, words]) => ({ names, kind, words })),
      /** An address and port, parsed once; null if it is none. */
      end(text) {
        if (!ends.has(text)) {
          const end = parseEnd(text.replace(/ via .*/, ""));
          ends.set(text, end && { ...end, text: ipText(end.ip, text) });
        }
        return ends.get(text);
      },
    };
    const text = (at) => (at === null ? null : json.texts[at]);
    data.sessions = json.sessions.map(([number, id, transport, server, path, serverName, client, clientName]) => ({
      number, id: text(id), transport: text(transport), server: text(server), path: text(path),
      serverName: text(serverName), client: text(client), clientName: text(clientName),
    }));
    data.exchanges = json.rows.map((row) => new Exchange(row, data));
    data.notes = new Map();
    for (const [n, time, packet, from, method, bytes] of json.notes) {
      const notes = data.notes.get(n) ?? [];
      notes.push({ time: Number(time), packet, from: from === 1 ? "server" : "client", method: text(method), bytes });
      data.notes.set(n, notes);
    }
    return data;
  };

  /** The address without its port, an IPv4-mapped one as IPv4. */
  const ipText = (ip, text) => {
    const { width, bits } = canonical(ip);
    if (width === 128) return /^\[([^\]]*)\]/.exec(text)[1];
    return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join(".");
  };

  /** Compiles an expression; a blank one matches everything. */
  const parse = (text, { fields, hasSeveralFiles }) => {
    if (new TextEncoder().encode(text).length > MAX_LENGTH) {
      throw new Fault(MAX_LENGTH, `the expression is longer than ${MAX_LENGTH} bytes`);
    }
    const tokens = new Lexer(text).tokens();
    const regexes = tokens.filter((token) => token.kind === "comparison" && token.op === "~");
    if (regexes.length > MAX_REGEXES) {
      throw new Fault(regexes[MAX_REGEXES].at, `more than ${MAX_REGEXES} regexes`, "combine them: a|b");
    }
    if (tokens.length === 1) return () => true;
    return new Parser(tokens, { fields, hasSeveralFiles }).whole();
  };

  return { parse, read, Fault, NotHere };
})();
