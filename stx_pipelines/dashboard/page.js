"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();
  const chosen = new Map(Object.entries(page.choices));

  const objects = {};
  for (const [name, table] of Object.entries(page.tables)) {
    objects[name] = table.rows.map((row) => Object.fromEntries(row.map((value, n) => [table.columns[n], value])));
  }

  const remembered = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (remembered) root.dataset.theme = remembered;
  const theme = () => root.dataset.theme || (system.matches ? "dark" : "light");

  function coloured(value, colours) {
    if (typeof value === "string") return value[0] === "@" && Object.hasOwn(colours, value.slice(1)) ? colours[value.slice(1)] : value;
    if (Array.isArray(value)) return value.map((each) => coloured(each, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each, colours)]));
    }
    return value;
  }

  function config(colours) {
    const font = getComputedStyle(document.body).fontFamily;
    return {
      font,
      aria: false, // not needed, because the figure has a label and a table with all values
      view: { stroke: null },
      axis: {
        labelColor: colours.soft, titleColor: colours.soft, titleFontWeight: 400, labelFontSize: 11, titleFontSize: 11,
        domainColor: colours.line, tickColor: colours.line, gridColor: colours.line, domain: false, ticks: false,
        labelPadding: 6,
      },
      legend: {
        labelColor: colours.ink, titleColor: colours.soft, titleFontWeight: 400, orient: "top", direction: "horizontal",
        columns: innerWidth < 560 ? 2 : 6, labelFontSize: 12, titleFontSize: 12, titleOrient: innerWidth < 560 ? "top" : "left",
      },
      text: { fontSize: 12 },
    };
  }

  async function draw(place, colours = page.themes[theme()], width = null) {
    const { id } = place.dataset;
    const spec = coloured(page.charts[id], colours);
    spec.datasets = { [spec.data.name]: explore.rows(id, spec, objects[spec.data.name]), events: explore.events(page.events) };
    if (width) spec.width = width;
    for (const param of spec.params || []) if (chosen.has(id)) param.value = chosen.get(id);
    views.get(id)?.finalize();
    const options = { actions: false, renderer: "svg", logLevel: explore.logLevel(), config: config(colours), tooltip: { theme: "custom" } };
    views.set(id, await vegaEmbed(place, spec, options));
    place.querySelector("svg").setAttribute("aria-hidden", "true"); // the place has a label, and a table all values
    place.dataset.drawn = theme();
    explore.drawn(place);
  }

  const places = [...document.querySelectorAll(".chart")];
  const drawAll = () => Promise.all(places.map((place) => draw(place)));

  // Paper has the light theme. The charts are drawn again for its two columns, so that their letters keep their size. Folded
  // tables are open on paper.
  const PAPER = { wide: 664, narrow: 310 };
  const folded = document.querySelectorAll("details.panel");
  const opened = new Set();
  addEventListener("beforeprint", () => {
    for (const panel of folded) if (!panel.open) { opened.add(panel); panel.open = true; }
    for (const place of places) {
      draw(place, page.themes.light, place.closest(".wide, figure:has(details[open])") ? PAPER.wide : PAPER.narrow);
    }
  });
  addEventListener("afterprint", () => {
    for (const panel of opened) panel.open = false;
    opened.clear();
    drawAll();
  });

  const toggle = document.getElementById("theme");
  function label() {
    toggle.setAttribute("aria-pressed", String(theme() === "dark"));
  }
  toggle.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* some browsers do not allow this for files */ }
    label();
    drawAll();
  });
  system.addEventListener("change", () => { label(); drawAll(); });
  label();

  for (const group of document.querySelectorAll("fieldset.switch")) {
    const id = group.dataset.chart;
    group.addEventListener("change", async ({ target }) => {
      const value = group.dataset.numeric ? Number(target.value) : target.value;
      chosen.set(id, value);
      document.getElementById(`${id}-meaning`).textContent = target.dataset.meaning;
      await views.get(id).view.signal("choice", value).runAsync();
    });
  }

  // Amounts are rounded by the rule of `text.rounded`, shares to a tenth of a percent. The exact value is the title.
  const AMOUNT = /_(stx|eth|usd|btc)$/, SHARE = /(_share|_rate|^rate|^payback|^payback_usd)$/;
  function rounded(text) {
    const value = Number(text), size = Math.abs(value);
    if (size >= 1) return value.toLocaleString("en", size >= 1000 ? { maximumFractionDigits: 0 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    return value ? value.toLocaleString("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 }) : "0";
  }
  function shown(value, column) {
    if (value === null) return "";
    if (SHARE.test(column)) return `${(100 * value).toFixed(1)}%`;
    if (AMOUNT.test(column)) return rounded(value);
    if (typeof value === "number") return value.toLocaleString("en", { maximumFractionDigits: 1 });
    return typeof value === "boolean" ? (value ? "yes" : "no") : value;
  }

  for (const details of document.querySelectorAll("details[data-table]")) {
    details.addEventListener("toggle", () => {
      if (!details.open || details.querySelector("table")) return;
      const { columns, rows } = page.tables[details.dataset.table];
      const table = document.createElement("table");
      const caption = table.createCaption();
      caption.className = "soft";
      const byTime = /^(date|cohort_date|week_ending)$/.test(columns[0]);
      caption.textContent = `${rows.length.toLocaleString("en")} rows${byTime ? ", newest last" : ""}`;
      const head = table.createTHead().insertRow();
      for (const column of columns) {
        const cell = document.createElement("th");
        cell.scope = "col";
        cell.textContent = page.heads[column];
        head.append(cell);
      }
      const body = table.createTBody();
      for (const row of rows) {
        const line = body.insertRow();
        for (const [place, value] of row.entries()) {
          const cell = line.insertCell();
          cell.textContent = shown(value, columns[place]);
          if (typeof value !== "boolean" && value !== null && /[0-9]/.test(value) && cell.textContent.replaceAll(",", "") !== String(value)) cell.title = value;
          if (typeof value === "string" && !/^-?[0-9.]+$/.test(value)) cell.className = head.cells[place].className = "words";
        }
      }
      details.querySelector(".scroll").append(table);
    });
  }

  // A spreadsheet runs a text that begins with one of these characters as a formula. Negative amounts are not formulas.
  const isFormula = (value) => typeof value === "string" && !/^-[0-9.]+$/.test(value)
    && /^[\t\r\n]|^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(value);
  const quoted = (value) => {
    const text = value === null ? "" : (isFormula(value) ? "'" : "") + String(value);
    return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = ({ columns, rows }) => [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";

  for (const link of document.querySelectorAll("a[data-csv]")) {
    link.addEventListener("click", () => {
      if (link.href.startsWith("blob:")) return;
      link.href = URL.createObjectURL(new Blob([csv(page.tables[link.dataset.csv])], { type: "text/csv;charset=utf-8" }));
    });
  }

  explore.start({ page, draw });
  drawAll().then(() => { root.dataset.ready = "yes"; });
})();
