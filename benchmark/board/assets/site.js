"use strict";
// The page is complete without this script; it adds tabs, sorting, filters and the provenance dialog.
(function () {
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);
  const own = document.currentScript;
  const tables = new Map(); // by id, once its tab was shown and the library is there

  // Tables: sorting and searching is DataTables'; filters look at the attributes of a row.
  function prepare(panel) {
    const table = panel.querySelector("table.board");
    if (!table || tables.has(table.id) || !window.DataTable) return;
    const form = panel.querySelector(".controls");
    const headings = all("thead th", table);
    const off = (name) => headings.flatMap((cell, place) => (name in cell.dataset ? [place] : []));
    const grid = new window.DataTable(table, {
      paging: false,
      info: false,
      autoWidth: false,
      order: [],
      orderDescReverse: true,
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      columnDefs: [
        { targets: off("off"), visible: false },
        { targets: off("unsorted"), orderable: false, searchable: false },
        // the first click on a number puts the highest on top
        { targets: headings.flatMap((c, i) => (c.classList.contains("number") ? [i] : [])), orderSequence: ["desc", "asc"] },
      ],
      language: { zeroRecords: "No row fits. Clear the search or the filters.", emptyTable: "No rows." },
    });
    tables.set(table.id, grid);
    const selects = all("[data-filter]", form);
    const published = form.querySelector("[data-published]");
    grid.search.fixed("filters", (text, data, index) => {
      const facts = grid.row(index).node().dataset;
      if (published && !published.checked && facts.kind === "published") return false;
      return selects.every((select) => !select.value || facts[select.dataset.filter] === select.value);
    });
    const count = () => {
      const shown = grid.rows({ search: "applied" }).count();
      const total = grid.rows().count();
      form.querySelector("[data-count]").textContent = `${shown === total ? "" : `${shown} of `}${total} ${total === 1 ? "row" : "rows"}`;
    };
    grid.on("draw", count);
    form.querySelector("[data-search]").addEventListener("input", (event) => grid.search(event.target.value).draw());
    for (const control of published ? [...selects, published] : selects) {
      control.addEventListener("change", () => grid.draw());
    }
    for (const box of all("[data-column]", form)) {
      box.addEventListener("change", () => grid.column(Number(box.dataset.column)).visible(box.checked));
    }
    // a phone shows names and numbers first
    for (const box of matchMedia("(max-width: 640px)").matches ? all('[data-column="2"], [data-column="3"]', form) : []) {
      box.checked = false;
      grid.column(Number(box.dataset.column)).visible(false);
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    count();
  }

  // Tabs: one panel at a time; the address says which, so that links and the back button work.
  const tabs = all('[role="tab"]');
  const panelOf = (tab) => byId(tab.getAttribute("aria-controls"));

  function select(tab) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      panelOf(other).hidden = !chosen;
    }
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    prepare(panelOf(tab));
  }

  // A row that the search or a filter hides is not on the page: clear them, so that a link to it leads there.
  function uncover(id) {
    for (const grid of tables.values()) {
      if (!grid.rows((index, data, row) => row.id === id).any()) continue;
      const form = grid.table().node().closest(".panel").querySelector(".controls");
      for (const control of all("[data-search], [data-filter]", form)) control.value = "";
      for (const box of all("[data-published]", form)) box.checked = true;
      grid.search("").draw();
    }
    return byId(id);
  }

  function follow() {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id ? byId(id) || uncover(id) : null;
    const panel = target && target.closest('[role="tabpanel"]');
    if (panel) select(tabs.find((tab) => panelOf(tab) === panel));
    for (const row of all("tr.linked")) row.classList.remove("linked");
    if (target && target.matches("tr")) {
      target.classList.add("linked");
      target.scrollIntoView({ block: "center" });
    }
  }

  function moveFocus(event) {
    const place = tabs.indexOf(event.currentTarget);
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const tab = tabs[(moves[event.key] + tabs.length) % tabs.length];
    show(tab);
    tab.focus();
  }

  function show(tab) {
    select(tab);
    history.replaceState(null, "", tab.getAttribute("href"));
  }

  for (const tab of tabs) {
    tab.addEventListener("keydown", moveFocus);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      show(tab);
    });
  }

  // Provenance: facts come as text from a JSON block and are only ever set as text.
  const dialog = byId("provenance");
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });

  function open(key) {
    const { groups, rows } = JSON.parse(byId("provenance-data").textContent);
    const row = rows[key];
    byId("provenance-title").textContent = row.title;
    byId("provenance-command").textContent = row.command;
    byId("provenance-facts").replaceChildren(
      ...row.groups.map((place) => {
        const [heading, facts] = groups[place];
        const box = document.createElement("section");
        const list = document.createElement("dl");
        for (const [name, value] of facts) list.append(element("dt", name), element("dd", value));
        box.append(element("h3", heading), list);
        return box;
      }),
    );
    dialog.showModal();
    dialog.scrollTop = 0;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-provenance]");
    if (button) open(button.closest("tr").id);
    if (event.target === dialog) dialog.close(); // the backdrop
    for (const chooser of all("details.chooser[open]")) {
      if (!chooser.contains(event.target)) chooser.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const chooser = event.key === "Escape" && event.target.closest("details.chooser[open]");
    if (chooser) {
      chooser.open = false;
      chooser.querySelector("summary").focus();
    }
  });
  const copy = byId("provenance-copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(byId("provenance-command").textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(byId("provenance-command")); // no clipboard: leave it selected
      copy.textContent = "Selected";
    }
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });

  document.documentElement.classList.replace("no-js", "js");
  if (tabs.length) select(tabs[0]);
  follow();
  addEventListener("hashchange", follow);
  // a click on a link to where the address already leads changes no hash
  document.addEventListener("click", (event) => {
    if (event.target.closest(`a[href="#${CSS.escape(location.hash.slice(1))}"]:not([role])`)) follow();
  });

  // The library comes last: the tables stand there before it is read.
  const library = document.createElement("script");
  library.src = own.dataset.tables;
  library.addEventListener("load", () => {
    for (const tab of tabs) if (tab.getAttribute("aria-selected") === "true") prepare(panelOf(tab));
  });
  document.head.append(library);
})();
