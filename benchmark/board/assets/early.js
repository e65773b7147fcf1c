"use strict";
// Before the page is laid out: where scripts run, long tables open with their first rows (see tables.js).
document.documentElement.classList.replace("no-js", "js");
