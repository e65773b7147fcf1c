// Draws the plots of the page with plotly, which is loaded when the first of them comes into view.
"use strict";
(() => {
  const source = document.currentScript.dataset.plotly;
  let library = null;

  function load() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("cannot load " + source));
      document.head.append(script);
    });
    return library;
  }

  // the page's own ink, so that plots follow light and dark mode; a phone gets less room for names
  function dressed(base, view, figure) {
    const over = view.layout;
    const axes = { xaxis: { ...base.xaxis, ...over.xaxis }, yaxis: { ...base.yaxis, ...over.yaxis } };
    const layout = { ...base, ...over, ...axes };
    const ink = getComputedStyle(figure).color;
    const page = getComputedStyle(document.documentElement);
    const paper = page.backgroundColor === "rgba(0, 0, 0, 0)" ? getComputedStyle(document.body).backgroundColor : page.backgroundColor;
    const narrow = figure.clientWidth < 520;
    const hover = { ...layout.hoverlabel, bgcolor: paper === "rgba(0, 0, 0, 0)" ? "white" : paper, font: { color: ink } };
    const drawn = { ...layout, font: { ...layout.font, color: ink, size: narrow ? 11 : 13 }, hoverlabel: hover };
    if (narrow) {
      drawn.margin = { ...layout.margin, l: 40, r: 8 };
      drawn.height += 16 * view.data.filter((trace) => trace.name && trace.showlegend !== false).length; // one below the other
      if (layout.yaxis.ticktext) drawn.yaxis = { ...layout.yaxis, tickfont: { size: 9 } };
    }
    return drawn;
  }

  async function draw(figure) {
    const frame = figure.querySelector(".plot-frame");
    const chosen = {};
    for (const select of figure.querySelectorAll("select")) chosen[select.dataset.control] = Number(select.value);
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const view = spec.views.find((one) => one.at.every((option, place) => option === (chosen[place] ?? option)));
    figure.querySelector(".plot-nothing").hidden = Boolean(view);
    frame.hidden = !view;
    if (!view) return;
    try {
      const plotly = await load();
      const layout = dressed(spec.layout, view, figure);
      const canvas = frame.firstElementChild;
      canvas.style.height = canvas.style.minHeight = `${layout.height}px`; // plotly fits the plot to it when the page is resized
      frame.classList.toggle("long", layout.height > 1500);
      await plotly.react(canvas, view.data, layout, spec.config);
      figure.dataset.drawn = "yes";
    } catch {
      const picture = document.createElement("img");
      picture.src = figure.querySelector("a[download]").getAttribute("href");
      picture.alt = figure.querySelector("details p").textContent;
      frame.replaceChildren(picture);
    }
  }

  const figures = [...document.querySelectorAll("figure.plot")];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "200px" });
  for (const figure of figures) {
    seen.observe(figure);
    figure.addEventListener("change", () => draw(figure));
  }
  const redraw = () => figures.filter((figure) => figure.dataset.drawn).forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });
})();
