// The certificate of a day, and the command that proves the day again. A square of the calendar opens it.
(() => {
  const { byId, iso, plus, words } = explore;
  const CALENDAR = ".chart[data-id=calendar]";
  const COMMANDS = {
    stacks: [["Compare each burn block with the API again", ""], ["Prove each burn block by the raw bytes of its blocks", "--merkle --all "]],
    ethereum: [["Read the headers and a sample of balances again, and prove them", "--chain ethereum "]],
  };
  const NAMES = { stacks: "Stacks", ethereum: "Ethereum" };
  let known = null;
  let states = new Map(); // of the calendar's days
  let chosen = "";

  const count = (value) => value === null ? "none" : value.toLocaleString("en");
  const word = (number) => known.words[number];
  // A proof is stored as the number of its text and the counts in it.
  const proof = (parts) => parts.map(([text, ...counts]) => word(text).replace(/#/g, () => counts.shift())).join("; ");

  function certificates(day) {
    const number = Date.parse(`${day}T00:00:00Z`) / 864e5;
    return Object.entries(known.chains).flatMap(([chain, rows]) => {
      const row = rows.find((each) => each[0] === number);
      return row ? [[chain, Object.fromEntries(row.map((value, n) => [known.columns[n], value]))]] : [];
    });
  }

  function facts(one) {
    const out = one.left_out.map(([reason, number]) => `${count(number)} ${word(reason).replaceAll("_", " ")}`);
    return [
      ["State", one.closed ? "closed: complete and final" : "open: not final yet"],
      ["Rows", `${count(one.published)} of ${count(one.expected)} expected and read${out.length ? ` (left out: ${out.join(", ")})` : ""}`],
      ...(one.burn_blocks === null ? [] : [["Burn blocks", count(one.burn_blocks)]]),
      ["Blocks", one.first_height === null ? "none" : `${count(one.first_height)} to ${count(one.last_height)}`],
      ["Proof", proof(one.proof)],
      ["Made at", `${new Date(one.proved_at * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC${one.made_by === null ? "" : ` by ${word(one.made_by)}`}`],
      ["Requests", `${count(one.requests)} (${word(one.route)})`],
      ["Dataset", word(one.dataset)],
      ["Certificate", one.id],
      ["Digest of the rows", one.digest === null ? "none: the certificate is of an earlier version" : `${one.digest}…`],
    ];
  }

  function element(name, text, className = "") {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function command(what, text) {
    const line = element("div", undefined, "command");
    const copy = element("button", "Copy", "copy");
    copy.type = "button";
    copy.setAttribute("aria-label", `Copy the command: ${what}`);
    copy.addEventListener("click", () => explore.copy(text, copy));
    line.append(element("p", `${what}:`, "soft"), element("code", text), copy);
    return line;
  }

  function card(chain, one, day) {
    const made = element("div", undefined, "certificate");
    made.append(element("h4", `${NAMES[chain]}, ${words(day)}`));
    const list = element("dl", undefined, "record");
    for (const [name, value] of facts(one)) {
      const pair = element("div", undefined, value.length > 60 ? "wide" : "");
      pair.append(element("dt", name), element("dd", value));
      list.append(pair);
    }
    made.append(list, ...COMMANDS[chain].map(([what, options]) => command(what, `stx-pipelines verify ${options}--from ${day} --to ${day}`)));
    return made;
  }

  function show(day) {
    chosen = day;
    const found = certificates(day);
    const state = states.get(day);
    const without = state && state !== "missing" ? `The day is ${state}, and no certificate of it is on this page.` : "The day is not stored, so it has no certificate. The command stx-pipelines sync fetches wanted days.";
    byId("day").value = day;
    byId("day-found").replaceChildren(...(found.length ? found.map(([chain, one]) => card(chain, one, day)) : [element("p", `${words(day)}: ${without}`, "soft")]));
    byId("day-close").hidden = false;
    for (const square of squares()) square.classList.toggle("chosen", square.__data__.datum.date === day);
  }

  function close() {
    chosen = "";
    byId("day-found").replaceChildren();
    byId("day-close").hidden = true;
    for (const square of squares()) square.classList.remove("chosen");
    byId("day").focus();
  }

  const squares = () => [...document.querySelectorAll(`${CALENDAR} svg .mark-rect path`)].filter((each) => each.__data__?.datum?.date);

  // The squares are one stop of the Tab key. The arrow keys go to the next day and to the same day of another month.
  function wireSquares(place) {
    const all = squares();
    if (!all.length) return;
    place.setAttribute("role", "group");
    place.querySelector("svg").removeAttribute("aria-hidden"); // its squares are controls
    const byDay = new Map(all.map((each) => [each.__data__.datum.date, each]));
    const stop = byDay.get(chosen) || all[all.length - 1];
    for (const [day, square] of byDay) {
      square.setAttribute("role", "button");
      square.setAttribute("aria-label", `${words(day)}, ${states.get(day) || "not wanted"}: show the certificate`);
      square.setAttribute("tabindex", square === stop ? "0" : "-1");
      square.classList.toggle("chosen", day === chosen);
    }
    const go = (from, day) => {
      const next = byDay.get(day);
      if (!next) return false;
      from.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
      return true;
    };
    const otherMonth = (day, by) => {
      const [year, month, number] = day.split("-").map(Number);
      const last = new Date(Date.UTC(year, month + by, 0)).getUTCDate();
      return iso(Date.UTC(year, month - 1 + by, Math.min(number, last)));
    };
    const ends = [...byDay.keys()].sort();
    place.onkeydown = (event) => {
      const square = event.target;
      const day = square.__data__?.datum?.date;
      if (!day) return;
      const keys = {
        ArrowLeft: () => go(square, plus(day, -1)), ArrowRight: () => go(square, plus(day, 1)),
        ArrowUp: () => go(square, otherMonth(day, -1)), ArrowDown: () => go(square, otherMonth(day, 1)),
        Home: () => go(square, ends[0]), End: () => go(square, ends[ends.length - 1]),
        Enter: () => show(day), " ": () => show(day),
      };
      if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
    };
    place.onclick = (event) => {
      const day = event.target.closest?.("path, text")?.__data__?.datum?.date;
      if (day) show(day);
    };
  }

  explore.onDrawn.push((place) => { if (known && place.matches(CALENDAR)) wireSquares(place); });
  explore.onStart(({ page }) => {
    known = page.certificates;
    const form = byId("day-form");
    const table = page.tables.coverage;
    if (!form || !table) return;
    const [at, shown] = [table.columns.indexOf("date"), table.columns.indexOf("shown")];
    states = new Map(table.rows.map((row) => [row[at], row[shown]]));
    const days = [...states.keys(), ...Object.values(known.chains).flat().map((row) => iso(row[0] * 864e5))].sort();
    [byId("day").min, byId("day").max, byId("day").value] = [days[0], days[days.length - 1], days[days.length - 1]];
    form.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); if (byId("day").value) show(byId("day").value); });
    byId("day-close").addEventListener("click", close);
  });
})();
