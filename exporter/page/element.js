// Elements, and what a browser does with text: copying and saving.

export function element(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

export function button(text, title, act) {
  const created = element("button", { type: "button", textContent: text, title });
  created.addEventListener("click", () => act(created));
  return created;
}

/** Copies a text. Browsers have a clipboard only for pages of https and of this machine. */
export async function copy(text, button) {
  const label = button.dataset.label ??= button.textContent;
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else {
      const field = element("textarea", { value: text, className: "copied" });
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

export function save(name, type, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
