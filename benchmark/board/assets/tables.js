"use strict";
// Sorts, searches and filters the table of a panel, hides its columns, and shows the rows chosen to be compared;
// without it the table is whole. `tell` hears what was chosen, as text for the address; `restore` takes it back.
window.boardTable = (panel, tell) => {
  const all = (selector, root) => Array.from(root.querySelectorAll(selector));
  const table = panel.querySelector("table.board");
  const form = panel.querySelector(".controls");
  const body = table.tBodies[0];
  const headings = all("thead th", table);
  const search = form.querySelector("[data-search]");
  const selects = all("[data-filter]", form);
  const published = form.querySelector("[data-published]");
  const boxes = all("[data-column]", form);
  const compared = form.querySelector("[data-compared]");
  const single = form.querySelector("[data-one]");
  const picks = all("[data-pick]", body);

  // Upper and lower case, letters with and without accents, and Grad-CAM, grad_cam and gradcam are found alike.
  const plain = (text) => text.normalize("NFD").replace(/[\p{M}_-]/gu, "").toLowerCase();
  const sought = headings.map((heading) => !("unsorted" in heading.dataset));
  const rows = Array.from(body.rows, (row) => ({ row, cells: Array.from(row.cells), text: "" }));
  const textOf = (one) => {
    const texts = one.cells.filter((cell, place) => sought[place]).map((cell) => cell.textContent);
    return (one.text ||= plain(texts.join("\n")));
  };
  const none = document.createElement("tr");
  const message = document.createElement("td");
  message.className = "nothing";
  message.textContent = rows.length ? "No row fits. Clear the search or the filters." : "No rows.";
  none.append(message);

  const isPicked = (row) => Boolean(row.querySelector("[data-pick]:checked"));

  function fits(one) {
    const { row } = one;
    if (compared.checked && !isPicked(row)) return false;
    if (published && !published.checked && row.dataset.kind === "published") return false;
    if (selects.some((select) => select.value && row.dataset[select.dataset.filter] !== select.value)) return false;
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    return !words.length || words.every((word) => textOf(one).includes(word));
  }

  // A long table opens with its first rows, and shows all when asked: laying out thousands takes seconds.
  const most = 100;
  let whole = rows.length <= 2 * most;
  const more = document.createElement("tr");
  const rest = document.createElement("td");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "more" });
  rest.append(button);
  more.append(rest);
  function drawWhole() {
    whole = true;
    draw();
  }
  button.addEventListener("click", drawWhole);
  addEventListener("beforeprint", drawWhole);

  // The first row of each checkpoint in the order shown, which is its best; references stay.
  function onePerCheckpoint(some) {
    if (!single?.checked) return some;
    const seen = new Set();
    return some.filter(({ row }) => {
      const { kind, checkpoint } = row.dataset;
      return kind === "reference" || (!seen.has(checkpoint) && seen.add(checkpoint));
    });
  }

  let order = rows;
  let hidden = new Set();
  function draw() {
    const shown = onePerCheckpoint(order.filter(fits));
    const drawn = whole || shown.length <= 2 * most ? shown : shown.slice(0, most);
    for (const one of drawn) dress(one);
    button.textContent = `Show all ${shown.length} rows`;
    const after = drawn.length < shown.length ? [more] : shown.length ? [] : [none];
    body.replaceChildren(...drawn.map(({ row }) => row), ...after);
    const total = `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
    compared.parentElement.hidden = !picks.some((pick) => pick.checked);
    drawGallery();
    drawCompared();
    tell(state());
    form.querySelector("[data-count]").textContent = shown.length === rows.length ? total : `${shown.length} of ${total}`;
  }

  // The maps of compared rows alone, picture by picture.
  function drawGallery() {
    const names = compared.checked && new Set(picks.filter((pick) => pick.checked).map((pick) => pick.dataset.pick));
    for (const grid of all("table.gallery-grid", panel)) {
      const lines = Array.from(grid.rows);
      const fitting = (cell) => !names || names.has(cell.dataset.of);
      for (const cell of all("td[data-of]", grid)) cell.classList.toggle("gallery-other", !fitting(cell));
      for (const line of lines.slice(1)) line.hidden = !all("td", line).some(fitting);
      for (let place = 1; place < lines[0].cells.length; place += 1) {
        const column = lines.map((line) => line.cells[place]);
        const gone = !column.slice(1).some((cell) => cell && fitting(cell));
        for (const cell of column) if (cell) cell.hidden = gone;
      }
    }
  }

  // A line that stays in sight below the table: which rows are compared, and where their maps are side by side.
  const line = panel.querySelector("[data-comparison]");
  const said = line.querySelector("span");
  const [alone, maps] = all("button", line);
  const sharing = (names) =>
    all("table.gallery-grid", panel).filter((grid) => {
      const kept = new Set(all("td[data-of]:has(img)", grid).map((cell) => cell.dataset.of));
      return names.every((name) => kept.has(name));
    });
  function drawCompared() {
    const chosen = picks.filter((pick) => pick.checked);
    const nameOf = (pick) => all(".checkpoint, .method", pick.closest("tr")).map((one) => one.textContent).join(", ");
    const pictures = sharing(chosen.map((pick) => pick.dataset.pick)).length;
    const names = chosen.length > 3 ? `${chosen.length} rows` : chosen.map(nameOf).join(" and ");
    const none = pictures ? "" : "; no picture of the gallery has maps of all of them";
    line.hidden = !chosen.length;
    said.textContent = chosen.length > 1 ? `Compared: ${names}${none}` : `${names}: tick another row to compare it with`;
    alone.hidden = chosen.length < 2;
    alone.textContent = compared.checked ? "Show all rows" : "Show these alone";
    maps.hidden = alone.hidden || !pictures;
    maps.textContent = `See their maps on ${pictures} ${pictures === 1 ? "picture" : "pictures"}`;
  }
  function showAlone(wanted) {
    compared.checked = wanted;
    draw();
  }
  alone.addEventListener("click", () => showAlone(!compared.checked));
  maps.addEventListener("click", () => {
    showAlone(true);
    const grid = sharing(picks.filter((pick) => pick.checked).map((pick) => pick.dataset.pick))[0];
    grid.closest("details").open = true;
    grid.closest("details").scrollIntoView({ block: "center" });
  });

  // Cells of hidden columns leave the page, so that what is left counts, reads and prints as a whole table.
  const kept = (cells) => cells.filter((cell, place) => !hidden.has(place));
  function dress(one) {
    if (one.hidden === hidden) return;
    one.row.replaceChildren(...kept(one.cells));
    one.hidden = hidden;
  }

  function drawColumns() {
    hidden = new Set(boxes.filter((box) => !box.checked).map((box) => Number(box.dataset.column)));
    headings[0].parentElement.replaceChildren(...kept(headings));
    message.colSpan = rest.colSpan = kept(headings).length;
    draw();
  }

  // Each click turns a column on: highest first for numbers, A first for text, then the other way, then as it was.
  const collator = new Intl.Collator("en", { numeric: true });
  const turnsOf = (heading) =>
    heading.classList.contains("number") ? ["descending", "ascending"] : ["ascending", "descending"];
  function sort(place) {
    const turns = turnsOf(headings[place]);
    sortBy(place, turns[turns.indexOf(headings[place].getAttribute("aria-sort")) + 1]);
  }

  function sortBy(place, turn) {
    const heading = headings[place];
    const numbers = heading.classList.contains("number");
    for (const other of headings) other.removeAttribute("aria-sort");
    if (turn) heading.setAttribute("aria-sort", turn);
    const key = ({ cells }) => cells[place].dataset.order ?? cells[place].textContent.trim();
    const compare = numbers ? (a, b) => a - b : collator.compare;
    const sign = turn === "ascending" ? 1 : -1;
    // rows without a value stay below, references below them, rows with the same value in the order they had
    const between = (a, b) => (a === "") - (b === "") || sign * compare(a, b);
    const last = ({ row }) => row.dataset.kind === "reference";
    order = turn ? [...order].sort((a, b) => last(a) - last(b) || between(key(a), key(b))) : rows;
    draw();
  }

  for (const [place, heading] of headings.entries()) {
    if (!sought[place]) continue;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort" });
    button.append(...heading.childNodes);
    heading.append(button);
    heading.addEventListener("click", () => sort(place)); // a click beside the button's words counts as well
  }
  search.addEventListener("input", draw);
  for (const control of published ? [...selects, published] : selects) control.addEventListener("change", draw);
  for (const box of boxes) box.addEventListener("change", drawColumns);
  for (const control of [...picks, compared, ...(single ? [single] : [])]) control.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());

  // a phone shows names first, and the metric that the table is sorted by
  if (matchMedia("(max-width: 640px)").matches) {
    for (const box of boxes) if (Number(box.dataset.column) < Number(form.dataset.leading)) box.checked = false;
  }
  const usual = boxes.map((box) => box.checked);

  // What differs from how the page opens, as `q=resnet&sort=6.descending&rows=a,b`.
  function state() {
    const said = new URLSearchParams();
    if (search.value) said.set("q", search.value);
    for (const select of selects) if (select.value) said.set(select.dataset.filter, select.value);
    if (published && !published.checked) said.set("published", "no");
    const turned = boxes.filter((box, place) => box.checked !== usual[place]);
    if (turned.length) said.set("columns", turned.map((box) => box.dataset.column).join());
    const place = headings.findIndex((heading) => heading.hasAttribute("aria-sort"));
    if (place >= 0) said.set("sort", `${place}.${headings[place].getAttribute("aria-sort")}`);
    const chosen = rows.filter(({ row }) => isPicked(row)).map(({ row }) => row.id);
    if (chosen.length) said.set("rows", chosen.join());
    if (compared.checked) said.set("compared", "yes");
    if (single?.checked) said.set("one", "yes");
    return said.toString();
  }

  function restore(text) {
    const said = new URLSearchParams(text);
    search.value = said.get("q") || "";
    for (const select of selects) {
      const wanted = said.get(select.dataset.filter);
      select.value = Array.from(select.options).some((option) => option.value === wanted) ? wanted : "";
    }
    if (published) published.checked = said.get("published") !== "no";
    const turned = new Set((said.get("columns") || "").split(","));
    for (const [place, box] of boxes.entries()) box.checked = usual[place] !== turned.has(box.dataset.column);
    const chosen = new Set((said.get("rows") || "").split(","));
    for (const { row } of rows) for (const pick of all("[data-pick]", row)) pick.checked = chosen.has(row.id);
    compared.checked = said.get("compared") === "yes" && picks.some((pick) => pick.checked);
    if (single) single.checked = said.get("one") === "yes";
    const [place, turn] = (said.get("sort") || "").split(".");
    if (sought[place] && turnsOf(headings[place]).includes(turn)) sortBy(Number(place), turn);
    drawColumns();
  }

  form.hidden = false;
  drawColumns();
  table.classList.add("ready");

  return {
    restore,
    state,
    holds: (id) => rows.some(({ row }) => row.id === id),
    showAll() {
      for (const control of [search, ...selects]) control.value = "";
      if (published) published.checked = true;
      compared.checked = false;
      if (single) single.checked = false;
      drawWhole();
    },
  };
};
