"use strict";
// Sorts, searches and filters the table of a panel and hides its columns; without it the table is whole.
window.boardTable = (panel) => {
  const all = (selector, root) => Array.from(root.querySelectorAll(selector));
  const table = panel.querySelector("table.board");
  const form = panel.querySelector(".controls");
  const body = table.tBodies[0];
  const headings = all("thead th", table);
  const search = form.querySelector("[data-search]");
  const selects = all("[data-filter]", form);
  const published = form.querySelector("[data-published]");
  const boxes = all("[data-column]", form);

  // Upper and lower case, and letters with and without accents, are found alike.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const sought = headings.map((heading) => !("unsorted" in heading.dataset));
  const rows = Array.from(body.rows, (row) => {
    const cells = Array.from(row.cells);
    const texts = cells.filter((cell, place) => sought[place]).map((cell) => cell.textContent);
    return { row, cells, text: plain(texts.join("\n")) };
  });
  const none = document.createElement("tr");
  const message = document.createElement("td");
  message.className = "nothing";
  message.textContent = rows.length ? "No row fits. Clear the search or the filters." : "No rows.";
  none.append(message);

  function fits({ row, text }) {
    if (published && !published.checked && row.dataset.kind === "published") return false;
    if (selects.some((select) => select.value && row.dataset[select.dataset.filter] !== select.value)) return false;
    return plain(search.value).split(/\s+/).every((word) => text.includes(word));
  }

  let order = rows;
  function draw() {
    const shown = order.filter(fits);
    body.replaceChildren(...(shown.length ? shown.map(({ row }) => row) : [none]));
    const total = `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
    form.querySelector("[data-count]").textContent = shown.length === rows.length ? total : `${shown.length} of ${total}`;
  }

  // Cells of hidden columns leave the page, so that what is left counts, reads and prints as a whole table.
  function drawColumns() {
    const hidden = new Set(boxes.filter((box) => !box.checked).map((box) => Number(box.dataset.column)));
    const shown = (cells) => cells.filter((cell, place) => !hidden.has(place));
    headings[0].parentElement.replaceChildren(...shown(headings));
    for (const { row, cells } of rows) row.replaceChildren(...shown(cells));
    message.colSpan = shown(headings).length;
  }

  // Each click turns a column on: highest first for numbers, A first for text, then the other way, then as it was.
  const collator = new Intl.Collator("en", { numeric: true });
  function sort(place) {
    const heading = headings[place];
    const numbers = heading.classList.contains("number");
    const turns = numbers ? ["descending", "ascending"] : ["ascending", "descending"];
    const turn = turns[turns.indexOf(heading.getAttribute("aria-sort")) + 1];
    for (const other of headings) other.removeAttribute("aria-sort");
    if (turn) heading.setAttribute("aria-sort", turn);
    const key = ({ cells }) => cells[place].dataset.order ?? cells[place].textContent.trim();
    const compare = numbers ? (a, b) => a - b : collator.compare;
    const sign = turn === "ascending" ? 1 : -1;
    // rows without a value stay below, rows with the same value in the order they had
    const between = (a, b) => (a === "") - (b === "") || sign * compare(a, b);
    order = turn ? [...order].sort((a, b) => between(key(a), key(b))) : rows;
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
  form.addEventListener("submit", (event) => event.preventDefault());

  // a phone shows names and numbers first
  if (matchMedia("(max-width: 640px)").matches) {
    for (const box of all('[data-column="2"], [data-column="3"]', form)) box.checked = false;
  }
  form.hidden = false;
  drawColumns();
  draw();

  return {
    holds: (id) => rows.some(({ row }) => row.id === id),
    showAll() {
      for (const control of [search, ...selects]) control.value = "";
      if (published) published.checked = true;
      draw();
    },
  };
};
