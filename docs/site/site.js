// What the theme leaves without a name, or out of reach of the keyboard.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
for (const option of document.querySelectorAll(".md-option")) option.tabIndex = -1; // hidden, without a switch
function reachable() {
  for (const [at, bar] of document.querySelectorAll(".md-code__nav").entries()) bar.ariaLabel = `Code ${at + 1}`;
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}
addEventListener("load", reachable);
addEventListener("resize", reachable);
