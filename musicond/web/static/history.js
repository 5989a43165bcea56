// The view History: a bar for each day with its moods stacked, and a table of the same figures.
import { $, ask, day, drawn, element, fullDay, noon, number, on, set, show, t, toast } from "./page.js";

const MOODS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust", "unsure"];
const DAYS = innerWidth < 600 ? 14 : 30;
const HEIGHT = 180, SLOT = 20, LEFT = 40, TOP = 8;

let enabled = false;

export function showHistory({ health }) {
	const now = Boolean(health.outputs && "history" in health.outputs);
	if (now === enabled && $("history-text").textContent) return;
	enabled = now;
	openHistory();
}

export async function openHistory() {
	const found = await ask("history/days", {}, { quietly: true });
	const days = found ? found.days : {};
	const some = Object.keys(days).length > 0;
	const why = enabled ? t("history_none") : t("history_off");
	set("history-text", some ? t("history_hint") : why);
	show("history-details", some);
	show("history-delete", some);
	const span = some ? lastDays(Object.keys(days)) : [];
	$("chart").replaceChildren(...(some ? [chart(days, span)] : []));
	$("legend").replaceChildren(...(some ? MOODS.map(legendItem) : []));
	$("history-table").replaceChildren(...(some ? table(days) : []));
}

function lastDays(known) {
	const last = new Date(`${known.at(-1)}T12:00Z`);
	return Array.from({ length: DAYS }, (_, index) => {
		const date = new Date(last);
		date.setUTCDate(date.getUTCDate() - (DAYS - 1 - index));
		return date.toISOString().slice(0, 10);
	});
}

function chart(days, span) {
	const total = (name) => Object.values(days[name] || {}).reduce((sum, each) => sum + each, 0);
	const most = 60 * Math.max(1, Math.ceil(Math.max(...span.map(total)) / 60));
	const width = LEFT + SLOT * span.length;
	const made = drawn("svg", { viewBox: `0 0 ${width} ${TOP + HEIGHT + 24}`, role: "img", "aria-label": t("history_chart", { n: DAYS }) });
	for (const share of [0, 0.5, 1]) {
		const y = TOP + HEIGHT * (1 - share);
		made.append(drawn("line", { x1: LEFT, x2: width, y1: y, y2: y, class: "grid" }));
		made.append(label(LEFT - 6, y + 4, number(most * share), "end"));
	}
	span.forEach((name, index) => {
		let y = TOP + HEIGHT;
		for (const mood of MOODS) {
			const tall = (HEIGHT * (days[name]?.[mood] || 0)) / most;
			if (tall <= 0) continue;
			y -= tall;
			const bar = drawn("rect", { x: LEFT + SLOT * index + 2, y, width: SLOT - 4, height: tall, class: "part", "data-mood": mood });
			const title = drawn("title", {});
			title.textContent = `${fullDay(name)}, ${t(mood)}: ${t("minutes", { n: number(days[name][mood]) })}`;
			bar.append(title);
			made.append(bar);
		}
		if (index % 7 === 1) made.append(label(LEFT + SLOT * index, TOP + HEIGHT + 18, day(noon(name)), "middle"));
	});
	return made;
}

function label(x, y, text, anchor) {
	const made = drawn("text", { x, y, "text-anchor": anchor });
	made.textContent = text;
	return made;
}

function legendItem(mood) {
	const item = element("li", t(mood));
	item.dataset.mood = mood;
	return item;
}

function table(days) {
	const head = element("thead");
	const body = element("tbody");
	head.append(row([t("day"), ...MOODS.map((mood) => t(mood)), t("sum")].map((text) => heading(text, "col"))));
	for (const [name, moods] of Object.entries(days).reverse()) {
		const minutes = MOODS.map((mood) => moods[mood] || 0);
		const sum = minutes.reduce((all, each) => all + each, 0);
		body.append(row([heading(fullDay(name), "row"), ...[...minutes, sum].map((each) => element("td", number(each)))]));
	}
	return [head, body];
}

function heading(text, scope) {
	const made = element("th", text);
	made.scope = scope;
	return made;
}

function row(cells) {
	const made = element("tr");
	made.append(...cells);
	return made;
}

on("history-delete", "click", async () => {
	if (!confirm(t("history_sure")) || !(await ask("history/delete"))) return;
	toast(t("history_deleted"));
	await openHistory();
});
