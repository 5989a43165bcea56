// The part of the set-up for Music Assistant: its servers in the home network, and the sign-in.
import { $, ask, fullDay, on, set, show, t, toast } from "./page.js";
import { change, inForce } from "./setup.js";

const BACKEND = "music-assistant";

let account = null;
let offered = ""; // the address of a server that a person wants to use

// Returns the servers in the home network, and whether it could be searched; it may take some seconds.
export const findServers = async () => (await ask("music-assistant/servers", {}, { quietly: true })) || { servers: [], searched: true };

export function offer(url) {
	offered = url;
}

export async function openMusicAssistant() {
	account = await ask("music-assistant/status", {}, { quietly: true });
	if (offered) $("set-player").value = BACKEND;
	await showChoice();
	if (offered) $("ma-user").focus();
	offered = "";
}

// Shows what the chosen player needs.
async function showChoice() {
	const choice = $("set-player").value;
	const inside = Boolean(account?.signed_in);
	show("spotify-client", choice === "spotify");
	$("set-client").required = choice === "spotify";
	show("ma-form", choice === BACKEND);
	show("player-save", choice !== BACKEND || (inside && inForce("playback.backend") !== BACKEND));
	show("ma-signout", inside);
	set("ma-status", inside ? t("step_signed_in", { ...account, date: account.expires_on ? fullDay(account.expires_on) : "" }) : t("ma_hint"));
	if (choice !== BACKEND || $("ma-url").value) return;
	$("ma-url").value = offered || account?.url || await search() || "";
}

// Returns the address of a server; where none is found, says why and what to do.
async function search() {
	const { servers, searched } = await findServers();
	if (!servers.length) set("ma-status", t(searched ? "ma_none" : "ma_no_avahi"));
	return servers[0];
}

on("set-player", "change", showChoice);
on("ma-form", "submit", async (event) => {
	event.preventDefault();
	const [url, user, password] = ["url", "user", "password"].map((name) => $(`ma-${name}`).value);
	const found = await ask("music-assistant/login", { url: url.trim(), user: user.trim(), password });
	if (!found?.signed_in) return;
	account = found;
	event.target.reset();
	if (inForce("playback.backend") === BACKEND) toast(t("signin_done"));
	else await change({ "playback.backend": BACKEND });
	await showChoice();
});
on("ma-signout", "click", async () => {
	account = (await ask("music-assistant/logout")) || account;
	await showChoice();
});
