"use strict";
// A click on a column's title sorts the table: numbers by value, texts by the reader's alphabet.
for (const table of document.querySelectorAll("table")) {
  const titles = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  titles.forEach((title, column) => {
    title.classList.add("sortable");
    title.tabIndex = 0;
    const sort = () => {
      const down = title.getAttribute("aria-sort") === "ascending";
      for (const other of titles) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        const [p, q] = [Number(x), Number(y)];
        const order = x !== "" && y !== "" && !Number.isNaN(p) && !Number.isNaN(q) ? p - q : x.localeCompare(y);
        return down ? -order : order;
      };
      body.append(...[...body.rows].sort(compare));
    };
    title.addEventListener("click", sort);
    title.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
// Each panel can be saved as an SVG of its own.
for (const panels of document.querySelectorAll(".panels")) {
  [...panels.children].forEach((panel, index) => {
    const button = document.createElement("button");
    button.textContent = "SVG";
    button.title = "save this panel as SVG";
    button.addEventListener("click", () => {
      const file = new Blob([panel.querySelector("svg").outerHTML], { type: "image/svg+xml" });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = `${panels.dataset.name}_${index + 1}.svg`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    panel.append(button);
  });
}
for (const text of document.querySelectorAll(".copied")) {
  const button = document.createElement("button");
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    const whole = [...text.querySelectorAll("p")].map((paragraph) => paragraph.textContent).join("\n\n");
    try {
      await navigator.clipboard.writeText(whole);
    } catch {
      getSelection().selectAllChildren(text); // a file opened from a mail may not write the clipboard
    }
    button.textContent = "copied";
  });
  text.append(button);
}
// Everything folded is printed.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
