// What the theme leaves without a name, or out of reach of the keyboard.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
function reachable() {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}
addEventListener("load", reachable);
addEventListener("resize", reachable);
