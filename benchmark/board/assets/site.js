"use strict";
// The page is complete without this script; it adds tabs, links to rows and the provenance dialog.
(function () {
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);
  const tables = new Map(); // by the id of their panel, once it was shown

  function prepare(panel) {
    if (!panel.querySelector("table.board") || tables.has(panel.id)) return;
    tables.set(panel.id, window.boardTable(panel, (state) => remember(panel.id, state)));
  }

  // The address holds what was chosen, so that it can be sent to somebody.
  let listening = false;
  function remember(id, state) {
    if (listening) history.replaceState(null, "", `#${id}${state ? `?${state}` : ""}`);
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
    for (const table of tables.values()) if (table.holds(id)) table.showAll();
    return byId(id);
  }

  function follow() {
    const [, name, state] = location.hash.match(/^#?([^?]*)\??(.*)$/);
    const id = decodeURIComponent(name);
    const target = id ? byId(id) || uncover(id) : null;
    const panel = target && target.closest('[role="tabpanel"]');
    if (panel) select(tabs.find((tab) => panelOf(tab) === panel));
    if (state && target === panel && tables.has(id)) tables.get(id).restore(state);
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
    remember(panelOf(tab).id, tables.get(panelOf(tab).id)?.state());
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

  if (tabs.length) select(tabs[0]);
  follow();
  listening = true;
  addEventListener("hashchange", follow);
  // a click on a link to where the address already leads changes no hash
  document.addEventListener("click", (event) => {
    if (event.target.closest(`a[href="#${CSS.escape(location.hash.slice(1))}"]:not([role])`)) follow();
  });
})();
