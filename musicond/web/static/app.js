// Shows the state that the server streams, and posts what is switched. All text from outside goes in as text.
"use strict";

const EMOTIONS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust"];
const WORDS = {
  angry: "Angry", disgust: "Disgusted", fear: "Afraid", happy: "Happy", neutral: "Neutral", sad: "Sad",
  surprise: "Surprised", unsure: "Unsure", nobody: "Nobody here",
};
const DETAILS = {
  unsure: "A face is in view, but no expression stands out.",
  nobody: "No face is in view.",
};
const NOT_WATCHING = {
  private: ["Private", "The camera is closed. Switch Privacy off to let it see again."],
  paused: ["Paused", "No face is read and nothing is recommended."],
  dark: ["Too dark", "No face can be found in this light. Switch a lamp on."],
  no_camera: ["No camera", "Check the cable, then run: musicond doctor"],
};
const LINKS = {
  yes: ["live", "Watching"], dark: ["idle", "Too dark"], paused: ["idle", "Paused"],
  private: ["idle", "Private"], no_camera: ["idle", "No camera"],
};
const SILENCE_MS = 20000; // the server tells something every 5 s
const RETRY_MS = [1000, 2000, 5000, 10000];

const $ = (id) => document.getElementById(id);
const time = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const percent = (share) => `${Math.round(share * 100)} %`;

let last = null; // the state shown
let source = null;
let tries = 0;
let retry = 0;
let heardAt = 0;
let busy = false;

function set(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

function showHero(state) {
  const off = NOT_WATCHING[state.watching];
  const kind = off ? state.watching : state.mood;
  const word = off ? off[0] : WORDS[state.mood];
  let detail = off ? off[1] : DETAILS[state.mood] || `${percent(state.confidence)} confident`;
  if (state.watching === "no_camera") {
    if (!state.since) detail = state.notice;
    else if (state.health.trouble) detail = state.health.trouble[0].toUpperCase() + state.health.trouble.slice(1);
  }
  if (state.watching === "paused") {
    const until = state.controls.paused_until;
    detail += until ? ` It goes on at ${time(new Date(until))}.` : " It goes on when you resume.";
  }
  if ($("hero").dataset.kind !== kind) {
    $("hero").dataset.kind = kind;
    $("hero").dataset.mood = off ? "nobody" : state.mood;
    $("face").setAttribute("href", `#face-${kind}`);
    $("face").parentNode.classList.remove("arrive");
    void $("face").parentNode.getBoundingClientRect();
    $("face").parentNode.classList.add("arrive");
    set("announce", off ? `${word}. ${detail}` : `Mood: ${word}`);
  }
  set("word", word);
  set("detail", detail);
}

function showSince() {
  if (!last || !last.since || last.watching !== "yes") return set("since", "");
  const since = new Date(last.since);
  const age = duration((Date.now() - since) / 1000);
  set("since", `since ${time(since)} (${age})`);
}

function showBars(state) {
  const scores = state.scores || {};
  const top = EMOTIONS.reduce((best, one) => ((scores[one] || 0) > (scores[best] || 0) ? one : best));
  for (const emotion of EMOTIONS) {
    const row = $(`bar-${emotion}`);
    const score = scores[emotion] || 0;
    row.className = state.scores && emotion === top ? "top" : "";
    row.style.setProperty("--p", score.toFixed(3));
    set(`value-${emotion}`, state.scores ? percent(score) : "–");
  }
  const faces = state.faces === 1 ? "1 face in view" : `${state.faces} faces in view`;
  set("faces", state.watching === "yes" ? faces : "");
}

function trackItem(track) {
  const item = element("li");
  const safe = /^https:\/\//i.test(track.link);
  const holder = element(safe ? "a" : "div");
  if (safe) {
    holder.href = track.link;
    holder.target = "_blank";
    holder.rel = "noopener noreferrer";
  }
  const text = element("span");
  text.append(element("b", track.title, "title"), element("i", track.artist));
  holder.append(text);
  item.append(holder);
  for (const [verdict, sign, label] of [["like", "+", "Like"], ["dislike", "–", "Dislike"]]) {
    const button = element("button", sign, "button thumb");
    button.type = "button";
    button.setAttribute("aria-label", `${label} ${track.title}`);
    button.title = label;
    button.addEventListener("click", async () => {
      if (await post("rate", { verdict, id: track.id })) set("announce", `${label}d: ${track.title}`);
    });
    item.append(button);
  }
  return item;
}

function showMusic(found) {
  const key = JSON.stringify(found);
  if ($("tracks").dataset.key === key || !found) return;
  $("tracks").dataset.key = key;
  set("reason", found.reason);
  $("tracks").replaceChildren(...found.tracks.map(trackItem));
}

function showControls({ private: closed, paused, paused_until: until, policy }) {
  $("privacy").setAttribute("aria-checked", String(closed));
  set("privacy-text", closed ? "The camera is closed" : "Closes the camera");
  set("pause", paused ? "Resume" : "Pause");
  $("minutes").hidden = paused;
  $("minutes-label").hidden = paused;
  let text = "Recommends nothing";
  if (paused) text = until ? `Until ${time(new Date(until))}` : "Until you resume";
  set("pause-text", text);
  if (document.activeElement !== $("policy")) $("policy").value = policy || "";
  enable();
}

function enable() {
  const off = document.body.classList.contains("stale") || !last;
  for (const id of ["privacy", "pause", "minutes", "policy", "wrong", "next"]) $(id).disabled = off;
}

function healthRows(state) {
  const { health } = state;
  const rows = [];
  if (health.camera) rows.push(["Camera", health.camera]);
  if (health.trouble && !state.controls.private) rows.push(["Camera trouble", health.trouble, "wide bad"]);
  if (health.frames_per_s !== undefined) rows.push(["Frames", `${health.frames_per_s.toFixed(1)} per second`]);
  if (health.temperature_c) {
    const hot = health.throttled ? ", throttled" : "";
    rows.push(["Processor", `${health.temperature_c.toFixed(0)} °C${hot}`, hot && "bad"]);
  }
  if (health.memory_mib) rows.push(["Memory", `${health.memory_mib.toFixed(0)} MB`]);
  if (health.uptime_s !== undefined) rows.push(["Running for", duration(health.uptime_s).replace("just now", "under 1 min")]);
  rows.push(["Version", state.version]);
  const { mqtt } = health.outputs || {};
  rows.push(["Broker", mqtt || "MQTT is off", mqtt && "wide"]);
  return rows;
}

function showHealth(state) {
  const rows = healthRows(state);
  const key = JSON.stringify(rows);
  if ($("health").dataset.key !== key) {
    $("health").dataset.key = key;
    $("health").replaceChildren(...rows.map(([label, value, className]) => {
      const row = element("div", undefined, className);
      row.append(element("dt", label), element("dd", value));
      return row;
    }));
  }
  $("notice").hidden = !state.notice || !state.since;
  set("notice", state.notice || "");
}

function show(state) {
  if (last && last.version !== state.version) return location.reload(); // a new daemon brings a new page
  last = state;
  const [link, text] = LINKS[state.watching];
  set("name", state.health.name || "musicond");
  $("link").dataset.link = link;
  set("link-text", text);
  showHero(state);
  showSince();
  showBars(state);
  showMusic(state.recommendation);
  showControls(state.controls);
  showHealth(state);
}

function connected() {
  heardAt = Date.now();
  tries = 0;
  document.body.classList.remove("stale");
  $("offline").hidden = true;
}

function lost() {
  disconnect();
  document.body.classList.add("stale");
  $("link").dataset.link = "lost";
  set("link-text", "Not connected");
  $("offline").hidden = false;
  set("offline", "Not connected to musicond. What you see may be old. Trying again by itself; if this stays, run: musicond doctor");
  enable();
  retry = setTimeout(connect, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
  tries += 1;
}

function disconnect() {
  clearTimeout(retry);
  if (source) source.close();
  source = null;
}

function connect() {
  disconnect();
  heardAt = Date.now();
  source = new EventSource("/api/v1/events");
  source.addEventListener("state", (event) => {
    connected();
    show(JSON.parse(event.data));
  });
  source.onerror = lost; // also where the server refuses, which EventSource would not try again
}

async function post(what, body) {
  if (busy) return false; // not disabled meanwhile: that would take the keyboard's focus away
  busy = true;
  $("controls").setAttribute("aria-busy", "true");
  $("control-error").hidden = true;
  let done = true;
  try {
    const answer = await fetch(`/api/v1/${what}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
  } catch (fault) {
    set("control-error", `That did not work: ${fault.message}`);
    $("control-error").hidden = false;
    done = false;
  }
  busy = false;
  $("controls").setAttribute("aria-busy", "false");
  return done;
}

function makeBars() {
  for (const emotion of EMOTIONS) {
    const row = element("li");
    row.id = `bar-${emotion}`;
    row.dataset.mood = emotion;
    const bar = element("div", undefined, "bar");
    bar.append(element("span"));
    const value = element("span", "–", "value");
    value.id = `value-${emotion}`;
    row.append(element("span", WORDS[emotion]), bar, value);
    $("bars").append(row);
  }
}

for (const [value, text] of [["", "it is right"], ["?", "wrong"], ...EMOTIONS.map((one) => [one, `it is ${one}`])]) {
  const option = element("option", text);
  option.value = value;
  $("wrong").append(option);
}
$("wrong").addEventListener("change", async () => {
  const right = $("wrong").value;
  $("wrong").value = "";
  if (right) await post("wrong_mood", right === "?" ? {} : { right });
});
$("policy").addEventListener("change", () => post("policy", { policy: $("policy").value || null }));
$("next").addEventListener("click", () => post("next", {}));
$("privacy").addEventListener("click", () => post("privacy", { on: !last.controls.private }));
$("pause").addEventListener("click", () => {
  if (last.controls.paused) return post("resume", {});
  const minutes = $("minutes").value;
  return post("pause", { minutes: minutes ? Number(minutes) : null });
});
// A page that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
setInterval(() => {
  showSince();
  if (source && Date.now() - heardAt > SILENCE_MS) lost();
}, 1000);

makeBars();
if (!document.hidden) connect();
