// The part of the view Device that lets other people and phones open the page: named links, each with a QR code.
import { $, ask, drawn, element, fullDay, on, redraw, set, show, signButton, t, toast } from "./page.js";

const BORDER = 4; // modules of light around a QR code

export async function openLinks() {
	// Below a path of Home Assistant a link would lead to Home Assistant.
	const found = location.pathname === "/" ? await ask("links/list", {}, { quietly: true }) : null;
	show("links", Boolean(found));
	if (found) showLinks(found);
}

function showLinks({ open, links }) {
	show("links-closed", !open);
	show("link-form", open);
	redraw($("link-list"), links, () => links.map((link) => {
		const item = element("li");
		const text = element("div", undefined, "song");
		text.append(element("b", link.name), element("span", t("link_since", { date: fullDay(link.added_on) }), "soft"));
		text.firstChild.dir = "auto";
		item.append(text, signButton("remove", t("link_remove", link), () => remove(link)));
		return item;
	}));
}

function showNew(name, { url, qr }) {
	const size = qr.length + 2 * BORDER;
	const modules = qr.flatMap((row, y) => [...row].map((module, x) => (module === "1" ? `M${x + BORDER} ${y + BORDER}h1v1h-1z` : "")));
	$("link-qr").setAttribute("viewBox", `0 0 ${size} ${size}`);
	$("link-qr").replaceChildren(drawn("path", { d: modules.join("") }));
	set("link-note", t("link_note", { name }));
	set("link-url", url);
	show("link-new", true);
	$("link-new").focus();
}

async function remove(link) {
	if (!confirm(t("link_sure", link))) return;
	const found = await ask("links/remove", { id: link.id });
	show("link-new", false);
	if (!found) return;
	showLinks(found);
	toast(t("link_removed", link));
}

on("link-form", "submit", async (event) => {
	event.preventDefault();
	const name = $("link-name").value.trim();
	// Another phone can't use this machine's own address, nor that of another server that shows the page below a path.
	const own = /^(localhost|127\.|\[::1\])/.test(location.hostname) || location.pathname !== "/";
	const made = await ask("links/add", own ? { name } : { name, origin: location.origin });
	if (!made) return;
	event.target.reset();
	showNew(name, made);
	await openLinks();
});
