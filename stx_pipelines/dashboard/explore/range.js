"use strict";
// What all scripts of this folder share, and the time range of the charts. page.js calls `rows`, `drawn` and `start`.
const explore = (() => {
  const DAY = 864e5;
  const wired = []; // functions to call with the page at the start
  const listening = []; // functions to call after the range has changed
  const overTime = new Map(); // by chart: whether its axis is a time
  const names = new Map(); // by chart: its description
  let all = null; // the first and the last day that a chart can show
  let range = null; // the chosen days, or null for all

  const parse = (text) => /^\d{4}-\d\d-\d\d$/.test(text || "") ? Date.parse(`${text}T00:00:00Z`) : NaN;
  const iso = (time) => new Date(time).toISOString().slice(0, 10);
  const plus = (day, days) => iso(parse(day) + days * DAY);
  const length = ({ from, to }) => Math.round((parse(to) - parse(from)) / DAY) + 1;
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const words = (day) => { const [year, month, number] = day.split("-"); return `${Number(number)} ${MONTHS[month - 1]} ${year}`; };
  const byId = (id) => document.getElementById(id);

  function isOverTime(id, spec) {
    if (!overTime.has(id)) overTime.set(id, JSON.stringify(spec).includes('"type":"temporal"'));
    return overTime.get(id);
  }
  const timeColumn = (columns) => columns.find((each) => /^(date|cohort_date|week_ending)$/.test(each));

  // A week is in the range if one of its days is. A week is named by its last day.
  function isIn(column, value) {
    if (!range || !column) return true;
    return value >= range.from && (column === "week_ending" ? plus(value, -6) : value) <= range.to;
  }

  function rows(id, spec, known) {
    if (!range || !known.length || !isOverTime(id, spec)) return known;
    const column = timeColumn(Object.keys(known[0]));
    return known.filter((row) => isIn(column, row[column]));
  }

  // Vega names every chart alike, and marks parts without a name as pictures.
  function keepName(place) {
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", names.get(place));
    place.removeAttribute("aria-roledescription");
    for (const part of place.querySelectorAll("svg [role^=graphics]")) {
      part.removeAttribute("role");
      part.removeAttribute("aria-roledescription");
    }
  }

  function drawn(place) {
    keepName(place);
    const hint = place.parentElement.querySelector(".no-numbers");
    hint?.remove();
    if (range && overTime.get(place.dataset.id) && !place.querySelector("svg .role-mark path, svg .role-mark text")) {
      const said = document.createElement("p");
      said.className = "soft no-numbers";
      said.textContent = "There are no numbers in the chosen time range.";
      place.after(said);
    }
    for (const each of explore.onDrawn) each(place);
  }

  // The address keeps the range: ?days=30 for the newest days, ?from=...&to=... for others.
  function fromAddress() {
    const query = new URLSearchParams(location.search);
    const days = Number(query.get("days"));
    if (Number.isInteger(days) && days > 0) return { from: plus(all.to, 1 - days), to: all.to };
    const [from, to] = [query.get("from"), query.get("to")].map(parse);
    return Number.isNaN(from) || Number.isNaN(to) ? null : { from: iso(Math.min(from, to)), to: iso(Math.max(from, to)) };
  }
  function keepInAddress() {
    const address = new URL(location.href);
    for (const name of ["days", "from", "to"]) address.searchParams.delete(name);
    if (range && range.to === all.to && [30, 90].includes(length(range))) address.searchParams.set("days", length(range));
    else if (range) { address.searchParams.set("from", range.from); address.searchParams.set("to", range.to); }
    try { history.replaceState(null, "", address); } catch { /* some browsers do not allow this for files */ }
    return address.href;
  }
  function narrowed(wanted) {
    if (!wanted || wanted.to < all.from || wanted.from > all.to) return null;
    const from = wanted.from < all.from ? all.from : wanted.from;
    const to = wanted.to > all.to ? all.to : wanted.to;
    return from === all.from && to === all.to ? null : { from, to };
  }

  function wire({ page, draw }) {
    const bar = byId("range");
    const [first, last] = [byId("range-from"), byId("range-to")];
    const ends = Object.entries(page.charts).filter(([id, spec]) => isOverTime(id, spec))
      .map(([, spec]) => page.tables[spec.data.name]).filter((table) => table && table.columns[0] === "date" && table.rows.length)
      .flatMap(({ rows: known }) => [known[0][0], known[known.length - 1][0]]).sort();
    if (!ends.length || ends[0] === ends[ends.length - 1]) return;
    all = { from: ends[0], to: ends[ends.length - 1] };
    range = narrowed(fromAddress());
    const steps = length(all) - 1;
    for (const handle of [first, last]) handle.max = steps;
    picture(page, steps);
    bar.hidden = false;
    // What else stays at the top of the window is above the bar.
    const above = [...document.querySelectorAll("nav")].find((each) => getComputedStyle(each).position === "sticky");
    document.documentElement.style.setProperty("--above", `${above ? above.offsetHeight : 0}px`);

    // While a handle moves, only the bar changes. The charts follow when it stops.
    let shown = range;
    let timer = 0;
    function show(wanted) {
      shown = wanted;
      const { from, to } = wanted || all;
      const places = [from, to].map((day) => length({ from: all.from, to: day }) - 1);
      [first.value, last.value] = places;
      first.setAttribute("aria-valuetext", words(from));
      last.setAttribute("aria-valuetext", words(to));
      bar.style.setProperty("--from", places[0] / steps);
      bar.style.setProperty("--to", places[1] / steps);
      const days = length({ from, to });
      byId("range-said").textContent = `${words(from)} to ${words(to)}, ${days} ${days === 1 ? "day" : "days"}`;
      for (const button of bar.querySelectorAll("[data-days]")) {
        const wants = button.dataset.days === "all" ? null : narrowed({ from: plus(all.to, 1 - Number(button.dataset.days)), to: all.to });
        const is = JSON.stringify(wants) === JSON.stringify(wanted);
        button.setAttribute("aria-pressed", String(is && (wants !== null || button.dataset.days === "all")));
      }
      byId("range-reset").disabled = !wanted;
    }
    async function apply(wanted) {
      clearTimeout(timer);
      show(wanted);
      if (JSON.stringify(wanted) === JSON.stringify(range)) return;
      range = wanted;
      keepInAddress();
      document.documentElement.dataset.range = "drawing";
      await Promise.all([...document.querySelectorAll(".chart[data-drawn]")].filter(({ dataset }) => overTime.get(dataset.id)).map((place) => draw(place)));
      for (const each of listening) each();
      document.documentElement.dataset.range = range ? `${range.from} ${range.to}` : "all";
    }
    const soon = (wanted) => { show(wanted); clearTimeout(timer); timer = setTimeout(() => apply(wanted), 200); };
    const at = (place) => plus(all.from, place);
    const between = (one, other) => narrowed({ from: at(Math.min(one, other)), to: at(Math.max(one, other)) });

    first.addEventListener("input", () => soon(between(Math.min(+first.value, +last.value), +last.value)));
    last.addEventListener("input", () => soon(between(+first.value, Math.max(+first.value, +last.value))));
    for (const button of bar.querySelectorAll("[data-days]")) {
      button.addEventListener("click", () => apply(button.dataset.days === "all" ? null : narrowed({ from: plus(all.to, 1 - Number(button.dataset.days)), to: all.to })));
    }
    byId("range-reset").addEventListener("click", () => { apply(null); byId("range-said").focus(); });
    byId("range-link").addEventListener("click", ({ currentTarget }) => explore.copy(keepInAddress(), currentTarget));
    brush(byId("range-brush"), steps, () => shown && [first, last].map((each) => +each.value), (one, other, ended) => (ended ? apply : soon)(between(one, other)));
    addEventListener("popstate", () => apply(narrowed(fromAddress())));
    show(range);
  }

  // A drag beside the chosen days chooses new ones. A drag on them moves them.
  function brush(place, steps, chosen, choose) {
    let start = null;
    let moved = null;
    const step = ({ clientX }) => {
      const box = place.getBoundingClientRect();
      return Math.max(0, Math.min(steps, Math.round((clientX - box.left - 9) / (box.width - 18) * steps)));
    };
    place.addEventListener("pointerdown", (event) => {
      if (event.target.matches("input") || event.button) return;
      start = step(event);
      const days = chosen();
      moved = days && start > days[0] && start < days[1] ? days : null;
      place.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    const follow = (event, ended) => {
      if (start === null) return;
      const now = step(event);
      const by = moved ? Math.max(-moved[0], Math.min(steps - moved[1], now - start)) : 0;
      const days = moved ? [moved[0] + by, moved[1] + by] : [start, now];
      if (ended) { start = null; if (days[0] === days[1] && !moved) return; }
      choose(...days, ended);
    };
    place.addEventListener("pointermove", (event) => follow(event, false));
    place.addEventListener("pointerup", (event) => follow(event, true));
    place.addEventListener("pointercancel", () => { start = null; });
  }

  // A small picture of the transactions per day, behind the handles.
  function picture(page, steps) {
    const table = page.tables.network_daily || page.tables.wallets_daily;
    const column = table.columns.indexOf(page.tables.network_daily ? "transactions" : "active_wallets");
    const most = Math.max(1, ...table.rows.map((row) => row[column]));
    const points = table.rows.map((row) => `${length({ from: all.from, to: row[0] }) - 1},${(100 * (1 - row[column] / most)).toFixed(1)}`);
    const [begin, end] = [points[0], points[points.length - 1]].map((each) => each.split(",")[0]);
    for (const area of document.querySelectorAll("#range-brush path")) {
      area.ownerSVGElement.setAttribute("viewBox", `0 0 ${steps} 100`);
      area.setAttribute("d", `M${begin},100 L${points.join(" ")} L${end},100 Z`);
    }
  }

  async function copy(text, button) {
    let done = false;
    try { await navigator.clipboard.writeText(text); done = true; } catch { /* not allowed here: select it, and copy it as older browsers do */
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      done = document.execCommand("copy");
      field.remove();
      button.focus();
    }
    byId("explore-said").textContent = done ? `Copied: ${text}` : `Copy this: ${text}`;
    button.dataset.copied = done ? "yes" : "no";
    setTimeout(() => { delete button.dataset.copied; }, 2000);
  }

  // A click on the # of a heading follows the link and copies its address.
  wired.push(() => {
    for (const place of document.querySelectorAll(".chart")) names.set(place, place.getAttribute("aria-label"));
    for (const link of document.querySelectorAll("a.anchor")) link.addEventListener("click", () => copy(link.href, link));
  }, wire);

  return {
    rows, drawn, copy, byId, iso, words, timeColumn, isIn, plus,
    events: (known) => known.filter(({ date }) => isIn("date", date)),
    isChosen: () => range !== null,
    logLevel: () => range ? 1 : 2, // Vega warns of a chart without numbers, which a range may give
    isOverTime: (id) => overTime.get(id) === true,
    onStart: (each) => wired.push(each),
    onRange: (each) => listening.push(each),
    onDrawn: [],
    start: (page) => wired.forEach((each) => each(page)),
  };
})();
