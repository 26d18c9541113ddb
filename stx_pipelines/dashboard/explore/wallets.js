// The search of a wallet. Its files are beside the page. The first search loads their list, and each search at most a few of them.
(() => {
  const { byId, iso, words } = explore;
  const SHOWN = 20;
  const DAY = 864e5;
  const STATES = {
    n: "new: its first transaction (nonce 0) is in the data",
    o: "not new: it has earlier transactions than the data",
    m: "may be older: it was first seen near the start of the data, and its nonces are not known",
    l: "counts as new: it was first seen late enough, and its nonces are not known",
  };
  const COLUMNS = ["address", "first seen, UTC", "new", "cohort", "last day", "days active", "transactions", "fees, STX"];

  let folder = "";
  const loaded = new Map(); // by the beginning of the addresses: a promise of the lines of its file
  const waiting = new Map();
  window.stxWallets = (beginning, text) => waiting.get(beginning)?.(text.trim().split("\n"));

  function load(beginning) {
    if (!loaded.has(beginning)) {
      loaded.set(beginning, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        waiting.set(beginning, resolve);
        const fail = () => { loaded.delete(beginning); reject(new Error(script.src)); };
        script.onerror = fail;
        script.onload = fail; // has no effect after the file has called stxWallets
        script.src = `${folder}/${beginning || "index"}.js`;
        document.head.append(script);
      }));
    }
    return loaded.get(beginning);
  }

  // Lines are in the order of their addresses.
  function starting(lines, text) {
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle] < text) low = middle + 1; else high = middle;
    }
    let end = low;
    while (end < lines.length && lines[end].startsWith(text)) end += 1;
    return [low, end];
  }

  async function find(text) {
    const files = (await load("")).map((line) => line.split(" ")).filter(([name]) => name.startsWith(text) || text.startsWith(name));
    let count = 0;
    const found = [];
    for (const [name, size] of files) {
      if (name.startsWith(text) && found.length >= SHOWN) { count += Number(size); continue; }
      const lines = await load(name);
      const [low, end] = starting(lines, text);
      count += end - low;
      found.push(...lines.slice(low, Math.min(end, low + SHOWN - found.length)));
    }
    return { count, wallets: found.map(wallet) };
  }

  function wallet(line) {
    const [address, first, cohort, later, days, transactions, fee, state] = line.split(" ");
    const day = (number) => iso(number * DAY);
    return {
      address, state, fee: stx(fee), days: Number(days), transactions: Number(transactions),
      first: new Date(first * 1000).toISOString().slice(0, 19).replace("T", " "), cohort: day(+cohort), last: day(+cohort + +later),
    };
  }
  // MicroSTX as exact STX.
  function stx(text) {
    const digits = text.padStart(7, "0");
    return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
  }
  const readable = (amount) => {
    const [whole, part] = amount.replace(/\.?0+$/, "").split(".");
    return BigInt(whole).toLocaleString("en") + (part ? `.${part}` : "");
  };

  function element(name, text, attributes = {}) {
    const made = Object.assign(document.createElement(name), attributes);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function card(one) {
    const list = element("dl", undefined, { className: "record" });
    const facts = [
      ["First seen", `${one.first} UTC`], ["New", STATES[one.state]],
      ["Cohort", one.state === "o" ? `none, because it is not new (first day in the data: ${words(one.cohort)})` : words(one.cohort)],
      ["Last active day", words(one.last)], ["Days active", one.days.toLocaleString("en")],
      ["Transactions", one.transactions.toLocaleString("en")], ["Fees", `${readable(one.fee)} STX`],
    ];
    for (const [name, value] of facts) {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", value));
      list.append(pair);
    }
    return list;
  }

  function listing(wallets) {
    const region = element("div", undefined, { className: "scroll", tabIndex: 0 });
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", "Wallets found");
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const column of COLUMNS) head.append(element("th", column, { scope: "col" }));
    const body = table.createTBody();
    const exact = wallets.map((one) => [one.address, one.first, STATES[one.state].split(":")[0], one.cohort, one.last, one.days, one.transactions, one.fee]);
    exact.forEach((values) => {
      const line = body.insertRow();
      values.forEach((value, n) => {
        const cell = line.insertCell();
        if (n === 0) {
          const open = element("button", value, { type: "button", className: "address", title: value });
          open.addEventListener("click", () => { byId("wallet").value = value; search(value); });
          cell.append(open);
        } else cell.textContent = n === 7 ? readable(value) : typeof value === "number" ? value.toLocaleString("en") : value;
        if (n === 2) cell.className = "words";
      });
    });
    region.append(table);
    explore.sortable(table, exact);
    return region;
  }

  async function search(typed) {
    const [said, place] = [byId("wallet-said"), byId("wallet-found")];
    const text = typed.trim().toUpperCase();
    place.replaceChildren();
    if (!/^[0-9A-HJKMNP-TV-Z]+$/.test(text)) {
      said.textContent = text ? "A Stacks address has only digits and letters, without I, L, O and U." : "Type an address or its first characters.";
      return;
    }
    said.textContent = "Searching …";
    try {
      const { count, wallets } = await find(text);
      const beginning = `${count === 1 ? "begins" : "begin"} with ${text}`;
      if (!count) said.textContent = `No wallet of the covered days begins with ${text}.`;
      else if (count === 1) {
        said.textContent = wallets[0].address === text ? text : `One wallet ${beginning}: ${wallets[0].address}`;
        place.replaceChildren(card(wallets[0]));
      } else {
        said.textContent = `${count.toLocaleString("en")} wallets ${beginning}.${count > SHOWN ? ` The first ${SHOWN} are shown. Type more characters to see others.` : ""}`;
        place.replaceChildren(listing(wallets));
      }
    } catch {
      said.textContent = "The wallets could not be loaded. If the page has been made again since you opened it, reload it. If the page was copied, copy the folder wallets beside it too.";
    }
  }

  explore.onStart(({ page }) => {
    const form = byId("wallet-form");
    if (!form) return;
    folder = page.wallets;
    form.addEventListener("submit", (event) => { event.preventDefault(); search(byId("wallet").value); });
  });
})();
